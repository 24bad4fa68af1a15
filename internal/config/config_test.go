package config_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"uzerp-mfa/internal/config"
	"uzerp-mfa/internal/errs"
)

const (
	account  = "AC00000000000000000000000000000001"
	account2 = "AC00000000000000000000000000000002"
	service  = "VA00000000000000000000000000000001"
	key      = "SK00000000000000000000000000000001"
)

// loader returns a Loader with the environment env and, if there are files, a uzERP directory with these.
func loader(t *testing.T, env, files map[string]string) *config.Loader {
	t.Helper()
	l := &config.Loader{Dir: t.TempDir(), Getenv: func(name string) (string, bool) { v, ok := env[name]; return v, ok }}
	if files != nil {
		l.UzerpRoot = t.TempDir()
		write(t, l.UzerpRoot, "system.php", "<?php")
		write(t, l.UzerpRoot, "conf/x", "")
		for name, text := range files {
			write(t, l.UzerpRoot, name, text)
		}
	}
	return l
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestNoPasswordOnTheCommandLine(t *testing.T) {
	for conn, refused := range map[string]bool{
		"postgres://bob@host/db":                   false,
		"postgres://bob:pw@host/db":                true,
		"postgres://bob:p%40w@host/db":             true,
		"postgres://bob:p w%zz@host/db":            true, // can't be parsed
		"postgres://bob:ses/pw@host/db":            true,
		"postgres://host:5432/db?user=x@y":         true, // looks the same as a password with a slash
		"postgres:///db?host=/run&user=a:b@c":      false,
		"postgres://host/db?password=pw":           true,
		"postgres://host/db?passwor%64=pw":         true,
		"postgres://host/db?user=a&sslpassword=pw": true,
		"host=h user=u password=pw":                true,
		"host=h PASSWORD = 'pw'":                   true,
		"host=h user=u passfile=/etc/pgpass":       false,
		"":                                         false,
	} {
		l := loader(t, nil, nil)
		l.DatabaseURL = conn
		err := l.CheckFlags()
		if (err != nil) != refused {
			t.Errorf("%q: %v", conn, err)
		}
		if err != nil && (errs.KindOf(err) != errs.Usage || strings.Contains(err.Error(), "pw")) {
			t.Errorf("%q: %v", conn, err)
		}
	}
}

func TestDatabasePrecedence(t *testing.T) {
	files := map[string]string{
		"conf/.env":       "DB_NAME=fromenv\nDB_USER=envuser\nDB_PASSWORD=pa#ss\n",
		"conf/config.php": "<?php $conf['DB_NAME'] = 'it\\'s uz'; $conf['DB_HOST'] = 'db.local:5433';",
	}
	for _, test := range []struct {
		name       string
		flag       string
		env, files map[string]string
		want       string // the connection string, "error", or "libpq"
	}{
		{"flag first", "postgres://flag/x", map[string]string{"DATABASE_URL": "postgres://env/x", "PGHOST": "h"}, files, "postgres://flag/x"},
		{"then DATABASE_URL", "", map[string]string{"DATABASE_URL": "postgres://env/x", "PGHOST": "h"}, files, "postgres://env/x"},
		{"then libpq", "", map[string]string{"PGDATABASE": "uz"}, files, "libpq"},
		{"a password alone names no database", "", map[string]string{"PGPASSWORD": "x"}, nil, "error"},
		{"then uzERP, config.php over .env", "", nil, files, `dbname='it\'s uz' user='envuser' host='db.local' password='pa' port='5433' `},
		{"nothing", "", nil, nil, "error"},
		{"config.php not readable here", "", nil, map[string]string{"conf/config.php": "<?php $conf['DB_NAME'] = getenv('X');", "conf/.env": "DB_NAME=no"}, "error"},
		{"a bad line", "", nil, map[string]string{"conf/.env": "DB_NAME=uz\nDB_PASSWORD=\"hunter2\" x\n"}, "error"},
	} {
		l := loader(t, test.env, test.files)
		l.DatabaseURL = test.flag
		d, err := l.Database()
		got := d.ConnString.Reveal()
		switch {
		case err != nil:
			got = "error"
			if errs.KindOf(err) != errs.Config || strings.Contains(fmt.Sprintf("%+v", err), "hunter2") {
				t.Errorf("%s: %+v", test.name, err)
			}
		case !d.ConnString.IsSet():
			got = "libpq"
		}
		if got != test.want {
			t.Errorf("%s: %q (%v), want %q", test.name, got, err, test.want)
		}
	}
}

func TestTwilioPrecedence(t *testing.T) {
	dotenv := "TWILIO_ACCOUNT_SID=" + account + "\nTWILIO_SERVICE_SID=" + service + "\nTWILIO_AUTH_TOKEN=filetoken\n"
	files := map[string]string{"conf/.env": dotenv}
	keyEnv := map[string]string{"TWILIO_API_KEY": key, "TWILIO_API_SECRET": "keysecret"}
	for _, test := range []struct {
		name       string
		env, files map[string]string
		want       string // account, user name, password
	}{
		{"uzERP alone", nil, files, account + " " + account + " filetoken"},
		{"a key in the environment", keyEnv, files, account + " " + key + " keysecret"},
		{"half a key is none", map[string]string{"TWILIO_API_KEY": key}, files, account + " " + account + " filetoken"},
		{"a token in the environment before a key in the file", map[string]string{"TWILIO_AUTH_TOKEN": "envtoken"},
			map[string]string{"conf/.env": dotenv + "TWILIO_API_KEY=" + key + "\nTWILIO_API_SECRET=keysecret\n"}, account + " " + account + " envtoken"},
		{"the environment's account", map[string]string{"TWILIO_ACCOUNT_SID": account2, "TWILIO_AUTH_TOKEN": "envtoken"}, files,
			account2 + " " + account2 + " envtoken"},
		{"all in the environment, a bad file", map[string]string{"TWILIO_ACCOUNT_SID": account, "TWILIO_SERVICE_SID": service, "TWILIO_AUTH_TOKEN": "envtoken"},
			map[string]string{"conf/.env": "A B=c\n"}, account + " " + account + " envtoken"},
		{"a bad file", nil, map[string]string{"conf/.env": dotenv + "X=\"hunter2\" y\n"}, "error"},
		{"nothing", nil, nil, "error"},
	} {
		s, err := loader(t, test.env, test.files).Twilio()
		got := s.AccountSID + " " + s.Username + " " + s.Password.Reveal()
		if err != nil {
			got = "error"
			if errs.KindOf(err) != errs.Config || strings.Contains(fmt.Sprintf("%+v", err), "hunter2") {
				t.Errorf("%s: %+v", test.name, err)
			}
		}
		if got != test.want {
			t.Errorf("%s: %q (%v), want %q", test.name, got, err, test.want)
		}
	}
}

// To make a service, only an account and credentials are needed. A service that is set is returned all the same.
func TestTwilioAccount(t *testing.T) {
	env := map[string]string{"TWILIO_ACCOUNT_SID": account, "TWILIO_AUTH_TOKEN": "envtoken"}
	dotenv := "TWILIO_ACCOUNT_SID=" + account + "\nTWILIO_AUTH_TOKEN=filetoken\n"
	for _, test := range []struct {
		name       string
		env, files map[string]string
		want       string // service, password
	}{
		{"environment", env, nil, " envtoken"},
		{"uzERP", nil, map[string]string{"conf/.env": dotenv}, " filetoken"},
		{"an empty service", nil, map[string]string{"conf/.env": dotenv + "TWILIO_SERVICE_SID=\n"}, " filetoken"},
		{"with a service", env, map[string]string{"conf/.env": dotenv + "TWILIO_SERVICE_SID=" + service + "\n"}, service + " envtoken"},
		{"a bad file that is not needed", env, map[string]string{"conf/.env": "A B=c\n"}, " envtoken"},
		{"a bad file", nil, map[string]string{"conf/.env": dotenv + "X=\"hunter2\" y\n"}, "error"},
		{"no credentials", map[string]string{"TWILIO_ACCOUNT_SID": account}, nil, "error"},
		{"no account", map[string]string{"TWILIO_AUTH_TOKEN": "envtoken"}, nil, "error"},
	} {
		s, err := loader(t, test.env, test.files).TwilioAccount()
		got := s.ServiceSID + " " + s.Password.Reveal()
		if err != nil {
			got = "error"
			if errs.KindOf(err) != errs.Config || strings.Contains(fmt.Sprintf("%+v", err), "hunter2") || strings.Contains(err.Error(), "SERVICE") {
				t.Errorf("%s: %+v", test.name, err)
			}
		}
		if got != test.want {
			t.Errorf("%s: %q (%v), want %q", test.name, got, err, test.want)
		}
	}
	_, err := loader(t, env, nil).Twilio()
	if errs.KindOf(err) != errs.Config || !strings.Contains(err.Error(), "TWILIO_SERVICE_SID") {
		t.Errorf("the service is not missed: %v", err)
	}
}

func TestEnvFileErrorsShowNothing(t *testing.T) {
	l := loader(t, nil, nil)
	l.EnvFile = filepath.Join(l.Dir, "twilio.env")
	write(t, l.Dir, "twilio.env", "TWILIO_AUTH_TOKEN=\"hunter2\nX=hunter3 \x00 = \"")
	_, err := l.Twilio()
	if errs.KindOf(err) != errs.Config || strings.Contains(fmt.Sprintf("%+v", err), "hunter") {
		t.Errorf("%+v", err)
	}
	l.EnvFile = filepath.Join(l.Dir, "missing")
	if _, err = l.Twilio(); errs.KindOf(err) != errs.Config {
		t.Error(err)
	}
}

func TestInstallation(t *testing.T) {
	l := loader(t, nil, map[string]string{})
	root := l.UzerpRoot
	for name, l := range map[string]*config.Loader{
		"flag":              l,
		"environment":       {Dir: t.TempDir(), Getenv: func(n string) (string, bool) { return root, n == "UZERP_ROOT" }},
		"working directory": {Dir: root, Getenv: func(string) (string, bool) { return "", false }},
		"relative":          {Dir: filepath.Dir(root), UzerpRoot: filepath.Base(root), Getenv: func(string) (string, bool) { return "", false }},
	} {
		if inst, err := l.Installation(); err != nil || inst == nil || inst.Root != root {
			t.Errorf("%s: %+v, %v", name, inst, err)
		}
	}
	l.UzerpRoot = t.TempDir()
	if _, err := l.Installation(); errs.KindOf(err) != errs.Config {
		t.Errorf("a directory that is none: %v", err)
	}
}

// A file that can't be read is neither missing nor wrong: it is unknown what uzERP sees.
func TestUzerpSettingsUnread(t *testing.T) {
	l := loader(t, nil, map[string]string{"config/.env": "A=1"})
	if err := os.Symlink(".env", filepath.Join(l.UzerpRoot, "conf/.env")); err != nil {
		t.Fatal(err)
	}
	if s := l.UzerpSettings(); !strings.Contains(s.Problem, "conf/.env can't be read: too many levels") {
		t.Errorf("problem %q", s.Problem)
	}
	if os.Geteuid() == 0 {
		return // root may read everything
	}
	l = loader(t, nil, map[string]string{"conf/.env": "A=1"})
	conf := filepath.Join(l.UzerpRoot, "conf")
	if err := os.Chmod(conf, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Chmod(conf, 0o700) })
	if s := l.UzerpSettings(); !strings.Contains(s.Problem, "can't be read: permission denied") || !strings.Contains(s.Hint.Text, "web server") {
		t.Errorf("problem %q, hint %q", s.Problem, s.Hint)
	}
}

