package mfa_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/mfa"
	"uzerp-mfa/internal/mfa/mfatest"
	"uzerp-mfa/internal/onetime"
)

// recorded returns what the audit log says of alice's factors.
func recorded(made map[string]mfa.FactorRecord) mfa.FactorRecords {
	return func(_ context.Context, username string) map[string]mfa.FactorRecord {
		if username != "alice" {
			return nil
		}
		return made
	}
}

// A code costs an attempt of the factor that it is sent for. So it goes to the factor that this program made last, even if
// uzERP has made a newer one, and to no other unless that is named or the only one.
func TestWhichPendingFactor(t *testing.T) {
	early := time.Unix(1_700_000_000, 0).UTC()
	late := early.Add(time.Minute)
	by := func(at time.Time) mfa.FactorRecord { return mfa.FactorRecord{Made: at, By: "carla"} }
	replacing := func(at time.Time) mfa.FactorRecord {
		return mfa.FactorRecord{Made: at, By: "carla", Replaces: "YF000000000000000000000000000000ff"}
	}
	fresh, enrolled := mfatest.Fresh("alice", uuidA), mfatest.Enrolled("alice", uuidA, "YF000000000000000000000000000000ff")
	for name, c := range map[string]struct {
		user    mfa.User
		pending []string
		made    map[string]mfa.FactorRecord
		sid     string
		want    string // empty: refused
		kind    errs.Kind
		asked   bool // Twilio was
	}{
		"none":                                 {fresh, nil, nil, "", "", errs.NotFound, true},
		"the only one":                         {fresh, []string{sidA}, nil, "", sidA, 0, true},
		"the only one, ours":                   {fresh, []string{sidA}, map[string]mfa.FactorRecord{sidA: by(early)}, "", sidA, 0, true},
		"two, and uzERP made the newer one":    {fresh, []string{sidA, sidB}, map[string]mfa.FactorRecord{sidA: by(early)}, "", sidA, 0, true},
		"two, and uzERP made the older one":    {fresh, []string{sidA, sidB}, map[string]mfa.FactorRecord{sidB: by(early)}, "", sidB, 0, true},
		"three, two of them ours":              {fresh, []string{sidA, sidB, sidC}, map[string]mfa.FactorRecord{sidA: by(early), sidB: by(late)}, "", sidB, 0, true},
		"the log's order counts":               {fresh, []string{sidA, sidB}, map[string]mfa.FactorRecord{sidA: by(late), sidB: by(early)}, "", sidA, 0, true},
		"two, and none is known":               {fresh, []string{sidA, sidB}, nil, "", "", errs.Refused, true},
		"two, and one is named":                {fresh, []string{sidA, sidB}, nil, sidA, sidA, 0, true},
		"ours is gone, and uzERP made another": {fresh, []string{sidB}, map[string]mfa.FactorRecord{sidA: by(early)}, "", "", errs.Refused, true},
		"ours is gone":                         {fresh, nil, map[string]mfa.FactorRecord{sidA: by(early)}, "", "", errs.NotFound, true},
		"enrolled, and a replacement waits":    {enrolled, []string{sidA, sidB}, map[string]mfa.FactorRecord{sidA: replacing(early)}, "", sidA, 0, true},
		"enrolled, and one that is not known":  {enrolled, []string{sidA}, nil, "", "", errs.Refused, false},
		"enrolled, and the one in use named":   {enrolled, nil, nil, *enrolled.SID, "", errs.Refused, false},
		"enrolled, and the replacement is gone": {enrolled, []string{sidB}, map[string]mfa.FactorRecord{sidA: by(early)}, "", "",
			errs.Refused, true},
	} {
		w := mfatest.NewWorld(c.user)
		for _, sid := range c.pending {
			w.Add(uuidA, sid, mfa.FactorUnverified)
			w.Clock = w.Clock.Add(time.Minute)
		}
		w.Add(uuidA, "YF0000000000000000000000000000000d", mfa.FactorUnverified).FriendlyName = "bob" // who shares the uuid
		v, err := mfa.PlanVerification(t.Context(), w, w, recorded(c.made), c.user, c.sid)
		if asked := slices.Contains(w.Calls, "ListFactors"); asked != c.asked {
			t.Errorf("%s: Twilio was asked: %v", name, asked)
		}
		if c.want == "" {
			if err == nil || errs.KindOf(err) != c.kind {
				t.Errorf("%s: %s, %v", name, v.Factor.SID, err)
			}
			if c.kind == errs.Refused && !c.user.Whole() {
				for _, sid := range c.pending { // the operator must be able to choose
					if !strings.Contains(err.Error(), sid+" made at 22:1") {
						t.Errorf("%s: %v does not name %s", name, err, sid)
					}
				}
			}
			continue
		}
		if err != nil || v.Factor.SID != c.want || len(v.Pending) != len(c.pending) || v.Billed() {
			t.Errorf("%s: %s of %d, %v, want %s", name, v.Factor.SID, len(v.Pending), err, c.want)
		}
		for i, p := range v.Pending {
			if r, ok := c.made[p.SID]; ok != (p.Record != nil) || ok && *p.Record != r || p.SID != c.pending[len(c.pending)-1-i] {
				t.Errorf("%s: %+v is number %d", name, p, i)
			}
			if ours := strings.Contains(p.Origin(), `by "carla" with this program`); ours != (p.Record != nil) {
				t.Errorf("%s: %s", name, p.Origin())
			}
		}
	}
}

