package twilio

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"uzerp-mfa/internal/emulator"
	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/mfa"
	"uzerp-mfa/internal/secret"
	"uzerp-mfa/internal/verifyservice"
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
	for name, answer := range map[string]http.HandlerFunc{"503": apiError(503, 20503, "x"), "reset": reset, "torn": truncated} {
		s.play("DELETE "+factorsPath+"/"+noFactor, answer)
		if err := s.Allowed(t.Context(), identity, mfa.CallDelete); errs.KindOf(err) != errs.Unavailable {
			t.Errorf("%s: %v", name, err)
		}
	}
	wantError(t, s.Allowed(t.Context(), "x", mfa.CallDelete), errs.Failure, false)
}

// A question for what does not exist has no effect, whatever its method: it is repeated after an outage, and its answer that is lost
// leaves nothing open.
func TestAskingHasNoEffect(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{"503": apiError(503, 20503, "x"), "reset": reset} {
		s := start(t)
		for what, ask := range map[string]func() error{
			"POST " + checkPath:                      func() error { return s.MayCheck(t.Context()) },
			"POST " + factorsPath + "/" + noFactor:   func() error { return s.Allowed(t.Context(), identity, mfa.CallVerify) },
			"DELETE " + factorsPath + "/" + noFactor: func() error { return s.Allowed(t.Context(), identity, mfa.CallDelete) },
		} {
			s.play(what, answer)
			err := ask()
			if errs.KindOf(err) != errs.Unavailable || errors.Is(err, errs.ErrLostReply) || s.count(what) != maxTries {
				t.Errorf("%s, %s: %v after %d tries", name, what, err, s.count(what))
			}
			s.play(what, answer, apiError(404, 20404, "not found"))
			if err := ask(); err != nil {
				t.Errorf("%s, %s, and then an answer: %v", name, what, err)
			}
		}
	}
}

// Before a code is sent it is asked whether it can be checked. That sends nothing, and is no try of any code.
func TestMayCheck(t *testing.T) {
	const read, check = "/twilio/verify/verification/read", "/twilio/verify/verification-check/create"
	for lacks, has := range map[string]string{read: check, check: read} {
		run, c := restricted(t, has, "/twilio/verify/verification/create")
		err := c.MayCheck(t.Context())
		wantError(t, err, errs.Config, false)
		if !errors.Is(err, mfa.ErrNotPermitted) || !strings.Contains(err.Error(), lacks) || len(run.Changing()) != 0 {
			t.Errorf("%v, %+v", err, run.Changing())
		}
	}
	run, c := restricted(t, read, check)
	for range 2 {
		must(t, c.MayCheck(t.Context()))
	}
	if n := len(run.Requests()); n != 2 || len(run.Changing()) != 0 {
		t.Errorf("%d requests, %+v", n, run.Changing())
	}
}

// Access only reads, and says of every permission whether it is there, missing or not known.
func TestAccess(t *testing.T) {
	all := verifyservice.Permissions()
	for name, lacks := range map[string][]verifyservice.Permission{"nothing": nil, "entities": {verifyservice.MayListEntities},
		"all": {verifyservice.MayListEntities, verifyservice.MayListFactors, verifyservice.MayReadFactor, verifyservice.MayListChallenges,
			verifyservice.MayReadVerification}} {
		var has []string
		for _, p := range all {
			if p != verifyservice.MayReadService && !slices.Contains(lacks, p) {
				has = append(has, string(p))
			}
		}
		run, c := restricted(t, has...)
		got, err := c.Access(t.Context())
		must(t, err)
		if !slices.Equal(got.Lacks, lacks) {
			t.Errorf("%s: lacks %v", name, got.Lacks)
		}
		seen := slices.Concat(got.Has, got.Lacks, got.Unknown)
		slices.Sort(seen)
		if want := slices.Sorted(slices.Values(all)); !slices.Equal(seen, want) {
			t.Errorf("%s: %v", name, seen)
		}
		for _, r := range run.Requests() {
			if r.Method != http.MethodGet {
				t.Errorf("%s: %s %s", name, r.Method, r.Operation)
			}
		}
		for _, p := range got.Unknown {
			if strings.HasSuffix(string(p), "/read") || strings.HasSuffix(string(p), "/list") {
				t.Errorf("%s: %s could be read", name, p)
			}
		}
	}
	s := start(t)
	s.play("GET "+servicePath+"/Entities", apiError(503, 20503, "x"))
	_, err := s.Access(t.Context())
	wantError(t, err, errs.Unavailable, false)
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
