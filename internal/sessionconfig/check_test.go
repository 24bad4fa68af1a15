package sessionconfig

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"uzerp-mfa/internal/finding"
	"uzerp-mfa/internal/installation"
	"uzerp-mfa/internal/installation/dotenv"
	"uzerp-mfa/internal/installation/file"
	"uzerp-mfa/internal/installation/php"
	"uzerp-mfa/internal/installation/webconf"
	"uzerp-mfa/internal/secret"
)

const (
	goodSID     = "AC0123456789abcdef0123456789abcdef"
	goodService = "VA0123456789abcdef0123456789abcdef"
	goodToken   = "tokenTOKENtokenTOKENtokenTOKEN01"
)

// good is an installation in which nothing is to be found.
func good() Input {
	return Input{
		Env: installation.EnvFile{
			Path: "conf/.env", Found: true,
			Settings: settings(Manage, "on", ActivityTimeout, "1800", MaxAge, "28800", AccountSID, goodSID, AuthToken, goodToken, ServiceSID, goodService),
			File:     file.Facts{Path: "conf/.env", Exists: true, Mode: 0o640, UID: 0, GID: 33},
			Dir:      file.Facts{Path: "conf", Exists: true, Mode: 0o755 | fs.ModeDir},
		},
		PHP:     []*php.Ini{goodPHP()},
		WebUser: installation.WebUser{Name: "www-data", UID: 33, Group: "www-data", GID: 33, Groups: groups(33), OwnGroup: true},
	}
}

// inSharedGroup is a changed good installation whose web server runs as a user of group users.
func inSharedGroup(change func(*Input)) Input {
	return edit(func(in *Input) {
		in.WebUser = installation.WebUser{Name: "deploy", UID: 1001, Group: "users", GID: 100, Groups: groups(100)}
		in.Env.File.GID = 100
		change(in)
	})
}

func goodPHP() *php.Ini {
	return phpIni("fpm", maxLifetime, "1800", probability, "1", cookieSecure, "1", cookieHTTPOnly, "1")
}

// phpIni returns a php.ini with pairs of settings and values.
func phpIni(sapi string, pairs ...string) *php.Ini {
	return setPHP(&php.Ini{Version: "8.2", SAPI: sapi, Files: []string{"php.ini"}, Values: map[string]php.IniValue{}}, pairs...)
}

// setPHP sets pairs of settings and values. "?" is a value that only PHP knows.
func setPHP(ini *php.Ini, pairs ...string) *php.Ini {
	for i := 0; i < len(pairs); i += 2 {
		ini.Values[pairs[i]] = php.IniValue{Text: pairs[i+1]}
		if pairs[i+1] == "?" {
			ini.Values[pairs[i]] = php.IniValue{Unknown: true}
		}
	}
	return ini
}

// copied is a good installation with copies of conf/.env beside it.
func copied(copies ...file.Facts) Input {
	return edit(func(in *Input) { in.Env.Copies = copies })
}

const confDir = "/srv/uzerp/conf"

// web is a good installation of whose web server this is known.
func web(r webconf.Report) Input {
	return edit(func(in *Input) { in.Web, in.Env.File.Path = &r, confDir+"/.env" })
}

// job is the clean-up job of Debian and Ubuntu.
func job(path string, active bool) installation.SessionCleaner {
	return installation.SessionCleaner{Timer: path, TimerEnabled: active, Systemd: true}
}

// settings returns settings from pairs of names and values. A setting's line is its place among the pairs.
func settings(pairs ...string) map[string]dotenv.Setting {
	m := map[string]dotenv.Setting{}
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i]] = dotenv.Setting{Value: secret.New(pairs[i+1]), Line: i/2 + 1}
	}
	return m
}

// with changes settings of a good installation. "-" takes one away.
func with(pairs ...string) Input {
	in := good()
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] == "-" {
			delete(in.Env.Settings, pairs[i])
			continue
		}
		in.Env.Settings[pairs[i]] = dotenv.Setting{Value: secret.New(pairs[i+1]), Line: 7}
	}
	return in
}

func edit(f func(in *Input)) Input {
	in := good()
	f(&in)
	return in
}

// withPHP changes php.ini of a good installation, as setPHP does.
func withPHP(pairs ...string) Input {
	return edit(func(in *Input) { setPHP(in.PHP[0], pairs...) })
}

func odd(id dotenv.WarningID, name string) Input {
	in := good()
	in.Env.Warnings = []dotenv.Warning{{ID: id, Line: 7, EndLine: 9, Name: name}}
	return in
}

// configPHP returns an installation of which only conf/config.php is known.
func configPHP(c php.Config) *installation.Installation {
	return &installation.Installation{Root: "/srv/uzerp", Config: &c}
}

const (
	everybody = "everybody"
	noLogin   = "nobody can log in"
)

