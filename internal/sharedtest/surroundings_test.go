package sharedtest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Everything that a test leaves outside of its own directories is found, wherever it is.
func TestSurroundings(t *testing.T) {
	for _, tt := range []struct {
		name  string
		write func(home, temp, log string) string // the file to make
		found bool
	}{
		{"nothing", func(_, _, _ string) string { return "" }, false},
		{"the user's audit log", func(home, _, _ string) string { return filepath.Join(home, ".local/state/uzerp-mfa/audit.jsonl") }, true},
		{"a new file at home", func(home, _, _ string) string { return filepath.Join(home, ".history") }, true},
		{"settings", func(home, _, _ string) string { return filepath.Join(home, ".config/uzerp-mfa/settings") }, true},
		{"the go command's counters", func(home, _, _ string) string { return filepath.Join(home, ".config/go/telemetry/local/x") }, false},
		{"a temporary file", func(_, temp, _ string) string { return filepath.Join(temp, "uzerp-mfa-1") }, true},
		{"the system's audit log, new", func(_, _, log string) string { return filepath.Join(log, "new") }, true},
		{"the system's audit log, longer", func(_, _, log string) string { return filepath.Join(log, "audit.jsonl") }, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, name := range []string{"HOME", "TMPDIR", "GOCACHE", "GOENV", "GOMODCACHE", "GOPATH",
				"XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME",
				"SUDO_UID", "SUDO_GID", "SUDO_USER", "DOAS_USER", "PKEXEC_UID"} {
				t.Setenv(name, os.Getenv(name)) // so that it is set back after the test
			}
			log := filepath.Join(t.TempDir(), "log")
			write(t, filepath.Join(log, "audit.jsonl"), "1")
			s, err := settle(log)
			if err != nil {
				t.Fatal(err)
			}
			home, err := os.UserHomeDir()
			if err != nil {
				t.Fatal(err)
			}
			file := tt.write(home, os.TempDir(), log)
			if file != "" {
				write(t, file, "12")
			}
			got := strings.Join(s.leave(), "\n")
			if (got != "") != tt.found || tt.found && !strings.Contains(got, file) {
				t.Errorf("found %q", got)
			}
			if _, err := os.Stat(s.dir); !os.IsNotExist(err) {
				t.Errorf("%s is still there: %v", s.dir, err)
			}
		})
	}
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
