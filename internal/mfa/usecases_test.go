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
	"uzerp-mfa/internal/totp"
)

func contains(s, part string) bool { return strings.Contains(s, part) }

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

func TestLookupNamesEveryUnknownUser(t *testing.T) {
	w := newWorld(fresh("alice", uuidA))
	_, err := mfa.Lookup(t.Context(), w, []string{"alice", "bob", "eve\u202e"})
	wantKind(t, err, errs.NotFound)
	if !contains(err.Error(), `"bob", "eve\u202e"`) {
		t.Error(err)
	}
	users, err := mfa.Lookup(t.Context(), w, []string{"alice", "alice"})
	wantNil(t, err)
	if len(users) != 1 {
		t.Errorf("a name given twice makes %d users", len(users))
	}
}

func TestBypass(t *testing.T) {
	skip := enrolled("u", uuidA, sidA)
	skip.Enabled = ptr(false)
	brokenSkip := skip
	brokenSkip.SID = nil
	null := enrolled("u", uuidA, sidA)
	null.Enabled = nil
	broken := enrolled("u", uuidA, "nonsense")
	for _, test := range []struct {
		name            string
		user            mfa.User
		enable, disable string
	}{
		{"enrolled", enrolled("u", uuidA, sidA), "unchanged", "changed"},
		{"skip", skip, "changed", "unchanged"},
		{"skip over a broken row", brokenSkip, "refused", "unchanged"}, // enabling would lock the user out
		{"enabled is NULL", null, "changed", "changed"},
		{"not enrolled", fresh("u", uuidA), "refused", "refused"},
		{"broken", broken, "refused", "refused"},
		{"no uuid", mfa.User{Username: "u"}, "refused", "refused"},
	} {
		for want, plan := range map[string]func(mfa.User) mfa.Change{"enable " + test.enable: mfa.PlanEnable, "disable " + test.disable: mfa.PlanDisableNextLogin} {
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
			w := newWorld(test.user)
			err := c.Apply(t.Context(), w)
			if (err != nil) != (want == "refused") {
				t.Errorf("%s: %s: %v", test.name, verb, err)
			}
			after := w.users["u"]
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
	w := newWorld(enrolled("u", uuidA, sidA))
	c := mfa.PlanDisableNextLogin(w.users["u"])
	w.users["u"] = enrolled("u", uuidA, sidB)
	err := c.Apply(t.Context(), w)
	wantKind(t, err, errs.Refused)
	if !errors.Is(err, errs.ErrChanged) || !w.users["u"].Equal(enrolled("u", uuidA, sidB).Row) {
		t.Error("the other operator's change was not kept")
	}
}

// A commit whose answer is lost is settled by what the row says.
func TestLostCommitIsSettled(t *testing.T) {
	w := newWorld(enrolled("u", uuidA, sidA))
	c := mfa.PlanDisableNextLogin(w.users["u"])
	w.hooks["CompareAndSet"] = func() error {
		u := w.users["u"]
		u.Row = c.Becomes
		w.users["u"] = u
		return &errs.Error{Kind: errs.Unavailable, Err: errs.ErrLostReply}
	}
	wantNil(t, c.Apply(t.Context(), w))
}

func planReset(t *testing.T, w *world, name string) mfa.ResetPlan {
	t.Helper()
	p, err := mfa.PlanReset(t.Context(), w, w, w.users[name], false, func() string { return "new-uuid" })
	wantNil(t, err)
	return p
}

func TestReset(t *testing.T) {
	w := newWorld(enrolled("alice", uuidA, sidA))
	w.add(uuidA, sidA, mfa.FactorVerified)
	w.add(uuidA, sidB, mfa.FactorUnverified)
	p := planReset(t, w, "alice")
	w.calls = nil
	r, err := p.Apply(t.Context(), w, w)
	wantNil(t, err)
	if len(r.Deleted) != 2 || len(w.sids(uuidA)) != 0 {
		t.Errorf("deleted %d, left %v", len(r.Deleted), w.sids(uuidA))
	}
	row, want := w.users["alice"].Row, fresh("alice", uuidA).Row
	if !row.Equal(want) {
		t.Errorf("row is %s", show(row))
	}
	if w.calls[0] != "CompareAndSet" {
		t.Errorf("the row must let go before anything is deleted: %v", w.calls)
	}
	if again := planReset(t, w, "alice"); again.Needed() {
		t.Error("a reset user needs a reset")
	}
}

func TestResetGivesAUUID(t *testing.T) {
	w := newWorld(mfa.User{Username: "erin"})
	r, err := planReset(t, w, "erin").Apply(t.Context(), w, w)
	wantNil(t, err)
	if u := w.users["erin"]; u.UUID == nil || *u.UUID != "new-uuid" || u.State() != mfa.StateNotEnrolled || len(r.Deleted) != 0 {
		t.Errorf("%s", show(u.Row))
	}
	if slices.Contains(w.calls, "ListFactors") {
		t.Error("Twilio was asked about nobody")
	}
}

func TestResetChangesNothingWhileTwilioIsDown(t *testing.T) {
	w := newWorld(enrolled("alice", uuidA, sidA))
	w.hooks["ListFactors"] = func() error { return errDown }
	_, err := mfa.PlanReset(t.Context(), w, w, w.users["alice"], false, nil)
	wantKind(t, err, errs.Unavailable)
	p, err := mfa.PlanReset(t.Context(), w, nil, w.users["alice"], true, nil)
	wantNil(t, err)
	_, err = p.Apply(t.Context(), w, nil)
	wantNil(t, err)
	if w.users["alice"].State() != mfa.StateNotEnrolled {
		t.Error("--skip-twilio did not reset")
	}
}

func TestResetCleanUpFailure(t *testing.T) {
	w := newWorld(enrolled("alice", uuidA, sidA))
	w.add(uuidA, sidA, mfa.FactorVerified)
	p := planReset(t, w, "alice")
	w.hooks["DeleteFactor"] = func() error { return errDown }
	r, err := p.Apply(t.Context(), w, w)
	wantKind(t, err, errs.Unavailable)
	if !errors.Is(err, mfa.ErrRowReset) || w.users["alice"].State() != mfa.StateNotEnrolled || len(r.Left) != 1 {
		t.Errorf("%v, left %v", err, r.Left)
	}
	delete(w.hooks, "DeleteFactor")
	again := planReset(t, w, "alice")
	if !again.Needed() {
		t.Fatal("the second run has nothing to do")
	}
	_, err = again.Apply(t.Context(), w, w)
	wantNil(t, err)
	if len(w.sids(uuidA)) != 0 {
		t.Error("the second run did not clean up")
	}
}

// Two rows with one uuid: resetting one must not lock out the other.
func TestResetKeepsAnotherUsersFactor(t *testing.T) {
	w := newWorld(enrolled("alice", uuidA, sidA), enrolled("bob", uuidA, sidB))
	w.add(uuidA, sidA, mfa.FactorVerified)
	w.add(uuidA, sidB, mfa.FactorVerified)
	p := planReset(t, w, "alice")
	if len(p.Delete) != 1 || len(p.Kept) != 1 {
		t.Fatalf("deletes %v, keeps %v", p.Delete, p.Kept)
	}
	_, err := p.Apply(t.Context(), w, w)
	wantNil(t, err)
	if got := w.sids(uuidA); !slices.Equal(got, []string{sidB}) {
		t.Errorf("left: %v", got)
	}
}

// The user enrols in the browser while the operator looks at the prompt, or while the reset runs.
func TestResetSparesAFactorTakenMeanwhile(t *testing.T) {
	for _, moment := range []string{"before apply", "FactorOwners", "FetchFactor", "DeleteFactor"} {
		w := newWorld(fresh("alice", uuidA))
		w.add(uuidA, sidA, mfa.FactorVerified) // left by an earlier reset
		w.add(uuidA, sidB, mfa.FactorUnverified)
		p := planReset(t, w, "alice")
		done := false
		enrol := func() error {
			if !done {
				done = true
				if f, err := w.find(uuidA, sidB); err == nil {
					f.Status = mfa.FactorVerified
				}
				w.users["alice"] = enrolled("alice", uuidA, sidB)
			}
			return nil
		}
		if moment == "before apply" {
			wantNil(t, enrol())
		} else {
			w.hooks[moment] = enrol
		}
		_, err := p.Apply(t.Context(), w, w)
		u := w.users["alice"]
		alive := slices.Contains(w.sids(uuidA), sidB)
		switch {
		case u.State() == mfa.StateEnrolled && !alive:
			t.Errorf("%s: alice is locked out with a dead factor (%v)", moment, err)
		case moment == "before apply" && err == nil && u.State() != mfa.StateEnrolled:
			t.Errorf("%s: alice's enrolment was undone", moment)
		}
	}
}

// A row that is locked, because somebody's enrolment is about to be committed, is no row that was written.
func TestResetStopsAtALockedRow(t *testing.T) {
	w := newWorld(fresh("alice", uuidA))
	w.add(uuidA, sidA, mfa.FactorVerified)
	p := planReset(t, w, "alice")
	w.hooks["CompareAndSet"] = func() error { return errs.New(errs.Unavailable, "locked", "") }
	_, err := p.Apply(t.Context(), w, w)
	wantKind(t, err, errs.Unavailable)
	if errors.Is(err, mfa.ErrRowReset) || len(w.sids(uuidA)) != 1 {
		t.Errorf("%v; left %v", err, w.sids(uuidA))
	}
}

// Two users with one uuid: what is pending for the other is not this one's to delete or to use.
func TestSharedUUIDKeepsPendingFactorsApart(t *testing.T) {
	w := newWorld(fresh("alice", uuidA), fresh("bob", uuidA))
	w.add(uuidA, sidA, mfa.FactorUnverified)
	w.add(uuidA, sidB, mfa.FactorUnverified).FriendlyName = "bob"
	if p := planReset(t, w, "alice"); len(p.Delete) != 1 || p.Delete[0].SID != sidA {
		t.Errorf("deletes %v", p.Delete)
	}
	v, err := mfa.PlanVerification(t.Context(), w, w, w.users["alice"], "")
	wantNil(t, err)
	if v.Factor.SID != sidA {
		t.Error("alice would be verified with bob's phone")
	}
	_, err = mfa.PlanVerification(t.Context(), w, w, w.users["alice"], sidB)
	wantKind(t, err, errs.Refused)
}

func enroller(w *world) *mfa.Enroller {
	return &mfa.Enroller{Store: w, Factors: w, Code: totp.Code, NewUUID: func() string { return uuidA }}
}

func begin(t *testing.T, w *world, name string) *mfa.Pending {
	t.Helper()
	p, err := enroller(w).Begin(t.Context(), mfa.PlanEnroll(w.users[name], false))
	wantNil(t, err)
	return p
}

func TestEnroll(t *testing.T) {
	w := newWorld(mfa.User{Username: "erin"}) // without uuid
	p := begin(t, w, "erin")
	if got := w.users["erin"].State(); got != mfa.StateNotEnrolled {
		t.Errorf("while pending erin is %s", got)
	}
	wantKind(t, p.Submit(t.Context(), "000000"), errs.CodeRejected)
	if slices.Contains(w.calls, "VerifyFactor") {
		t.Error("a wrong code cost an attempt at Twilio")
	}
	wantNil(t, p.Submit(t.Context(), w.code(t, p.Factor.SID, 0)))
	if !w.users["erin"].Equal(enrolled("erin", uuidA, p.Factor.SID).Row) {
		t.Errorf("row is %s", show(w.users["erin"].Row))
	}
}

// Enrolled, with a factor, and without a uuid: locked out. Once there is a uuid the row must not look whole, or a kill
// between here and the code would leave a user "enrolled" with a dead factor, whom nobody could enrol.
func TestEnrollForgetsAFactorWithoutUUID(t *testing.T) {
	for _, enabled := range []*bool{nil, ptr(true), ptr(false)} {
		u := enrolled("alice", uuidA, sidA)
		u.UUID, u.Enabled = nil, enabled
		w := newWorld(u)
		p := begin(t, w, "alice") // and dead from here on
		row := w.users["alice"].Row
		if row.Whole() || row.SID != nil || row.UUID == nil {
			t.Errorf("while pending the row is %s", show(row))
		}
		if skips := enabled != nil && !*enabled; skips != (row.State() == mfa.StateSkipNextLogin) {
			t.Errorf("the skip changed: %s", show(row))
		}
		v, err := mfa.PlanVerification(t.Context(), w, w, w.users["alice"], "")
		wantNil(t, err)
		wantNil(t, v.Submit(t.Context(), w, w, w.code(t, p.Factor.SID, 0)))
		if w.users["alice"].State() != mfa.StateEnrolled {
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
		w := newWorld(fresh("alice", uuidA))
		p := begin(t, w, "alice")
		err := p.Submit(t.Context(), w.code(t, p.Factor.SID, off))
		if want == "" {
			wantNil(t, err)
			continue
		}
		wantKind(t, err, errs.CodeRejected)
		if err.Error() != want || slices.Contains(w.calls, "VerifyFactor") {
			t.Errorf("%v off: %v, calls %v", off, err, w.calls)
		}
	}
}

func TestEnrollRefusesOnlyAWorkingEnrolment(t *testing.T) {
	skip, deadSkip := enrolled("u", uuidA, sidA), enrolled("u", uuidA, sidA)
	skip.Enabled, deadSkip.Enabled, deadSkip.SID = ptr(false), ptr(false), nil
	for name, test := range map[string]struct {
		user    mfa.User
		refused bool
	}{
		"enrolled": {enrolled("u", uuidA, sidA), true}, "skip": {skip, true}, "skip, dead row": {deadSkip, false},
		"fresh": {fresh("u", uuidA), false}, "broken": {enrolled("u", uuidA, ""), false},
	} {
		if got := mfa.PlanEnroll(test.user, false).Refusal != nil; got != test.refused {
			t.Errorf("%s: refused %v", name, got)
		}
	}
}

// Somebody else enrols the same user first: theirs stays, and the loser's factor does not stay behind as a live secret.
func TestEnrollConflict(t *testing.T) {
	w := newWorld(fresh("alice", uuidA))
	p := begin(t, w, "alice")
	w.add(uuidA, sidC, mfa.FactorVerified)
	w.users["alice"] = enrolled("alice", uuidA, sidC)
	err := p.Submit(t.Context(), w.code(t, p.Factor.SID, 0))
	wantKind(t, err, errs.Refused)
	if !errors.Is(err, errs.ErrChanged) || *w.users["alice"].SID != sidC || !slices.Equal(w.sids(uuidA), []string{sidC}) {
		t.Errorf("%v; row %s, factors %v", err, show(w.users["alice"].Row), w.sids(uuidA))
	}
}

// The database goes away after Twilio took the code: verify --factor finishes, by proof of another code.
func TestEnrollFinishesAfterTheDatabaseWasDown(t *testing.T) {
	w := newWorld(fresh("alice", uuidA))
	p := begin(t, w, "alice")
	w.hooks["CompareAndSet"] = func() error { return errDown }
	err := p.Submit(t.Context(), w.code(t, p.Factor.SID, 0))
	wantKind(t, err, errs.Unavailable)
	hint := err.(*errs.Error).Hint
	if !contains(hint, "verify --factor "+p.Factor.SID) {
		t.Errorf("the hint does not say how to finish: %s", hint)
	}
	delete(w.hooks, "CompareAndSet")
	_, err = mfa.PlanVerification(t.Context(), w, w, w.users["alice"], "")
	wantKind(t, err, errs.NotFound) // a verified factor is not picked up by itself
	v, err := mfa.PlanVerification(t.Context(), w, w, w.users["alice"], p.Factor.SID)
	wantNil(t, err)
	if !v.Billed() {
		t.Error("a challenge is billed")
	}
	wantKind(t, v.Submit(t.Context(), w, w, "000000"), errs.CodeRejected)
	wantNil(t, v.Submit(t.Context(), w, w, w.code(t, p.Factor.SID, 30*time.Second)))
	if w.users["alice"].State() != mfa.StateEnrolled {
		t.Error("alice is not enrolled")
	}
}

// After Twilio took the code, Ctrl-C must not keep the row from learning of it.
func TestEnrollSurvivesCancellationAfterTheCodeWasTaken(t *testing.T) {
	w := newWorld(fresh("alice", uuidA))
	ctx, cancel := context.WithCancel(t.Context())
	store := cancellable{w}
	e := enroller(w)
	e.Store = store
	p, err := e.Begin(ctx, mfa.PlanEnroll(w.users["alice"], false))
	wantNil(t, err)
	w.hooks["VerifyFactor"] = func() error { cancel(); return nil }
	wantNil(t, p.Submit(ctx, w.code(t, p.Factor.SID, 0)))
	if w.users["alice"].State() != mfa.StateEnrolled {
		t.Error("alice is not enrolled")
	}
}

// cancellable is a store that, like a real one, does nothing for a cancelled context.
type cancellable struct{ *world }

func (c cancellable) CompareAndSet(ctx context.Context, name string, was, becomes mfa.Row) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return c.world.CompareAndSet(ctx, name, was, becomes)
}

// A reset that runs between Twilio's yes and the row deletes the factor: the user must not end enrolled with a dead one.
func TestEnrollNoticesThatItsFactorWasDeleted(t *testing.T) {
	w := newWorld(fresh("alice", uuidA))
	p := begin(t, w, "alice")
	w.hooks["CompareAndSet"] = func() error {
		w.factors[uuidA] = nil
		return nil
	}
	err := p.Submit(t.Context(), w.code(t, p.Factor.SID, 0))
	wantKind(t, err, errs.Refused)
	if !errors.Is(err, errs.ErrChanged) || w.users["alice"].State() != mfa.StateNotEnrolled {
		t.Errorf("%v; row %s", err, show(w.users["alice"].Row))
	}
}

// Twilio's answer is lost for good: what is said must lead to the end.
func TestLostVerificationTellsHowToGoOn(t *testing.T) {
	w := newWorld(fresh("alice", uuidA))
	p := begin(t, w, "alice")
	w.hooks["VerifyFactor"] = func() error {
		f, err := w.find(uuidA, p.Factor.SID)
		wantNil(t, err)
		f.Status = mfa.FactorVerified
		return &errs.Error{Kind: errs.Unavailable, Err: errs.ErrLostReply}
	}
	err := p.Submit(t.Context(), w.code(t, p.Factor.SID, 0))
	wantKind(t, err, errs.Unavailable)
	if !contains(errs.HintOf(err), "verify --factor "+p.Factor.SID) {
		t.Error(errs.HintOf(err))
	}
	_, err = mfa.PlanVerification(t.Context(), w, w, w.users["alice"], "")
	wantKind(t, err, errs.NotFound)
	if !contains(errs.HintOf(err), "verify --factor "+p.Factor.SID) {
		t.Error(errs.HintOf(err))
	}
}

func TestVerifyPicksTheNewestPendingFactor(t *testing.T) {
	w := newWorld(fresh("alice", uuidA))
	w.add(uuidA, sidA, mfa.FactorUnverified)
	w.now = w.now.Add(time.Minute)
	w.add(uuidA, sidB, mfa.FactorUnverified)
	w.add(uuidA, sidC, mfa.FactorVerified)
	v, err := mfa.PlanVerification(t.Context(), w, w, w.users["alice"], "")
	wantNil(t, err)
	if v.Factor.SID != sidB || v.Billed() {
		t.Errorf("picked %s", v.Factor.SID)
	}
	wantKind(t, v.Submit(t.Context(), w, w, "000000"), errs.CodeRejected)
	if w.users["alice"].State() != mfa.StateNotEnrolled {
		t.Error("a wrong code changed the row")
	}
	wantNil(t, v.Submit(t.Context(), w, w, w.code(t, sidB, 0)))
}

func TestVerifyRefusals(t *testing.T) {
	w := newWorld(fresh("alice", uuidA), enrolled("bob", uuidA, sidB))
	w.add(uuidA, sidB, mfa.FactorVerified)
	_, err := mfa.PlanVerification(t.Context(), w, w, w.users["alice"], "")
	wantKind(t, err, errs.NotFound)
	_, err = mfa.PlanVerification(t.Context(), w, w, w.users["alice"], sidC)
	wantKind(t, err, errs.NotFound)
	_, err = mfa.PlanVerification(t.Context(), w, w, w.users["alice"], sidB) // bob's
	wantKind(t, err, errs.Refused)
	_, err = mfa.PlanVerification(t.Context(), w, w, w.users["bob"], "")
	wantKind(t, err, errs.Refused)
	_, err = mfa.PlanVerification(t.Context(), w, w, mfa.User{Username: "erin"}, "")
	wantKind(t, err, errs.NotFound)
	_, err = mfa.PlanCheck(w.users["alice"], "")
	wantKind(t, err, errs.Refused)
	_, err = mfa.PlanCheck(w.users["bob"], sidC)
	wantKind(t, err, errs.Refused)
}

func TestCheck(t *testing.T) {
	w := newWorld(enrolled("bob", uuidA, sidB))
	v, err := mfa.PlanCheck(w.users["bob"], "")
	wantNil(t, err)
	wantKind(t, v.Submit(t.Context(), w, w, "123456"), errs.Refused) // the factor is gone: locked out
	w.add(uuidA, sidB, mfa.FactorVerified)
	wantKind(t, v.Submit(t.Context(), w, w, "000000"), errs.CodeRejected)
	wantNil(t, v.Submit(t.Context(), w, w, w.code(t, sidB, 0)))
	if !w.users["bob"].Equal(enrolled("bob", uuidA, sidB).Row) || v.Kind() != "check" || v.Status() != "approved" {
		t.Error("a check changed something")
	}
}

func TestAttemptsUsedUp(t *testing.T) {
	w := newWorld(fresh("alice", uuidA))
	p := begin(t, w, "alice")
	w.hooks["VerifyFactor"] = func() error { return &errs.Error{Kind: errs.Refused, Err: mfa.ErrAttemptsUsedUp} }
	err := p.Submit(t.Context(), w.code(t, p.Factor.SID, 0))
	wantKind(t, err, errs.Refused)
	if !contains(err.(*errs.Error).Hint, "enroll alice") {
		t.Error(err.(*errs.Error).Hint)
	}
}

// A new phone in place of a working one: at no moment is there none that works.
func TestReplace(t *testing.T) {
	w := newWorld(enrolled("alice", uuidA, sidA))
	w.add(uuidA, sidA, mfa.FactorVerified)
	p, err := enroller(w).Begin(t.Context(), mfa.PlanEnroll(w.users["alice"], true))
	wantNil(t, err)
	if *w.users["alice"].SID != sidA {
		t.Error("the row was changed before the new phone was proved")
	}
	w.calls = nil
	wantNil(t, p.Submit(t.Context(), w.code(t, p.Factor.SID, 0)))
	if *w.users["alice"].SID != p.Factor.SID || !slices.Equal(w.sids(uuidA), []string{p.Factor.SID}) {
		t.Errorf("row %s, factors %v", show(w.users["alice"].Row), w.sids(uuidA))
	}
	if want := []string{"VerifyFactor", "CompareAndSet", "FetchFactor", "FactorOwners", "DeleteFactor"}; !slices.Equal(w.calls, want) {
		t.Errorf("in the order %v, want %v", w.calls, want)
	}
}

func TestReplaceKeepsTheNewPhoneIfTheOldFactorStays(t *testing.T) {
	w := newWorld(enrolled("alice", uuidA, sidA))
	w.add(uuidA, sidA, mfa.FactorVerified)
	p, err := enroller(w).Begin(t.Context(), mfa.PlanEnroll(w.users["alice"], true))
	wantNil(t, err)
	w.hooks["DeleteFactor"] = func() error { return errDown }
	err = p.Submit(t.Context(), w.code(t, p.Factor.SID, 0))
	wantKind(t, err, errs.Unavailable)
	if !errors.Is(err, mfa.ErrOldFactorLeft) || *w.users["alice"].SID != p.Factor.SID {
		t.Errorf("%v, row %s", err, show(w.users["alice"].Row))
	}
}

func TestReplaceKeepsAnotherUsersFactor(t *testing.T) {
	w := newWorld(enrolled("alice", uuidA, sidA), enrolled("bob", uuidA, sidA))
	w.add(uuidA, sidA, mfa.FactorVerified)
	p, err := enroller(w).Begin(t.Context(), mfa.PlanEnroll(w.users["alice"], true))
	wantNil(t, err)
	wantNil(t, p.Submit(t.Context(), w.code(t, p.Factor.SID, 0)))
	if !slices.Contains(w.sids(uuidA), sidA) {
		t.Error("bob is locked out")
	}
}

// A replacement that another process finishes: the factor must be named.
func TestVerifyFinishesAReplacement(t *testing.T) {
	w := newWorld(enrolled("alice", uuidA, sidA))
	w.add(uuidA, sidA, mfa.FactorVerified)
	w.add(uuidA, sidB, mfa.FactorUnverified)
	_, err := mfa.PlanVerification(t.Context(), w, w, w.users["alice"], "")
	wantKind(t, err, errs.Refused)
	_, err = mfa.PlanVerification(t.Context(), w, w, w.users["alice"], sidA)
	wantKind(t, err, errs.Refused)
	v, err := mfa.PlanVerification(t.Context(), w, w, w.users["alice"], sidB)
	wantNil(t, err)
	wantNil(t, v.Submit(t.Context(), w, w, w.code(t, sidB, 0)))
	if *w.users["alice"].SID != sidB || !slices.Equal(w.sids(uuidA), []string{sidB}) {
		t.Errorf("row %s, factors %v", show(w.users["alice"].Row), w.sids(uuidA))
	}
}

// A creation whose answer is lost is not repeated, and what it made is taken away again: its secret is lost.
func TestLostCreationIsCleanedUp(t *testing.T) {
	for _, user := range []mfa.User{fresh("alice", uuidA), {Username: "alice"}} {
		w := newWorld(user)
		if user.UUID != nil {
			w.add(uuidA, sidA, mfa.FactorUnverified).FriendlyName = "alice" // pending in a browser
		}
		w.hooks["CreateFactor after"] = func() error {
			return &errs.Error{Kind: errs.Unavailable, Err: errs.ErrLostReply}
		}
		before := w.sids(uuidA)
		_, err := enroller(w).Begin(t.Context(), mfa.PlanEnroll(w.users["alice"], false))
		wantKind(t, err, errs.Unavailable)
		if got := w.sids(uuidA); !slices.Equal(got, before) || w.users["alice"].State() != mfa.StateNotEnrolled {
			t.Errorf("left %v, want %v", got, before)
		}
		if n := len(slices.DeleteFunc(w.calls, func(c string) bool { return c != "CreateFactor" })); n != 1 {
			t.Errorf("created %d times", n)
		}
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
