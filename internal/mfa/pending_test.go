package mfa_test

import (
	"errors"
	"testing"
	"time"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/mfa"
	"uzerp-mfa/internal/mfa/mfatest"
	"uzerp-mfa/internal/totp"
)

func TestSubmitUntilVerified(t *testing.T) {
	gone := errors.New("the terminal went away")
	for name, test := range map[string]struct {
		codes    []string // "right", or one that is rejected; after the last, asking fails
		attempts int
		asked    int
		kind     errs.Kind
		state    mfa.State
	}{
		"the first code":    {[]string{"right"}, 3, 1, -1, mfa.StateEnrolled},
		"the last code":     {[]string{"000000", "000001", "right"}, 3, 3, -1, mfa.StateEnrolled},
		"one code too many": {[]string{"000000", "000001", "right"}, 2, 2, errs.CodeRejected, mfa.StateNotEnrolled},
		"no code":           {[]string{"000000"}, 3, 2, errs.Failure, mfa.StateNotEnrolled},
		"another length":    {[]string{"00000", "0000000", "right"}, 1, 3, -1, mfa.StateEnrolled},
	} {
		w := mfatest.NewWorld(mfatest.Fresh("alice", uuidA))
		p := begin(t, w, "alice")
		asked := 0
		err := p.SubmitUntilVerified(t.Context(), test.attempts, func(rejected error) (string, error) {
			asked++
			if (rejected != nil) != (asked > 1) || rejected != nil && errs.KindOf(rejected) != errs.CodeRejected {
				t.Errorf("%s: asked %d times, and was told %v", name, asked, rejected)
			}
			switch {
			case asked > len(test.codes):
				return "", gone
			case test.codes[asked-1] == "right":
				return w.Code(t, p.Factor.SID, 0), nil
			}
			return test.codes[asked-1], nil
		})
		if asked != test.asked || (err == nil) != (test.kind < 0) || err != nil && errs.KindOf(err) != test.kind || w.Users["alice"].State() != test.state {
			t.Errorf("%s: asked %d times, %v, alice is %s", name, asked, err, w.Users["alice"].State())
		}
		if (test.kind == errs.Failure) != errors.Is(err, gone) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// When Twilio takes no more codes, no other one is asked for.
func TestNoCodeIsAskedForInVain(t *testing.T) {
	w := mfatest.NewWorld(mfatest.Fresh("alice", uuidA))
	p := begin(t, w, "alice")
	w.Secrets[p.Factor.SID] = w.Secrets["none"] // Twilio takes none of the codes that look right here
	asked := 0
	err := p.SubmitUntilVerified(t.Context(), 9, func(error) (string, error) {
		asked++
		code, err := totp.Code(p.Factor.Secret, p.Factor.TOTP, w.Clock)
		return code, err
	})
	if asked != mfa.MaxAttempts || !errors.Is(err, mfa.ErrAttemptsUsedUp) || errs.HintOf(err).String() != "attempts-used-up(alice)" {
		t.Errorf("asked %d times, %v", asked, err)
	}
}

func TestPendingLifetime(t *testing.T) {
	made := time.Date(2026, 7, 1, 8, 0, 0, 0, time.UTC)
	p := &mfa.PendingEnrollment{Factor: mfa.NewFactor{Factor: mfa.Factor{Created: made}}}
	if sure, latest := p.Lifetime(made.Add(time.Minute)); !sure.Equal(made.Add(time.Hour)) || !latest.Equal(made.Add(24*time.Hour)) {
		t.Error(sure, latest)
	}
	p.Factor.Created = time.Time{}
	if sure, _ := p.Lifetime(made); !sure.Equal(made.Add(time.Hour)) {
		t.Error(sure)
	}
}