// Each row is a case of docs/facts/uzerp.md §5, with what is found in addition to the finding that is always there.
var rows = []struct {
	name string
	in   Input
	want []string // "severity id", "lockout id" for an error because of which nobody can work with uzERP
	fix  string   // the fix of the first
	says string   // a part of the first one's message
}{
	{"all is well", good(), nil, "", ""},

	// The management.
	{"on in any case", with(Manage, "oN"), nil, "", ""},
	{"true", with(Manage, "true"), []string{"error sessions-not-managed"}, "UZERP_MANAGE_USER_SESSIONS=on", "silently ignored"},
	{"1", with(Manage, "1"), []string{"error sessions-not-managed"}, "UZERP_MANAGE_USER_SESSIONS=on", ""},
	{"yes", with(Manage, "yes"), []string{"error sessions-not-managed"}, "UZERP_MANAGE_USER_SESSIONS=on", ""},
	{"ON with a blank", with(Manage, "ON "), []string{"error sessions-not-managed"}, "UZERP_MANAGE_USER_SESSIONS=on", ""},
	{"on;", with(Manage, "on;"), []string{"error sessions-not-managed"}, "UZERP_MANAGE_USER_SESSIONS=on", ""},
	{"on in another script", with(Manage, "оn"), []string{"error sessions-not-managed"}, "UZERP_MANAGE_USER_SESSIONS=on", ""},
	{"off is a choice", with(Manage, "off"), []string{"info sessions-not-managed"}, "UZERP_MANAGE_USER_SESSIONS=on", "as this says"},
	{"false too", with(Manage, "False"), []string{"info sessions-not-managed"}, "", ""},
	{"empty, with limits", with(Manage, ""), []string{"error sessions-not-managed"}, "", ""},
	{"missing, with limits", with(Manage, "-"), []string{"error sessions-not-managed"}, "UZERP_MANAGE_USER_SESSIONS=on", "ignored"},
	{"all missing", with(Manage, "-", ActivityTimeout, "-", MaxAge, "-"), []string{"warning sessions-not-managed"},
		"UZERP_MANAGE_USER_SESSIONS=on\nUSER_ACTIVITY_TIMEOUT_SECS=1800\nUSER_SESSION_MAX_AGE_SECS=28800", ""},
	{"true, and a limit that would lock out", with(Manage, "true", ActivityTimeout, "-"), []string{"error sessions-not-managed"},
		"UZERP_MANAGE_USER_SESSIONS=on\nUSER_ACTIVITY_TIMEOUT_SECS=1800", ""},

	// The limits, managed.
	{"activity missing", with(ActivityTimeout, "-"), []string{"lockout limit-missing"}, "USER_ACTIVITY_TIMEOUT_SECS=1800", everybody},
	{"max age missing", with(MaxAge, "-"), []string{"lockout limit-missing"}, "USER_SESSION_MAX_AGE_SECS=28800", everybody},
	{"activity empty", with(ActivityTimeout, ""), []string{"lockout limit-empty"}, "USER_ACTIVITY_TIMEOUT_SECS=1800", everybody},
	{"max age of blanks", with(MaxAge, " \t"), []string{"lockout limit-empty"}, "USER_SESSION_MAX_AGE_SECS=28800", everybody},
	{"letters", with(MaxAge, "eight hours"), []string{"lockout limit-not-integer"}, "USER_SESSION_MAX_AGE_SECS=28800", everybody},
	{"1.5", with(ActivityTimeout, "1.5"), []string{"lockout limit-not-integer"}, "USER_ACTIVITY_TIMEOUT_SECS=1800", everybody},
	{"1800.0", with(ActivityTimeout, "1800.0"), []string{"lockout limit-not-integer"}, "USER_ACTIVITY_TIMEOUT_SECS=1800", everybody},
	{"-5", with(ActivityTimeout, "-5"), []string{"lockout limit-not-integer"}, "USER_ACTIVITY_TIMEOUT_SECS=1800", everybody},
	{"+5", with(MaxAge, "+5"), []string{"lockout limit-not-integer"}, "USER_SESSION_MAX_AGE_SECS=28800", everybody},
	{"+5000", with(MaxAge, "+5000"), []string{"lockout limit-not-integer"}, "USER_SESSION_MAX_AGE_SECS=5000", everybody},
	{"1e3", with(ActivityTimeout, "1e3"), []string{"lockout limit-not-integer"}, "USER_ACTIVITY_TIMEOUT_SECS=1800", everybody},
	{"30m", with(ActivityTimeout, "30m"), []string{"lockout limit-not-integer"}, "USER_ACTIVITY_TIMEOUT_SECS=1800", everybody},
	{"8 Hours", with(MaxAge, "8 Hours"), []string{"lockout limit-not-integer"}, "USER_SESSION_MAX_AGE_SECS=28800", everybody},
	{"12h", with(MaxAge, "12h"), []string{"lockout limit-not-integer"}, "USER_SESSION_MAX_AGE_SECS=43200", everybody},
	{"blanks inside quotes", with(ActivityTimeout, " 3600 "), []string{"lockout limit-not-integer"}, "USER_ACTIVITY_TIMEOUT_SECS=3600", everybody},
	{"digits of another script", with(ActivityTimeout, "١٨٠٠"), []string{"lockout limit-not-integer"}, "USER_ACTIVITY_TIMEOUT_SECS=1800", everybody},
	{"0", with(ActivityTimeout, "0"), []string{"lockout limit-zero"}, "USER_ACTIVITY_TIMEOUT_SECS=1800", "first click"},
	{"max age 00", with(MaxAge, "00"), []string{"lockout limit-zero"}, "USER_SESSION_MAX_AGE_SECS=28800", "first click"},
	{"beyond 64 bits, activity", with(ActivityTimeout, "9223372036854775808"), []string{"error limit-overflow"},
		"USER_ACTIVITY_TIMEOUT_SECS=1800", "never times out"},
	{"beyond 64 bits, max age", with(MaxAge, "99999999999999999999"), []string{"lockout limit-overflow"}, "USER_SESSION_MAX_AGE_SECS=28800", noLogin},
	{"beyond 64 bits once added", with(MaxAge, "9223372036854775807"), []string{"lockout limit-overflow"}, "", noLogin},
	{"leading zeros", with(ActivityTimeout, "01800"), nil, "", ""},

	// The limits, not managed.
	{"off: missing", with(Manage, "off", MaxAge, "-", ActivityTimeout, "-"), []string{"info sessions-not-managed"}, "", ""},
	{"off: max age empty", with(Manage, "off", MaxAge, ""), []string{"lockout limit-empty", "info sessions-not-managed"},
		"USER_SESSION_MAX_AGE_SECS=28800", noLogin},
	{"off: max age of letters", with(Manage, "off", MaxAge, "long"), []string{"lockout limit-not-integer", "info sessions-not-managed"}, "", noLogin},
	{"off: max age beyond 64 bits", with(Manage, "off", MaxAge, "99999999999999999999"),
		[]string{"lockout limit-overflow", "info sessions-not-managed"}, "", noLogin},
	{"off: max age 1e30", with(Manage, "off", MaxAge, "1e30"), []string{"lockout limit-not-integer", "info sessions-not-managed"}, "", noLogin},
	{"off: activity empty", with(Manage, "off", ActivityTimeout, ""), []string{"info sessions-not-managed", "info limit-empty"}, "", ""},
	{"off: activity letters", with(Manage, "off", ActivityTimeout, "x"), []string{"info sessions-not-managed", "info limit-not-integer"}, "", ""},
	{"off: max age 1.5", with(Manage, "off", MaxAge, "1.5"), []string{"info sessions-not-managed", "info limit-not-integer"}, "", ""},
	{"off: max age -5", with(Manage, "off", MaxAge, "-5"), []string{"info sessions-not-managed", "info limit-not-integer"}, "", ""},
	{"off: max age 30m", with(Manage, "off", MaxAge, "30m"), []string{"info sessions-not-managed", "info limit-not-integer"}, "", ""},
	{"off: max age with a blank", with(Manage, "off", MaxAge, " 5"), []string{"info sessions-not-managed", "info limit-not-integer"}, "", ""},
	{"off: max age 0", with(Manage, "off", MaxAge, "0"), []string{"info sessions-not-managed", "info limit-zero"}, "", ""},
	{"off: activity beyond 64 bits", with(Manage, "off", ActivityTimeout, "99999999999999999999"),
		[]string{"info sessions-not-managed", "info limit-overflow"}, "", ""},
	{"off: nothing about the choice", with(Manage, "off", ActivityTimeout, "5", MaxAge, "3"), []string{"info sessions-not-managed"}, "", ""},

	// The choice.
	{"activity above max age", edit(func(in *Input) {
		in.Env.Settings = with(ActivityTimeout, "28801").Env.Settings
		setPHP(in.PHP[0], maxLifetime, "99999")
	}),
		[]string{"warning activity-never-reached"}, "USER_ACTIVITY_TIMEOUT_SECS=1800", "28800"},
	{"activity equal to max age", edit(func(in *Input) {
		in.Env.Settings = with(ActivityTimeout, "28800").Env.Settings
		setPHP(in.PHP[0], maxLifetime, "99999")
	}), nil, "", ""},
	{"activity short", with(ActivityTimeout, "599"), []string{"warning limit-short"}, "USER_ACTIVITY_TIMEOUT_SECS=1800", "bills"},
	{"activity not short", with(ActivityTimeout, "600"), nil, "", ""},
	{"max age short", with(MaxAge, "1799", ActivityTimeout, "1200"), []string{"warning limit-short"}, "USER_SESSION_MAX_AGE_SECS=28800", "bills"},
	{"max age not short", with(MaxAge, "1800"), nil, "", ""},
	{"max age not long", with(MaxAge, "604800"), nil, "", ""},
	{"max age long", with(MaxAge, "604801"), []string{"warning limit-long"}, "USER_SESSION_MAX_AGE_SECS=28800", "7 days"},
	{"activity long", edit(func(in *Input) {
		in.Env.Settings = with(ActivityTimeout, "43201", MaxAge, "86400").Env.Settings
		setPHP(in.PHP[0], maxLifetime, "99999")
	}),
		[]string{"warning limit-long"}, "USER_ACTIVITY_TIMEOUT_SECS=1800", "12 hours"},

	// PHP.
	{"collector early", withPHP(maxLifetime, "1440"), []string{"warning gc-maxlifetime"}, "session.gc_maxlifetime = 1800", "1440"},
	{"collector early, not managed", edit(func(in *Input) {
		in.Env.Settings = with(Manage, "off").Env.Settings
		setPHP(in.PHP[0], maxLifetime, "1440")
	}), []string{"info sessions-not-managed"}, "", ""},
	{"collector off, and nobody else collects", withPHP(maxLifetime, "1440", probability, "0"), []string{"info sessions-not-collected"},
		"a job that removes them, for example each hour: find /var/lib/php/sessions -name 'sess_*' -type f -mmin +MINUTES -delete, " +
			"with more minutes than the activity timeout has", "collector is off"},
	{"levels of directories, in which PHP collects nothing", withPHP(maxLifetime, "1440", savePath, "2;/srv/s"),
		[]string{"info sessions-not-collected"}, "", "levels of directories"},
	{"redis forgets without a collector", withPHP(maxLifetime, "1440", probability, "0", saveHandler, "redis"), []string{"warning gc-maxlifetime"},
		"session.gc_maxlifetime = 1800", "in PHP 8.2 fpm redis forgets, whatever session.gc_probability says, a session that was idle for 1440 seconds"},
	{"redis forgets late", withPHP(probability, "0", saveHandler, "redis"), nil, "", ""},
	{"a handler of a program's own", withPHP(maxLifetime, "1440", saveHandler, "user"), []string{"info session-handler"}, "", "not in files"},
	{"an unknown handler", withPHP(maxLifetime, "1440", saveHandler, "?"), []string{"info session-handler"}, "", "only PHP knows"},
	{"a file with settings that was not read", edit(func(in *Input) { in.NotRead = []file.NotRead{{Path: "pool.d", Reason: "it can not be listed"}} }),
		[]string{"info php-not-read"}, "", "it can not be listed"},
	{"collector unknown", withPHP(maxLifetime, "?"), []string{"info gc-maxlifetime"}, "", "only PHP knows"},
	{"command line's collector", edit(func(in *Input) { setPHP(in.PHP[0], maxLifetime, "1440").SAPI = "cli" }),
		[]string{"info php-not-checked"}, "", "--php-ini"},
	{"cleaner early", edit(func(in *Input) {
		setPHP(in.PHP[0], maxLifetime, "1440", probability, "0")
		in.Cleaner = job("phpsessionclean.timer", true)
	}), []string{"warning phpsessionclean"}, "session.gc_maxlifetime = 1800", "phpsessionclean.timer"},
	{"cleaner not active", edit(func(in *Input) {
		setPHP(in.PHP[0], maxLifetime, "1440", probability, "0")
		in.Cleaner = job("phpsessionclean.timer", false)
	}), []string{"info sessions-not-collected"}, "", "does not look there"},
	{"cleaner asks nothing about redis", edit(func(in *Input) {
		setPHP(in.PHP[0], probability, "0", saveHandler, "redis")
		in.PHP = append(in.PHP, phpIni("cli", maxLifetime, "60"))
		in.Cleaner = job("cron", true)
	}), nil, "", ""},
	{"cleaner does not look elsewhere", edit(func(in *Input) {
		setPHP(in.PHP[0], probability, "0", saveHandler, "redis")
		in.PHP[0].Files = []string{"etc/php.ini"}
		pool := phpIni("fpm", maxLifetime, "60", probability, "0", savePath, "/srv/s", cookieSecure, "1", cookieHTTPOnly, "1")
		pool.Version = ""
		in.PHP = append(in.PHP, pool)
		in.Cleaner = job("cron", true)
	}), []string{"info sessions-not-collected"}, "", "does not look there"},
	{"cleaner, and a php.ini that it does not ask", edit(func(in *Input) {
		setPHP(in.PHP[0], probability, "0")
		in.PHP[0].Version = ""
		in.Cleaner = job("cron", true)
	}), []string{"info phpsessionclean"}, "", "php.ini of each interface"},
	{"cleaner asks for no empty path", edit(func(in *Input) {
		setPHP(in.PHP[0], savePath, "/tmp", probability, "0")
		in.PHP[0].Version = ""
		cli := phpIni("cli", maxLifetime, "60", savePath, "")
		cli.Values[savePath] = php.IniValue{File: "php.ini", Line: 1}
		in.PHP = append(in.PHP, cli)
		in.Cleaner = job("cron", true)
	}), []string{"info sessions-not-collected"}, "", "does not look there"},
	{"cleaner by a link", edit(func(in *Input) {
		setPHP(in.PHP[0], probability, "0", savePath, "/srv/link")
		in.PHP = append(in.PHP, phpIni("cli", maxLifetime, "1440", savePath, "/data/s"))
		in.Cleaner = job("cron", true)
		in.Same = func(dir string) []string {
			return map[string][]string{"/srv/link": {"1:7", "1:2"}, "/data/s": {"1:7", "1:3"}}[dir]
		}
	}), []string{"warning phpsessionclean"}, "", "idle for 1440 seconds"},
	{"cleaner looks into what is below", edit(func(in *Input) {
		setPHP(in.PHP[0], savePath, "1;/var/lib/php/sessions/erp")
		in.PHP = append(in.PHP, phpIni("cli", maxLifetime, "1440"))
		in.Cleaner = job("cron", true)
	}), []string{"warning phpsessionclean"}, "session.gc_maxlifetime = 1800", "idle for 1440 seconds"},
	{"cleaner takes the shorter age of two ways to write a directory", edit(func(in *Input) {
		setPHP(in.PHP[0], maxLifetime, "7200", probability, "0", savePath, "/srv/s/")
		in.PHP = append(in.PHP, phpIni("cli", maxLifetime, "1499", savePath, "/srv/s"))
		in.Cleaner = job("cron", true)
	}), []string{"warning phpsessionclean"}, "session.gc_maxlifetime = 1800", "idle for 1440 seconds"},
	{"cleaner asks each PHP that is installed", edit(func(in *Input) {
		setPHP(in.PHP[0], probability, "0")
		old := phpIni("fpm", maxLifetime, "60", probability, "0", cookieSecure, "1", cookieHTTPOnly, "1")
		old.Version = "7.4"
		in.PHP = append(in.PHP, old)
		in.Cleaner = job("cron", true)
	}), nil, "", ""},
	{"cleaner counts minutes", edit(func(in *Input) {
		in.Env.Settings = with(ActivityTimeout, "1830").Env.Settings
		setPHP(in.PHP[0], maxLifetime, "1859", probability, "0")
		in.Cleaner = job("cron", true)
	}), []string{"warning phpsessionclean"}, "session.gc_maxlifetime = 1860", "idle for 1800 seconds"},
	{"cleaner with a directory that only PHP knows", edit(func(in *Input) {
		setPHP(in.PHP[0], probability, "0", savePath, "?")
		in.Cleaner = job("cron", true)
	}), []string{"info phpsessionclean"}, "", "only PHP knows where"},
	{"cleaner takes the longest of a directory", edit(func(in *Input) {
		setPHP(in.PHP[0], maxLifetime, "1440", probability, "0")
		in.PHP = append(in.PHP, phpIni("cli", maxLifetime, "1800"))
		in.Cleaner = job("cron", true)
	}), nil, "", ""},
	{"another directory doesn't count", edit(func(in *Input) {
		setPHP(in.PHP[0], maxLifetime, "1440", probability, "0")
		in.PHP = append(in.PHP, phpIni("cli", maxLifetime, "1800", savePath, "/elsewhere"))
		in.Cleaner = job("cron", true)
	}), []string{"warning phpsessionclean"}, "", "1440"},
	{"cleaner with an unknown age", edit(func(in *Input) {
		setPHP(in.PHP[0], maxLifetime, "?", probability, "0")
		in.Cleaner = job("cron", true)
	}), []string{"info phpsessionclean"}, "", "only PHP knows"},
	{"cleaner without PHP", edit(func(in *Input) { in.PHP, in.Cleaner = nil, job("cron", true) }),
		[]string{"info php-not-checked", "info phpsessionclean"}, "", ""},
	{"no PHP", edit(func(in *Input) { in.PHP = nil }), []string{"info php-not-checked"}, "", "--php-ini"},
	{"PHP not readable", edit(func(in *Input) { in.PHP, in.PHPProblem = nil, "permission denied" }), []string{"info php-not-checked"}, "", "permission denied"},
	{"cookie not secure", edit(func(in *Input) {
		in.PHP[0].Values[cookieSecure] = php.IniValue{File: "x.ini", Line: 3}
	}), []string{"warning cookie-secure"},
		"session.cookie_secure = 1, if people reach uzERP by https only: over plain http nobody could log in any more", "if people reach uzERP by https: "},
	{"cookie for scripts", withPHP(cookieHTTPOnly, "0"), []string{"warning cookie-httponly"}, "session.cookie_httponly = 1", "scripts"},
	{"cookie unknown", withPHP(cookieSecure, "?"), []string{"info cookie-secure"}, "", "only PHP knows"},
	{"environment first", withPHP(variablesOrder, "EGPCS"), []string{"info variables-order"}, `variables_order = "GPCS"`, ""},

	// Who may read the file.
	{"readable by everyone", edit(func(in *Input) { in.Env.File.Mode = 0o644 }), []string{"warning env-world-readable"}, "chmod o= conf/.env", "0644"},
	{"readable by everyone, and by the web server only so", edit(func(in *Input) { in.Env.File.Mode, in.Env.File.GID = 0o644, 0 }),
		[]string{"warning env-world-readable"}, "chgrp www-data conf/.env && chmod 0640 conf/.env", ""},
	{"readable by everyone, no www-data", edit(func(in *Input) { in.Env.File.Mode, in.WebUser = 0o604, installation.WebUser{} }),
		[]string{"warning env-world-readable", "info env-web-access"}, "chmod o= conf/.env, after making the web server's group the file's group", ""},
	{"writable by everyone", edit(func(in *Input) { in.Env.File.Mode = 0o666 }), []string{"error env-world-writable"}, "chmod o= conf/.env", "0666"},
	{"not readable by the web server", edit(func(in *Input) { in.Env.File.GID = 0 }),
		[]string{"warning env-not-readable"}, "chgrp www-data conf/.env && chmod 0640 conf/.env", "www-data"},
	{"its owner without the right", edit(func(in *Input) { in.Env.File.UID, in.Env.File.Mode = 33, 0o044 }),
		[]string{"warning env-world-readable", "warning env-not-readable"}, "", ""},
	{"the directory closed", edit(func(in *Input) { in.Env.Dir.Mode = 0o700 }), []string{"warning env-not-readable"},
		"chgrp www-data conf && chmod g+x conf", "directory"},
	{"not readable by a web server in a shared group", inSharedGroup(func(in *Input) { in.Env.File.GID = 0 }),
		[]string{"warning env-not-readable"}, "chmod o= conf/.env && setfacl -m u:deploy:r conf/.env", "deploy"},
	{"the directory closed to it", inSharedGroup(func(in *Input) { in.Env.Dir.Mode = 0o700 }), []string{"warning env-not-readable"},
		"setfacl -m u:deploy:x conf", "directory"},
	{"no www-data here", edit(func(in *Input) { in.WebUser = installation.WebUser{} }), []string{"info env-web-access"}, "", "not judged"},
	{"an access list", edit(func(in *Input) { in.Env.File.GID, in.Env.File.ACL = 0, true }), []string{"info env-web-access"}, "", "access list"},
	{"a draft elsewhere", edit(func(in *Input) { in.Env.File.GID, in.Env.Dir = 0, file.Facts{} }), nil, "", ""},
	{"a system without owners", edit(func(in *Input) { in.Env.File.UID = -1 }), []string{"info env-web-access"}, "", ""},

	// What the web server does with it.
	{"no web server known",
		web(webconf.Report{}), []string{"info env-web-server"}, "", "no configuration of Apache or nginx"},
	{"not in a document root", web(webconf.Report{Servers: []string{"nginx"}}), nil, "", ""},
	{"handed out", web(webconf.Report{Servers: []string{"Apache"}, Ways: []webconf.Way{
		{Server: "Apache", URL: "/conf/.env", Place: "DocumentRoot in x line 1", Access: webconf.Open}}}),
		[]string{"error env-in-document-root"}, `<Directory "` + confDir + `">, Require all denied, </Directory>`,
		"to everybody who asks for /conf/.env (DocumentRoot in x line 1)"},
	{"handed out unless", web(webconf.Report{Servers: []string{"nginx"}, Ways: []webconf.Way{
		{Server: "nginx", URL: "/a/conf/.env", Place: "root in y line 2", Access: webconf.Open,
			Unclear: []string{"if in y line 3"}}}}),
		[]string{"warning env-in-document-root"}, "location ^~ /a/conf/ { deny all; }",
		"unless this forbids it, which is not understood here: if in y line 3"},
	{"handed out to some", web(webconf.Report{Servers: []string{"nginx"}, Ways: []webconf.Way{
		{Server: "nginx", URL: "/conf/.env", Place: "root in y line 2",
			Access: webconf.Limited}}}), []string{"warning env-in-document-root"}, "", "to those whom an address or a password lets in"},
	{"not understood",
		web(webconf.Report{Servers: []string{"Apache"}, Unclear: []string{"AliasMatch in x line 2"},
			NotRead: []file.NotRead{{Path: "sites", Reason: "it can not be listed"}}}),
		[]string{"info env-web-server"}, "", "AliasMatch in x line 2; sites: it can not be listed"},

	// Who may read its copies.
	{"a backup of root's alone", copied(file.Facts{Path: "conf/.env.bak-x", Mode: 0o600}), nil, "", ""},
	{"a backup of an administrator's", copied(file.Facts{Path: "conf/.env.bak-x", Mode: 0o640}), nil, "", ""},
	{"a backup for the web server", copied(file.Facts{Path: "conf/.env.bak-x", Mode: 0o640, GID: 33}), []string{"warning env-copy-readable"},
		"rm conf/.env.bak-x, or: chown root: conf/.env.bak-x && chmod 0600 conf/.env.bak-x", "this copy"},
	{"a backup of the web server's", copied(file.Facts{Path: "conf/.env.bak-x", Mode: 0o600, UID: 33}), []string{"warning env-copy-readable"}, "", "hand it out"},
	{"two copies for everyone", copied(file.Facts{Path: "conf/.env~", Mode: 0o644}, file.Facts{Path: "conf/.env.old", Mode: 0o604}),
		[]string{"warning env-copy-readable"}, "", "this and 1 more"},
	{"a copy with an access list", copied(file.Facts{Path: "conf/.env~", Mode: 0o640, ACL: true}), []string{"warning env-copy-readable"}, "", ""},
	{"copies not looked for", edit(func(in *Input) { in.Env.CopiesErr = fs.ErrPermission }), []string{"info env-copy-readable"}, "", "can not be listed"},

	// Twilio.
	{"account missing", with(AccountSID, "-"), []string{"warning twilio-missing"}, `TWILIO_ACCOUNT_SID="<AC... from Twilio's console>"`, "error page"},
	{"token empty", with(AuthToken, " "), []string{"warning twilio-missing"}, "", ""},
	{"service missing", with(ServiceSID, "-"), []string{"warning twilio-missing"}, "", ""},
	{"account of the example", with(AccountSID, "AC"+strings.Repeat("x", 32)), []string{"warning twilio-placeholder"}, "", "placeholder"},
	{"token of the example", with(AuthToken, strings.Repeat("x", 32)), []string{"warning twilio-placeholder"}, "", ""},
	{"service of the example", with(ServiceSID, "VAXXXXXX"), []string{"warning twilio-placeholder"}, "", ""},
	{"your token", with(AuthToken, "your_auth_token"), []string{"warning twilio-placeholder"}, "", ""},
	{"account in upper case: the form of a SID has both", with(AccountSID, "AC"+strings.ToUpper(goodSID[2:])), nil, "", ""},
	{"account with small letters in front", with(AccountSID, "ac"+goodSID[2:]), []string{"warning twilio-malformed"}, "", "AC and 32"},
	{"account is an API key", with(AccountSID, "SK"+goodSID[2:]), []string{"warning twilio-malformed"}, "", ""},
	{"service is the account", with(ServiceSID, goodSID), []string{"warning twilio-malformed"}, "", "VA and 32"},
	{"service too long", with(ServiceSID, goodService+"0"), []string{"warning twilio-malformed"}, "", ""},

	// The file itself.
	{"a line that the reader rejects", edit(func(in *Input) {
		in.Env.Settings, in.Env.Syntax = nil, &dotenv.SyntaxError{Kind: dotenv.UnexpectedWhitespace, Position: dotenv.Position{Line: 4}}
	}), []string{"lockout env-syntax"}, `NAME="value with blanks"`, "nothing else of the file can be judged"},
	{"misplaced", edit(func(in *Input) {
		in.Env.Found, in.Env.Settings, in.Env.File, in.Env.Misplaced = false, nil, file.Facts{}, "/srv/u z/config/.env"
	}), []string{"error env-misplaced"}, "mv '/srv/u z/config/.env' conf/.env", "uzERP reads conf/.env"},
	{"no file", edit(func(in *Input) { in.Env.Found, in.Env.Settings, in.Env.File = false, nil, file.Facts{} }), []string{"error env-missing"},
		"UZERP_MANAGE_USER_SESSIONS=on\nUSER_ACTIVITY_TIMEOUT_SECS=1800\nUSER_SESSION_MAX_AGE_SECS=28800", ""},
	{"the rest vanished", odd("open-quote", ""), []string{"error env-open-quote"}, "close the quote at the end of the value", "never closed"},
	{"a comment swallows", odd("comment-swallows", ""), []string{"error env-comment-swallows"}, "", ""},
	{"settings swallowed", odd("joined-settings", "DB_PASSWORD"), []string{"error env-joined-settings"}, "", ""},
	{"a password cut at #", odd("cut-at-hash", "DB_PASSWORD"), []string{"warning env-cut-at-hash"}, "put the whole value in double quotes", ""},
	{"a limit cut at #", odd("cut-at-hash", MaxAge), []string{"info env-cut-at-hash"}, "", ""},
	{"on cut at #", odd("cut-at-hash", Manage), []string{"info env-cut-at-hash"}, "", ""},
	{"a key twice", odd("duplicate", MaxAge), []string{"warning env-duplicate"}, "delete this line", "line 9"},
	{"${X} unresolved", odd("unresolved", "DB_HOST"), []string{"warning env-unresolved"}, "", ""},
	{"a bare name", odd("bare-name", "DB_HOST"), []string{"warning env-bare-name"}, "", ""},
	{"a variable", odd("variable", "DB_HOST"), []string{"info env-variable"}, "", ""},

	// conf/config.php.
	{"set in config.php", edit(func(in *Input) {
		in.Installation = configPHP(php.Config{Literals: []php.Literal{{Name: Manage, Pos: php.Position{Line: 3}}}})
	}), []string{"warning config-php-ignored"}, "move it to conf/.env: UZERP_MANAGE_USER_SESSIONS=...", "no effect"},
	{"config.php unreadable", edit(func(in *Input) {
		in.Installation = configPHP(php.Config{Unreadable: []php.Unreadable{{Pos: php.Position{Line: 3}}}})
	}), []string{"info config-php-unreadable"}, "", "only PHP"},
	{"a setting in config.php unreadable", edit(func(in *Input) {
		in.Installation = configPHP(php.Config{Unreadable: []php.Unreadable{{Name: MaxAge}}, Literals: []php.Literal{{Name: AuthToken}}})
	}), []string{"warning config-php-ignored", "info config-php-unreadable"}, "", ""},
	{"config.php not read", edit(func(in *Input) { in.Installation = &installation.Installation{ConfigErr: fs.ErrPermission} }),
		[]string{"info config-php-unreadable"}, "", "not read (permission denied)"},
	{"another setting in config.php", edit(func(in *Input) {
		in.Installation = configPHP(php.Config{Unreadable: []php.Unreadable{{Name: "DB_NAME"}}, Literals: []php.Literal{{Name: "DB_USER"}}})
	}), nil, "", ""},
}

