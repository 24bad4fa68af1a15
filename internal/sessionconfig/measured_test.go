package sessionconfig

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"uzerp-mfa/internal/finding"
	"uzerp-mfa/internal/installation"
)

// The check agrees with what uzERP's own sequence of checks did, measured with PHP (testdata/phpdotenv of package
// dotenv): which pages ended with an error, whether sessions were managed, and with which limits.
func TestSessionCheckAgreesWithUzerp(t *testing.T) {
	data, err := os.ReadFile("../installation/dotenv/testdata/phpdotenv/safeload.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for line := range bytes.Lines(data) {
		var c struct {
			ID, Group, Input, Page, Sessions, Special, Twilio string
			Preset                                            map[string]string
			MaxAge                                            *string `json:"USER_SESSION_MAX_AGE_SECS"`
			Activity                                          *string `json:"USER_ACTIVITY_TIMEOUT_SECS"`
		}
		if err := json.Unmarshal(line, &c); err != nil {
			t.Fatal(err)
		}
		if c.Group != "uzerp-checks" || c.Special != "" || len(c.Preset) > 0 {
			continue
		}
		n++
		path := filepath.Join(t.TempDir(), ".env")
		if err := os.WriteFile(path, []byte(c.Input), 0o600); err != nil {
			t.Fatal(err)
		}
		env, err := installation.ReadEnvFile(path)
		if err != nil {
			t.Fatal(err)
		}
		in := Input{Env: env}
		has := func(prefix string) bool {
			return slices.ContainsFunc(Check(in), func(f finding.Finding) bool { return strings.HasPrefix(f.ID, prefix) })
		}
		managed := IsOn(env.Settings[Manage].Value.Reveal())
		switch {
		case strings.HasPrefix(c.Page, "uncaught"):
			if env.Syntax == nil || !has("env-syntax") {
				t.Errorf("%s: the line is not rejected", c.ID)
			}
			continue
		case c.Page == "exit":
			if !managed || len(Lockouts(env)) == 0 {
				t.Errorf("%s: not told that every page ends", c.ID)
			}
			continue
		}
		if managed != (c.Sessions == "on") || has("sessions-not-managed") == managed {
			t.Errorf("%s: managed %v", c.ID, managed)
		}
		if managed && len(Lockouts(env)) > 0 && !has("limit-zero") && !has("limit-overflow") {
			t.Errorf("%s: told that nobody can work, but the page is shown", c.ID)
		}
		for name, want := range map[string]*string{MaxAge: c.MaxAge, ActivityTimeout: c.Activity} {
			if got := env.Settings[name].Value.Reveal(); managed && want != nil && got != *want {
				t.Errorf("%s: %s is %q", c.ID, name, got)
			}
		}
		if has("twilio-missing") != (c.Twilio == "refused") {
			t.Errorf("%s: Twilio's settings are %s", c.ID, c.Twilio)
		}
	}
	if n < 15 {
		t.Errorf("only %d cases", n)
	}
	t.Logf("%d cases", n)
}
