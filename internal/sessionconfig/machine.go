package sessionconfig

import (
	"fmt"
	"strconv"
	"strings"

	"uzerp-mfa/internal/finding"
	"uzerp-mfa/internal/mfa"
)

func number(n int64) string { return strconv.FormatInt(n, 10) }

// checkAccess looks at who may read conf/.env, which holds the database's password and Twilio's token.
func (c *check) checkAccess() {
	file := c.in.Env.File
	if file.Path == "" {
		return
	}
	about := finding.Finding{File: file.Path, Severity: finding.Warning}
	if file.Mode&0o002 != 0 {
		f := about
		f.ID, f.Severity = "env-world-writable", finding.Error
		f.Message = fmt.Sprintf("every user of this machine can change uzERP's settings and read its passwords, as the mode is %04o", file.Mode.Perm())
		f.Fix = c.closeFix(file)
		c.add(f)
	} else if file.Mode&0o004 != 0 {
		f := about
		f.ID = "env-world-readable"
		f.Message = fmt.Sprintf("every user of this machine can read uzERP's passwords and Twilio's token, as the mode is %04o", file.Mode.Perm())
		f.Fix = c.closeFix(file)
		c.add(f)
	}
	c.checkWebUser()
}

// closeFix shuts others out without shutting the web server out.
func (c *check) closeFix(file Access) string {
	user, path := c.in.WebUser, mfa.ShellQuote(file.Path)
	closed := file
	closed.Mode &^= 0o007
	switch {
	case user.Name == "":
		return "chmod o= " + path + ", after making the web server's group the file's group"
	case user.may(0o004, closed):
		return "chmod o= " + path
	default:
		return fmt.Sprintf("chgrp %s %s && chmod 0640 %[2]s", user.Name, path)
	}
}

// checkWebUser finds out whether the web server's user gets at the file, if it is the one in conf/: a draft elsewhere is
// none of its business. Who that user is can only be guessed, so there is no error here, and where an access list or
// nobody of that name decides, no pass either.
func (c *check) checkWebUser() {
	user, file, dir := c.in.WebUser, c.in.Env.File, c.in.Env.Dir
	if dir.Path == "" {
		return
	}
	f := finding.Finding{ID: "env-web-access", Severity: finding.Info, File: file.Path}
	switch {
	case user.Name == "" || file.UID < 0:
		f.Message = "whether the web server can read the file was not judged, as there is no user www-data here"
	case dir.ACL || file.ACL:
		f.Message = fmt.Sprintf("whether %s can read the file was not judged, as an access list decides it", user.Name)
	case !user.may(0o001, dir):
		f.ID, f.Severity, f.File = "env-not-readable", finding.Warning, dir.Path
		f.Message = fmt.Sprintf("%s, as whom the web server usually runs, can not look into this directory, and uzERP takes a file that it can not read for an empty one", user.Name)
		f.Fix = fmt.Sprintf("chgrp %s %s && chmod g+x %[2]s", user.Name, mfa.ShellQuote(dir.Path))
	case !user.may(0o004, file):
		f.ID, f.Severity = "env-not-readable", finding.Warning
		f.Message = fmt.Sprintf("%s, as whom the web server usually runs, can not read this file, and uzERP takes a file that it can not read for an empty one", user.Name)
		f.Fix = fmt.Sprintf("chgrp %s %s && chmod 0640 %[2]s", user.Name, mfa.ShellQuote(file.Path))
	default:
		return
	}
	c.add(f)
}

// checkPHP looks at what PHP itself does with sessions.
func (c *check) checkPHP() {
	web := 0
	for _, p := range c.in.PHP {
		if p.Web {
			web++
			c.checkCookie(p, "session.cookie_secure", p.CookieSecure, "the session's cookie is also sent over plain http, where anybody on the way can take it, and with it the session")
			c.checkCookie(p, "session.cookie_httponly", p.CookieHTTPOnly, "scripts in a page can read the session's cookie, so that a single injected one can steal the session")
			c.checkEnvFirst(p)
		}
	}
	if c.in.PHPProblem != "" || web == 0 {
		why := c.in.PHPProblem
		if why == "" {
			why = "no php.ini of a web server's PHP was found under /etc/php; name one with --php-ini"
		}
		c.add(finding.Finding{ID: "php-not-checked", Severity: finding.Info, Message: "PHP's own session settings were not judged: " + why})
	}
	activity, ok := Seconds(c.value(ActivityTimeout))
	if !ok || !IsOn(c.value(Manage)) {
		return
	}
	for _, p := range c.in.PHP {
		if p.Web {
			c.checkCollector(p, activity)
		}
	}
	c.checkCleaner(activity)
}

