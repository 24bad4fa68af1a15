package sessionconfig

import (
	"fmt"
	"strconv"
	"strings"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/finding"
	"uzerp-mfa/internal/installation"
	"uzerp-mfa/internal/installation/file"
	"uzerp-mfa/internal/installation/php"
	"uzerp-mfa/internal/shell"
)

func number(n int64) string { return strconv.FormatInt(n, 10) }

// checkAccess checks who may read conf/.env, because it holds the database's password and Twilio's token.
func (c *check) checkAccess() {
	env := c.in.Env.File
	if !env.Exists {
		return
	}
	about := finding.Finding{File: env.Path, Severity: finding.Warning}
	if env.Mode&0o002 != 0 {
		f := about
		f.ID, f.Severity = "env-world-writable", finding.Error
		f.Message = fmt.Sprintf("every user of this machine can change uzERP's settings and read its passwords, because the mode is %04o", env.Mode.Perm())
		f.Fix = errs.Plain(c.closeFix(env))
		c.add(f)
	} else if env.Mode&0o004 != 0 {
		f := about
		f.ID = "env-world-readable"
		f.Message = fmt.Sprintf("every user of this machine can read uzERP's passwords and Twilio's token, because the mode is %04o", env.Mode.Perm())
		f.Fix = errs.Plain(c.closeFix(env))
		c.add(f)
	}
	c.checkWebUser()
}

// closeFix returns the command after which others can't read the file, but the web server still can.
func (c *check) closeFix(env file.Facts) string {
	user, path := c.in.WebUser, shell.Quote(env.Path)
	closed := env
	closed.Mode &^= 0o007
	switch {
	case user.Name == "":
		return "chmod o= " + path + ", after making the web server's group the file's group"
	case user.May(0o004, closed):
		return "chmod o= " + path
	default:
		return letRead(user, path)
	}
}

// letRead returns the command after which the web server can read the file, and others can't. A group that many are in
// must not read it.
func letRead(user installation.WebUser, path string) string {
	if !user.OwnGroup {
		return fmt.Sprintf("chmod o= %s && setfacl -m u:%s:r %[1]s", path, user.Name)
	}
	return fmt.Sprintf("chgrp %s %s && chmod 0640 %[2]s", user.Group, path)
}

// checkWebUser checks whether the web server's user can read the file, if it is the one in conf/; the web server
// doesn't read a draft elsewhere. Which user that is can only be guessed, so this is never an error. It doesn't pass
// either if there is an access list, or no user of that name.
func (c *check) checkWebUser() {
	user, env, dir := c.in.WebUser, c.in.Env.File, c.in.Env.Dir
	if dir.Path == "" {
		return
	}
	f := finding.Finding{ID: "env-web-access", Severity: finding.Info, File: env.Path}
	switch {
	case user.Name == "" || env.UID < 0:
		f.Message = "it was not judged whether the web server can read the file, because no user is known as whom it runs"
	case dir.ACL || env.ACL:
		f.Message = fmt.Sprintf("it was not judged whether %s can read the file, because the file has an access list", user.Name)
	case !user.May(0o001, dir):
		f.ID, f.Severity, f.File = "env-not-readable", finding.Warning, dir.Path
		f.Message = fmt.Sprintf("the web server usually runs as %s, who can not look into this directory, and uzERP "+
			"treats a file that it can not read as an empty one", user.Name)
		f.Fix = errs.Plain(fmt.Sprintf("chgrp %s %s && chmod g+x %[2]s", user.Group, shell.Quote(dir.Path)))
		if !user.OwnGroup {
			f.Fix = errs.Plain(fmt.Sprintf("setfacl -m u:%s:x %s", user.Name, shell.Quote(dir.Path)))
		}
	case !user.May(0o004, env):
		f.ID, f.Severity = "env-not-readable", finding.Warning
		f.Message = fmt.Sprintf("the web server usually runs as %s, who can not read this file, and uzERP treats a file "+
			"that it can not read as an empty one", user.Name)
		f.Fix = errs.Plain(letRead(user, shell.Quote(env.Path)))
	default:
		return
	}
	c.add(f)
}

