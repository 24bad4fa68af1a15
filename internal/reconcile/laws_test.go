package reconcile_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/mfa"
	"uzerp-mfa/internal/mfa/mfatest"
	"uzerp-mfa/internal/reconcile"
)

// This file tests each check that is made just before a repair, in a case that no other check would notice.
// testdata/mutants takes these checks away, one by one.

// If a check fails, nothing is repaired. The error says that it failed, and not that something has changed.
func TestNoRepairWithoutAnAnswer(t *testing.T) {
	stale := func() *mfatest.Site {
		s := mfatest.NewSite(mfatest.Enrolled("u", id(1), factorID(1)))
		s.Old(id(1), factorID(1))
		s.Old(id(1), factorID(2))
		return s
	}
	unverified := func() *mfatest.Site {
		s := mfatest.NewSite(mfatest.Enrolled("u", id(1), factorID(1)))
		s.World.Add(id(1), factorID(1), mfa.FactorUnverified)
		return s
	}
	for _, test := range []struct {
		site      func() *mfatest.Site
		op, about string
	}{
		{stale, "FetchFactor", factorID(2)}, // the one to delete
		{stale, "FetchFactor", factorID(1)}, // the one in use
		{stale, "FindUsers", "u"},
		{stale, "UUIDOwners", id(1)},
		{stale, "FactorOwners", factorID(2)},
		{stale, "DeleteFactor", factorID(2)},
		{unverified, "FetchFactor", factorID(1)},
		{unverified, "CompareAndSet", "u"},
	} {
		t.Run(fmt.Sprint(test.op, " ", test.about), func(t *testing.T) {
			s := test.site()
			r := reconciler(s)
			plan := checked(t, r).PlanRepairs(limit(9))
			if len(plan.Differences) != 1 {
				t.Fatalf("%d repairs", len(plan.Differences))
			}
			users, factors := maps.Clone(s.World.Users), s.World.SIDs(id(1))
			asked := 0
			s.Before = func(_ int, op, about string) error {
				if op == test.op && about == test.about {
					asked++
					return errDown
				}
				return nil
			}
			plan.Apply(t.Context(), repairer(r), nil)
			wantKind(t, plan.Differences[0].Err, errs.Unavailable)
			if diff := cmp.Diff(users, s.World.Users) + cmp.Diff(factors, s.World.SIDs(id(1))); diff != "" || plan.Differences[0].Fixed || asked != 1 {
				t.Errorf("asked %d times, and something was repaired: %s", asked, diff)
			}
		})
	}
}

// After a deletion Twilio is asked again. Only "not found" of a service that still exists counts.
func TestDeletionWithoutAnAnswerIsNotCalledFixed(t *testing.T) {
	for name, failing := range map[string]map[string]error{
		"the factor is not answered for":  {"FetchFactor": errDown},
		"the factor is rejected":          {"FetchFactor": errRejected},
		"the service is not answered for": {"CheckService": errDown},
		"the service is gone":             {"CheckService": errGone},
	} {
		s := mfatest.NewSite(mfatest.Fresh("u", id(1)))
		s.Old(id(1), factorID(2))
		r := reconciler(s)
		plan := checked(t, r).PlanRepairs(limit(9))
		deleted := false
		s.Before = func(_ int, op, _ string) error {
			deleted = deleted || op == "DeleteFactor"
			if deleted {
				return failing[op]
			}
			return nil
		}
		plan.Apply(t.Context(), repairer(r), nil)
		if f := plan.Differences[0]; f.Fixed || errs.KindOf(f.Err) != errs.Unavailable || !deleted {
			t.Errorf("%s: fixed %v, %v", name, f.Fixed, f.Err)
		}
	}
}

// Somebody writes a factor to a row just before it is deleted.
func TestReconcileMends(t *testing.T) {
	for name, test := range map[string]struct {
		later func(s *mfatest.Site, cancel func()) // after the deletion, before the row is read again
		op    string
		sid   string // the factor that the row names in the end
	}{
		"and is interrupted": {func(_ *mfatest.Site, cancel func()) { cancel() }, "FetchFactor", ""},
		"and then another one": {func(s *mfatest.Site, _ func()) {
			s.World.Users["u"] = mfatest.Enrolled("u", id(1), factorID(3))
		}, "FindUsers", factorID(3)},
		"and nobody answers for a moment": {func(*mfatest.Site, func()) {}, "FetchFactor", ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := mfatest.NewSite(mfatest.Fresh("u", id(1)))
			s.Old(id(1), factorID(2))
			r := reconciler(s)
			plan := checked(t, r).PlanRepairs(limit(9))
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			deleted := false
			s.Before = func(_ int, op, _ string) error {
				if deleted && op == test.op {
					test.later(s, cancel)
				}
				if op == "DeleteFactor" {
					deleted = true
					s.World.Users["u"] = mfatest.Enrolled("u", id(1), factorID(2))
				}
				return nil
			}
			plan.Apply(ctx, repairer(r), nil)
			if u := s.World.Users["u"]; !deleted || u.FactorSID() != test.sid || u.IsEnrolled() != (test.sid != "") {
				t.Errorf("the row names %q, want %q", u.FactorSID(), test.sid)
			}
		})
	}
}

