package mfa_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/mfa"
	"uzerp-mfa/internal/mfa/mfatest"
)

// This file tests guards that matter only in a bad moment: somebody else is faster, or the other side does not answer.
// Each test says what must not happen then. testdata/mutants takes the same guards away, one by one.

// once returns a hook that calls do the first time only.
func once(do func()) func() error {
	return func() error {
		do()
		do = func() {}
		return nil
	}
}

// After a reset has written its row, a factor that somebody has begun to use stays. It also stays if that can't be
// found out.
func TestResetMoments(t *testing.T) {
	for name, test := range map[string]struct {
		hook string
		do   func(w *mfatest.World) error
		left []string // of sidA, verified, and sidB, pending
		row  mfa.Row
		kind errs.Kind // 0: no error
	}{
		"the user's row names a factor by now": {"FactorOwners",
			func(w *mfatest.World) error { w.Users["alice"] = mfatest.Enrolled("alice", uuidA, sidA); return nil },
			[]string{sidA}, mfatest.Enrolled("", uuidA, sidA).Row, 0},
		"another row names a factor by now": {"FactorOwners",
			func(w *mfatest.World) error { w.Users["bob"] = mfatest.Enrolled("bob", uuidA, sidA); return nil },
			[]string{sidA}, mfatest.Fresh("", uuidA).Row, 0},
		"nobody can look who uses them": {"FactorOwners",
			func(*mfatest.World) error { return errDown },
			[]string{sidA, sidB}, mfatest.Fresh("", uuidA).Row, errs.Unavailable},
		"verified since": {"FetchFactor",
			func(w *mfatest.World) error {
				w.Factors[uuidA][len(w.Factors[uuidA])-1].Status = mfa.FactorVerified
				return nil
			},
			[]string{sidB}, mfatest.Fresh("", uuidA).Row, 0},
		"whether it is verified since is not known": {"FetchFactor",
			func(*mfatest.World) error { return errDown },
			[]string{sidB}, mfatest.Fresh("", uuidA).Row, errs.Unavailable},
		"entered in the moment of the deletion": {"DeleteFactor",
			func(w *mfatest.World) error { w.Users["alice"] = mfatest.Enrolled("alice", uuidA, sidA); return nil },
			nil, mfatest.Fresh("", uuidA).Row, 0},
	} {
		t.Run(name, func(t *testing.T) {
			w := mfatest.NewWorld(mfatest.Fresh("alice", uuidA))
			w.Add(uuidA, sidA, mfa.FactorVerified)
			w.Add(uuidA, sidB, mfa.FactorUnverified)
			p := planReset(t, w, "alice")
			w.Hooks[test.hook] = func() error { return test.do(w) }
			r, err := p.Apply(t.Context(), w, w)
			if got := errs.KindOf(err); (err != nil) != (test.kind != 0) || err != nil && (got != test.kind || !errors.Is(err, mfa.ErrRowReset)) {
				t.Errorf("error %v of kind %v", err, got)
			}
			if got := w.SIDs(uuidA); !slices.Equal(got, test.left) {
				t.Errorf("left at Twilio: %v, want %v", got, test.left)
			}
			if got := w.Users["alice"].Row; !got.Equal(test.row) {
				t.Errorf("the row is %s, want %s", show(got), show(test.row))
			}
			if len(r.Left) != len(test.left) || len(r.Deleted) != 2-len(test.left) {
				t.Errorf("says that it deleted %v and left %v", r.Deleted, r.Left)
			}
		})
	}
}

// Ctrl-C after the deletion must not leave a row that names the deleted factor.
func TestResetMendsWhenInterrupted(t *testing.T) {
	w := mfatest.NewWorld(mfatest.Fresh("alice", uuidA))
	w.Add(uuidA, sidA, mfa.FactorVerified)
	p := planReset(t, w, "alice")
	ctx, cancel := context.WithCancel(t.Context())
	w.Hooks["DeleteFactor"] = func() error { w.Users["alice"] = mfatest.Enrolled("alice", uuidA, sidA); return nil }
	w.Hooks["FindUsers"] = func() error { cancel(); return nil }
	_, _ = p.Apply(ctx, w, w)
	if row := w.Users["alice"].Row; row.SID != nil || len(w.SIDs(uuidA)) != 0 {
		t.Errorf("the row is %s, factors %v", show(row), w.SIDs(uuidA))
	}
}