// checkCopies checks who may read the copies of conf/.env beside it. A web server that has conf/ inside its document root
// often refuses the name .env alone.
func (c *check) checkCopies() {
	f := finding.Finding{ID: "env-copy-readable", Severity: finding.Info, File: c.in.Env.Dir.Path}
	if c.in.Env.CopiesErr != nil {
		f.Message = "it was not judged who can read copies of conf/.env, because this directory can not be listed"
		c.add(f)
		return
	}
	var open []file.Facts
	for _, copied := range c.in.Env.Copies {
		user := c.in.WebUser
		if copied.ACL || copied.Mode&0o004 != 0 || user.Name != "" && copied.UID >= 0 && user.May(0o004, copied) {
			open = append(open, copied)
		}
	}
	if len(open) == 0 {
		return
	}
	f.Severity, f.File = finding.Warning, open[0].Path
	f.Message = "the web server can read this copy of conf/.env, and may hand it out with all passwords: many refuse only the name .env"
	if len(open) > 1 {
		f.Message = fmt.Sprintf("the web server can read this and %d more copies of conf/.env, and may hand them out with all passwords: "+
			"many refuse only the name .env", len(open)-1)
	}
	const most = 5
	var paths []string
	for _, copied := range open[:min(most, len(open))] {
		paths = append(paths, shell.Quote(copied.Path))
	}
	all := strings.Join(paths, " ")
	f.Fix = errs.Plain("rm " + all + ", or: chown root: " + all + " && chmod 0600 " + all)
	c.add(f)
}

// The settings of php.ini that are judged.
const (
	maxLifetime    = "session.gc_maxlifetime"
	probability    = "session.gc_probability"
	cookieSecure   = "session.cookie_secure"
	cookieHTTPOnly = "session.cookie_httponly"
	savePath       = "session.save_path"
	variablesOrder = "variables_order"
)

// checkPHP looks at what PHP itself does with sessions.
func (c *check) checkPHP() {
	var web []*php.Ini
	for _, ini := range c.in.PHP {
		if ini.ServesPages() {
			web = append(web, ini)
			c.checkCookie(ini, cookieSecure, "the session's cookie is also sent over plain http, where anybody on the way can steal it, and the session with it")
			c.checkCookie(ini, cookieHTTPOnly, "scripts in a page can read the session's cookie, so one injected script is enough to steal the session")
			c.checkEnvFirst(ini)
		}
	}
	if c.in.PHPProblem != "" || len(web) == 0 {
		why := c.in.PHPProblem
		if why == "" {
			why = "no php.ini of a web server's PHP was found under /etc/php; name one with --" + FlagPHPIni
		}
		c.add(finding.Finding{ID: "php-not-checked", Severity: finding.Info, Message: "PHP's own session settings were not judged: " + why})
	}
	activity, ok := Seconds(c.value(ActivityTimeout))
	if !ok || !IsOn(c.value(Manage)) {
		return
	}
	for _, ini := range web {
		c.checkCollector(ini, activity)
	}
	c.checkCleaner(web, activity)
}

// aboutPHP returns the beginning of a finding about a setting of php.ini. If no file has the setting, the finding names
// the first file, because it belongs there.
func aboutPHP(ini *php.Ini, id, setting string) finding.Finding {
	v := ini.Values[setting]
	f := finding.Finding{ID: id, Severity: finding.Warning, Setting: setting, File: v.File, Line: v.Line}
	if f.File == "" {
		f.File = ini.Files[0]
	}
	return f
}

// aboutLifetime returns the beginning of a finding about session.gc_maxlifetime, with the number that PHP uses if that
// is known.
func aboutLifetime(ini *php.Ini, id string) finding.Finding {
	f := aboutPHP(ini, id, maxLifetime)
	if n, known := iniNumber(ini, maxLifetime); known {
		f.Value = number(n)
	}
	return f
}

// iniNumber returns the number that PHP uses, which is 0 for a text without one. known is false if only PHP knows it.
func iniNumber(ini *php.Ini, setting string) (n int64, known bool) {
	v := ini.Values[setting]
	n, _ = v.Int()
	return n, !v.Unknown
}