func TestUzerpSettings(t *testing.T) {
	good := "TWILIO_ACCOUNT_SID=" + account + "\nTWILIO_SERVICE_SID=" + service + "\nTWILIO_AUTH_TOKEN=t\n"
	for _, test := range []struct {
		name       string
		env, files map[string]string
		problem    string
		missing    string
		foreign    string
	}{
		{"good", nil, map[string]string{"conf/.env": good}, "", "", ""},
		{"empty value", nil, map[string]string{"conf/.env": good + "TWILIO_AUTH_TOKEN=\n"}, "", "TWILIO_AUTH_TOKEN", ""},
		{"blank value", nil, map[string]string{"conf/.env": good + "TWILIO_AUTH_TOKEN=' '\n"}, "", "TWILIO_AUTH_TOKEN", ""},
		{"config.php does not count", nil,
			map[string]string{"conf/.env": "X=y", "conf/config.php": "<?php $conf['TWILIO_AUTH_TOKEN']='x';"},
			"", "TWILIO_ACCOUNT_SID TWILIO_AUTH_TOKEN TWILIO_SERVICE_SID", ""},
		{"nor does the environment", map[string]string{"TWILIO_AUTH_TOKEN": "t"},
			map[string]string{"conf/.env": strings.Replace(good, "TWILIO_AUTH_TOKEN", "X", 1)}, "", "TWILIO_AUTH_TOKEN", ""},
		{"misplaced", nil, map[string]string{"config/.env": good}, "uzERP reads conf/.env, but only config/.env exists", "", ""},
		{"bad line", nil, map[string]string{"conf/.env": good + "X=\"hunter2\" y"}, "conf/.env", "", ""},
		{"an open quote swallows the rest", nil, map[string]string{"conf/.env": "X=\"abc\n" + good},
			"", "TWILIO_ACCOUNT_SID TWILIO_AUTH_TOKEN TWILIO_SERVICE_SID", ""},
		{"no file", nil, map[string]string{}, "conf/.env does not exist", "", ""},
		{"no directory", nil, nil, "no uzERP directory is known", "", ""},
		{"another service here while uzERP lacks its token", map[string]string{"TWILIO_SERVICE_SID": "VA" + strings.Repeat("c", 32), "TWILIO_AUTH_TOKEN": "t"},
			map[string]string{"conf/.env": strings.Replace(good, "TWILIO_AUTH_TOKEN", "X", 1)}, "", "TWILIO_AUTH_TOKEN", "TWILIO_SERVICE_SID (from the environment)"},
		{"another account here", map[string]string{"TWILIO_ACCOUNT_SID": account2, "TWILIO_AUTH_TOKEN": "t"},
			map[string]string{"conf/.env": good}, "", "", "TWILIO_ACCOUNT_SID (from the environment)"},
	} {
		s := loader(t, test.env, test.files).UzerpSettings()
		if !strings.Contains(s.Problem, test.problem) || (s.Problem == "") != (test.problem == "") || strings.Contains(s.Problem, "hunter2") {
			t.Errorf("%s: problem %q, want %q", test.name, s.Problem, test.problem)
		}
		if got := strings.Join(s.Missing, " "); got != test.missing {
			t.Errorf("%s: missing %q, want %q", test.name, got, test.missing)
		}
		if got := strings.Join(s.Foreign, " "); got != test.foreign {
			t.Errorf("%s: foreign %q, want %q", test.name, got, test.foreign)
		}
	}
}