// The row is read only after a change whose outcome is unclear. After any other error, a row that looks as wanted may
// be another session's change that is not committed yet.
func TestOnlyAnUnclearChangeIsSettledByReading(t *testing.T) {
	was, wanted, other := mfatest.Enrolled("u", uuidA, sidA).Row, mfatest.Fresh("u", uuidA).Row, mfatest.Enrolled("u", uuidA, sidB).Row
	lost := &errs.Error{Kind: errs.Unavailable, Err: errs.ErrLostReply}
	changed := &errs.Error{Kind: errs.Refused, Err: errs.ErrChanged}
	for name, test := range map[string]struct {
		becomes, then mfa.Row
		err           error
		settled       bool
	}{
		"lost, and as wanted":             {wanted, wanted, lost, true},
		"lost, and not":                   {wanted, other, lost, false},
		"changed, as wanted":              {wanted, wanted, changed, true},
		"changed, otherwise":              {wanted, other, changed, false},
		"changed, where nothing is to do": {was, was, changed, false},
		"locked":                          {wanted, wanted, errDown, false},
		"no right to":                     {wanted, wanted, errs.New(errs.Config, "permission denied", ""), false},
		"interrupted":                     {wanted, wanted, context.Canceled, false},
	} {
		w := mfatest.NewWorld(mfa.User{Username: "u", Row: was})
		w.Hooks["CompareAndSet"] = func() error {
			w.Users["u"] = mfa.User{Username: "u", Row: test.then}
			return test.err
		}
		if err := mfa.SetRow(t.Context(), w, "u", was, test.becomes); (err == nil) != test.settled || err != nil && !errors.Is(err, test.err) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The slower of two enrollments deletes its factor again, but not if a row names it, or if that can't be found out.
func TestWithdrawSparesAFactorInUse(t *testing.T) {
	for name, answer := range map[string]error{"another row names it": nil, "nobody can look": errDown} {
		w := mfatest.NewWorld(mfatest.Fresh("alice", uuidA))
		p := begin(t, w, "alice")
		w.Hooks["CompareAndSet"] = once(func() {
			w.Users["alice"] = mfatest.Enrolled("alice", uuidA, sidC)
			w.Users["bob"] = mfatest.Enrolled("bob", uuidA, p.Factor.SID)
		})
		w.Hooks["FactorOwners"] = func() error { return answer }
		err := p.Submit(t.Context(), w.Code(t, p.Factor.SID, 0))
		wantKind(t, err, errs.Refused)
		if !errors.Is(err, errs.ErrChanged) || !slices.Equal(w.SIDs(uuidA), []string{p.Factor.SID}) {
			t.Errorf("%s: %v; factors %v", name, err, w.SIDs(uuidA))
		}
		if told := strings.Contains(err.Error(), "left at Twilio"); told != (answer != nil) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// If Twilio does not answer, the factor does not count as gone.
func TestEnrollKeepsTheRowWhileTwilioDoesNotAnswer(t *testing.T) {
	for _, answer := range []error{errDown, errs.New(errs.Config, "credentials rejected", ""), &errs.Error{Kind: errs.NotFound, Err: mfa.ErrNoService}} {
		w := mfatest.NewWorld(mfatest.Fresh("alice", uuidA))
		p := begin(t, w, "alice")
		w.Hooks["FetchFactor"] = func() error { return answer }
		wantNil(t, p.Submit(t.Context(), w.Code(t, p.Factor.SID, 0)))
		if w.Users["alice"].State() != mfa.StateEnrolled {
			t.Errorf("%v: the row is %s", answer, show(w.Users["alice"].Row))
		}
	}
}

func TestReplaceKeepsTheOldFactorWhereNobodyCanLookWhoUsesIt(t *testing.T) {
	w := mfatest.NewWorld(mfatest.Enrolled("alice", uuidA, sidA), mfatest.Enrolled("bob", uuidA, sidA))
	w.Add(uuidA, sidA, mfa.FactorVerified)
	p, err := enroller(w).Begin(t.Context(), mfa.PlanEnroll(w.Users["alice"], true))
	wantNil(t, err)
	w.Hooks["FactorOwners"] = func() error { return errDown }
	err = p.Submit(t.Context(), w.Code(t, p.Factor.SID, 0))
	if !errors.Is(err, mfa.ErrOldFactorLeft) || !slices.Contains(w.SIDs(uuidA), sidA) {
		t.Errorf("%v; factors %v", err, w.SIDs(uuidA))
	}
}

func TestRefusedEnrollmentMakesNothing(t *testing.T) {
	w := mfatest.NewWorld(mfatest.Enrolled("alice", uuidA, sidA))
	_, err := enroller(w).Begin(t.Context(), mfa.PlanEnroll(w.Users["alice"], false))
	wantKind(t, err, errs.Refused)
	if len(w.Calls) != 0 {
		t.Error(w.Calls)
	}
}

// Meanwhile somebody finished another enrollment of the user, and another user with the same uuid began one.
func TestLostCreationTakesOnlyItsOwnAway(t *testing.T) {
	w := mfatest.NewWorld(mfatest.Fresh("alice", uuidA))
	w.Hooks["CreateFactor after"] = func() error {
		w.Add(uuidA, sidB, mfa.FactorVerified)
		w.Add(uuidA, sidC, mfa.FactorUnverified).FriendlyName = "bob"
		return &errs.Error{Kind: errs.Unavailable, Err: errs.ErrLostReply}
	}
	_, err := enroller(w).Begin(t.Context(), mfa.PlanEnroll(w.Users["alice"], false))
	wantKind(t, err, errs.Unavailable)
	if got := w.SIDs(uuidA); !slices.Equal(got, []string{sidB, sidC}) {
		t.Errorf("left: %v", got)
	}
}

func TestVerifyNamedFactorWhereNobodyCanLookWhoUsesIt(t *testing.T) {
	w := mfatest.NewWorld(mfatest.Fresh("alice", uuidA))
	w.Add(uuidA, sidA, mfa.FactorVerified)
	w.Hooks["FactorOwners"] = func() error { return errDown }
	_, err := mfa.PlanVerification(t.Context(), w, w, nil, w.Users["alice"], sidA)
	wantKind(t, err, errs.Unavailable)
}

func TestConfirmDatabase(t *testing.T) {
	p := mfa.TargetDatabase{Host: "db", Database: "uzerp_copy", Users: 3}
	wantNil(t, mfa.ConfirmDatabase(p, "uzerp_copy"))
	for _, typed := range []string{"", "uzerp", "UZERP_COPY", "uzerp_copy ", "y", "yes"} {
		wantKind(t, mfa.ConfirmDatabase(p, typed), errs.Refused)
	}
}

// Exactly the fifth failure in a row ends a batch. Items that were begun by then are finished.
func TestBatchEndsAtTheFifthFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int32
		failures := mfa.Batch(t.Context(), items(100), func(_ context.Context, i, _ int) error {
			calls.Add(1)
			// The items end one after the other: the test's clock goes on only when all goroutines wait.
			time.Sleep(time.Until(time.Date(2000, 1, 1, 0, 0, i+1, 0, time.UTC)))
			return errDown
		}, nil)
		n, want := int(calls.Load()), 5+mfa.BatchWorkers-1
		if n != want || errors.Is(failures[want-1], mfa.ErrNotTried) || !errors.Is(failures[want], mfa.ErrNotTried) {
			t.Errorf("%d calls, want %d: %v", n, want, failures[:want+1])
		}
	})
}

// A user who enrolls while a reset deletes the factor is reset again; and if somebody changes the row at that very moment, it is
// looked at once more. What was done by then is never called nothing: another reset finishes it.
func TestResetSaysWhatItHasDone(t *testing.T) {
	for name, test := range map[string]struct {
		races int // how often the row is changed while it is reset again
		find  error
		set   error
		done  bool
	}{
		"a race":                       {done: true},
		"a race in a race":             {races: 1, done: true},
		"races without end":            {races: 9},
		"the row can't be looked at":   {find: errDown},
		"the row can't be reset again": {set: errDown},
	} {
		w := mfatest.NewWorld(mfatest.Fresh("alice", uuidA))
		w.Add(uuidA, sidA, mfa.FactorVerified)
		p := planReset(t, w, "alice")
		races := test.races
		w.Hooks["DeleteFactor"] = once(func() {
			w.Users["alice"] = mfatest.Enrolled("alice", uuidA, sidA)
			w.Hooks["FindUsers"] = func() error { return test.find }
			w.Hooks["CompareAndSet"] = func() error {
				if races--; races >= 0 { // only what is in the row beside the factor
					u := w.Users["alice"]
					enabled := u.Enabled == nil || !*u.Enabled
					u.Enabled = &enabled
					w.Users["alice"] = u
				}
				return test.set
			}
		})
		r, err := p.Apply(t.Context(), w, w)
		if test.done {
			if err != nil || w.Users["alice"].SID != nil {
				t.Errorf("%s: %v, row %s", name, err, show(w.Users["alice"].Row))
			}
			continue
		}
		if !errors.Is(err, mfa.ErrRowReset) || !strings.Contains(err.Error(), "the user was reset in uzERP, but ") || errs.HintOf(err).Empty() ||
			strings.Contains(err.Error(), "nothing") || len(r.Deleted) != 1 {
			t.Errorf("%s: %v, deleted %v", name, err, r.Deleted)
		}
	}
}
