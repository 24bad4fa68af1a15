package uzerp

import (
	"os"
	"path/filepath"
	"testing"
)

// tree writes files below a new directory; a content "-> x" makes a link to x.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, content := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		var err error
		if len(content) > 3 && content[:3] == "-> " {
			err = os.Symlink(content[3:], path)
		} else {
			err = os.WriteFile(path, []byte(content), 0o640)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestFindPHPInis(t *testing.T) {
	root := tree(t, map[string]string{
		"8.2/fpm/php.ini": "[PHP]\n; session.gc_maxlifetime = 1\r\nvariables_order = \"GPCS\" ; comment\n" +
			"[Session]\nsession.gc_probability = 0\nSession.Cookie_HttpOnly =\nsession.save_path = \"5;/var/lib/php; x\"\n" +
			"error_reporting = \"a\nsession.gc_divisor = 7\n\"\nsession.gc_divisor = 1000\n[PATH=/srv/x]\nsession.gc_probability = 5\n" +
			"[PHP]\nsession.cookie_secure = Yes",
		"8.2/fpm/conf.d/20-late.ini":  "session.gc_maxlifetime=30000;c",
		"8.2/fpm/conf.d/10-early.ini": "session.gc_maxlifetime=10\nsession.cookie_httponly=On\n",
		"8.2/fpm/conf.d/30-gone.ini":  "-> /nowhere/x.ini",
		"8.2/fpm/conf.d/40-other.txt": "session.gc_maxlifetime=1",
		"8.2/cli/php.ini":             "session.save_path = ${HOME}/s\n",
		"8.2/mods-available/x.ini":    "session.gc_maxlifetime=1",
	})
	inis, err := FindPHPInis(root)
	if err != nil || len(inis) != 2 || inis[0].SAPI != "cli" || inis[1].SAPI != "fpm" || inis[1].Version != "8.2" {
		t.Fatalf("%v, %+v", err, inis)
	}
	if v := inis[0].Values["session.save_path"]; !v.Unknown {
		t.Errorf("save_path with ${…}: %+v", v)
	}
	if v := inis[0].Values["session.gc_maxlifetime"]; v.Text != "1440" || v.File != "" {
		t.Errorf("default: %+v", v)
	}
	want := map[string]struct {
		text string
		line int
		on   bool
	}{
		"session.gc_maxlifetime":  {"30000", 1, true},
		"session.gc_probability":  {"0", 5, false},
		"session.cookie_httponly": {"1", 2, true},
		"session.save_path":       {"5;/var/lib/php; x", 7, false},
		"session.gc_divisor":      {"1000", 11, true},
		"session.cookie_secure":   {"1", 15, true},
		"variables_order":         {"GPCS", 3, false},
	}
	for name, w := range want {
		v := inis[1].Values[name]
		if v.Text != w.text || v.Line != w.line || v.Unknown || name != "session.save_path" && v.Bool() != w.on {
			t.Errorf("%s: %+v", name, v)
		}
	}
}

func TestIniValueInt(t *testing.T) {
	for text, want := range map[string]struct {
		n  int64
		ok bool
	}{
		"1440": {1440, true}, " 5 ": {5, true}, "2K": {2048, true}, "1m": {1 << 20, true}, "1G": {1 << 30, true},
		"": {0, false}, "x": {0, false}, "5x": {5, false}, "-1": {-1, true},
	} {
		if n, ok := (IniValue{Text: text}).Int(); n != want.n || ok != want.ok {
			t.Errorf("%q: %d, %v", text, n, ok)
		}
	}
}

func TestFindSessionCleaner(t *testing.T) {
	const unit, wants = "lib/systemd/system/phpsessionclean.timer", "etc/systemd/system/timers.target.wants/phpsessionclean.timer"
	if c := FindSessionCleaner(tree(t, nil)); c != (SessionCleaner{}) {
		t.Errorf("empty: %+v", c)
	}
	root := tree(t, map[string]string{unit: "x", wants: "-> /lib/systemd/system/phpsessionclean.timer", "etc/cron.d/php": "x"})
	if c := FindSessionCleaner(root); !c.TimerEnabled || c.Timer == "" || c.Cron == "" || c.Systemd {
		t.Errorf("enabled: %+v", c)
	}
	root = tree(t, map[string]string{unit: "x", wants: "-> x/y", "etc/systemd/system/phpsessionclean.timer": "-> /dev/null"})
	if c := FindSessionCleaner(root); c.TimerEnabled || c.Timer == "" {
		t.Errorf("masked: %+v", c)
	}
	if c := FindSessionCleaner(tree(t, map[string]string{unit: "x"})); c.TimerEnabled {
		t.Errorf("disabled: %+v", c)
	}
}

func TestStatFile(t *testing.T) {
	root := tree(t, map[string]string{"a": "x", "l": "-> a"})
	facts, err := StatFile(filepath.Join(root, "l"))
	if err != nil || !facts.Exists || !facts.Symlink || facts.WorldReadable || facts.UID != os.Getuid() {
		t.Errorf("%+v, %v", facts, err)
	}
	if err := os.Chmod(filepath.Join(root, "a"), 0o644); err != nil {
		t.Fatal(err)
	}
	if facts, _ := StatFile(filepath.Join(root, "a")); !facts.WorldReadable || facts.Symlink {
		t.Errorf("%+v", facts)
	}
	if facts, err := StatFile(filepath.Join(root, "none")); err != nil || facts.Exists {
		t.Errorf("%+v, %v", facts, err)
	}
}
