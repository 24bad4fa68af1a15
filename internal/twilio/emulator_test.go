package twilio

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"testing"
	"time"

	"uzerp-mfa/internal/mfa"
	"uzerp-mfa/internal/twilio/verifytest"
	"uzerp-mfa/internal/twilio/verifytest/oracle"
)

// emulated is a client against the emulator. Every exchange is held against Twilio's own specification, which lies
// outside the project and is missing nowhere that counts.
func emulated(t *testing.T, quirks verifytest.Quirks) (*Client, *verifytest.Running) {
	t.Helper()
	spec, err := oracle.Default()
	if err != nil && (os.Getenv("CI") == "true" || !errors.Is(err, fs.ErrNotExist)) {
		t.Fatal(err)
	}
	run, err := verifytest.Start("", verifytest.Options{Quirks: quirks, Issuer: "ACME"}, func(h http.Handler) http.Handler {
		if spec == nil {
			return h
		}
		return spec.Wrap(h, func(err error) { t.Error(err) })
	})
	if err != nil {
		t.Fatal(err)
	}
	c, err := New(Config{
		AccountSID: verifytest.DefaultAccountSID, ServiceSID: verifytest.DefaultServiceSID,
		Username: verifytest.DefaultAccountSID, Password: mfa.NewSecret(verifytest.DefaultAuthToken), BaseURL: run.URL,
		Rand: func() float64 { return 0 },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.CloseIdle()
		if err := run.Close(); err != nil {
			t.Error(err)
		}
	})
	return c, run
}

func TestLife(t *testing.T) {
	for name, quirks := range map[string]verifytest.Quirks{
		"today": {}, "legacy": {LegacyWrongCode: true, SpecificNotFound: true, NotFoundWithoutVersion: true, NewestFirst: true},
	} {
		t.Run(name, func(t *testing.T) { life(t, quirks) })
	}
}

func life(t *testing.T, quirks verifytest.Quirks) {
	c, run := emulated(t, quirks)
	ctx := t.Context()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	sv, err := c.FetchService(ctx)
	must(err)
	if sv.Issuer != "ACME" || sv.SID != verifytest.DefaultServiceSID {
		t.Errorf("%+v", sv)
	}
	none, err := c.ListFactors(ctx, identity)
	must(err)
	if len(none) != 0 {
		t.Errorf("%+v", none)
	}

	made, err := c.CreateFactor(ctx, identity, "alice & bob")
	must(err)
	if made.Secret.Reveal() != run.Secret(made.SID) || made.Status != mfa.FactorUnverified || made.FriendlyName != "alice & bob" {
		t.Errorf("%+v", made)
	}
	_, err = c.Challenge(ctx, identity, made.SID, "000000")
	wantError(t, err, mfa.KindRefused, false)

	good := func() string {
		t.Helper()
		code, err := run.CodeFor(made.SID, run.Now())
		must(err)
		return code
	}
	bad := func() string { // any other code, far from the accepted window
		t.Helper()
		code, err := run.CodeFor(made.SID, run.Now().Add(-time.Hour))
		must(err)
		return code
	}
	f, err := c.VerifyFactor(ctx, identity, made.SID, bad())
	must(err)
	if f.Status != mfa.FactorUnverified {
		t.Errorf("%+v", f)
	}
	f, err = c.VerifyFactor(ctx, identity, made.SID, good())
	must(err)
	if f.Status != mfa.FactorVerified {
		t.Errorf("%+v", f)
	}
	f, err = c.FetchFactor(ctx, identity, made.SID)
	must(err)
	if f.Status != mfa.FactorVerified || f.SID != made.SID || !f.Created.Equal(made.Created) {
		t.Errorf("%+v", f)
	}

	run.Advance(5 * time.Minute)
	approved, err := c.Challenge(ctx, identity, made.SID, bad())
	must(err)
	if approved {
		t.Error("a wrong code was approved")
	}
	approved, err = c.Challenge(ctx, identity, made.SID, good())
	must(err)
	if !approved {
		t.Error("a right code was not approved")
	}
	if d := run.Now().Sub(c.Now()); d.Abs() > 2*time.Second {
		t.Errorf("clocks differ by %s", d)
	}

	second, err := c.CreateFactor(ctx, identity, "alice 2")
	must(err)
	for range 5 {
		_, err = c.VerifyFactor(ctx, identity, second.SID, "000000")
		must(err)
	}
	_, err = c.VerifyFactor(ctx, identity, second.SID, "000000")
	wantError(t, err, mfa.KindRefused, false)
	if !errors.Is(err, mfa.ErrAttemptsUsedUp) {
		t.Error(err)
	}

	// One page more than fits: made behind the API's back, as Twilio would refuse so many.
	for i := range pageSize + 5 {
		run.Advance(time.Second)
		run.AddFactor(identity, fmt.Sprint("f", i), verifytest.Verified)
	}
	all, err := c.ListFactors(ctx, identity)
	must(err)
	if len(all) != pageSize+7 || all[0].SID != made.SID || all[1].SID != second.SID || all[len(all)-1].FriendlyName != fmt.Sprint("f", pageSize+4) {
		t.Errorf("%d factors", len(all))
	}

	for range 2 {
		must(c.DeleteFactor(ctx, identity, made.SID))
	}
	_, err = c.FetchFactor(ctx, identity, made.SID)
	wantError(t, err, mfa.KindNotFound, false)
	_, err = c.Challenge(ctx, identity, made.SID, good())
	wantError(t, err, mfa.KindNotFound, false)
	run.DeleteEntityNow(identity)
	none, err = c.ListFactors(ctx, identity)
	must(err)
	if len(none) != 0 {
		t.Errorf("%+v", none)
	}
}