// A factor takes the place of the user's phone only if the record says that it was made to replace just that one, named or not,
// older or newer, pending or verified: who has another QR code of the user may be anybody.
func TestAFactorFromBeforeIsNoReplacement(t *testing.T) {
	for name, c := range map[string]struct {
		age      time.Duration // of the factor, against the one in use
		status   mfa.FactorStatus
		record   *mfa.FactorRecord
		replaces bool
	}{
		"older":                          {time.Minute, mfa.FactorUnverified, &mfa.FactorRecord{}, false},
		"of the same second":             {0, mfa.FactorUnverified, &mfa.FactorRecord{}, false},
		"newer, made before enrolling":   {-time.Minute, mfa.FactorUnverified, &mfa.FactorRecord{}, false},
		"made by uzERP":                  {-time.Minute, mfa.FactorUnverified, nil, false},
		"a replacement of another phone": {-time.Minute, mfa.FactorUnverified, &mfa.FactorRecord{Replaces: sidC}, false},
		"an old phone's, left over":      {time.Hour, mfa.FactorVerified, nil, false},
		"a replacement":                  {-time.Minute, mfa.FactorUnverified, &mfa.FactorRecord{Replaces: sidB}, true},
		"a replacement that broke off":   {-time.Minute, mfa.FactorVerified, &mfa.FactorRecord{Replaces: sidB}, true},
	} {
		w := mfatest.NewWorld(mfatest.Enrolled("alice", uuidA, sidB))
		w.Add(uuidA, sidB, mfa.FactorVerified)
		w.Add(uuidA, sidA, c.status).Created = w.Clock.Add(-c.age)
		made := map[string]mfa.FactorRecord{}
		if c.record != nil {
			c.record.Made, made[sidA] = w.Clock, *c.record
		}
		for _, sid := range []string{"", sidA} {
			v, err := mfa.PlanVerification(t.Context(), w, w, recorded(made), w.Users["alice"], sid)
			switch taken := c.replaces && (sid != "" || c.status == mfa.FactorUnverified); {
			case taken && (err != nil || v.Factor.SID != sidA):
				t.Errorf("%s, %q named: %q, %v", name, sid, v.Factor.SID, err)
			case !taken && errs.KindOf(err) != errs.Refused:
				t.Errorf("%s, %q named: %q, %v", name, sid, v.Factor.SID, err)
			case !taken && sid != "" && errs.HintOf(err).String() != "already-enrolled(alice)":
				t.Errorf("%s: %s", name, errs.HintOf(err))
			}
		}
	}
}

// enroll refuses an enrolled user, so no hint sends the operator there without --replace.
func TestHintsForAnEnrolledUser(t *testing.T) {
	w := mfatest.NewWorld(mfatest.Enrolled("alice", uuidA, sidB))
	w.Add(uuidA, sidB, mfa.FactorVerified)
	w.Add(uuidA, sidA, mfa.FactorUnverified)
	records := recorded(map[string]mfa.FactorRecord{sidA: {Made: w.Clock, Wrong: 4, Replaces: sidB}})
	hint := func(what, want string, err error) {
		t.Helper()
		if got := errs.HintOf(err).String(); got != want {
			t.Errorf("%s: %s, want %s", what, got, want)
		}
	}
	_, err := mfa.PlanVerification(t.Context(), w, w, records, w.Users["alice"], sidC)
	hint("no such factor", "already-enrolled(alice)", err)
	v, err := mfa.PlanVerification(t.Context(), w, w, records, w.Users["alice"], sidA)
	wantNil(t, err)
	_, err = v.Submit(t.Context(), w, w, "000000")
	hint("the fifth code", "replace-used-up(alice)", err)
	for what, c := range map[string]struct {
		want string
		err  error
	}{
		"used up": {"replace-used-up(alice)", mfa.ErrAttemptsUsedUp},
		"gone":    {"replace-gone(alice)", mfatest.ErrGone},
	} {
		w.Hooks["VerifyFactor"] = func() error { return c.err }
		_, err = v.Submit(t.Context(), w, w, "000000")
		hint(what, c.want, err)
	}
}

