package mfa_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"uzerp-mfa/internal/caller"
	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/mfa"
	"uzerp-mfa/internal/mfa/mfatest"
)

// people is a Directory.
type people struct {
	details map[string]mfa.Details
	err     error
}

func (p people) Details(context.Context, []string) (map[string]mfa.Details, error) {
	return p.details, p.err
}

func (people) PhoneContacts(context.Context, string) ([]caller.PhoneContact, error) { return nil, nil }

// inspector returns an Inspector of a site where everybody works for a company.
func inspector(s *mfatest.Site) *mfa.Inspector {
	all := map[string]mfa.Details{}
	for name := range s.World.Users {
		all[name] = mfa.Details{Company: "Sample Ltd", CompanyAccess: true}
	}
	return &mfa.Inspector{Store: s, Directory: people{details: all}, Factors: s, Site: mfa.SiteOn, Now: func() time.Time { return s.World.Clock }}
}

// withAccess returns a site of these users, who have access.
func withAccess(users ...mfa.User) *mfatest.Site {
	for i := range users {
		users[i].AccessEnabled = new(true)
	}
	return mfatest.NewSite(users...)
}

func usersOf(s *mfatest.Site, names ...string) []mfa.User {
	var users []mfa.User
	for _, n := range names {
		users = append(users, s.World.Users[n])
	}
	return users
}

// inspectOne inspects alice.
func inspectOne(t *testing.T, i *mfa.Inspector, s *mfatest.Site) mfa.Inspection {
	t.Helper()
	seen, unread, err := i.Inspect(t.Context(), usersOf(s, "alice"), nil)
	if err != nil || unread != nil || len(seen) != 1 {
		t.Fatal(seen, unread, err)
	}
	return seen[0]
}