// A lost reply of the emulator took effect: the factor is there, verified, or gone.
func TestLostReplies(t *testing.T) {
	c, run := emulated(t, verifytest.Quirks{})
	ctx := t.Context()
	run.AddFault(verifytest.Fault{Operation: "CreateNewFactor", ResetAfter: true, Times: 1})
	_, err := c.CreateFactor(ctx, identity, "alice")
	wantError(t, err, mfa.KindUnavailable, true)
	fs, err := c.ListFactors(ctx, identity)
	if err != nil || len(fs) != 1 {
		t.Fatal(fs, err)
	}
	made := fs[0]

	code, err := run.CodeFor(made.SID, run.Now())
	if err != nil {
		t.Fatal(err)
	}
	run.AddFault(verifytest.Fault{Operation: "UpdateFactor", Truncated: true, Times: 1})
	if f, err := c.VerifyFactor(ctx, identity, made.SID, code); err != nil || f.Status != mfa.FactorVerified {
		t.Errorf("%+v %v", f, err)
	}
	run.AddFault(verifytest.Fault{Operation: "DeleteFactor", ResetAfter: true, Times: 1})
	if err := c.DeleteFactor(ctx, identity, made.SID); err != nil {
		t.Error(err)
	}
	if left := run.Factors(identity); len(left) != 0 {
		t.Errorf("%+v", left)
	}
}

func TestWrongCredentialsAndService(t *testing.T) {
	_, run := emulated(t, verifytest.Quirks{})
	cfg := Config{AccountSID: verifytest.DefaultAccountSID, ServiceSID: service, Username: verifytest.DefaultAccountSID,
		Password: mfa.NewSecret(verifytest.DefaultAuthToken), BaseURL: run.URL}
	for _, tc := range []struct {
		change func()
		kind   mfa.Kind
	}{{func() {}, mfa.KindNotFound}, {func() { cfg.Password = mfa.NewSecret(password) }, mfa.KindConfig}} {
		tc.change()
		c, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer c.CloseIdle()
		for _, err := range []error{
			second(c.FetchService(t.Context())), second(c.ListFactors(t.Context(), identity)), c.DeleteFactor(t.Context(), identity, factor),
		} {
			wantError(t, err, tc.kind, false)
		}
	}
}