func TestCheck(t *testing.T) {
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			found := Check(row.in)
			last := found[len(found)-1]
			found = slices.DeleteFunc(found, func(f finding.Finding) bool { return f.ID == "web-environment" })
			if last.ID != "web-environment" && !slices.ContainsFunc(found, func(f finding.Finding) bool { return f.Severity == finding.Info }) {
				t.Error("the web server's environment is not told")
			}
			locked := Lockouts(row.in.Env)
			var got []string
			for _, f := range found {
				severity := f.Severity.String()
				if n := slices.IndexFunc(locked, func(l finding.Finding) bool { return l.ID == f.ID && l.Setting == f.Setting }); n >= 0 {
					severity, locked = "lockout", slices.Delete(locked, n, n+1)
					if f.Severity != finding.Error {
						t.Errorf("%s locks everybody out, and is no error", f.ID)
					}
				}
				got = append(got, severity+" "+f.ID)
				if f.Message == "" || strings.HasSuffix(f.Message, ".") || strings.Contains(f.Message, "\n") {
					t.Errorf("message %q", f.Message)
				}
				if f.Severity != finding.Info && f.Fix.Empty() {
					t.Errorf("%s: nothing to write", f.ID)
				}
			}
			if len(locked) > 0 {
				t.Errorf("lockouts that Check doesn't find: %v", locked)
			}
			if !slices.Equal(got, row.want) {
				t.Fatalf("got %q, want %q", got, row.want)
			}
			if len(found) > 0 && (row.fix != "" && found[0].Fix.Text != row.fix || !strings.Contains(found[0].Message, row.says)) {
				t.Errorf("got %+v", found[0])
			}
		})
	}
}

