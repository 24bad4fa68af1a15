package cmd_test

import (
	"bytes"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"uzerp-mfa/internal/output"
)

// checkSecrets runs after every command: no output may show what the contract forbids.
func checkSecrets(ts *testscript.TestScript, args []string, stdout, stderr string, onTerminal bool) {
	s := sceneOf(ts)
	reveal := slices.Contains(args, "--reveal") || onTerminal
	log, _ := os.ReadFile(ts.MkAbs(ts.Getenv("UZERP_MFA_AUDIT_LOG"))) // it does not exist before the first change
	s.noteNumbers()
	if what := leak(stdout, stderr, string(log), args, s.verify.SentCodes(), s.numbers); what != "" {
		ts.Fatalf("%s", what)
	}
	for _, secret := range s.verify.Secrets() {
		if bytes.Contains(log, []byte(secret)) {
			ts.Fatalf("the audit log shows a TOTP secret")
		}
	}
	for _, secret := range []string{authToken, dbPassword, apiSecret} {
		if strings.Contains(stdout+stderr+string(log), secret) {
			ts.Fatalf("the output shows a secret: %s", secret)
		}
	}
	for _, secret := range s.verify.Secrets() {
		for _, form := range []string{secret, output.Groups(secret)} {
			if strings.Contains(stderr, form) && !onTerminal || strings.Contains(stdout, form) && !reveal {
				ts.Fatalf("the output shows a TOTP secret")
			}
		}
	}
	for _, r := range s.verify.Requests() {
		code := r.Values.Get("AuthPayload")
		if code != "" && regexp.MustCompile(`\b`+regexp.QuoteMeta(code)+`\b`).MatchString(stderr) && !onTerminal {
			ts.Fatalf("stderr shows a one-time code")
		}
	}
}

// noteNumbers remembers the phone numbers of the requests so far.
func (s *scene) noteNumbers() {
	for _, r := range s.verify.Requests() {
		if to := r.Values.Get("To"); to != "" && !slices.Contains(s.numbers, to) {
			s.numbers = append(s.numbers, to)
		}
	}
}

// leak returns a message if a code that was sent, or the number that it was sent to, is shown; otherwise "". The
// output may show a number that the operator gave with --to. The audit log may have numbers, and so may the output of
// audit-log.
func leak(stdout, stderr, log string, args, codes, numbers []string) string {
	for _, code := range codes {
		if regexp.MustCompile(`\b` + regexp.QuoteMeta(code) + `\b`).MatchString(stdout + "\n" + stderr + "\n" + log) {
			return "the output or the audit log shows a code that was sent"
		}
	}
	ofLog := len(args) > 0 && args[0] == "audit-log"
	if ofLog || slices.ContainsFunc(args, func(arg string) bool { return arg == "--to" || strings.HasPrefix(arg, "--to=") }) {
		return ""
	}
	for _, number := range numbers {
		if digits := strings.TrimPrefix(number, "+"); strings.Contains(stdout+"\n"+stderr, digits) { // also as %2B44…
			return "the output shows a whole phone number"
		}
	}
	return ""
}

// TestLeak checks that the check of every run can fail.
func TestLeak(t *testing.T) {
	codes, numbers := []string{"111111", "482913"}, []string{"+447700900123"}
	for _, tt := range []struct {
		stdout, stderr, log string
		args                []string
		leaks               bool
	}{
		{stdout: "sent to +44 *******123", log: `{"n":1482913}`},
		{stdout: "482913", leaks: true},
		{stderr: "-v: Code=482913", leaks: true},
		{log: `{"code":"482913"}`, leaks: true},
		{stdout: "482913", args: []string{"--to", "+447700900123"}, leaks: true},
		{stdout: "sent to +447700900123", leaks: true},
		{stderr: "POST To=%2B447700900123", leaks: true},
		{stdout: "sent to +447700900123", args: []string{"--to=+447700900123"}},
		{stdout: "sent to +447700900123", args: []string{"--to", "+447700900123"}},
		{log: `{"to":"+447700900123"}`},
		{stdout: "sent to +447700900123", args: []string{"audit-log", "show"}},
	} {
		if got := leak(tt.stdout, tt.stderr, tt.log, tt.args, codes, numbers); (got != "") != tt.leaks {
			t.Errorf("%+v: %q", tt, got)
		}
	}
}