func TestInspectSeesTheFactorInUse(t *testing.T) {
	for name, c := range map[string]struct {
		make func(s *mfatest.Site)
		own  mfa.FactorSight
		want mfa.Outcome
	}{
		"verified":               {func(s *mfatest.Site) { s.World.Add(uuidA, sidA, mfa.FactorVerified) }, mfa.FactorSeenVerified, mfa.OutcomeAsksForCode},
		"unverified":             {func(s *mfatest.Site) { s.World.Add(uuidA, sidA, mfa.FactorUnverified) }, mfa.FactorSeenUnverified, mfa.OutcomeLockedOut},
		"missing":                {func(s *mfatest.Site) { s.World.Add(uuidA, sidB, mfa.FactorVerified) }, mfa.FactorMissing, mfa.OutcomeLockedOut},
		"under another identity": {func(s *mfatest.Site) { s.World.Add(uuidOf(7), sidA, mfa.FactorVerified) }, mfa.FactorMissing, mfa.OutcomeLockedOut},
	} {
		s := withAccess(mfatest.Enrolled("alice", uuidA, sidA))
		c.make(s)
		got := inspectOne(t, inspector(s), s)
		if got.Twilio.Own != c.own || got.Twilio.Err != nil || got.Next.Outcome != c.want {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// A factor that is not in the list counts as gone only after the factor was fetched, and the service after it.
func TestInspectCallsAFactorMissingOnlyAfterFetching(t *testing.T) {
	gone := errs.New(errs.NotFound, "not found", "")
	for _, op := range []string{"ListFactors", "FetchFactor", "CheckService"} {
		for kind, own := range map[errs.Kind]mfa.FactorSight{errs.Unavailable: mfa.FactorNoAnswer, errs.Config: mfa.FactorUnknown, errs.NotFound: ""} {
			s := withAccess(mfatest.Enrolled("alice", uuidA, sidA))
			s.Before = func(_ int, called, _ string) error {
				switch called {
				case op:
					return errs.New(kind, "failed", "")
				case "FetchFactor":
					return gone
				default:
					return nil
				}
			}
			got := inspectOne(t, inspector(s), s)
			switch {
			case kind == errs.NotFound && op == "FetchFactor": // fetched
				own = mfa.FactorMissing
			case kind == errs.NotFound && op == "ListFactors": // the service is gone: an unknown entity has an empty list
				own = mfa.FactorUnknown
			case kind == errs.NotFound:
				own = mfa.FactorNoAnswer
			}
			wantErr := own != mfa.FactorMissing
			if got.Twilio.Own != own || (got.Twilio.Err != nil) != wantErr || (got.Next.Outcome == mfa.OutcomeLockedOut) == wantErr {
				t.Errorf("%s gives %v: %+v", op, kind, got)
			}
		}
	}
	// It is in no list, and exists nevertheless.
	s := withAccess(mfatest.Enrolled("alice", uuidA, sidA))
	s.World.Add(uuidA, sidA, mfa.FactorVerified)
	got := inspectOne(t, &mfa.Inspector{Store: s, Directory: inspector(s).Directory, Factors: forgetful{s}, Site: mfa.SiteOn, Now: time.Now}, s)
	if got.Twilio.Own != mfa.FactorSeenVerified || len(got.Twilio.Factors) != 1 || !got.Twilio.Factors[0].InUse {
		t.Errorf("%+v", got)
	}
}

// forgetful is a Twilio whose list lacks what it has.
type forgetful struct{ *mfatest.Site }

func (forgetful) ListFactors(context.Context, string) ([]mfa.Factor, error) { return nil, nil }

// A user who enrols, or is reset, while Twilio is asked is not called locked out.
func TestInspectLooksAgainAtAChangedRow(t *testing.T) {
	s := withAccess(mfatest.Enrolled("alice", uuidA, sidA))
	s.World.Add(uuidA, sidA, mfa.FactorVerified)
	before := s.World.Users["alice"]
	s.Before = func(_ int, op, _ string) error {
		// A replacement: the row names the new factor, and the old one is deleted.
		if op == "FetchFactor" || op == "ListFactors" && s.World.Users["alice"].Equal(before.Row) {
			u := s.World.Users["alice"]
			u.SID = new(sidB)
			s.World.Users["alice"] = u
			s.World.Factors[uuidA] = nil
			s.World.Add(uuidA, sidB, mfa.FactorVerified)
		}
		return nil
	}
	seen, _, err := inspector(s).Inspect(t.Context(), []mfa.User{before}, nil)
	if err != nil || seen[0].Next.Outcome != mfa.OutcomeAsksForCode || *seen[0].User.SID != sidB {
		t.Errorf("%+v %v", seen, err)
	}
	// If the row changes every time, asking ends, and nothing is known.
	s = withAccess(mfatest.Enrolled("alice", uuidA, sidA))
	n := 0
	s.Before = func(_ int, op, _ string) error {
		if op == "FindUsers" {
			n++
			u := s.World.Users["alice"]
			u.SID = new(fmt.Sprintf("YF%032x", n))
			s.World.Users["alice"] = u
		}
		return nil
	}
	got := inspectOne(t, inspector(s), s)
	if got.Twilio.Own != mfa.FactorNoAnswer || n != 3 {
		t.Errorf("after %d readings %+v", n, got)
	}
}

func TestInspectWithoutTwilio(t *testing.T) {
	s := withAccess(mfatest.Enrolled("alice", uuidA, sidA), mfa.User{Username: "erin"})
	i := inspector(s)
	i.Factors = nil
	if got := inspectOne(t, i, s); got.Twilio.Own != mfa.FactorNotAsked || got.Twilio.Err != nil || got.Next.Outcome != mfa.OutcomeAsksForCode {
		t.Errorf("offline: %+v", got)
	}
	i.NoFactors = errs.New(errs.Config, "no settings", "")
	seen, _, err := i.Inspect(t.Context(), usersOf(s, "alice", "erin"), nil)
	if err != nil || seen[0].Twilio.Own != mfa.FactorUnknown || !errors.Is(seen[0].Twilio.Err, i.NoFactors) {
		t.Errorf("no settings: %+v %v", seen, err)
	}
	// Twilio has nothing about a user without a uuid, and is not asked.
	if seen[1].Twilio.Err != nil || seen[1].Twilio.Own != mfa.FactorMissing || seen[1].Next.Outcome != mfa.OutcomeLockedOut {
		t.Errorf("no uuid: %+v", seen[1])
	}
}

// In an outage Twilio is asked about a few users only. All users are shown.
func TestInspectGivesUpOnAnOutage(t *testing.T) {
	var users []mfa.User
	var names []string
	for n := range 50 {
		names = append(names, fmt.Sprintf("user%02d", n))
		users = append(users, mfatest.Enrolled(names[n], uuidOf(n), sidOf(n)))
	}
	s := withAccess(users...)
	asked := 0
	s.Before = func(_ int, op, _ string) error {
		if op == "ListFactors" {
			asked++
			return errs.New(errs.Unavailable, "down", "")
		}
		return nil
	}
	done := 0
	seen, _, err := inspector(s).Inspect(t.Context(), usersOf(s, names...), func() { done++ })
	if err != nil || len(seen) != 50 || asked >= 15 || done != asked {
		t.Fatalf("%d seen, %d asked, %d done, %v", len(seen), asked, done, err)
	}
	for n, one := range seen {
		if one.User.Username != names[n] || one.Twilio.Own != mfa.FactorNoAnswer || one.Twilio.Err == nil ||
			one.Next.Outcome != mfa.OutcomeAsksForCode || one.Details == nil {
			t.Fatalf("%+v", one)
		}
	}
	if !errors.Is(seen[49].Twilio.Err, mfa.ErrNotTried) || errors.Is(seen[0].Twilio.Err, mfa.ErrNotTried) {
		t.Error("the last was asked, or the first was not")
	}
}

// An error of uzERP's database ends it, and no part of the users is shown.
func TestInspectEndsWithTheDatabase(t *testing.T) {
	down := errs.New(errs.Unavailable, "no database", "")
	for _, op := range []string{"FindUsers", "FactorOwners", "UUIDOwners"} {
		s := withAccess(mfatest.Enrolled("alice", uuidA, sidA))
		s.World.Add(uuidA, sidB, mfa.FactorVerified)
		s.Before = func(_ int, called, _ string) error {
			if called == op {
				return down
			}
			return nil
		}
		if seen, _, err := inspector(s).Inspect(t.Context(), usersOf(s, "alice"), nil); !errors.Is(err, down) || seen != nil {
			t.Errorf("%s: %v %v", op, seen, err)
		}
	}
	s := withAccess(mfatest.Enrolled("alice", uuidA, sidA))
	i := inspector(s)
	i.Directory = people{err: down}
	if _, _, err := i.Inspect(t.Context(), usersOf(s, "alice"), nil); !errors.Is(err, down) {
		t.Errorf("details: %v", err)
	}
}

// A role that may not read the persons still sees all else.
func TestInspectWithoutDetails(t *testing.T) {
	s := withAccess(mfatest.Fresh("alice", uuidA))
	i := inspector(s)
	i.Directory = people{err: errs.New(errs.Config, "the role lacks a right", ""), details: map[string]mfa.Details{"alice": {}}}
	seen, unread, err := i.Inspect(t.Context(), usersOf(s, "alice"), nil)
	if err != nil || unread == nil || seen[0].Details != nil || seen[0].Next.Outcome != mfa.OutcomeAsksToEnroll {
		t.Errorf("%+v %v %v", seen, unread, err)
	}
}

func TestInspectDecidesOnTheCompany(t *testing.T) {
	s := withAccess(mfatest.Fresh("alice", uuidA))
	i := inspector(s)
	i.Directory = people{details: map[string]mfa.Details{"alice": {CompanyAccess: false}}}
	if got := inspectOne(t, i, s); got.Next.Outcome != mfa.OutcomeDenied {
		t.Errorf("%+v", got)
	}
}

func TestInspectWarns(t *testing.T) {
	s := withAccess(mfatest.Enrolled("alice", uuidA, sidA), mfatest.Enrolled("bob", uuidA, sidB), mfatest.Fresh("carol", uuidOf(3)))
	s.World.Add(uuidA, sidA, mfa.FactorVerified)
	s.World.Add(uuidA, sidB, mfa.FactorVerified) // bob's factor, which alice has not left behind
	s.World.Add(uuidOf(3), sidC, mfa.FactorUnverified)
	i := inspector(s)
	yesterday := s.World.Clock.AddDate(0, 0, -1)
	i.Directory = people{details: map[string]mfa.Details{
		"alice": {CompanyAccess: true, EndDate: &yesterday}, "bob": {CompanyAccess: true}, "carol": {CompanyAccess: true}}}
	seen, _, err := i.Inspect(t.Context(), usersOf(s, "alice", "bob", "carol"), nil)
	if err != nil {
		t.Fatal(err)
	}
	a, b, c := seen[0], seen[1], seen[2]
	if len(a.Warnings) != 2 || !strings.Contains(a.Warnings[0].Text, "left on 2023-11-13") ||
		!strings.Contains(a.Warnings[1].Text, `shares the uuid with "bob"`) ||
		a.Warnings[1].Help.Reason != mfa.ReasonSharedUUID {
		t.Errorf("%q", a.Warnings)
	}
	if len(b.Warnings) != 1 || !slices.Equal(b.SharedWith, []string{"alice"}) || len(c.Warnings) != 0 || len(c.SharedWith) != 0 {
		t.Errorf("%+v %+v", b, c)
	}
	if a.Next.Outcome != mfa.OutcomeAsksForCode {
		t.Error("uzERP does not look at who has left:", a.Next)
	}
	if f := a.Twilio.Factors; len(f) != 2 || !f[0].InUse || len(f[0].Others) != 0 || f[1].InUse || !slices.Equal(f[1].Others, []string{"bob"}) {
		t.Errorf("%+v", f)
	}
	s.World.Add(uuidOf(3), "YF000000000000000000000000000000ff", mfa.FactorVerified)
	seen, _, err = i.Inspect(t.Context(), usersOf(s, "carol"), nil)
	if err != nil || len(seen[0].Warnings) != 1 || !strings.Contains(seen[0].Warnings[0].Text, "no login accepts") ||
		seen[0].Warnings[0].Help.Reason != mfa.ReasonLeftFactor {
		t.Errorf("%+v %v", seen, err)
	}
}

func uuidOf(n int) string { return fmt.Sprintf("aaaaaaaa-0000-4000-8000-%012d", n) }

func sidOf(n int) string { return fmt.Sprintf("YF%032d", n) }