// No finding shows the value of a Twilio setting, or a secret that somebody put into a session setting by mistake.
func TestFindingsHoldNoSecret(t *testing.T) {
	const secret = "s3cretS3cretS3cret"
	for _, value := range []string{secret, "on\nTWILIO_AUTH_TOKEN=" + secret, "5 " + secret, secret + " 5", "5" + secret, "0" + secret} {
		for _, name := range []string{Manage, ActivityTimeout, MaxAge, AccountSID, AuthToken, ServiceSID} {
			in := with(name, value)
			for _, id := range []dotenv.WarningID{dotenv.WarnBareName, dotenv.WarnDuplicate, dotenv.WarnOpenQuote} {
				in.Env.Warnings = append(in.Env.Warnings, dotenv.Warning{ID: id, Name: secret, Line: 1, EndLine: 1})
			}
			if text := fmt.Sprintf("%+v", Check(in)); strings.Contains(text, secret) {
				t.Errorf("%s=%q: %s", name, value, text)
			}
		}
	}
	// A number can be shown, unless ${...} brought it from another setting.
	in := with(MaxAge, "12345678")
	s := in.Env.Settings[MaxAge]
	if Shown(s) != "12345678" {
		t.Errorf("shown as %q", Shown(s))
	}
	s.Borrowed = true
	if Shown(s) != Hidden {
		t.Errorf("shown as %q", Shown(s))
	}
}

func groups(gid int) func() []int { return func() []int { return []int{gid} } }
