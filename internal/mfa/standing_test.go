package mfa_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/mfa"
	"uzerp-mfa/internal/mfa/mfatest"
)

// What keeps somebody out is said in the words of a remedy, all of it, and who has left is asked about: on the last day nobody has.
func TestStanding(t *testing.T) {
	now := time.Unix(1_700_000_010, 0).UTC()
	day := func(ago time.Duration) *time.Time {
		d := now.Add(-ago).Truncate(24 * time.Hour)
		return &d
	}
	yes, no := true, false
	in := mfa.Details{CompanyAccess: true}
	const left = `the person behind "alice" left on 2023-11-13: the caller is somebody else, or should not get in`
	for name, test := range map[string]struct {
		access  *bool
		details *mfa.Details
		message string
		warns   []string
		asks    bool
	}{
		"let in":         {&yes, &in, "", nil, false},
		"not known":      {&yes, nil, "", nil, false},
		"last day":       {&yes, &mfa.Details{CompanyAccess: true, EndDate: day(0)}, "", nil, false},
		"left":           {&yes, &mfa.Details{CompanyAccess: true, EndDate: day(24 * time.Hour)}, "the person left on 2023-11-13", []string{left}, true},
		"no access":      {&no, &in, "no login, for access is disabled", []string{`"alice": no login, for access`}, false},
		"access NULL":    {nil, nil, "no login, for access is disabled", []string{`"alice": no login, for access`}, false},
		"enters nothing": {&yes, &mfa.Details{}, "no login, for the user may enter no company", []string{`"alice": no login, for the`}, false},
		"maintenance":    {&yes, &mfa.Details{CompanyAccess: true, Closed: &yes}, "no login while uzERP is closed for maintenance", []string{"closed"}, false},
		"no company":     {&yes, &mfa.Details{CompanyAccess: true, NoCompany: true}, "uzERP knows no company", []string{"no company"}, false},
		"left, no access": {&no, &mfa.Details{CompanyAccess: true, EndDate: day(24 * time.Hour)},
			"no login, for access is disabled; the person left on 2023-11-13", []string{left, "disabled"}, true},
	} {
		u := mfatest.Fresh("alice", uuidA)
		u.AccessEnabled = test.access
		known := persons{}
		if test.details != nil {
			known["alice"] = *test.details
		}
		all, unread, err := mfa.Standings(t.Context(), known, []mfa.User{u}, now)
		if err != nil || unread != nil || len(all) != 1 {
			t.Fatal(name, all, unread, err)
		}
		s := all[0]
		if got := s.Message(); !strings.Contains(got, test.message) || (got == "") != (test.message == "") {
			t.Errorf("%s: %q", name, got)
		}
		warnings := s.Warnings()
		for i, want := range test.warns {
			if i >= len(warnings) || !strings.Contains(warnings[i], want) {
				t.Errorf("%s: %q", name, warnings)
			}
		}
		if _, asks := s.Question(); asks != test.asks || len(warnings) != len(test.warns) {
			t.Errorf("%s: asks %v, warns %q", name, asks, warnings)
		}
	}
}

// A database that does not answer ends the enrolment before anything is made. A role that may not read persons does not.
func TestStandingsThatCannotBeRead(t *testing.T) {
	u := []mfa.User{mfatest.Fresh("alice", uuidA)}
	now := time.Now()
	if _, _, err := mfa.Standings(t.Context(), people{err: errDown}, u, now); !errors.Is(err, errDown) {
		t.Error(err)
	}
	denied := errs.New(errs.Config, "permission denied", "")
	all, unread, err := mfa.Standings(t.Context(), people{err: denied, details: map[string]mfa.Details{"alice": {}}}, u, now)
	if err != nil || !errors.Is(unread, denied) || len(all) != 1 || all[0].Details != nil ||
		all[0].Message() != "no login, for access is disabled; whether the person has left could not be looked up" {
		t.Error(all, unread, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := mfa.Standings(ctx, people{err: ctx.Err()}, u, now); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