// A replacement that waits is finished as an enrolment is, and the old phone's factor goes last.
func TestVerifyFinishesAReplacementThatWaits(t *testing.T) {
	w := mfatest.NewWorld(mfatest.Enrolled("alice", uuidA, sidA))
	w.Add(uuidA, sidA, mfa.FactorVerified)
	p, err := enroller(w).Begin(t.Context(), mfa.PlanEnroll(w.Users["alice"], true))
	wantNil(t, err)
	records := recorded(map[string]mfa.FactorRecord{p.Factor.SID: {Made: w.Clock, Replaces: sidA}})
	v, err := mfa.PlanVerification(t.Context(), w, w, records, w.Users["alice"], "")
	wantNil(t, err)
	wantNil(t, submitted(v.Submit(t.Context(), w, w, w.Code(t, p.Factor.SID, 0))))
	if got := w.Users["alice"]; *got.SID != p.Factor.SID || !slices.Equal(w.SIDs(uuidA), []string{p.Factor.SID}) {
		t.Errorf("row %s, factors %v", show(got.Row), w.SIDs(uuidA))
	}
}

// How many codes Twilio still takes is said where it is known: where this program made the factor, and counted.
func TestTriesLeft(t *testing.T) {
	w := mfatest.NewWorld(mfatest.Fresh("alice", uuidA))
	w.Add(uuidA, sidA, mfa.FactorUnverified)
	for _, c := range []struct {
		made  map[string]mfa.FactorRecord
		after time.Duration
		hint  string
		left  mfa.Tries
		used  bool
	}{
		{nil, 0, "Twilio takes five codes for a factor, until 23:13:30 UTC at least", mfa.Tries{}, false},
		{map[string]mfa.FactorRecord{sidA: {}}, 0, "4 tries are left, until 23:13:30 UTC at least", mfa.Tries{Left: 4, Known: true}, false},
		{map[string]mfa.FactorRecord{sidA: {Wrong: 3}}, 0, "1 try is left, until 23:13:30 UTC at least", mfa.Tries{Left: 1, Known: true}, false},
		{map[string]mfa.FactorRecord{sidA: {}}, 2 * time.Hour, "4 tries are left, but Twilio may delete the factor at any moment",
			mfa.Tries{Left: 4, Known: true}, false},
		{map[string]mfa.FactorRecord{sidA: {Wrong: 4}}, 0, "attempts-used-up(alice)", mfa.Tries{Known: true}, true},
		{map[string]mfa.FactorRecord{sidA: {Wrong: 9}}, 0, "attempts-used-up(alice)", mfa.Tries{Known: true}, true}, // answers were lost
	} {
		v, err := mfa.PlanVerification(t.Context(), w, w, recorded(c.made), w.Users["alice"], "")
		wantNil(t, err)
		made := w.Clock
		w.Clock = w.Clock.Add(c.after)
		tries, err := v.Submit(t.Context(), w, w, "000000")
		w.Clock = made
		wantKind(t, err, errs.CodeRejected)
		if hint := errs.HintOf(err).String(); !strings.Contains(hint, c.hint) {
			t.Errorf("%v: %s", c.made, hint)
		}
		if tries.Left != c.left.Left || tries.Known != c.left.Known || !tries.Until.Equal(made.Add(time.Hour)) {
			t.Errorf("%v: %+v", c.made, tries)
		}
		if used := errors.Is(err, mfa.ErrAttemptsUsedUp); used != c.used {
			t.Errorf("%v: %v", c.made, err)
		}
	}
}

