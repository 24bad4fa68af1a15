package cmd

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/policy"
)

func TestPolicyPath(t *testing.T) {
	if policyPath != policy.Path {
		t.Errorf("%s, not %s", policyPath, policy.Path)
	}
}

// In the test binary nothing goes to the machine's syslog. TestTheProgramOfTheTests looks at the other program.
func init() { syslogSocket = "" } //nolint:gochecknoinits // before any test

func TestAuditLogPath(t *testing.T) {
	state := t.TempDir()
	own := filepath.Join(state, "uzerp-mfa", "audit.jsonl")
	env := map[string]string{"XDG_STATE_HOME": state}
	app := newApp(Process{In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Getenv: func(name string) (string, bool) { v, ok := env[name]; return v, ok }})
	if err := os.MkdirAll(filepath.Dir(own), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(own, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat("/var/log/uzerp-mfa"); err != nil { // the machine may have such a log of its own
		if got := auditLogPath(app); got != own {
			t.Errorf("default: %s", got)
		}
	}
	env["UZERP_MFA_AUDIT_LOG"] = "/named"
	if got := auditLogPath(app); got != "/named" {
		t.Errorf("environment: %s", got)
	}
	app.flags.auditLog = "given"
	if got := auditLogPath(app); got != "given" {
		t.Errorf("flag: %s", got)
	}
}

func TestParseTime(t *testing.T) {
	now := time.Date(2026, 7, 14, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Time{
		"":                          {},
		"2026-07-14T10:00:00+02:00": now.Add(-4 * time.Hour),
		"2026-07-14T08:00:00.5Z":    now.Add(-4*time.Hour + time.Second/2),
		"90m":                       now.Add(-90 * time.Minute),
		"0s":                        now,
		"7d":                        now.AddDate(0, 0, -7),
	} {
		if got, err := parseTime("--since", text, now); err != nil || !got.Equal(want) {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"-1h", "-1d", "d", "1.5d", "99999999d", "2026-07-14", "now", "5"} {
		if got, err := parseTime("--since", text, now); errs.KindOf(err) != errs.Usage {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
}
