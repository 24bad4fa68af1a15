package mfa_test

import (
	"context"
	"errors"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/mfa"
	"uzerp-mfa/internal/mfa/mfatest"
	"uzerp-mfa/internal/totp"
)

var errDown = errs.New(errs.Unavailable, "down", "")

func wantKind(t *testing.T, err error, want errs.Kind) {
	t.Helper()
	if err == nil || errs.KindOf(err) != want {
		t.Fatalf("error %v of kind %v, want kind %v", err, errs.KindOf(err), want)
	}
}

func wantNil(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// submitted returns the error of Verification.Submit.
func submitted(_ mfa.Tries, err error) error { return err }

func TestLookupNamesEveryUnknownUser(t *testing.T) {
	w := mfatest.NewWorld(mfatest.Fresh("alice", uuidA))
	_, err := mfa.Lookup(t.Context(), w, []string{"alice", "bob", "eve\u202e"})
	wantKind(t, err, errs.NotFound)
	if !strings.Contains(err.Error(), `"bob", "eve\u202e"`) {
		t.Error(err)
	}
	users, err := mfa.Lookup(t.Context(), w, []string{"alice", "alice"})
	wantNil(t, err)
	if len(users) != 1 {
		t.Errorf("a name given twice makes %d users", len(users))
	}
}

func TestBypass(t *testing.T) {
	skip := mfatest.Enrolled("u", uuidA, sidA)
	skip.Enabled = new(false)
	brokenSkip := skip
	brokenSkip.SID = nil
	null := mfatest.Enrolled("u", uuidA, sidA)
	null.Enabled = nil
	broken := mfatest.Enrolled("u", uuidA, "nonsense")
	for _, test := range []struct {
		name            string
		user            mfa.User
		enable, disable string
	}{
		{"enrolled", mfatest.Enrolled("u", uuidA, sidA), "unchanged", "changed"},
		{"skip", skip, "changed", "unchanged"},
		{"skip over a broken row", brokenSkip, "refused", "unchanged"}, // enabling would lock the user out
		{"enabled is NULL", null, "changed", "changed"},
		{"not enrolled", mfatest.Fresh("u", uuidA), "refused", "refused"},
		{"broken", broken, "refused", "refused"},
		{"no uuid", mfa.User{Username: "u"}, "refused", "refused"},
	} {
		for want, plan := range map[string]func(mfa.User) mfa.RowChange{
			"enable " + test.enable: mfa.PlanEnable, "disable " + test.disable: mfa.PlanDisableNextLogin} {
			verb, want, _ := strings.Cut(want, " ")
			c := plan(test.user)
			got := "unchanged"
			switch {
			case c.Refusal != nil:
				got = "refused"
			case c.Needed():
				got = "changed"
			}
			if got != want {
				t.Errorf("%s: %s is %s, want %s", test.name, verb, got, want)
			}
			w := mfatest.NewWorld(test.user)
			err := c.Apply(t.Context(), w)
			if (err != nil) != (want == "refused") {
				t.Errorf("%s: %s: %v", test.name, verb, err)
			}
			after := w.Users["u"]
			if want != "changed" && !after.Equal(test.user.Row) {
				t.Errorf("%s: %s wrote %s", test.name, verb, show(after.Row))
			}
			if want == "changed" && (*after.Enabled != (verb == "enable") || !slices.Equal([]any{*after.UUID, *after.SID, *after.Enrolled}, []any{uuidA, sidA, true})) {
				t.Errorf("%s: %s wrote %s", test.name, verb, show(after.Row))
			}
		}
	}
}

func TestChangeConflict(t *testing.T) {
	w := mfatest.NewWorld(mfatest.Enrolled("u", uuidA, sidA))
	c := mfa.PlanDisableNextLogin(w.Users["u"])
	w.Users["u"] = mfatest.Enrolled("u", uuidA, sidB)
	err := c.Apply(t.Context(), w)
	wantKind(t, err, errs.Refused)
	if !errors.Is(err, errs.ErrChanged) || !w.Users["u"].Equal(mfatest.Enrolled("u", uuidA, sidB).Row) {
		t.Error("the other operator's change was not kept")
	}
}

// After a commit whose answer is lost, the row is read.
func TestLostCommitIsSettled(t *testing.T) {
	w := mfatest.NewWorld(mfatest.Enrolled("u", uuidA, sidA))
	c := mfa.PlanDisableNextLogin(w.Users["u"])
	w.Hooks["CompareAndSet"] = func() error {
		u := w.Users["u"]
		u.Row = c.Becomes
		w.Users["u"] = u
		return &errs.Error{Kind: errs.Unavailable, Err: errs.ErrLostReply}
	}
	wantNil(t, c.Apply(t.Context(), w))
}

func planReset(t *testing.T, w *mfatest.World, name string) mfa.ResetPlan {
	t.Helper()
	p, err := mfa.PlanReset(t.Context(), w, w, w.Users[name], false, func() string { return "new-uuid" })
	wantNil(t, err)
	return p
}

func TestReset(t *testing.T) {
	w := mfatest.NewWorld(mfatest.Enrolled("alice", uuidA, sidA))
	w.Add(uuidA, sidA, mfa.FactorVerified)
	w.Add(uuidA, sidB, mfa.FactorUnverified)
	p := planReset(t, w, "alice")
	w.Calls = nil
	r, err := p.Apply(t.Context(), w, w)
	wantNil(t, err)
	if len(r.Deleted) != 2 || len(w.SIDs(uuidA)) != 0 {
		t.Errorf("deleted %d, left %v", len(r.Deleted), w.SIDs(uuidA))
	}
	row, want := w.Users["alice"].Row, mfatest.Fresh("alice", uuidA).Row
	if !row.Equal(want) {
		t.Errorf("row is %s", show(row))
	}
	if w.Calls[0] != "CompareAndSet" {
		t.Errorf("the row must let go before anything is deleted: %v", w.Calls)
	}
	if again := planReset(t, w, "alice"); again.Needed() {
		t.Error("a reset user needs a reset")
	}
}

func TestResetGivesAUUID(t *testing.T) {
	w := mfatest.NewWorld(mfa.User{Username: "erin"})
	r, err := planReset(t, w, "erin").Apply(t.Context(), w, w)
	wantNil(t, err)
	if u := w.Users["erin"]; u.UUID == nil || *u.UUID != "new-uuid" || u.State() != mfa.StateNotEnrolled || len(r.Deleted) != 0 {
		t.Errorf("%s", show(u.Row))
	}
	if slices.Contains(w.Calls, "ListFactors") {
		t.Error("Twilio was asked about nobody")
	}
}

func TestResetChangesNothingWhileTwilioIsDown(t *testing.T) {
	w := mfatest.NewWorld(mfatest.Enrolled("alice", uuidA, sidA))
	w.Hooks["ListFactors"] = func() error { return errDown }
	_, err := mfa.PlanReset(t.Context(), w, w, w.Users["alice"], false, nil)
	wantKind(t, err, errs.Unavailable)
	p, err := mfa.PlanReset(t.Context(), w, nil, w.Users["alice"], true, nil)
	wantNil(t, err)
	_, err = p.Apply(t.Context(), w, nil)
	wantNil(t, err)
	if w.Users["alice"].State() != mfa.StateNotEnrolled {
		t.Error("--skip-twilio did not reset")
	}
}

func TestResetCleanUpFailure(t *testing.T) {
	w := mfatest.NewWorld(mfatest.Enrolled("alice", uuidA, sidA))
	w.Add(uuidA, sidA, mfa.FactorVerified)
	p := planReset(t, w, "alice")
	w.Hooks["DeleteFactor"] = func() error { return errDown }
	r, err := p.Apply(t.Context(), w, w)
	wantKind(t, err, errs.Unavailable)
	if !errors.Is(err, mfa.ErrRowReset) || w.Users["alice"].State() != mfa.StateNotEnrolled || len(r.Left) != 1 {
		t.Errorf("%v, left %v", err, r.Left)
	}
	delete(w.Hooks, "DeleteFactor")
	again := planReset(t, w, "alice")
	if !again.Needed() {
		t.Fatal("the second run has nothing to do")
	}
	_, err = again.Apply(t.Context(), w, w)
	wantNil(t, err)
	if len(w.SIDs(uuidA)) != 0 {
		t.Error("the second run did not clean up")
	}
}

// If two users have one uuid, a reset of one must not lock out the other.
func TestResetKeepsAnotherUsersFactor(t *testing.T) {
	w := mfatest.NewWorld(mfatest.Enrolled("alice", uuidA, sidA), mfatest.Enrolled("bob", uuidA, sidB))
	w.Add(uuidA, sidA, mfa.FactorVerified)
	w.Add(uuidA, sidB, mfa.FactorVerified)
	p := planReset(t, w, "alice")
	if len(p.Delete) != 1 || len(p.Kept) != 1 {
		t.Fatalf("deletes %v, keeps %v", p.Delete, p.Kept)
	}
	_, err := p.Apply(t.Context(), w, w)
	wantNil(t, err)
	if got := w.SIDs(uuidA); !slices.Equal(got, []string{sidB}) {
		t.Errorf("left: %v", got)
	}
}

// The user enrols in the browser while the operator looks at the prompt, or while the reset runs.
func TestResetSparesAFactorTakenMeanwhile(t *testing.T) {
	for _, moment := range []string{"before apply", "FactorOwners", "FetchFactor", "DeleteFactor"} {
		w := mfatest.NewWorld(mfatest.Fresh("alice", uuidA))
		w.Add(uuidA, sidA, mfa.FactorVerified) // left by an earlier reset
		w.Add(uuidA, sidB, mfa.FactorUnverified)
		p := planReset(t, w, "alice")
		done := false
		enrol := func() error {
			if !done {
				done = true
				if f, err := w.Find(uuidA, sidB); err == nil {
					f.Status = mfa.FactorVerified
				}
				w.Users["alice"] = mfatest.Enrolled("alice", uuidA, sidB)
			}
			return nil
		}
		if moment == "before apply" {
			wantNil(t, enrol())
		} else {
			w.Hooks[moment] = enrol
		}
		_, err := p.Apply(t.Context(), w, w)
		u := w.Users["alice"]
		alive := slices.Contains(w.SIDs(uuidA), sidB)
		switch {
		case u.State() == mfa.StateEnrolled && !alive:
			t.Errorf("%s: alice is locked out with a dead factor (%v)", moment, err)
		case moment == "before apply" && err == nil && u.State() != mfa.StateEnrolled:
			t.Errorf("%s: alice's enrolment was undone", moment)
		}
	}
}

// A row that is locked, because somebody's enrolment is about to be committed, was not written.
func TestResetStopsAtALockedRow(t *testing.T) {
	w := mfatest.NewWorld(mfatest.Fresh("alice", uuidA))
	w.Add(uuidA, sidA, mfa.FactorVerified)
	p := planReset(t, w, "alice")
	w.Hooks["CompareAndSet"] = func() error { return errs.New(errs.Unavailable, "locked", "") }
	_, err := p.Apply(t.Context(), w, w)
	wantKind(t, err, errs.Unavailable)
	if errors.Is(err, mfa.ErrRowReset) || len(w.SIDs(uuidA)) != 1 {
		t.Errorf("%v; left %v", err, w.SIDs(uuidA))
	}
}

// If two users have one uuid, one's pending factor is not deleted for the other, and not used.
func TestSharedUUIDKeepsPendingFactorsApart(t *testing.T) {
	w := mfatest.NewWorld(mfatest.Fresh("alice", uuidA), mfatest.Fresh("bob", uuidA))
	w.Add(uuidA, sidA, mfa.FactorUnverified)
	w.Add(uuidA, sidB, mfa.FactorUnverified).FriendlyName = "bob"
	if p := planReset(t, w, "alice"); len(p.Delete) != 1 || p.Delete[0].SID != sidA {
		t.Errorf("deletes %v", p.Delete)
	}
	v, err := mfa.PlanVerification(t.Context(), w, w, nil, w.Users["alice"], "")
	wantNil(t, err)
	if v.Factor.SID != sidA {
		t.Error("alice would be verified with bob's phone")
	}
	_, err = mfa.PlanVerification(t.Context(), w, w, nil, w.Users["alice"], sidB)
	wantKind(t, err, errs.Refused)
}

func enroller(w *mfatest.World) *mfa.Enroller {
	return &mfa.Enroller{Store: w, Factors: w, Code: totp.Code, NewUUID: func() string { return uuidA }}
}

func begin(t *testing.T, w *mfatest.World, name string) *mfa.PendingEnrollment {
	t.Helper()
	p, err := enroller(w).Begin(t.Context(), mfa.PlanEnroll(w.Users[name], false))
	wantNil(t, err)
	return p
}

func TestEnroll(t *testing.T) {
	w := mfatest.NewWorld(mfa.User{Username: "erin"}) // without uuid
	p := begin(t, w, "erin")
	if got := w.Users["erin"].State(); got != mfa.StateNotEnrolled {
		t.Errorf("while pending erin is %s", got)
	}
	wantKind(t, p.Submit(t.Context(), "000000"), errs.CodeRejected)
	if slices.Contains(w.Calls, "VerifyFactor") {
		t.Error("a wrong code cost an attempt at Twilio")
	}
	wantNil(t, p.Submit(t.Context(), w.Code(t, p.Factor.SID, 0)))
	if !w.Users["erin"].Equal(mfatest.Enrolled("erin", uuidA, p.Factor.SID).Row) {
		t.Errorf("row is %s", show(w.Users["erin"].Row))
	}
}

// A user who is enrolled with a factor but without a uuid is locked out. When the uuid is added, the row must not look
// whole: if the program were killed before the code, the user would seem enrolled with a factor that no login accepts.
func TestEnrollForgetsAFactorWithoutUUID(t *testing.T) {
	for _, enabled := range []*bool{nil, new(true), new(false)} {
		u := mfatest.Enrolled("alice", uuidA, sidA)
		u.UUID, u.Enabled = nil, enabled
		w := mfatest.NewWorld(u)
		p := begin(t, w, "alice") // the program could be killed here
		row := w.Users["alice"].Row
		if row.Whole() || row.SID != nil || row.UUID == nil {
			t.Errorf("while pending the row is %s", show(row))
		}
		if skips := enabled != nil && !*enabled; skips != (row.State() == mfa.StateSkipNextLogin) {
			t.Errorf("the skip changed: %s", show(row))
		}
		v, err := mfa.PlanVerification(t.Context(), w, w, nil, w.Users["alice"], "")
		wantNil(t, err)
		wantNil(t, submitted(v.Submit(t.Context(), w, w, w.Code(t, p.Factor.SID, 0))))
		if w.Users["alice"].State() != mfa.StateEnrolled {
			t.Error("alice is not enrolled")
		}
	}
}

func TestEnrollTellsTheClock(t *testing.T) {
	for off, want := range map[time.Duration]string{
		0: "", 30 * time.Second: "", -30 * time.Second: "",
		90 * time.Second:  "the phone's clock is about 90 s fast",
		-90 * time.Second: "the phone's clock is about 90 s slow",
		-20 * time.Minute: "the phone's clock is about 20 min slow",
	} {
		w := mfatest.NewWorld(mfatest.Fresh("alice", uuidA))
		p := begin(t, w, "alice")
		err := p.Submit(t.Context(), w.Code(t, p.Factor.SID, off))
		if want == "" {
			wantNil(t, err)
			continue
		}
		wantKind(t, err, errs.CodeRejected)
		if err.Error() != want || slices.Contains(w.Calls, "VerifyFactor") {
			t.Errorf("%v off: %v, calls %v", off, err, w.Calls)
		}
	}
}

func TestEnrollRefusesOnlyAWorkingEnrolment(t *testing.T) {
	skip, deadSkip := mfatest.Enrolled("u", uuidA, sidA), mfatest.Enrolled("u", uuidA, sidA)
	skip.Enabled, deadSkip.Enabled, deadSkip.SID = new(false), new(false), nil
	for name, test := range map[string]struct {
		user    mfa.User
		refused bool
	}{
		"enrolled": {mfatest.Enrolled("u", uuidA, sidA), true}, "skip": {skip, true}, "skip, dead row": {deadSkip, false},
		"fresh": {mfatest.Fresh("u", uuidA), false}, "broken": {mfatest.Enrolled("u", uuidA, ""), false},
	} {
		if got := mfa.PlanEnroll(test.user, false).Refusal != nil; got != test.refused {
			t.Errorf("%s: refused %v", name, got)
		}
	}
}

// Somebody else enrols the same user first. Their factor stays, and the other one must not be left behind.
func TestEnrollConflict(t *testing.T) {
	w := mfatest.NewWorld(mfatest.Fresh("alice", uuidA))
	p := begin(t, w, "alice")
	w.Add(uuidA, sidC, mfa.FactorVerified)
	w.Users["alice"] = mfatest.Enrolled("alice", uuidA, sidC)
	err := p.Submit(t.Context(), w.Code(t, p.Factor.SID, 0))
	wantKind(t, err, errs.Refused)
	if !errors.Is(err, errs.ErrChanged) || *w.Users["alice"].SID != sidC || !slices.Equal(w.SIDs(uuidA), []string{sidC}) {
		t.Errorf("%v; row %s, factors %v", err, show(w.Users["alice"].Row), w.SIDs(uuidA))
	}
}

// The database fails after Twilio accepted the code. verify --factor finishes, with another code.
func TestEnrollFinishesAfterTheDatabaseWasDown(t *testing.T) {
	w := mfatest.NewWorld(mfatest.Fresh("alice", uuidA))
	p := begin(t, w, "alice")
	w.Hooks["CompareAndSet"] = func() error { return errDown }
	err := p.Submit(t.Context(), w.Code(t, p.Factor.SID, 0))
	wantKind(t, err, errs.Unavailable)
	hint := err.(*errs.Error).Hint.String()
	if hint != "row-not-written(alice, "+p.Factor.SID+")" {
		t.Errorf("the hint does not say how to finish: %s", hint)
	}
	delete(w.Hooks, "CompareAndSet")
	_, err = mfa.PlanVerification(t.Context(), w, w, nil, w.Users["alice"], "")
	wantKind(t, err, errs.NotFound) // a verified factor must be named
	v, err := mfa.PlanVerification(t.Context(), w, w, nil, w.Users["alice"], p.Factor.SID)
	wantNil(t, err)
	if !v.Billed() {
		t.Error("a challenge is billed")
	}
	wantKind(t, submitted(v.Submit(t.Context(), w, w, "000000")), errs.CodeRejected)
	wantNil(t, submitted(v.Submit(t.Context(), w, w, w.Code(t, p.Factor.SID, 30*time.Second))))
	if w.Users["alice"].State() != mfa.StateEnrolled {
		t.Error("alice is not enrolled")
	}
}

// A factor whose secret nobody has seen is deleted, also after Ctrl-C.
func TestTakeBack(t *testing.T) {
	w := mfatest.NewWorld(mfatest.Fresh("alice", uuidA))
	p := begin(t, w, "alice")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var during error
	w.Hooks["DeleteFactor"] = func() error { return during }
	wantNil(t, p.TakeBack(ctx))
	if left := w.SIDs(uuidA); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
	during = errDown
	wantKind(t, p.TakeBack(ctx), errs.Unavailable)
}

// After Twilio accepted the code, Ctrl-C must not stop the row from being written.
func TestEnrollSurvivesCancellationAfterTheCodeWasTaken(t *testing.T) {
	w := mfatest.NewWorld(mfatest.Fresh("alice", uuidA))
	ctx, cancel := context.WithCancel(t.Context())
	p, err := enroller(w).Begin(ctx, mfa.PlanEnroll(w.Users["alice"], false))
	wantNil(t, err)
	w.Hooks["VerifyFactor"] = func() error { cancel(); return nil }
	wantNil(t, p.Submit(ctx, w.Code(t, p.Factor.SID, 0)))
	if w.Users["alice"].State() != mfa.StateEnrolled {
		t.Error("alice is not enrolled")
	}
}

// A reset between Twilio's yes and the row deletes the factor. The user must not be enrolled with a deleted factor.
func TestEnrollNoticesThatItsFactorWasDeleted(t *testing.T) {
	w := mfatest.NewWorld(mfatest.Fresh("alice", uuidA))
	p := begin(t, w, "alice")
	w.Hooks["CompareAndSet"] = func() error {
		w.Factors[uuidA] = nil
		return nil
	}
	err := p.Submit(t.Context(), w.Code(t, p.Factor.SID, 0))
	wantKind(t, err, errs.Refused)
	if !errors.Is(err, errs.ErrChanged) || w.Users["alice"].State() != mfa.StateNotEnrolled {
		t.Errorf("%v; row %s", err, show(w.Users["alice"].Row))
	}
}

// Twilio's answer is lost. The hint must say how to finish.
func TestLostVerificationTellsHowToGoOn(t *testing.T) {
	w := mfatest.NewWorld(mfatest.Fresh("alice", uuidA))
	p := begin(t, w, "alice")
	w.Hooks["VerifyFactor"] = func() error {
		f, err := w.Find(uuidA, p.Factor.SID)
		wantNil(t, err)
		f.Status = mfa.FactorVerified
		return &errs.Error{Kind: errs.Unavailable, Err: errs.ErrLostReply}
	}
	err := p.Submit(t.Context(), w.Code(t, p.Factor.SID, 0))
	wantKind(t, err, errs.Unavailable)
	if errs.HintOf(err).String() != "answer-lost(alice, "+p.Factor.SID+")" {
		t.Error(errs.HintOf(err))
	}
	_, err = mfa.PlanVerification(t.Context(), w, w, nil, w.Users["alice"], "")
	wantKind(t, err, errs.NotFound)
	if errs.HintOf(err).String() != "half-enrolled(alice, "+p.Factor.SID+")" {
		t.Error(errs.HintOf(err))
	}
}

func TestVerifyRefusals(t *testing.T) {
	w := mfatest.NewWorld(mfatest.Fresh("alice", uuidA), mfatest.Enrolled("bob", uuidA, sidB))
	w.Add(uuidA, sidB, mfa.FactorVerified)
	_, err := mfa.PlanVerification(t.Context(), w, w, nil, w.Users["alice"], "")
	wantKind(t, err, errs.NotFound)
	_, err = mfa.PlanVerification(t.Context(), w, w, nil, w.Users["alice"], sidC)
	wantKind(t, err, errs.NotFound)
	_, err = mfa.PlanVerification(t.Context(), w, w, nil, w.Users["alice"], sidB) // bob's
	wantKind(t, err, errs.Refused)
	_, err = mfa.PlanVerification(t.Context(), w, w, nil, w.Users["bob"], "")
	wantKind(t, err, errs.Refused)
	_, err = mfa.PlanVerification(t.Context(), w, w, nil, mfa.User{Username: "erin"}, "")
	wantKind(t, err, errs.NotFound)
	_, err = mfa.PlanCheck(w.Users["alice"], "")
	wantKind(t, err, errs.Refused)
	_, err = mfa.PlanCheck(w.Users["bob"], sidC)
	wantKind(t, err, errs.Refused)
}

func TestCheck(t *testing.T) {
	w := mfatest.NewWorld(mfatest.Enrolled("bob", uuidA, sidB))
	v, err := mfa.PlanCheck(w.Users["bob"], "")
	wantNil(t, err)
	wantKind(t, v.Submit(t.Context(), w, "123456"), errs.Refused) // the factor is gone, so the user is locked out
	w.Add(uuidA, sidB, mfa.FactorVerified)
	wantKind(t, v.Submit(t.Context(), w, "000000"), errs.CodeRejected)
	wantNil(t, v.Submit(t.Context(), w, w.Code(t, sidB, 0)))
	if !w.Users["bob"].Equal(mfatest.Enrolled("bob", uuidA, sidB).Row) {
		t.Error("a check changed something")
	}
}

func TestAttemptsUsedUp(t *testing.T) {
	w := mfatest.NewWorld(mfatest.Fresh("alice", uuidA))
	p := begin(t, w, "alice")
	w.Hooks["VerifyFactor"] = func() error { return &errs.Error{Kind: errs.Refused, Err: mfa.ErrAttemptsUsedUp} }
	err := p.Submit(t.Context(), w.Code(t, p.Factor.SID, 0))
	wantKind(t, err, errs.Refused)
	if errs.HintOf(err).String() != "attempts-used-up(alice)" {
		t.Error(errs.HintOf(err))
	}
}

// A new phone replaces a working one. At every moment one of them works.
func TestReplace(t *testing.T) {
	w := mfatest.NewWorld(mfatest.Enrolled("alice", uuidA, sidA))
	w.Add(uuidA, sidA, mfa.FactorVerified)
	p, err := enroller(w).Begin(t.Context(), mfa.PlanEnroll(w.Users["alice"], true))
	wantNil(t, err)
	if *w.Users["alice"].SID != sidA {
		t.Error("the row was changed before the new phone was verified")
	}
	w.Calls = nil
	wantNil(t, p.Submit(t.Context(), w.Code(t, p.Factor.SID, 0)))
	if *w.Users["alice"].SID != p.Factor.SID || !slices.Equal(w.SIDs(uuidA), []string{p.Factor.SID}) {
		t.Errorf("row %s, factors %v", show(w.Users["alice"].Row), w.SIDs(uuidA))
	}
	if want := []string{"MayWrite", "VerifyFactor", "CompareAndSet", "FetchFactor", "FactorOwners", "DeleteFactor"}; !slices.Equal(w.Calls, want) {
		t.Errorf("in the order %v, want %v", w.Calls, want)
	}
}

func TestReplaceKeepsTheNewPhoneIfTheOldFactorStays(t *testing.T) {
	w := mfatest.NewWorld(mfatest.Enrolled("alice", uuidA, sidA))
	w.Add(uuidA, sidA, mfa.FactorVerified)
	p, err := enroller(w).Begin(t.Context(), mfa.PlanEnroll(w.Users["alice"], true))
	wantNil(t, err)
	w.Hooks["DeleteFactor"] = func() error { return errDown }
	err = p.Submit(t.Context(), w.Code(t, p.Factor.SID, 0))
	wantKind(t, err, errs.Unavailable)
	if !errors.Is(err, mfa.ErrOldFactorLeft) || *w.Users["alice"].SID != p.Factor.SID {
		t.Errorf("%v, row %s", err, show(w.Users["alice"].Row))
	}
}

func TestReplaceKeepsAnotherUsersFactor(t *testing.T) {
	w := mfatest.NewWorld(mfatest.Enrolled("alice", uuidA, sidA), mfatest.Enrolled("bob", uuidA, sidA))
	w.Add(uuidA, sidA, mfa.FactorVerified)
	p, err := enroller(w).Begin(t.Context(), mfa.PlanEnroll(w.Users["alice"], true))
	wantNil(t, err)
	wantNil(t, p.Submit(t.Context(), w.Code(t, p.Factor.SID, 0)))
	if !slices.Contains(w.SIDs(uuidA), sidA) {
		t.Error("bob is locked out")
	}
}

// To finish a replacement in another process, the audit log must say that it was begun.
func TestVerifyFinishesAReplacement(t *testing.T) {
	w := mfatest.NewWorld(mfatest.Enrolled("alice", uuidA, sidA))
	w.Add(uuidA, sidA, mfa.FactorVerified)
	w.Add(uuidA, sidB, mfa.FactorUnverified)
	_, err := mfa.PlanVerification(t.Context(), w, w, nil, w.Users["alice"], "")
	wantKind(t, err, errs.Refused)
	_, err = mfa.PlanVerification(t.Context(), w, w, nil, w.Users["alice"], sidA)
	wantKind(t, err, errs.Refused)
	_, err = mfa.PlanVerification(t.Context(), w, w, nil, w.Users["alice"], sidB)
	wantKind(t, err, errs.Refused)
	records := recorded(map[string]mfa.FactorRecord{sidB: {Made: w.Clock, Replaces: sidA}})
	v, err := mfa.PlanVerification(t.Context(), w, w, records, w.Users["alice"], sidB)
	wantNil(t, err)
	wantNil(t, submitted(v.Submit(t.Context(), w, w, w.Code(t, sidB, 0))))
	if *w.Users["alice"].SID != sidB || !slices.Equal(w.SIDs(uuidA), []string{sidB}) {
		t.Errorf("row %s, factors %v", show(w.Users["alice"].Row), w.SIDs(uuidA))
	}
}

// A creation whose answer is lost is not repeated. What it made is deleted, for its secret is lost.
func TestLostCreationIsCleanedUp(t *testing.T) {
	for _, user := range []mfa.User{mfatest.Fresh("alice", uuidA), {Username: "alice"}} {
		w := mfatest.NewWorld(user)
		if user.UUID != nil {
			w.Add(uuidA, sidA, mfa.FactorUnverified).Created = w.Clock.Add(-10 * time.Second) // pending in a browser
		}
		w.Hooks["CreateFactor after"] = func() error {
			return &errs.Error{Kind: errs.Unavailable, Err: errs.ErrLostReply}
		}
		before := w.SIDs(uuidA)
		_, err := enroller(w).Begin(t.Context(), mfa.PlanEnroll(w.Users["alice"], false))
		wantKind(t, err, errs.Unavailable)
		if got := w.SIDs(uuidA); !slices.Equal(got, before) || w.Users["alice"].State() != mfa.StateNotEnrolled {
			t.Errorf("left %v, want %v", got, before)
		}
		if said := strings.Contains(err.Error(), "nothing is left at Twilio"); said != (len(before) == 0) {
			t.Errorf("with %d factors before: %v", len(before), err)
		}
		if n := len(slices.DeleteFunc(w.Calls, func(c string) bool { return c != "CreateFactor" })); n != 1 {
			t.Errorf("created %d times", n)
		}
	}
}

// Of two factors that were made at the same time, one may be on the screen of somebody else who enrolls the user.
func TestLostCreationBesideAnother(t *testing.T) {
	w := mfatest.NewWorld(mfatest.Fresh("alice", uuidA))
	w.Add(uuidA, sidA, mfa.FactorUnverified).Created = w.Clock.Add(-time.Second)
	w.Hooks["CreateFactor after"] = func() error {
		return &errs.Error{Kind: errs.Unavailable, Err: errs.ErrLostReply}
	}
	_, err := enroller(w).Begin(t.Context(), mfa.PlanEnroll(w.Users["alice"], false))
	wantKind(t, err, errs.Unavailable)
	if got := w.SIDs(uuidA); len(got) != 2 || strings.Contains(err.Error(), "nothing is left") {
		t.Errorf("left %v: %v", got, err)
	}
}

func TestFriendlyName(t *testing.T) {
	long := strings.Repeat("ü", 200)
	if got := mfa.FriendlyName(long); got != strings.Repeat("ü", 64) {
		t.Errorf("%d characters", len([]rune(got)))
	}
	for in, want := range map[string]string{"alice": "alice", "o'neil & co": "o'neil & co", "\x1b[31mred\u202e": "_[31mred_", "😀": "😀", "bad\xff": "bad\ufffd"} {
		if got := mfa.FriendlyName(in); got != want {
			t.Errorf("%q becomes %q, want %q", in, got, want)
		}
	}
}

// A uuid that was given stays when Twilio refuses the factor, or when the code was wrong. What the operator reads names it.
func TestEnrollNamesTheUUIDThatItGave(t *testing.T) {
	const got = `"erin" has got a uuid`
	limit := errs.New(errs.Refused, "too many factors", "try again tomorrow")
	for _, user := range []mfa.User{{Username: "erin"}, mfatest.Fresh("erin", uuidA)} {
		given := user.UUID == nil
		check := func(what string, err error, kind errs.Kind) {
			t.Helper()
			if says := strings.Contains(errs.HintOf(err).String()+err.Error(), got); errs.KindOf(err) != kind || says != given {
				t.Errorf("%s, uuid given %v: %v (%v), hint %v", what, given, err, errs.KindOf(err), errs.HintOf(err))
			}
		}
		w := mfatest.NewWorld(user)
		w.Hooks["CreateFactor"] = func() error { return limit }
		_, err := enroller(w).Begin(t.Context(), mfa.PlanEnroll(user, false))
		check("refused", err, errs.Refused)
		if errs.HintOf(err).String() != errs.HintOf(limit).String() || w.Users["erin"].UUID == nil {
			t.Errorf("hint %v, row %s", errs.HintOf(err), show(w.Users["erin"].Row))
		}

		w = mfatest.NewWorld(user)
		w.Hooks["CreateFactor"] = func() error { return limit }
		r, _ := rollOut(w)
		check("a page refused", r.Run(t.Context(), at(w, user), false, nil)[0].Err, errs.Refused)

		w = mfatest.NewWorld(user)
		r, s := rollOut(w)
		s.before = func(string) error { return errors.New("disk full") }
		check("a page that can't be kept", r.Run(t.Context(), at(w, user), false, nil)[0].Err, errs.Failure)

		w = mfatest.NewWorld(user)
		p := begin(t, w, "erin")
		w.Hooks["VerifyFactor"] = func() error { w.Secrets[p.Factor.SID] = w.Secrets["another"]; return nil }
		check("a wrong code", p.Submit(t.Context(), w.Code(t, p.Factor.SID, 0)), errs.CodeRejected)

		w = mfatest.NewWorld(user)
		p = begin(t, w, "erin")
		w.Hooks["VerifyFactor"] = func() error { return &errs.Error{Kind: errs.Refused, Err: mfa.ErrAttemptsUsedUp} }
		err = p.Submit(t.Context(), w.Code(t, p.Factor.SID, 0))
		check("no more codes", err, errs.Refused)
		if !strings.Contains(err.Error(), p.Factor.SID+" is left at Twilio") {
			t.Error(err)
		}

		w = mfatest.NewWorld(user)
		ctx, cancel := context.WithCancel(t.Context())
		w.Hooks["CreateFactor"] = func() error { cancel(); return ctx.Err() }
		if _, err := enroller(w).Begin(ctx, mfa.PlanEnroll(user, false)); !errors.Is(err, context.Canceled) || strings.Contains(err.Error(), got) {
			t.Errorf("interrupted: %v", err)
		}
	}
}

// What the credentials may not do is found before anything is changed: no row is written, no factor made, and nobody sets up an
// app in vain.
func TestForbiddenIsFoundFirst(t *testing.T) {
	w := mfatest.NewWorld(mfatest.Enrolled("alice", uuidA, sidA), mfa.User{Username: "erin"}, mfatest.Fresh("bob", "44444444-4444-4444-8444-444444444444"))
	w.Add(uuidA, sidA, mfa.FactorVerified)
	before := maps.Clone(w.Users)
	w.Forbidden = []mfa.FactorCall{mfa.CallDelete}
	_, err := planReset(t, w, "alice").Apply(t.Context(), w, w)
	if !errors.Is(err, mfa.ErrNotPermitted) {
		t.Errorf("reset: %v", err)
	}
	if _, err = enroller(w).Begin(t.Context(), mfa.PlanEnroll(w.Users["alice"], true)); !errors.Is(err, mfa.ErrNotPermitted) {
		t.Errorf("replace: %v", err)
	}
	w.Forbidden = []mfa.FactorCall{mfa.CallVerify}
	for _, name := range []string{"erin", "bob"} {
		if _, err = enroller(w).Begin(t.Context(), mfa.PlanEnroll(w.Users[name], false)); !errors.Is(err, mfa.ErrNotPermitted) {
			t.Errorf("enroll %s: %v", name, err)
		}
	}
	if slices.Contains(w.Calls, "CreateFactor") || slices.Contains(w.Calls, "CompareAndSet") || !reflect.DeepEqual(w.Users, before) || len(w.SIDs(uuidA)) != 1 {
		t.Errorf("something was changed: %v", w.Calls)
	}

	// The same is asked before a caller gets a code, and what the database does not allow too.
	w.Forbidden = []mfa.FactorCall{mfa.CallDelete}
	planner := mfa.Planner{Store: w, Factors: w, NewUUID: func() string { return uuidA }, Now: func() time.Time { return w.Clock }}
	plan := planner.Plan(t.Context(), mfa.RemedyReset, []mfa.User{w.Users["erin"], w.Users["alice"]}, nil)
	if err = plan.MayApply(t.Context(), mfa.Applier{Store: w, Factors: w}); !errors.Is(err, mfa.ErrNotPermitted) {
		t.Errorf("a plan: %v", err)
	}
	if err = enroller(w).MayBegin(t.Context(), w.Users["alice"]); !errors.Is(err, mfa.ErrNotPermitted) {
		t.Errorf("begin: %v", err)
	}
	w.Forbidden = nil
	wantNil(t, plan.MayApply(t.Context(), mfa.Applier{Store: w, Factors: w}))
	wantNil(t, enroller(w).MayBegin(t.Context(), w.Users["alice"]))
	w.Hooks["Writable"] = func() error { return errDown }
	for _, err := range []error{plan.MayApply(t.Context(), mfa.Applier{Store: w, Factors: w}), enroller(w).MayBegin(t.Context(), w.Users["bob"])} {
		wantKind(t, err, errs.Unavailable)
	}
	if slices.Contains(w.Calls, "CompareAndSet") || !reflect.DeepEqual(w.Users, before) {
		t.Errorf("asking has changed something: %v", w.Calls)
	}

	w.Forbidden = []mfa.FactorCall{mfa.CallVerify} // a reset needs no more than it does
	_, err = planReset(t, w, "alice").Apply(t.Context(), w, w)
	wantNil(t, err)
}