func inPHP(ini *php.Ini) string {
	if ini.Name() == "" {
		return ""
	}
	return "in PHP " + ini.Name() + " "
}

func (c *check) checkCookie(ini *php.Ini, setting string, message string) {
	v := ini.Values[setting]
	if !v.Unknown && v.Bool() {
		return
	}
	f := aboutPHP(ini, strings.ReplaceAll(strings.TrimPrefix(setting, "session."), "_", "-"), setting)
	f.Value, f.Message, f.Fix = "0", inPHP(ini)+message, errs.Plain(setting+" = 1")
	if v.Unknown {
		f.Severity, f.Value, f.Fix = finding.Info, "", errs.Hint{}
		f.Message = inPHP(ini) + "the value contains something that only PHP knows, so it was not judged"
	}
	c.add(f)
}

func (c *check) checkEnvFirst(ini *php.Ini) {
	if strings.ContainsAny(ini.Values[variablesOrder].Text, "eE") {
		c.add(finding.Finding{
			ID: "variables-order", Severity: finding.Info, Setting: variablesOrder, File: ini.Files[0],
			Message: inPHP(ini) + "variables of the web server's environment win over conf/.env, because variables_order has an E",
			Fix:     errs.Plain(`variables_order = "GPCS"`),
		})
	}
}

// checkCollector compares the activity timeout with the age at which PHP itself deletes sessions.
func (c *check) checkCollector(ini *php.Ini, activity int64) {
	chance, chanceKnown := iniNumber(ini, probability)
	age, ageKnown := iniNumber(ini, maxLifetime)
	f := aboutLifetime(ini, "gc-maxlifetime")
	switch {
	case chanceKnown && chance <= 0, ageKnown && age >= activity:
		return
	case !chanceKnown || !ageKnown:
		f.Severity = finding.Info
		f.Message = inPHP(ini) + "the value contains something that only PHP knows, so it was not compared with the activity timeout"
	default:
		f.Message = fmt.Sprintf("%sPHP may delete a session that was idle for %d seconds, before the activity timeout "+
			"of %d, and its user needs another billed code", inPHP(ini), age, activity)
		f.Fix = errs.Plain(maxLifetime + " = " + number(activity))
	}
	c.add(f)
}

// checkCleaner compares the activity timeout with the age at which the job of Debian and Ubuntu deletes sessions. That
// is the greatest session.gc_maxlifetime of all PHPs that share a directory, the command line's included.
func (c *check) checkCleaner(web []*php.Ini, activity int64) {
	job, active := c.in.Cleaner.Job()
	if !active {
		return
	}
	done := map[string]bool{}
	for _, ini := range web {
		dir := ini.Values[savePath].Text
		if done[dir] {
			continue
		}
		done[dir] = true
		longest, known := iniNumber(ini, maxLifetime)
		for _, other := range c.in.PHP {
			if other.Values[savePath].Text == dir {
				age, ageKnown := iniNumber(other, maxLifetime)
				longest, known = max(longest, age), known && ageKnown
			}
		}
		f := aboutLifetime(ini, "phpsessionclean")
		switch {
		case longest >= activity:
			continue
		case !known:
			f.Severity = finding.Info
			f.Message = "the system's own clean-up (" + job + ") uses an age that only PHP knows, so it was not compared with the activity timeout"
		default:
			f.Message = fmt.Sprintf("%sthe system's own clean-up (%s) removes a session that was idle for %d seconds, before "+
				"the activity timeout of %d, and its user needs another billed code",
				inPHP(ini), job, longest, activity)
			f.Fix = errs.Plain(maxLifetime + " = " + number(activity))
		}
		c.add(f)
	}
	if len(web) == 0 {
		c.add(finding.Finding{ID: "phpsessionclean", Severity: finding.Info, File: job,
			Message: "the system's own clean-up removes sessions older than PHP's session.gc_maxlifetime, which is not known " +
				"here, so it was not compared with the activity timeout"})
	}
}
