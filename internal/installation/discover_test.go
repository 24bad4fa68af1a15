package installation

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"uzerp-mfa/internal/installation/dotenv"
	"uzerp-mfa/internal/installation/treetest"
	"uzerp-mfa/internal/safepath"
)

// ours trusts nobody but this process.
func ours() safepath.Trust {
	return safepath.Ourselves()
}

func installation(t *testing.T, files map[string]string) *Installation {
	t.Helper()
	root := treetest.Write(t, files)
	if err := os.WriteFile(filepath.Join(root, "system.php"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(root, "conf"), 0o700); err != nil {
		t.Fatal(err)
	}
	i, err := Open(root, ours())
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func TestOpen(t *testing.T) {
	if _, err := Open(t.TempDir(), ours()); !errors.Is(err, ErrNotInstallation) {
		t.Errorf("got %v", err)
	}
	i := installation(t, map[string]string{"config/.env": "A=1"})
	if !i.Misplaced {
		t.Error("config/.env is not reported")
	}
	if _, err := i.Database(); err == nil || !strings.Contains(err.Error(), "config/.env exists") {
		t.Errorf("got %v", err)
	}
	if i := installation(t, map[string]string{"config/.env": "A=1", "conf/.env": ""}); i.Misplaced {
		t.Error("conf/.env is there")
	}
}

func TestSettingPrecedence(t *testing.T) {
	i := installation(t, map[string]string{
		"conf/.env":       "DB_NAME=env\nDB_USER=env\nTWILIO_ACCOUNT_SID=env\nDB_USER=env2\nDB_PASSWORD=hunter2\nX\n",
		"conf/config.php": "<?php\n$conf['DB_NAME'] = 'php';\n$conf['TWILIO_ACCOUNT_SID'] = 'php';\n$conf['TWILIO_AUTH_TOKEN'] = 'php';",
	})
	for name, want := range map[string]string{
		"DB_NAME": "php conf/config.php line 2", "DB_USER": "env2 conf/.env line 4",
		"TWILIO_ACCOUNT_SID": "env conf/.env line 3", "TWILIO_AUTH_TOKEN": "", "X": "", "NONE": "",
	} {
		value, source, ok, err := i.Setting(name)
		if got := fmt.Sprintf("%s %v", value, source); err != nil || ok != (want != "") || ok && got != want {
			t.Errorf("%s: %q, %v, %v", name, got, ok, err)
		}
	}
	db, err := i.Database()
	if err != nil || db.Name != "php" || db.User != "env2" || db.Host != "" || db.Password.Reveal() != "hunter2" {
		t.Errorf("%+v, %v", db, err)
	}
	encoded, err := json.Marshal(db)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{string(encoded), fmt.Sprintf("%v %+v %#v", db, db, db),
		fmt.Sprintf("%s %q %x %d %v", db.Password, db.Password, db.Password, db.Password, []any{db.Password}), fmt.Sprintf("%+v %#v", i.Dotenv, *i.Dotenv)} {
		if strings.Contains(text, "hunter2") || strings.Contains(text, "68756e74657232") {
			t.Errorf("%s shows the password", text)
		}
	}
	twilio, err := i.Twilio()
	if err != nil || twilio.AccountSID != "env" || twilio.AuthToken.IsSet() || len(twilio.Sources) != 1 {
		t.Errorf("%+v, %v", twilio, err)
	}
}

// AUDIT_LOGIN is on unless it is something that PHP takes for false.
func TestAuditsLogins(t *testing.T) {
	for value, want := range map[string]bool{
		"": true, "= true": true, "= 1": true, "= 'false'": true, "= false": false, "= 0": false, "= ''": false, "= null": false,
	} {
		config := "<?php\n"
		if value != "" {
			config += "$conf['AUDIT_LOGIN'] " + value + ";\n"
		}
		i := installation(t, map[string]string{"conf/.env": "", "conf/config.php": config})
		if on, err := i.AuditsLogins(); on != want || err != nil {
			t.Errorf("%q: %t, %v", value, on, err)
		}
	}
	i := installation(t, map[string]string{"conf/.env": "", "conf/config.php": "<?php\n$conf['AUDIT_LOGIN'] = f();\n"})
	if _, err := i.AuditsLogins(); err == nil {
		t.Error("read what only PHP can read")
	}
}

func TestSettingErrors(t *testing.T) {
	env := "DB_NAME=env\nDB_PASSWORD=hunter2 hunter3\n"
	i := installation(t, map[string]string{"conf/.env": env, "conf/config.php": "<?php\n$conf['DB_NAME'] = 'php';"})
	if value, _, ok, err := i.Setting("DB_NAME"); value != "php" || !ok || err != nil {
		t.Errorf("a bad line in conf/.env hides config.php: %v", err)
	}
	_, err := i.Twilio()
	if syntax, ok := errors.AsType[*dotenv.SyntaxError](err); !ok || syntax.Line != 2 || !strings.HasPrefix(err.Error(), "conf/.env line 2") {
		t.Errorf("got %v", err)
	}
	i = installation(t, map[string]string{"conf/.env": "DB_NAME=env", "conf/config.php": "<?php\n\n$conf['DB_NAME'] = f('hunter2');"})
	_, err = i.Database()
	if err == nil || !strings.HasPrefix(err.Error(), "conf/config.php line 3: not readable here") {
		t.Errorf("got %v", err)
	}
	i = installation(t, map[string]string{"conf/.env": "DB_NAME=env", "conf/config.php": "<?php 'hunter2"})
	if _, err = i.Database(); err == nil || !strings.HasPrefix(err.Error(), "conf/config.php line 1") || strings.Contains(err.Error(), "hunter") {
		t.Errorf("got %v", err)
	}
	if _, err = i.Twilio(); err != nil {
		t.Errorf("config.php does not matter for Twilio: %v", err)
	}
}

func TestDatabaseWithInclude(t *testing.T) {
	const all = "<?php require 'x.php'; $conf['DB_NAME'] = 'a'; $conf['DB_USER'] = 'a'; $conf['DB_HOST'] = 'a'; "
	i := installation(t, map[string]string{"conf/.env": "DB_PASSWORD=env", "conf/config.php": all})
	if _, err := i.Database(); err == nil || !strings.Contains(err.Error(), "may set DB_PASSWORD") {
		t.Errorf("got %v", err)
	}
	i = installation(t, map[string]string{"conf/config.php": all + "$conf['DB_PASSWORD'] = null;"})
	if db, err := i.Database(); err != nil || db.Password.IsSet() {
		t.Errorf("got %v", err)
	}
}

func TestSplitHost(t *testing.T) {
	for text, want := range map[string]struct {
		host string
		port int
		bad  bool
	}{
		"": {}, "db": {host: "db"}, "db:5433": {host: "db", port: 5433}, ":5433": {port: 5433},
		"/run/postgresql": {host: "/run/postgresql"}, "/run/postgresql:5433": {host: "/run/postgresql", port: 5433},
		"[::1]": {host: "::1"}, "[::1]:5433": {host: "::1", port: 5433},
		"::1": {bad: true}, "[::1": {bad: true}, "[::1]x": {bad: true}, "db:": {bad: true}, "db:0": {bad: true},
		"db:65536": {bad: true}, "db:+1": {bad: true}, "[]:1": {bad: true},
	} {
		host, port, reason := splitHost(text)
		if host != want.host || port != want.port || (reason != "") != want.bad {
			t.Errorf("%q: %q, %d, %q", text, host, port, reason)
		}
	}
}
