package config_test

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"uzerp-mfa/internal/config"
)

// shown returns the result of Settings, a line "NAME=VALUE (SOURCE)" for each setting that is set.
func shown(l *config.Loader) string {
	root := strings.NewReplacer(cmp.Or(l.UzerpRoot, "\x00"), "ROOT")
	var all []string
	for _, s := range l.Settings() {
		if s.Value != "" {
			all = append(all, fmt.Sprintf("%s=%s (%s)", s.Name, root.Replace(s.Value), root.Replace(s.Source)))
		}
	}
	return strings.Join(all, "\n")
}

func TestSettingsAreShown(t *testing.T) {
	files := map[string]string{
		"conf/.env": "TWILIO_ACCOUNT_SID=" + account + "\nTWILIO_SERVICE_SID=" + service + "\nTWILIO_AUTH_TOKEN=sesame\nDB_NAME=erp\nDB_USER=u\nDB_PASSWORD=sesame\n",
	}
	const address = "\nUZERP_MFA_VERIFY_URL=https://verify.twilio.com (default)"
	for _, test := range []struct {
		name string
		env  map[string]string
		uses map[string]string
		want string
	}{
		{"all from uzERP's file", nil, files,
			"database=set (conf/.env)\nuzERP directory=ROOT (--uzerp-root)\nTWILIO_ACCOUNT_SID=" + account + " (conf/.env line 1)\nTWILIO_SERVICE_SID=" + service +
				" (conf/.env line 2)\nTWILIO_AUTH_TOKEN=set (conf/.env line 3)" + address},
		{"the environment before it", map[string]string{"DATABASE_URL": "postgres://u:sesame@h/db", "TWILIO_API_KEY": key, "TWILIO_API_SECRET": "sesame"}, files,
			"database=set (DATABASE_URL)\nuzERP directory=ROOT (--uzerp-root)\nTWILIO_ACCOUNT_SID=" + account + " (conf/.env line 1)\nTWILIO_SERVICE_SID=" + service +
				" (conf/.env line 2)\nTWILIO_API_KEY=set (the environment)\nTWILIO_API_SECRET=set (the environment)" + address},
		{"half of them", map[string]string{"TWILIO_ACCOUNT_SID": account, "PGHOST": "h"}, nil,
			"database=set (PGHOST)\nTWILIO_ACCOUNT_SID=" + account + " (the environment)" + address},
		{"a token in the wrong line", map[string]string{"TWILIO_ACCOUNT_SID": "sesame", "TWILIO_SERVICE_SID": "VAsesame"}, nil,
			"TWILIO_ACCOUNT_SID=set, but no SID (the environment)\nTWILIO_SERVICE_SID=set, but no SID (the environment)" + address},
		{"another address", map[string]string{"UZERP_MFA_VERIFY_URL": "http://127.0.0.1:4010/"}, nil, "UZERP_MFA_VERIFY_URL=http://127.0.0.1:4010 (the environment)"},
		{"an address with a password", map[string]string{"UZERP_MFA_VERIFY_URL": "https://u:sesame@h/"}, nil,
			"UZERP_MFA_VERIFY_URL=set, but no plain address (the environment)"},
		{"an address that is none", map[string]string{"UZERP_MFA_VERIFY_URL": "sesame%zz"}, nil, "UZERP_MFA_VERIFY_URL=set, but no plain address (the environment)"},
		{"a file that can't be read", nil, map[string]string{"conf/.env": "DB_PASSWORD=open sesame\n"}, "uzERP directory=ROOT (--uzerp-root)" + address},
	} {
		l := loader(t, test.env, test.uses)
		got := shown(l)
		if got = strings.TrimSpace(got); got != strings.TrimSpace(test.want) {
			t.Errorf("%s:\n%s\nwant\n%s", test.name, got, test.want)
		}
		if strings.Contains(got, "sesame") {
			t.Errorf("%s: a secret shows", test.name)
		}
	}
}

func TestRootTellsItsSource(t *testing.T) {
	l := loader(t, nil, nil)
	if path, source := l.Root(); path != "" || source != "" {
		t.Errorf("%q by %q", path, source)
	}
	write(t, l.Dir, "system.php", "<?php")
	if err := os.Mkdir(filepath.Join(l.Dir, "conf"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ flag, env, path, source string }{
		{"", "", l.Dir, "the working directory"},
		{"", "sub", filepath.Join(l.Dir, "sub"), "UZERP_ROOT"},
		{"/flag", "sub", "/flag", "--uzerp-root"},
	} {
		l.UzerpRoot, l.Getenv = test.flag, func(string) (string, bool) { return test.env, test.env != "" }
		if path, source := l.Root(); path != test.path || source != test.source {
			t.Errorf("%q by %q, want %q by %q", path, source, test.path, test.source)
		}
	}
}

func TestSame(t *testing.T) {
	env := map[string]string{"TWILIO_ACCOUNT_SID": account, "TWILIO_SERVICE_SID": service, "TWILIO_AUTH_TOKEN": "x"}
	first, err := loader(t, env, nil).Twilio()
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"": "", "TWILIO_ACCOUNT_SID": account2, "TWILIO_SERVICE_SID": "VA2", "TWILIO_AUTH_TOKEN": "y", "UZERP_MFA_VERIFY_URL": "https://h",
	} {
		other := map[string]string{name: value}
		for n, v := range env {
			if n != name {
				other[n] = v
			}
		}
		second, err := loader(t, other, nil).Twilio()
		if err != nil {
			t.Fatal(err)
		}
		if first.Same(second) != (name == "") {
			t.Errorf("with another %q they are the same: %v", name, first.Same(second))
		}
	}
}
