package installation

import (
	"path/filepath"
	"testing"

	"uzerp-mfa/internal/installation/treetest"
)

func TestFindSessionCleaner(t *testing.T) {
	const unit, wants = "lib/systemd/system/phpsessionclean.timer", "etc/systemd/system/timers.target.wants/phpsessionclean.timer"
	if c := FindSessionCleaner(treetest.Write(t, nil)); c != (SessionCleaner{}) {
		t.Errorf("empty: %+v", c)
	}
	root := treetest.Write(t, map[string]string{unit: "x", wants: "-> /lib/systemd/system/phpsessionclean.timer", "etc/cron.d/php": "x"})
	if c := FindSessionCleaner(root); !c.TimerEnabled || c.Timer == "" || c.Cron == "" || c.Systemd {
		t.Errorf("enabled: %+v", c)
	}
	root = treetest.Write(t, map[string]string{unit: "x", wants: "-> x/y", "etc/systemd/system/phpsessionclean.timer": "-> /dev/null"})
	if c := FindSessionCleaner(root); c.TimerEnabled || c.Timer == "" {
		t.Errorf("masked: %+v", c)
	}
	if path, active := FindSessionCleaner(treetest.Write(t, map[string]string{unit: "x", wants: "-> x",
		"run/systemd/system/x": ""})).Job(); !active || filepath.Base(path) != filepath.Base(unit) {
		t.Errorf("the timer: %s, %v", path, active)
	}
	if path, active := FindSessionCleaner(treetest.Write(t, map[string]string{unit: "x", wants: "-> x",
		"etc/cron.d/php": "x"})).Job(); !active || filepath.Base(path) != "php" {
		t.Errorf("cron, without systemd: %s, %v", path, active)
	}
	if c := FindSessionCleaner(treetest.Write(t, map[string]string{unit: "x"})); c.TimerEnabled {
		t.Errorf("disabled: %+v", c)
	}
}