// A repair depends on what the factor and its user are now, not on what they were when the list was read.
func TestNoDeletionOfWhatIsAnotherThingNow(t *testing.T) {
	for name, race := range map[string]func(*mfatest.Site){
		"pending":        func(s *mfatest.Site) { s.World.Factors[id(1)][0].Status = mfa.FactorUnverified },
		"of unknown age": func(s *mfatest.Site) { s.World.Factors[id(1)][0].Created = time.Time{} },
		"just made":      func(s *mfatest.Site) { s.World.Factors[id(1)][0].Created = s.World.Clock.Add(-14 * time.Minute) },
		"nobody's":       func(s *mfatest.Site) { delete(s.World.Users, "u") },
	} {
		s := mfatest.NewSite(mfatest.Fresh("u", id(1)))
		s.Old(id(1), factorID(2))
		r := reconciler(s)
		plan := checked(t, r).PlanRepairs(limit(9))
		race(s)
		plan.Apply(t.Context(), repairer(r), nil)
		if err := plan.Differences[0].Err; !errors.Is(err, errs.ErrChanged) || len(s.World.SIDs(id(1))) != 1 {
			t.Errorf("%s: %v, left %v", name, err, s.World.SIDs(id(1)))
		}
	}
}

// Failures that are not in a row don't end the repairs. Ctrl-C does.
func TestRepairsGoOnAndEnd(t *testing.T) {
	var users []mfa.User
	for n := range 14 {
		users = append(users, mfatest.Enrolled(fmt.Sprintf("u%02d", n), id(n), ""))
	}
	s := mfatest.NewSite(users...)
	tried := 0
	s.Before = func(_ int, op, _ string) error {
		if op != "CompareAndSet" {
			return nil
		}
		if tried++; tried%2 == 0 {
			return errDown
		}
		return nil
	}
	result, _ := repaired(t, reconciler(s), limit(14))
	if fixed := slices.DeleteFunc(result.Differences, func(f reconcile.Difference) bool { return !f.Fixed }); tried != 14 || len(fixed) != 7 {
		t.Errorf("%d tried, %d fixed", tried, len(fixed))
	}

	s = mfatest.NewSite(users...)
	r := reconciler(s)
	plan := checked(t, r).PlanRepairs(limit(14))
	ctx, cancel := context.WithCancel(t.Context())
	at := 0
	plan.Apply(ctx, repairer(r), func(reconcile.Difference) {
		if at == 0 {
			cancel()
			at = s.N
		}
	})
	if s.N != at || !errors.Is(plan.Differences[1].Err, context.Canceled) {
		t.Errorf("%d calls after the interruption; %v", s.N-at, plan.Differences[1].Err)
	}
}

// A key that may not delete factors is found before any repair, also one of a row: it is said of each, and nothing is changed.
func TestForbiddenRepairs(t *testing.T) {
	s := mfatest.NewSite(mfatest.Enrolled("alice", id(1), factorID(1)), mfatest.Enrolled("bob", id(2), ""))
	s.Old(id(1), factorID(1))
	s.Old(id(1), factorID(2))
	r := reconciler(s)
	plan := checked(t, r).PlanRepairs(limit(9))
	if len(plan.Differences) != 2 || !plan.Deletes() {
		t.Fatalf("%d differences", len(plan.Differences))
	}
	s.World.Forbidden = []mfa.FactorCall{mfa.CallDelete}
	calls := s.N
	plan.Apply(t.Context(), repairer(r), nil)
	for _, d := range plan.Differences {
		if d.Fixed || !errors.Is(d.Err, mfa.ErrNotPermitted) || errs.KindOf(d.Err) != errs.Config {
			t.Errorf("%s: %v", d.Username, d.Err)
		}
	}
	if s.N != calls {
		t.Errorf("%d calls", s.N-calls)
	}
}