// A code of another length than the factor's can't be right, and costs no attempt.
func TestACodeOfAnotherLengthIsNotSent(t *testing.T) {
	w := mfatest.NewWorld(mfatest.Fresh("alice", uuidA), mfatest.Enrolled("bob", uuidA, sidB))
	w.Add(uuidA, sidA, mfa.FactorUnverified).TOTP.Digits = 8
	w.Add(uuidA, sidB, mfa.FactorVerified)
	refused := func(what string, err error, words string) {
		t.Helper()
		if !errors.Is(err, onetime.ErrLength) || errs.KindOf(err) != errs.CodeRejected || !strings.Contains(err.Error(), words) {
			t.Errorf("%s: %v", what, err)
		}
	}
	v, err := mfa.PlanVerification(t.Context(), w, w, recorded(map[string]mfa.FactorRecord{sidA: {}}), w.Users["alice"], "")
	wantNil(t, err)
	tries, err := v.Submit(t.Context(), w, w, "123456")
	refused("verify", err, "it has 6 digits, and this app account's codes have 8; no try was used")
	if tries.Left != mfa.MaxAttempts {
		t.Errorf("%+v", tries)
	}
	check, err := mfa.PlanCheck(w.Users["bob"], "")
	wantNil(t, err)
	refused("verify --check", check.Submit(t.Context(), w, "12345"), "it has 5 digits")
	w.Factors[uuidA][0].TOTP.Digits, w.Factors[uuidA][0].Status = 6, mfa.FactorVerified
	if v, err = mfa.PlanVerification(t.Context(), w, w, nil, w.Users["alice"], sidA); err != nil || !v.Billed() {
		t.Fatal(err)
	}
	_, err = v.Submit(t.Context(), w, w, "1234567")
	refused("verify --factor", err, "it has 7 digits")
	refused("enroll", begin(t, w, "alice").Submit(t.Context(), "1234"), "it has 4 digits")
	for _, call := range []string{"VerifyFactor", "Challenge", "CompareAndSet"} {
		if slices.Contains(w.Calls, call) {
			t.Errorf("%s was called", call)
		}
	}
}

// What would keep the row from being written is found before Twilio makes a factor, uses up an attempt, or bills a challenge.
func TestADatabaseThatCantBeWrittenIsFoundFirst(t *testing.T) {
	readOnly := errs.New(errs.Refused, "the database is read-only", "")
	for name, spoil := range map[string]func(w *mfatest.World){
		"read-only": func(w *mfatest.World) { w.Hooks["MayWrite"] = func() error { return readOnly } },
		"changed": func(w *mfatest.World) {
			changed := w.Users["alice"]
			changed.Enabled = nil
			w.Users["alice"] = changed
		},
	} {
		w := mfatest.NewWorld(mfatest.Fresh("alice", uuidA))
		w.Add(uuidA, sidA, mfa.FactorVerified)
		w.Add(uuidA, sidB, mfa.FactorUnverified)
		resume, err := mfa.PlanVerification(t.Context(), w, w, nil, w.Users["alice"], sidA)
		wantNil(t, err)
		finish, err := mfa.PlanVerification(t.Context(), w, w, nil, w.Users["alice"], sidB)
		wantNil(t, err)
		enroll := mfa.PlanEnroll(w.Users["alice"], false)
		spoil(w)
		w.Calls = nil
		_, err = resume.Submit(t.Context(), w, w, w.Code(t, sidA, 0))
		wantKind(t, err, errs.Refused)
		if name == "read-only" {
			_, err = finish.Submit(t.Context(), w, w, w.Code(t, sidB, 0))
			wantKind(t, err, errs.Refused)
			_, err = enroller(w).Begin(t.Context(), enroll)
			wantKind(t, err, errs.Refused)
		}
		for _, call := range []string{"VerifyFactor", "Challenge", "CreateFactor", "CompareAndSet"} {
			if slices.Contains(w.Calls, call) {
				t.Errorf("%s: %v", name, w.Calls)
			}
		}
	}
}

// A QR code that was handed out less than an hour ago may be on its way to the user, or be scanned just now.
func TestWaiting(t *testing.T) {
	w := mfatest.NewWorld(mfatest.Fresh("alice", uuidA))
	waiting := func(u mfa.User) string {
		t.Helper()
		f, ok, err := enroller(w).Waiting(t.Context(), u)
		wantNil(t, err)
		if ok != (f.SID != "") {
			t.Errorf("%v with %q", ok, f.SID)
		}
		return f.SID
	}
	w.Add(uuidA, sidC, mfa.FactorVerified)
	w.Add(uuidA, sidB, mfa.FactorUnverified).FriendlyName = "bob"
	if got := waiting(w.Users["alice"]) + waiting(mfa.User{Username: "erin"}); got != "" {
		t.Errorf("%s", got)
	}
	w.Add(uuidA, sidA, mfa.FactorUnverified)
	made := w.Clock
	for after, want := range map[time.Duration]string{0: sidA, time.Hour - time.Second: sidA, time.Hour: "", 25 * time.Hour: ""} {
		w.Clock = made.Add(after)
		if got := waiting(w.Users["alice"]); got != want {
			t.Errorf("after %s: %q", after, got)
		}
	}
	w.Hooks["ListFactors"] = func() error { return errDown }
	_, _, err := enroller(w).Waiting(t.Context(), w.Users["alice"])
	wantKind(t, err, errs.Unavailable)
}
