package twilio

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"uzerp-mfa/internal/caller"
	"uzerp-mfa/internal/emulator"
	"uzerp-mfa/internal/emulator/oracle"
	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/mfa"
	"uzerp-mfa/internal/secret"
)

// emulated returns a client of the emulator. Every exchange is checked against Twilio's own specification if that is at
// hand: it is not in the repository.
func emulated(t *testing.T, quirks emulator.Quirks) (*Client, *emulator.Running) {
	t.Helper()
	return emulatedJudged(t, quirks, func(err error) { t.Error(err) })
}

func emulatedJudged(t *testing.T, quirks emulator.Quirks, onViolation func(error)) (*Client, *emulator.Running) {
	t.Helper()
	judged, err := oracle.WhereAtHand(t, onViolation)
	if err != nil {
		t.Fatal(err)
	}
	run, err := emulator.Start("", emulator.Options{Quirks: quirks, Issuer: "ACME"}, judged)
	if err != nil {
		t.Fatal(err)
	}
	c, err := New(Config{
		AccountSID: emulator.DefaultAccountSID, ServiceSID: emulator.DefaultServiceSID,
		Username: emulator.DefaultAccountSID, Password: secret.New(emulator.DefaultAuthToken), BaseURL: run.URL,
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
	for name, quirks := range map[string]emulator.Quirks{
		"today": {}, "legacy": {LegacyWrongCode: true, SpecificNotFound: true, NotFoundWithoutVersion: true, NewestFirst: true},
	} {
		t.Run(name, func(t *testing.T) { life(t, quirks) })
	}
}

func life(t *testing.T, quirks emulator.Quirks) {
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
	if sv.Issuer != "ACME" || sv.SID != emulator.DefaultServiceSID {
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
	wantError(t, err, errs.Refused, false)

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
	wantError(t, err, errs.Refused, false)
	if !errors.Is(err, mfa.ErrAttemptsUsedUp) {
		t.Error(err)
	}

	// More than fit on one page. They are not made through the API, which refuses so many.
	for i := range pageSize + 5 {
		run.Advance(time.Second)
		run.AddFactor(identity, fmt.Sprint("f", i), emulator.Verified)
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
	wantError(t, err, errs.NotFound, false)
	_, err = c.Challenge(ctx, identity, made.SID, good())
	wantError(t, err, errs.NotFound, false)
	run.DeleteEntityNow(identity)
	none, err = c.ListFactors(ctx, identity)
	must(err)
	if len(none) != 0 {
		t.Errorf("%+v", none)
	}
}

// If the reply is lost, the request had its effect all the same: the factor is made, verified, or deleted.
func TestLostReplies(t *testing.T) {
	c, run := emulated(t, emulator.Quirks{})
	ctx := t.Context()
	run.AddFault(emulator.Fault{Operation: "CreateNewFactor", ResetAfter: true, Times: 1})
	_, err := c.CreateFactor(ctx, identity, "alice")
	wantError(t, err, errs.Unavailable, true)
	fs, err := c.ListFactors(ctx, identity)
	if err != nil || len(fs) != 1 {
		t.Fatal(fs, err)
	}
	made := fs[0]

	code, err := run.CodeFor(made.SID, run.Now())
	if err != nil {
		t.Fatal(err)
	}
	run.AddFault(emulator.Fault{Operation: "UpdateFactor", Truncated: true, Times: 1})
	if f, err := c.VerifyFactor(ctx, identity, made.SID, code); err != nil || f.Status != mfa.FactorVerified {
		t.Errorf("%+v %v", f, err)
	}
	run.AddFault(emulator.Fault{Operation: "DeleteFactor", ResetAfter: true, Times: 1})
	if err := c.DeleteFactor(ctx, identity, made.SID); err != nil {
		t.Error(err)
	}
	if left := run.Factors(identity); len(left) != 0 {
		t.Errorf("%+v", left)
	}
}

func TestWrongCredentialsAndService(t *testing.T) {
	_, run := emulated(t, emulator.Quirks{})
	cfg := Config{AccountSID: emulator.DefaultAccountSID, ServiceSID: service, Username: emulator.DefaultAccountSID,
		Password: secret.New(emulator.DefaultAuthToken), BaseURL: run.URL}
	for _, tc := range []struct {
		change func()
		kind   errs.Kind
	}{{func() {}, errs.NotFound}, {func() { cfg.Password = secret.New(password) }, errs.Config}} {
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

// The codes of a helpdesk through their whole life, with every obstacle that the emulator knows.
func TestVerificationLife(t *testing.T) {
	for name, quirks := range map[string]emulator.Quirks{
		"default": {}, "other": {SpecificNotFound: true, CheckAnswers200: true, SendExtends: true},
	} {
		t.Run(name, func(t *testing.T) { verificationLife(t, quirks) })
	}
}

func verificationLife(t *testing.T, quirks emulator.Quirks) {
	c, run := emulated(t, quirks)
	ctx := t.Context()
	sid := "VE00000000000000000000000000000001" // of the last verification
	send := func(channel caller.Channel, sends int) string {
		t.Helper()
		got, err := c.StartVerification(ctx, callee, channel)
		if err != nil || got.Status != caller.Pending || got.Sends != sends {
			t.Fatalf("%+v %v", got, err)
		}
		if fetched, err := c.FetchVerification(ctx, callee, got.SID); err != nil || fetched != got {
			t.Fatalf("%+v %v", fetched, err)
		}
		sid = got.SID
		code, ok := run.SentCode(number)
		if !ok || len(code) != 6 {
			t.Fatalf("%q reached the phone", code)
		}
		return code
	}
	wrongOf := func(code string) string { return code[1:] + string('0'+(code[0]-'0'+1)%10) + "1" } // of another length, too
	check := func(code string, want caller.Status) {
		t.Helper()
		if got, err := c.CheckVerification(ctx, callee, sid, code); err != nil || got != want {
			t.Errorf("%q %v, want %q", got, err, want)
		}
	}
	noneWaits := func(code string) {
		t.Helper()
		_, err := c.CheckVerification(ctx, callee, sid, code)
		_, fetchErr := c.FetchVerification(ctx, callee, sid)
		for _, err := range []error{err, fetchErr} {
			wantError(t, err, errs.NotFound, false)
			if !errors.Is(err, caller.ErrNoVerification) {
				t.Error(err)
			}
		}
	}
	refusedFor := func(err error, code int, kind errs.Kind) {
		t.Helper()
		wantError(t, err, kind, false)
		if f, _ := errors.AsType[*callError](err); f == nil || f.code != code {
			t.Errorf("%v, want code %d", err, code)
		}
	}

	noneWaits("123456")
	code := send(caller.ChannelSMS, 1)
	check(wrongOf(code), caller.Pending)
	if again := send(caller.ChannelCall, 2); again != code {
		t.Error("another code")
	}
	check(code, caller.Approved)
	noneWaits(code)

	code = send(caller.ChannelSMS, 1)
	run.Advance(11 * time.Minute)
	noneWaits(code)

	code = send(caller.ChannelSMS, 1)
	for range 5 {
		check(wrongOf(code), caller.Pending)
	}
	_, err := c.CheckVerification(ctx, callee, sid, code)
	refusedFor(err, 60202, errs.Refused)
	if !errors.Is(err, mfa.ErrAttemptsUsedUp) {
		t.Error(err)
	}
	_, err = c.StartVerification(ctx, callee, caller.ChannelSMS)
	refusedFor(err, 60202, errs.Refused)
	run.Advance(11 * time.Minute)

	for i := range 5 {
		send(caller.ChannelSMS, i+1)
	}
	_, err = c.StartVerification(ctx, callee, caller.ChannelSMS)
	refusedFor(err, 60203, errs.Refused)
	run.Advance(11 * time.Minute)

	for _, tc := range []struct {
		number emulator.NumberKind
		code   int
		kind   errs.Kind
	}{
		{emulator.InvalidNumber, 60200, errs.Refused}, {emulator.GeoBlocked, 60605, errs.Config},
		{emulator.FraudBlocked, 60410, errs.Refused}, {emulator.TrialUnverified, 21608, errs.Config},
		{emulator.BlockedByTwilio, 60238, errs.Refused}, {emulator.Landline, 60205, errs.Refused},
	} {
		must(t, run.SetNumber(number, tc.number))
		must(t, run.ChangeService("", func(s *emulator.ServiceSettings) { s.LookupEnabled, s.SkipSMSToLandlines = true, true }))
		_, err := c.StartVerification(ctx, callee, caller.ChannelSMS)
		refusedFor(err, tc.code, tc.kind)
	}
	for _, tc := range []struct {
		set     func(*emulator.ServiceSettings)
		channel caller.Channel
		code    int
	}{
		{func(s *emulator.ServiceSettings) { s.PSD2Enabled = true }, caller.ChannelSMS, 60206},
		{func(s *emulator.ServiceSettings) { s.DisabledChannels = []string{"call"} }, caller.ChannelCall, 60223},
	} {
		must(t, run.SetNumber(number, emulator.Mobile))
		must(t, run.ChangeService("", func(s *emulator.ServiceSettings) {
			*s = emulator.ServiceSettings{FriendlyName: s.FriendlyName, CodeLength: s.CodeLength}
			tc.set(s)
		}))
		_, err := c.StartVerification(ctx, callee, tc.channel)
		refusedFor(err, tc.code, errs.Config)
	}
}

// Another program with the same service has a code sent: Twilio gives it the same code and the same verification, and
// counts both sends. A check is about one verification: after its end the next one's code is none for it.
func TestForeignVerification(t *testing.T) {
	c, run := emulated(t, emulator.Quirks{})
	shop, err := New(Config{AccountSID: emulator.DefaultAccountSID, ServiceSID: emulator.DefaultServiceSID, Username: emulator.DefaultAccountSID,
		Password: secret.New(emulator.DefaultAuthToken), BaseURL: run.URL})
	must(t, err)
	defer shop.CloseIdle()
	ctx := t.Context()
	own, err := c.StartVerification(ctx, callee, caller.ChannelSMS)
	must(t, err)
	foreign, err := shop.StartVerification(ctx, callee, caller.ChannelSMS)
	must(t, err)
	if found, err := c.FetchVerification(ctx, callee, own.SID); err != nil || own.Sends != 1 || foreign.SID != own.SID || found.Sends != 2 {
		t.Errorf("%+v, %+v, %+v, %v", own, foreign, found, err)
	}
	run.Advance(11 * time.Minute)
	next, err := shop.StartVerification(ctx, callee, caller.ChannelSMS)
	must(t, err)
	code, _ := run.SentCode(number)
	if _, err := c.CheckVerification(ctx, callee, own.SID, code); !errors.Is(err, caller.ErrNoVerification) || next.SID == own.SID {
		t.Errorf("the code of another verification: %v", err)
	}
	// A verification of another number is none of this user's.
	elsewhere := callee
	elsewhere.Phone.E164 = secret.New("+447700900456")
	_, err = c.FetchVerification(ctx, elsewhere, next.SID)
	wantError(t, err, errs.Unavailable, false)
	status, err := c.CheckVerification(ctx, elsewhere, next.SID, code)
	wantError(t, err, errs.Unavailable, true)
	if status != "" {
		t.Error(status)
	}
}

// After a lost reply the request is not repeated: the message is on its way, the code is used up.
func TestVerificationLostReplies(t *testing.T) {
	c, run := emulated(t, emulator.Quirks{})
	ctx := t.Context()
	run.AddFault(emulator.Fault{Operation: "CreateVerification", ResetAfter: true, Times: 1})
	_, err := c.StartVerification(ctx, callee, caller.ChannelSMS)
	wantError(t, err, errs.Unavailable, true)
	code, ok := run.SentCode(number)
	if !ok || len(run.SentCodes()) != 1 {
		t.Fatalf("%d messages", len(run.SentCodes()))
	}
	got, err := c.StartVerification(ctx, callee, caller.ChannelSMS)
	if err != nil || got.Sends != 2 {
		t.Errorf("%+v %v", got, err)
	}
	run.AddFault(emulator.Fault{Operation: "CreateVerificationCheck", Truncated: true, Times: 1})
	_, err = c.CheckVerification(ctx, callee, got.SID, code)
	wantError(t, err, errs.Unavailable, true)
	_, err = c.CheckVerification(ctx, callee, got.SID, code)
	wantError(t, err, errs.NotFound, false)
}

// An account makes a service, and that service has the settings that were asked for.
func TestCreateServiceOfTheEmulator(t *testing.T) {
	_, run := emulated(t, emulator.Quirks{})
	cfg := Config{AccountSID: emulator.DefaultAccountSID, Username: emulator.DefaultAccountSID,
		Password: secret.New(emulator.DefaultAuthToken), BaseURL: run.URL}
	a, err := NewAccount(cfg)
	must(t, err)
	defer a.CloseIdle()
	for _, issuer := range []string{"ACME: Ltd", "ACME Ltd", ""} {
		made, err := a.CreateService(t.Context(), "uzERP Login", issuer)
		if strings.Contains(issuer, ":") {
			wantError(t, err, errs.Usage, false)
			continue
		}
		must(t, err)
		if made.SID == emulator.DefaultServiceSID || made.Issuer != issuer || made.CodeLength != 6 || made.FriendlyName != "uzERP Login" ||
			made.DoNotShareWarning == nil || *made.DoNotShareWarning {
			t.Errorf("%+v", made)
		}
		cfg.ServiceSID = made.SID
		c, err := New(cfg)
		must(t, err)
		defer c.CloseIdle()
		got, err := c.FetchService(t.Context())
		if err != nil || !reflect.DeepEqual(got, made) {
			t.Errorf("%+v %v, made %+v", got, err, made)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
