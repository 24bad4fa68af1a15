package twilio

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"uzerp-mfa/internal/emulator"
	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/mfa"
	"uzerp-mfa/internal/secret"
)

// Each operation names the permission that a restricted key lacks, and no call with it works: the emulator knows which call needs
// which permission by itself.
func TestMissingPermissionIsNamed(t *testing.T) {
	for _, op := range operations() {
		t.Run(op.name, func(t *testing.T) {
			s := start(t)
			s.play(op.request, apiError(401, 70051, "Authorization Failed"))
			err := op.run(s.Client, t.Context())
			wantError(t, err, errs.Config, false)
			hint := errs.HintOf(err)
			if !errors.Is(err, mfa.ErrNotPermitted) || !strings.Contains(err.Error(), "the API key lacks the permission /twilio/verify/") || len(hint.Parts) != 2 {
				t.Fatalf("%v, hint %s", err, hint)
			}
			lacks := hint.Parts[0].(string)
			run, keyed := restricted(t, lacks)
			if err := op.run(keyed, t.Context()); errors.Is(err, mfa.ErrNotPermitted) {
				t.Errorf("with %s alone: %v", lacks, err)
			}
			run.SetKey(emulator.Credential{Username: key, Password: password, Permissions: []string{}})
			if err := op.run(keyed, t.Context()); !errors.Is(err, mfa.ErrNotPermitted) {
				t.Errorf("without: %v", err)
			}
		})
	}
}

// restricted returns an emulator, and a client whose key may do this and look at the service.
func restricted(t *testing.T, permissions ...string) (*emulator.Running, *Client) {
	t.Helper()
	run, err := emulator.Start("", emulator.Options{AccountSID: account, ServiceSID: service, Credentials: []emulator.Credential{
		{Username: key, Password: password, Permissions: append(permissions, "/twilio/verify/service/read")}}})
	must(t, err)
	t.Cleanup(func() { _ = run.Close() })
	c, err := New(Config{AccountSID: account, ServiceSID: service, Username: key, Password: secret.New(password), BaseURL: run.URL})
	must(t, err)
	t.Cleanup(c.CloseIdle)
	return run, c
}

// What a key may do is found out without a change, once for each call, and not at all for the account's own token.
func TestAllowed(t *testing.T) {
	const update, remove = "/twilio/verify/factor/update", "/twilio/verify/factor/delete"
	run, c := restricted(t, remove)
	made := run.AddFactor(identity, "alice", emulator.Unverified)
	for range 2 {
		must(t, c.Allowed(t.Context(), identity, mfa.CallDelete))
	}
	err := c.Allowed(t.Context(), identity, mfa.CallVerify, mfa.CallDelete)
	wantError(t, err, errs.Config, false)
	if !errors.Is(err, mfa.ErrNotPermitted) || !strings.Contains(err.Error(), update) {
		t.Error(err)
	}
	run.SetKey(emulator.Credential{Username: key, Password: password, Permissions: []string{update}})
	must(t, c.Allowed(t.Context(), identity, mfa.CallVerify))
	if got := run.Factors(identity); len(got) != 1 || got[0].SID != made.SID || len(run.Changing()) != 0 {
		t.Errorf("%+v, %+v", got, run.Changing())
	}
	if n := len(run.Requests()); n != 3 {
		t.Errorf("%d requests", n)
	}

	s := start(t, func(c *Config) { c.Username = account })
	must(t, s.Allowed(t.Context(), identity, mfa.CallVerify, mfa.CallDelete))
	if len(s.calls) != 0 {
		t.Error(s.calls)
	}
	s = start(t)
	for name, answer := range map[string]http.HandlerFunc{"503": apiError(503, 20503, "x"), "reset": reset} {
		s.play("DELETE "+factorsPath+"/"+noFactor, answer)
		if err := s.Allowed(t.Context(), identity, mfa.CallDelete); errs.KindOf(err) != errs.Unavailable {
			t.Errorf("%s: %v", name, err)
		}
	}
	wantError(t, s.Allowed(t.Context(), "x", mfa.CallDelete), errs.Failure, false)
}

// A long wait says when it is over, in seconds and as a time of day.
func TestRetryAfterSaysWhen(t *testing.T) {
	for _, header := range []string{"3600", time.Date(2026, 1, 1, 13, 0, 0, 0, time.UTC).Format(http.TimeFormat)} {
		t.Run(header, func(t *testing.T) { saysWhen(t, header) })
	}
}

// saysWhen plays an answer of noon, by Twilio's clock. The time of day is one of this machine's.
func saysWhen(t *testing.T, header string) {
	s := start(t)
	noon := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC).Format(http.TimeFormat)
	s.play("GET "+factorPath, apiError(429, 20429, "Too Many Requests", "Retry-After", header, "Date", noon))
	before := s.now()
	_, err := s.FetchFactor(t.Context(), identity, factor)
	wantError(t, err, errs.Unavailable, false)
	hint := errs.HintOf(err).Text
	if !strings.Contains(err.Error(), "asked to wait 1h0m0s (3600 s, until ") || !strings.HasPrefix(hint, "run the command again at ") {
		t.Errorf("%v, hint %q", err, hint)
	}
	text := strings.TrimSuffix(strings.TrimPrefix(hint, "run the command again at "), " or later")
	if want := before.Add(time.Hour); !strings.Contains(text, want.Format("15:04")) && !strings.Contains(text, want.Add(time.Minute).Format("15:04")) {
		t.Errorf("at %q, want %s", text, want)
	}
}
