package installation

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestLogAccess(t *testing.T) {
	today := time.Date(2026, 7, 14, 9, 0, 0, 0, time.Local)
	logs := t.TempDir()
	for name, mode := range map[string]os.FileMode{"open": 0o777, "closed": 0o755, "no-search": 0o766} {
		dir := filepath.Join(logs, name)
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		for file, m := range map[string]os.FileMode{"mine-2026-07-14.log": 0o644, "all-2026-07-14.log": 0o666, "old-2026-07-13.log": 0o666} {
			path := filepath.Join(dir, file)
			if err := os.WriteFile(path, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(path, m); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Chmod(dir, mode); err != nil {
			t.Fatal(err)
		}
	}
	nobody := WebUser{Name: "web", UID: 1 << 20, GID: 1 << 20, Groups: groups(1 << 20)}
	for _, c := range []struct {
		config string
		user   WebUser
		path   string // under logs
		denied string // under logs
	}{
		{"open/uzerp", nobody, "open/uzerp", ""},
		{"closed/uzerp", nobody, "closed/uzerp", "closed"}, // as /var/log/uzerp
		{"no-search/uzerp", nobody, "no-search/uzerp", "no-search"},
		{"closed/uzerp", WebUser{Name: "root"}, "closed/uzerp", ""},
		{"closed/uzerp", WebUser{Name: "me", UID: os.Getuid(), Groups: groups(os.Getgid())}, "closed/uzerp", ""},
		{"closed/all.log", nobody, "closed/all.log", ""}, // today's file is there
		{"closed/old.log", nobody, "closed/old.log", "closed"},
		{"open/mine.log", nobody, "open/mine.log", "open/mine-2026-07-14.log"},
		{"open/a/b/uzerp.log", nobody, "open/a/b/uzerp.log", ""}, // uzERP makes directories
		{"closed/a/b/uzerp.log", nobody, "closed/a/b/uzerp.log", "closed"},
	} {
		i := installation(t, map[string]string{"conf/config.php": "<?php\n$conf['UZERP_LOG_PATH'] = '" + filepath.Join(logs, c.config) + "';\n"})
		got, err := i.LogAccess(c.user, today)
		want := LogAccess{Path: filepath.Join(logs, c.path), Source: "conf/config.php line 2", User: c.user.Name}
		if c.denied != "" {
			want.Denied = filepath.Join(logs, c.denied)
		}
		if err != nil || got != want {
			t.Errorf("%s as %s: %+v, %v", c.config, c.user.Name, got, err)
		}
	}
	for config, want := range map[string]LogAccess{
		"<?php\n":                              {},
		"<?php\n$conf['UZERP_LOG_PATH'] = '';": {},
		"<?php\n$conf['UZERP_LOG_PATH'] = 'php://stderr';": {Unknown: "it does not name a file"},
	} {
		i := installation(t, map[string]string{"conf/config.php": config})
		if got, err := i.LogAccess(nobody, today); err != nil || got.Unknown != want.Unknown || got.Denied != "" || want.Unknown == "" && got != want {
			t.Errorf("%s: %+v, %v", config, got, err)
		}
	}
	i := installation(t, map[string]string{"conf/config.php": "<?php\n$conf['UZERP_LOG_PATH'] = getenv('LOG');\n"})
	if got, err := i.LogAccess(nobody, today); err == nil {
		t.Errorf("only PHP knows it: %+v", got)
	}
	i = installation(t, map[string]string{"conf/config.php": "<?php\n$conf['UZERP_LOG_PATH'] = 'logs/uzerp.log';\n"})
	if got, err := i.LogAccess(WebUser{}, today); err != nil || got.Path != filepath.Join(i.Root, "logs/uzerp.log") || got.Unknown == "" {
		t.Errorf("no web server's user: %+v, %v", got, err)
	}
}