func (c *check) aboutPHP(p PHP, id, setting string, v IniValue) finding.Finding {
	f := finding.Finding{ID: id, Severity: finding.Warning, Setting: setting, File: v.File, Line: v.Line}
	if f.File == "" {
		f.File = p.File
	}
	if v.Known {
		f.Value = number(v.Number)
	}
	return f
}

func (p PHP) prefix() string {
	if p.Name == "" {
		return ""
	}
	return "in PHP " + p.Name + " "
}

func (c *check) checkCookie(p PHP, setting string, v IniValue, message string) {
	if v.Known && v.Number != 0 {
		return
	}
	f := c.aboutPHP(p, strings.ReplaceAll(strings.TrimPrefix(setting, "session."), "_", "-"), setting, v)
	f.Message, f.Fix = p.prefix()+message, setting+" = 1"
	if !v.Known {
		f.Severity, f.Message, f.Fix = finding.Info, p.prefix()+"the value is made of something that only PHP knows, so it was not judged", ""
	}
	c.add(f)
}

func (c *check) checkEnvFirst(p PHP) {
	if p.EnvFirst {
		c.add(finding.Finding{
			ID: "variables-order", Severity: finding.Info, Setting: "variables_order", File: p.File,
			Message: p.prefix() + "variables of the web server's environment win over conf/.env, as variables_order has an E",
			Fix:     `variables_order = "GPCS"`,
		})
	}
}

// checkCollector compares the activity timeout with the age at which PHP itself throws sessions away.
func (c *check) checkCollector(p PHP, activity int64) {
	switch {
	case p.Probability.Known && p.Probability.Number <= 0:
	case p.MaxLifetime.Known && p.MaxLifetime.Number >= activity:
	case !p.Probability.Known || !p.MaxLifetime.Known:
		f := c.aboutPHP(p, "gc-maxlifetime", maxLifetime, p.MaxLifetime)
		f.Severity, f.Message = finding.Info, p.prefix()+"the value is made of something that only PHP knows, so it was not compared with the activity timeout"
		c.add(f)
	default:
		f := c.aboutPHP(p, "gc-maxlifetime", maxLifetime, p.MaxLifetime)
		f.Message = fmt.Sprintf("%sPHP may throw away a session that was idle for %d seconds, before the activity timeout of %d, and its user needs another billed code", p.prefix(), p.MaxLifetime.Number, activity)
		f.Fix = maxLifetime + " = " + number(activity)
		c.add(f)
	}
}

const maxLifetime = "session.gc_maxlifetime"

// checkCleaner compares it with the age that the job of Debian and Ubuntu takes: the greatest session.gc_maxlifetime of
// all that share a directory, the command line's included.
func (c *check) checkCleaner(activity int64) {
	cleaner := c.in.Cleaner
	if !cleaner.Active {
		return
	}
	done, judged := map[string]bool{}, false
	for _, p := range c.in.PHP {
		if !p.Web || done[p.SavePath] {
			continue
		}
		done[p.SavePath], judged = true, true
		longest, known := p.MaxLifetime, true
		for _, other := range c.in.PHP {
			if other.SavePath == p.SavePath {
				known = known && other.MaxLifetime.Known
				if other.MaxLifetime.Number > longest.Number {
					longest = other.MaxLifetime
				}
			}
		}
		f := c.aboutPHP(p, "phpsessionclean", maxLifetime, p.MaxLifetime)
		switch {
		case longest.Number >= activity:
			continue
		case !known:
			f.Severity, f.Message = finding.Info, "the system's own clean-up ("+cleaner.Path+") takes an age that only PHP knows, so it was not compared with the activity timeout"
		default:
			f.Message = fmt.Sprintf("%sthe system's own clean-up (%s) removes a session that was idle for %d seconds, before the activity timeout of %d, and its user needs another billed code",
				p.prefix(), cleaner.Path, longest.Number, activity)
			f.Fix = maxLifetime + " = " + number(activity)
		}
		c.add(f)
	}
	if !judged {
		c.add(finding.Finding{ID: "phpsessionclean", Severity: finding.Info, File: cleaner.Path,
			Message: "the system's own clean-up removes sessions older than PHP's session.gc_maxlifetime, which is not known here, so it was not compared with the activity timeout"})
	}
}
