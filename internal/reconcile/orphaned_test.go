package reconcile_test

import (
	"errors"
	"slices"
	"testing"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/mfa"
	"uzerp-mfa/internal/mfa/mfatest"
	"uzerp-mfa/internal/reconcile"
)

// sidLost returns a user who is enrolled with no factor on record, and whose factor is still at Twilio.
func sidLost() *mfatest.Site {
	s := mfatest.NewSite(mfatest.Enrolled("u", id(1), ""))
	s.Old(id(1), factorID(1))
	return s
}

// The repair of sid-missing resets the row. The factor that nobody can use after that is found, and deleted, in the same run.
func TestFactorThatTheRepairLeavesOverIsFoundInTheSameRun(t *testing.T) {
	r := reconciler(sidLost())
	wantLines(t, checked(t, r), "sid-missing u", "orphan-factor u001")

	s := sidLost()
	result, plan := repaired(t, reconciler(s), limit(2))
	wantLines(t, result, "sid-missing u !", "orphan-factor u001 !")
	if plan.Refusal != nil || s.World.Users["u"].IsEnrolled() || len(s.World.Factors[id(1)]) != 0 {
		t.Error(plan.Refusal, s.World.Users["u"], s.World.Factors)
	}
	if i, j := slices.Index(s.World.Calls, "CompareAndSet"), slices.Index(s.World.Calls, "DeleteFactor"); i < 0 || j < i {
		t.Error("the row first:", s.World.Calls)
	}
	wantLines(t, checked(t, reconciler(s))) // nothing is left for another run
}

// It is kept, and named all the same, where the row is not reset or somebody may need the factor.
func TestFactorThatTheRepairLeavesOverIsKept(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*mfatest.Site)
		only   []reconcile.Kind
		want   []string
	}{
		{"a skip that an operator made", func(s *mfatest.Site) {
			u := s.World.Users["u"]
			u.Enabled = new(false)
			s.World.Users["u"] = u
		}, nil, []string{"sid-missing u -", "orphan-factor u001 -"}},
		{"the row is not to be reset", func(*mfatest.Site) {}, []reconcile.Kind{reconcile.OrphanFactor}, []string{"orphan-factor u001 -"}},
		{"Twilio is not to be asked", func(*mfatest.Site) {}, []reconcile.Kind{reconcile.SIDMissing}, []string{"sid-missing u !"}},
		{"a young one", func(s *mfatest.Site) {
			s.World.Factors[id(1)] = nil
			s.World.Add(id(1), factorID(1), mfa.FactorVerified)
		}, nil, []string{"sid-missing u !", "orphan-factor u001 -"}},
		{"another row names it", func(s *mfatest.Site) { s.World.Users["v"] = mfatest.Enrolled("v", id(2), factorID(1)) }, []reconcile.Kind{
			reconcile.SIDMissing, reconcile.OrphanFactor}, []string{"sid-missing u !"}},
		{"a uuid of two", func(s *mfatest.Site) { s.World.Users["v"] = mfatest.Fresh("v", id(1)) }, nil,
			[]string{"uuid-duplicate u -", "sid-missing u !", "orphan-factor u001 -", "uuid-duplicate v !", "orphan-factor v001 -"}},
		{"an unverified one", func(s *mfatest.Site) {
			s.World.Factors[id(1)] = nil
			s.World.Add(id(1), factorID(1), mfa.FactorUnverified)
		}, nil, []string{"sid-missing u !"}},
	} {
		s := sidLost()
		c.change(s)
		r := reconciler(s, c.only...)
		result, _ := repaired(t, r, limit(9))
		wantLines(t, result, c.want...)
		if slices.Contains(s.World.Calls, "DeleteFactor") {
			t.Errorf("%s: a factor was deleted", c.name)
		}
	}
}

// The factor is deleted only if the row is as the reset leaves it: not if that failed, or if somebody has enrolled since.
func TestFactorIsKeptIfTheRowWasNotReset(t *testing.T) {
	for name, before := range map[string]func(s *mfatest.Site, op string) error{
		"the row could not be written": func(_ *mfatest.Site, op string) error {
			if op == "CompareAndSet" {
				return errs.New(errs.Refused, "changed meanwhile", "")
			}
			return nil
		},
		"the user got the factor back": func(s *mfatest.Site, op string) error {
			if op == "FetchFactor" {
				s.World.Users["u"] = mfatest.Enrolled("u", id(1), factorID(1))
			}
			return nil
		},
		"the user enrolled anew": func(s *mfatest.Site, op string) error {
			if op == "FetchFactor" {
				s.World.Users["u"] = mfatest.Enrolled("u", id(1), factorID(2))
			}
			return nil
		},
	} {
		s := sidLost()
		r := reconciler(s)
		result := checked(t, r)
		s.Before = func(_ int, op, _ string) error { return before(s, op) }
		plan := result.PlanRepairs(limit(9))
		plan.Apply(t.Context(), repairer(r), nil)
		if f := plan.Differences[1]; f.Kind != reconcile.OrphanFactor || f.Fixed || errs.KindOf(f.Err) != errs.Refused {
			t.Errorf("%s: %+v", name, f)
		}
		if slices.Contains(s.World.Calls, "DeleteFactor") {
			t.Errorf("%s: the factor was deleted", name)
		}
	}
}

// While Twilio gives no answer about the user, the row is not reset either.
func TestNoResetWhileTheFactorIsNotKnown(t *testing.T) {
	s := sidLost()
	s.Before = func(_ int, op, _ string) error {
		if op == "ListFactors" {
			return errs.New(errs.Unavailable, "no answer", "")
		}
		return nil
	}
	result, _ := repaired(t, reconciler(s), limit(9))
	wantLines(t, result, "sid-missing u -", "unknown u")
	if f := result.Differences[1]; f.Err == nil || errors.Is(f.Err, errs.ErrChanged) {
		t.Error(f)
	}
}
