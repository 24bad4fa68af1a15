package mfa_test

import (
	"errors"
	"testing"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/mfa"
	"uzerp-mfa/internal/mfa/mfatest"
)

// Several users are planned first and then reset. An error of one does not stop the others.
func TestResets(t *testing.T) {
	const uuidB, third = "44444444-4444-4444-8444-444444444444", "33333333-3333-4333-8333-333333333333"
	s := mfatest.NewSite(mfatest.Enrolled("alice", uuidA, sidA), mfatest.Enrolled("bob", uuidB, sidB), mfatest.Fresh("carol", third))
	w := s.World
	carol := w.Users["carol"]
	no := false
	carol.Enrolled, carol.Enabled = &no, &no
	w.Users["carol"] = carol
	w.Add(uuidA, sidA, mfa.FactorVerified)
	w.Add(uuidB, sidB, mfa.FactorVerified)
	steps := 0
	all := mfa.PlanResets(t.Context(), s, s, []mfa.User{w.Users["alice"], carol, w.Users["bob"]}, false, func() string { return uuidA }, func() { steps++ })
	needed := mfa.NeededResets(all)
	if len(all) != 3 || steps != 3 || len(needed) != 2 || needed[0] != &all[0] || needed[1] != &all[2] || all[1].Err != nil {
		t.Fatalf("%+v", all)
	}
	if w.Users["alice"].State() != mfa.StateEnrolled {
		t.Fatal("planning has changed something")
	}
	bob := w.Users["bob"] // somebody resets bob meanwhile, and he enrols again
	other := sidC
	bob.SID = &other
	w.Users["bob"] = bob
	mfa.ApplyResets(t.Context(), s, s, needed, nil)
	if r := all[0]; r.Err != nil || r.Done == nil || len(r.Done.Deleted) != 1 || w.Users["alice"].State() != mfa.StateNotEnrolled {
		t.Errorf("alice: %+v", r)
	}
	if r := all[1]; r.Err != nil || r.Done != nil {
		t.Errorf("carol: %+v", r)
	}
	if r := all[2]; !errors.Is(r.Err, errs.ErrChanged) || w.Users["bob"].State() != mfa.StateEnrolled {
		t.Errorf("bob: %+v", r)
	}
}

// In an outage each user that was not tried is named.
func TestResetsOfAnOutage(t *testing.T) {
	s := mfatest.NewSite()
	var users []mfa.User
	for _, name := range []string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"} {
		users = append(users, mfatest.Enrolled(name, uuidA, sidA))
	}
	s.Before = func(int, string, string) error { return errs.New(errs.Unavailable, "down", "") }
	all := mfa.PlanResets(t.Context(), s, s, users, false, nil, nil)
	notTried := 0
	for i, r := range all {
		if errs.KindOf(r.Err) != errs.Unavailable || r.User.Username != users[i].Username {
			t.Errorf("%+v", r)
		}
		if errors.Is(r.Err, mfa.ErrNotTried) {
			notTried++
		}
	}
	if notTried == 0 || len(mfa.NeededResets(all)) > 0 {
		t.Errorf("%d not tried", notTried)
	}
}
