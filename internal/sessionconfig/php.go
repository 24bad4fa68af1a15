package sessionconfig

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/finding"
	"uzerp-mfa/internal/installation/php"
	"uzerp-mfa/internal/shell"
)

// The settings of php.ini that are judged.
const (
	maxLifetime    = "session.gc_maxlifetime"
	probability    = "session.gc_probability"
	cookieSecure   = "session.cookie_secure"
	cookieHTTPOnly = "session.cookie_httponly"
	savePath       = "session.save_path"
	saveHandler    = "session.save_handler"
	variablesOrder = "variables_order"
)

// checkPHP looks at what PHP itself does with sessions.
func (c *check) checkPHP() {
	var web []*php.Ini
	for _, ini := range c.in.PHP {
		if ini.ServesPages() {
			web = append(web, ini)
			c.checkCookie(ini, cookieSecure, "if people reach uzERP by https: the session's cookie is also sent over plain http, "+
				"where anybody on the way can steal it, and the session with it")
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
	for _, not := range c.in.NotRead {
		c.add(finding.Finding{ID: "php-not-read", Severity: finding.Info, File: not.Path,
			Message: "PHP's settings may be others than what is judged here, because of this file: " + not.Reason,
			Fix:     errs.Plain("look there for session.*, or run the check as root")})
	}
	activity, ok := Seconds(c.value(ActivityTimeout))
	if !ok || !IsOn(c.value(Manage)) {
		return
	}
	for _, ini := range web {
		c.checkExpiry(ini, activity)
	}
	if _, active := c.in.Cleaner.Job(); active && len(web) == 0 {
		c.cleanerUnknown("which is not known here")
	}
}

// aboutPHP returns the beginning of a finding about a setting of php.ini. If no file has the setting, the finding names
// the first file, because it belongs there.
func aboutPHP(ini *php.Ini, id, setting string) finding.Finding {
	v := ini.Values[setting]
	f := finding.Finding{ID: id, Severity: finding.Warning, Setting: setting, File: v.File, Line: v.Line}
	if f.File == "" && len(ini.Files) > 0 {
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
	if ini.Interface() == "PHP" {
		return ""
	}
	return "in " + ini.Interface() + " "
}

func (c *check) checkCookie(ini *php.Ini, setting string, message string) {
	v := ini.Values[setting]
	if !v.Unknown && v.Bool() {
		return
	}
	f := aboutPHP(ini, strings.ReplaceAll(strings.TrimPrefix(setting, "session."), "_", "-"), setting)
	f.Value, f.Message, f.Fix = "0", inPHP(ini)+message, errs.Plain(setting+" = 1")
	if setting == cookieSecure {
		f.Fix.Text += ", if people reach uzERP by https only: over plain http nobody could log in any more"
	}
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

// expiring are the handlers that let a session expire after session.gc_maxlifetime, whatever session.gc_probability says.
var expiring = []string{"redis", "rediscluster", "memcached", "memcache"}

// checkExpiry compares the activity timeout with the age at which a session of this part of PHP is removed (docs/facts/uzerp.md
// §7).
func (c *check) checkExpiry(ini *php.Ini, activity int64) {
	handler := ini.Values[saveHandler]
	switch {
	case handler.Unknown:
		f := aboutPHP(ini, "session-handler", saveHandler)
		f.Severity = finding.Info
		f.Message = inPHP(ini) + "only PHP knows where sessions are kept, so what removes old ones was not judged"
		c.add(f)
	case handler.Text == "" || handler.Text == "files":
		collects := c.checkCollector(ini, activity)
		cleans := c.checkCleaner(ini, activity)
		if !collects && !cleans {
			c.neverCollected(ini)
		}
	case slices.Contains(expiring, handler.Text):
		c.checkLifetime(ini, activity, handler.Text+" forgets, whatever session.gc_probability says,")
	default:
		f := aboutPHP(ini, "session-handler", saveHandler)
		f.Severity = finding.Info
		f.Message = inPHP(ini) + "the sessions are not in files, and what removes old ones where they are is not known here, so it was not " +
			"compared with the activity timeout"
		c.add(f)
	}
}

// checkLifetime compares the activity timeout with session.gc_maxlifetime, after which who removes a session.
func (c *check) checkLifetime(ini *php.Ini, activity int64, who string) {
	age, known := iniNumber(ini, maxLifetime)
	f := aboutLifetime(ini, "gc-maxlifetime")
	switch {
	case known && age >= activity:
		return
	case !known:
		f.Severity = finding.Info
		f.Message = inPHP(ini) + "the value contains something that only PHP knows, so it was not compared with the activity timeout"
	default:
		f.Message = fmt.Sprintf("%s%s a session that was idle for %d seconds, before the activity timeout "+
			"of %d, and its user needs another billed code", inPHP(ini), who, age, activity)
		f.Fix = errs.Plain(maxLifetime + " = " + number(activity))
	}
	c.add(f)
}

// checkCollector compares the activity timeout with the age at which PHP itself deletes sessions, and reports whether it may
// delete any. In levels of directories PHP deletes nothing.
func (c *check) checkCollector(ini *php.Ini, activity int64) bool {
	chance, known := iniNumber(ini, probability)
	_, levels, _ := ini.SessionDir()
	switch {
	case levels > 0 && !ini.Values[savePath].Unknown, known && chance <= 0:
		return false
	case !known:
		f := aboutLifetime(ini, "gc-maxlifetime")
		if age, ageKnown := iniNumber(ini, maxLifetime); ageKnown && age >= activity {
			return true
		}
		f.Severity = finding.Info
		f.Message = inPHP(ini) + "the value contains something that only PHP knows, so it was not compared with the activity timeout"
		c.add(f)
		return true
	}
	c.checkLifetime(ini, activity, "PHP may delete")
	return true
}

// cleanerSAPIs are the interfaces whose php.ini Debian's clean-up asks.
var cleanerSAPIs = []string{"apache2", "apache2filter", "cgi", "fpm", "cli"}

// cleaned is a directory that Debian's clean-up looks through, with all below it.
type cleaned struct {
	text  string
	age   int64 // in seconds
	known bool
	by    []*php.Ini // whose age that is comes first
}

// cleanedDirs returns the directories that Debian's clean-up looks through, as its script does (docs/facts/uzerp.md §7): it asks
// php.ini of each interface, and takes the longest age of those that write the directory in the same way. asked is false if none of
// these files was read, whole if only PHP knows one of the directories.
func (c *check) cleanedDirs() (dirs []cleaned, asked, whole bool) {
	whole = true
	seen := map[*php.Ini]bool{}
	for _, part := range c.in.PHP {
		ini := part.PHPIni()
		named := ini.Version == "" && ini.SAPI == "" // with --php-ini; it stands for the one under /etc/php
		if seen[ini] || !named && (ini.Version == "" || !slices.Contains(cleanerSAPIs, ini.SAPI)) {
			continue
		}
		seen[ini], asked = true, true
		handler, path := ini.Values[saveHandler], ini.Values[savePath]
		if !handler.Unknown && handler.Text != "" && handler.Text != "files" {
			continue
		}
		if path.File != "" && path.Text == "" && !path.Unknown {
			continue // the script does not ask for PHP's directory for temporary files
		}
		text, _, known := ini.SessionDir()
		if handler.Unknown || !known {
			whole = false
			continue
		}
		if written := path.Text[strings.LastIndex(path.Text, ";")+1:]; written != "" {
			text = written
		}
		age, known := iniNumber(ini, maxLifetime)
		age = age / 60 * 60 // the script counts minutes
		i := slices.IndexFunc(dirs, func(d cleaned) bool { return d.text == text })
		switch {
		case i < 0:
			dirs = append(dirs, cleaned{text, age, known, []*php.Ini{ini}})
		case age > dirs[i].age:
			dirs[i].age, dirs[i].by, dirs[i].known = age, slices.Insert(dirs[i].by, 0, ini), dirs[i].known && known
		default:
			dirs[i].by, dirs[i].known = append(dirs[i].by, ini), dirs[i].known && known
		}
	}
	return dirs, asked, whole
}

// checkCleaner compares the activity timeout with the age at which the job of Debian and Ubuntu deletes sessions, and reports
// whether it may delete those of this part of PHP. A directory that is written in two ways is looked through twice, and then the
// shorter age counts.
func (c *check) checkCleaner(ini *php.Ini, activity int64) bool {
	job, active := c.in.Cleaner.Job()
	if !active {
		return false
	}
	dir, _, known := ini.SessionDir()
	if !known {
		c.cleanerUnknownFor(ini, job, "only PHP knows where the sessions are")
		return true
	}
	dirs, asked, whole := c.cleanedDirs()
	ways := c.waysTo(dir)
	var shortest *cleaned
	unknown := !whole
	for i, d := range dirs {
		if !slices.Contains(ways, c.waysTo(d.text)[0]) {
			continue
		}
		unknown = unknown || !d.known
		if d.known && (shortest == nil || d.age < shortest.age) {
			shortest = &dirs[i]
		}
	}
	switch {
	case shortest != nil && shortest.age < activity:
		c.cleanerEarly(ini, job, shortest, activity)
	case unknown:
		c.cleanerUnknownFor(ini, job, "it uses an age or a directory that only PHP knows")
	case !asked:
		c.cleanerUnknown("of which it asks the php.ini of each interface under /etc/php, and that was not read")
	}
	return shortest != nil || unknown || !asked
}

func (c *check) cleanerEarly(ini *php.Ini, job string, d *cleaned, activity int64) {
	to := d.by[0] // the longest of them counts, so any of them may be changed
	if slices.Contains(d.by, ini.PHPIni()) {
		to = ini.PHPIni()
	}
	f := aboutLifetime(to, "phpsessionclean")
	f.Message = fmt.Sprintf("%sthe system's own clean-up (%s) removes a session that was idle for %d seconds, before "+
		"the activity timeout of %d, and its user needs another billed code", inPHP(ini), job, d.age, activity)
	if ini.PHPIni() != ini {
		f.Message += "; it asks php.ini alone, and nothing that FPM's pools, Apache or uzERP's directory say"
	}
	f.Fix = errs.Plain(maxLifetime + " = " + number((activity+59)/60*60))
	if !slices.ContainsFunc(c.found, func(o finding.Finding) bool { return o.ID == f.ID && o.Message == f.Message }) {
		c.add(f)
	}
}

func (c *check) cleanerUnknownFor(ini *php.Ini, job, why string) {
	f := aboutLifetime(ini, "phpsessionclean")
	f.Severity = finding.Info
	f.Message = inPHP(ini) + "the system's own clean-up (" + job + ") was not compared with the activity timeout: " + why
	c.add(f)
}

func (c *check) cleanerUnknown(why string) {
	job, _ := c.in.Cleaner.Job()
	f := finding.Finding{ID: "phpsessionclean", Severity: finding.Info, File: job,
		Message: "the system's own clean-up removes sessions older than PHP's session.gc_maxlifetime, " + why +
			", so it was not compared with the activity timeout"}
	if !slices.ContainsFunc(c.found, func(o finding.Finding) bool { return o.Message == f.Message }) {
		c.add(f)
	}
}

// neverCollected says that nothing here removes old sessions of this part of PHP.
func (c *check) neverCollected(ini *php.Ini) {
	dir, levels, _ := ini.SessionDir()
	f := aboutPHP(ini, "sessions-not-collected", savePath)
	f.Severity = finding.Info
	why := "PHP's own collector is off"
	if levels > 0 {
		why = "PHP itself removes nothing in levels of directories"
	}
	f.Message = inPHP(ini) + "nothing that is seen here removes old files with sessions: " + why + ", and the system's own clean-up does not look there; " +
		"they fill the disk, and may hold the secrets of enrolments that were broken off"
	f.Fix = errs.Plain(fmt.Sprintf("a job that removes them, for example each hour: find %s -name 'sess_*' -type f -mmin +MINUTES -delete, "+
		"with more minutes than the activity timeout has", shell.Quote(filepath.Clean(dir))))
	c.add(f)
}

// waysTo returns in which ways a directory and those above it are known, its own first.
func (c *check) waysTo(dir string) (ways []string) {
	if c.in.Same != nil {
		return c.in.Same(dir)
	}
	for dir = filepath.Clean(dir); ; dir = filepath.Dir(dir) {
		if ways = append(ways, dir); dir == filepath.Dir(dir) {
			return ways
		}
	}
}
