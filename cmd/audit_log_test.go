package cmd

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/operator"
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
		if got := app.auditLog(forReading); got != own {
			t.Errorf("default: %s", got)
		}
	}
	env["UZERP_MFA_AUDIT_LOG"] = "/named"
	if got := app.auditLog(forReading); got != "/named" {
		t.Errorf("environment: %s", got)
	}
	app.flags.auditLog = "given"
	if got := app.auditLog(forReading); got != "given" {
		t.Errorf("flag: %s", got)
	}
}

// A refusal is never in a log that the operator has named.
func TestLogOfARefusal(t *testing.T) {
	state := t.TempDir()
	env := map[string]string{"XDG_STATE_HOME": state, "UZERP_MFA_AUDIT_LOG": "/named"}
	app := newApp(Process{In: os.Stdin, Out: os.Stdout, Err: os.Stderr, MachineAuditLog: "/machine",
		Getenv: func(name string) (string, bool) { v, ok := env[name]; return v, ok }})
	app.policy = policy.Default("/none")
	app.flags.auditLog = "/given"
	for use, want := range map[logUse]string{forChanges: "/given", forReading: "/given"} {
		if got := app.auditLog(use); got != want {
			t.Errorf("%d: %s", use, got)
		}
	}
	if got := app.auditLog(forRefusals); got == "/given" || got == "/named" {
		t.Errorf("a refusal: %s", got)
	}
	app.caller = &operator.Caller{}
	for use, want := range map[logUse]string{forChanges: "/given", forReading: "/given", forRefusals: "/machine"} {
		if got := app.auditLog(use); got != want {
			t.Errorf("through sudo, %d: %s", use, got)
		}
	}
	app.flags.auditLog, env["UZERP_MFA_AUDIT_LOG"] = "", ""
	for _, use := range []logUse{forChanges, forReading, forRefusals} {
		if got := app.auditLog(use); got != "/machine" {
			t.Errorf("through sudo, none named, %d: %s", use, got)
		}
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
	// After a time that is still to come nothing can be found: that must not look like "nothing happened".
	for _, text := range []string{"2999-01-01T00:00:00Z", now.Add(time.Second).Format(time.RFC3339)} {
		if got, err := parseSince(text, now); errs.KindOf(err) != errs.Usage {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	if got, err := parseSince("0s", now); err != nil || !got.Equal(now) {
		t.Error(got, err)
	}
	for _, text := range []string{"-1h", "-1d", "d", "1.5d", "99999999d", "2026-07-14", "now", "5"} {
		if got, err := parseTime("--since", text, now); errs.KindOf(err) != errs.Usage {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
}
