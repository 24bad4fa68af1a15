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

// persons is a directory of persons.
type persons map[string]mfa.Details

func (p persons) Details(context.Context, []string) (map[string]mfa.Details, error) { return p, nil }

// planner plans on a site with two-factor login on, whose users may all enter a company.
func planner(s *mfatest.Site) mfa.Planner {
	all := persons{}
	for name := range s.World.Users {
		all[name] = mfa.Details{Company: "Sample Ltd", CompanyAccess: true}
	}
	return mfa.Planner{Store: s, Directory: all, Factors: s, Site: mfa.SiteOn,
		NewUUID: func() string { return uuidA }, Now: func() time.Time { return s.World.Clock }}
}

func letIn(u mfa.User) mfa.User {
	yes := true
	u.AccessEnabled = &yes
	return u
}

// Several users are planned first and then reset. An error of one does not stop the others.
func TestRemedyOfSeveral(t *testing.T) {
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
	plan := planner(s).Plan(t.Context(), mfa.RemedyReset, []mfa.User{w.Users["alice"], carol, w.Users["bob"]}, func() { steps++ })
	all, needed := plan.Users, plan.Needed()
	if len(all) != 3 || steps != 3 || len(needed) != 2 || needed[0] != all[0] || needed[1] != all[2] || all[1].Err != nil {
		t.Fatalf("%+v", all)
	}
	if w.Users["alice"].State() != mfa.StateEnrolled {
		t.Fatal("planning has changed something")
	}
	bob := w.Users["bob"] // somebody resets bob meanwhile, and he enrols again
	other := sidC
	bob.SID = &other
	w.Users["bob"] = bob
	plan.Apply(t.Context(), mfa.Applier{Store: s, Factors: s}, nil)
	if r := all[0]; r.Err != nil || !r.Changed() || len(r.Done.Deleted) != 1 || w.Users["alice"].State() != mfa.StateNotEnrolled {
		t.Errorf("alice: %+v", r)
	}
	if r := all[1]; r.Err != nil || r.Done != nil || r.Changed() {
		t.Errorf("carol: %+v", r)
	}
	if r := all[2]; !errors.Is(r.Err, errs.ErrChanged) || r.Changed() || w.Users["bob"].State() != mfa.StateEnrolled {
		t.Errorf("bob: %+v", r)
	}
	if again := plan.Needed(); len(again) > 0 {
		t.Errorf("applied twice, it would change %+v", again[0])
	}
}

// What the operator has seen is looked at again after the yes: a person who has left meanwhile, an access, a company.
func TestLookAgain(t *testing.T) {
	for name, c := range map[string]struct {
		change func(d persons, w *mfatest.World)
		want   string // in the refusal
	}{
		"nothing": {func(persons, *mfatest.World) {}, ""},
		"left": {func(d persons, w *mfatest.World) {
			yesterday := w.Clock.AddDate(0, 0, -1)
			d["alice"] = mfa.Details{Company: "Sample Ltd", CompanyAccess: true, EndDate: &yesterday}
		}, `now it would be: the person behind "alice" left on `},
		"access": {func(_ persons, w *mfatest.World) {
			u := w.Users["alice"]
			u.AccessEnabled = new(false)
			w.Users["alice"] = u
		}, "no login, for access is disabled"},
		"company": {func(d persons, _ *mfatest.World) { d["alice"] = mfa.Details{} }, "no login, for the user may enter no company"},
	} {
		s := mfatest.NewSite(letIn(mfatest.Enrolled("alice", uuidA, sidA)), letIn(mfatest.Enrolled("bob", uuidA, sidB)))
		p := planner(s)
		plan := p.Plan(t.Context(), mfa.RemedySkip, []mfa.User{s.World.Users["alice"], s.World.Users["bob"]}, nil)
		c.change(p.Directory.(persons), s.World)
		wantNil(t, p.LookAgain(t.Context(), plan))
		alice, bob := plan.Users[0], plan.Users[1]
		if bob.Err != nil || (alice.Err != nil) != (c.want != "") {
			t.Errorf("%s: %v, %v", name, alice.Err, bob.Err)
		}
		if alice.Err == nil {
			continue
		}
		if wantKind(t, alice.Err, errs.Refused); !strings.Contains(alice.Err.Error(), c.want) {
			t.Errorf("%s: %v", name, alice.Err)
		}
		plan.Apply(t.Context(), mfa.Applier{Store: s}, nil)
		if s.World.Users["alice"].State() != mfa.StateEnrolled || s.World.Users["bob"].State() != mfa.StateSkipNextLogin {
			t.Errorf("%s: %+v", name, s.World.Users)
		}
	}
}

// The change is made also if the clean-up was not.
func TestRemedyWithoutItsCleanUp(t *testing.T) {
	s := mfatest.NewSite(mfatest.Enrolled("alice", uuidA, sidA))
	s.World.Add(uuidA, sidA, mfa.FactorVerified)
	plan := planner(s).Plan(t.Context(), mfa.RemedyReset, []mfa.User{s.World.Users["alice"]}, nil)
	s.World.Hooks["DeleteFactor"] = func() error { return errs.New(errs.Unavailable, "down", "") }
	plan.Apply(t.Context(), mfa.Applier{Store: s, Factors: s}, nil)
	if r := plan.Users[0]; !r.Changed() || !errors.Is(r.Err, mfa.ErrRowReset) {
		t.Errorf("%+v", r)
	}
}

// In an outage each user that was not tried is named.
func TestRemedyInAnOutage(t *testing.T) {
	s := mfatest.NewSite()
	var users []mfa.User
	for _, name := range []string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"} {
		users = append(users, mfatest.Enrolled(name, uuidA, sidA))
	}
	s.Before = func(int, string, string) error { return errs.New(errs.Unavailable, "down", "") }
	plan := planner(s).Plan(t.Context(), mfa.RemedyReset, users, nil)
	notTried := 0
	for i, r := range plan.Users {
		if errs.KindOf(r.Err) != errs.Unavailable || r.User.Username != users[i].Username {
			t.Errorf("%+v", r)
		}
		if errors.Is(r.Err, mfa.ErrNotTried) {
			notTried++
		} else if errs.HintOf(r.Err).Reason != mfa.ReasonTwilioDown {
			t.Errorf("the hint is %q", errs.HintOf(r.Err))
		}
	}
	if _, asks := plan.Question(); notTried == 0 || len(plan.Needed()) > 0 || asks {
		t.Errorf("%d not tried", notTried)
	}
}

// Nobody is let in without a code, or loses a factor, before the operator was asked. For several the number must be typed.
func TestRemedyAsks(t *testing.T) {
	const uuidB = "44444444-4444-4444-8444-444444444444"
	skipping := mfatest.Enrolled("carol", "33333333-3333-4333-8333-333333333333", sidC)
	no := false
	skipping.Enabled = &no
	s := mfatest.NewSite(mfatest.Enrolled("alice", uuidA, sidA), mfatest.Enrolled("bob", uuidB, sidB), skipping)
	u := s.World.Users
	for _, test := range []struct {
		remedy     mfa.Remedy
		users      []mfa.User
		text, must string
	}{
		{mfa.RemedySkip, []mfa.User{u["alice"]}, `Let "alice" log in once without a code?`, ""},
		{mfa.RemedySkip, []mfa.User{u["alice"], u["carol"]}, `Let "alice" log in once without a code?`, ""},
		{mfa.RemedySkip, []mfa.User{u["alice"], u["bob"]}, `Type 2 to let these 2 users log in once without a code:`, "2"},
		{mfa.RemedySkip, []mfa.User{u["carol"]}, ``, ""},
		{mfa.RemedyReset, []mfa.User{u["alice"]}, `Reset the second factor of "alice"?`, ""},
		{mfa.RemedyReset, []mfa.User{u["alice"], u["bob"], u["carol"]}, `Type 3 to reset the second factor of these 3 users:`, "3"},
		{mfa.RemedyEnable, []mfa.User{u["carol"]}, ``, ""},
	} {
		q, asks := planner(s).Plan(t.Context(), test.remedy, test.users, nil).Question()
		if q.Text != test.text || q.Type != test.must || asks != (test.text != "") {
			t.Errorf("%s of %d: %+v", test.remedy, len(test.users), q)
		}
	}
}

// Whom no login asks for a code is told what it asks for, as user show tells it. Who is not let in is told of no enrollment.
func TestRemedyOfTheNotEnrolled(t *testing.T) {
	no := false
	const asks = "login asks to enroll"
	for name, test := range map[string]struct {
		change     func(*mfa.User, *planned)
		want, hint string
	}{
		"let in":     {nil, "the next " + asks, "may-enroll(alice)"},
		"no access":  {func(u *mfa.User, _ *planned) { u.AccessEnabled = &no }, "no login, for access is disabled; once it is enabled, the " + asks, ""},
		"no company": {func(_ *mfa.User, p *planned) { p.CompanyAccess = false }, "no login, for the user may enter no company; once they may, the " + asks, ""},
		"off":        {func(_ *mfa.User, p *planned) { p.Site = mfa.SiteOff }, "once two-factor login is switched on, the next " + asks, "may-enroll(alice)"},
	} {
		for _, remedy := range []mfa.Remedy{mfa.RemedySkip, mfa.RemedyEnable} {
			u := letIn(mfatest.Fresh("alice", uuidA))
			s := mfatest.NewSite(u)
			p := planned{planner(s), mfa.Details{CompanyAccess: true}}
			if test.change != nil {
				test.change(&u, &p)
			}
			p.Directory = persons{"alice": p.Details}
			err := p.Plan(t.Context(), remedy, []mfa.User{u}, nil).Users[0].Err
			if err == nil || errs.KindOf(err) != errs.Refused || err.Error() != `"alice" is not enrolled: `+test.want ||
				errs.HintOf(err).String() != test.hint && (test.hint != "" || !errs.HintOf(err).Empty()) {
				t.Errorf("%s, %s: %v, hint %s", name, remedy, err, errs.HintOf(err))
			}
		}
	}
}

// planned is what a remedy is planned with, and what is known of the person.
type planned struct {
	mfa.Planner
	mfa.Details
}

// What a remedy says is what user show says of the user afterwards: also for somebody without access, who has left, or
// while two-factor login is off.
func TestRemedySaysWhatHappens(t *testing.T) {
	left := time.Unix(1_600_000_000, 0)
	no := false
	const off = "once two-factor login is switched on, "
	const denied = "no login, for access is disabled; once it is enabled, the login "
	for name, test := range map[string]struct {
		remedy mfa.Remedy
		change func(*mfa.User, *planned)
		want   string
	}{
		"skip":           {mfa.RemedySkip, nil, "the next login asks for the password only, once"},
		"skip, denied":   {mfa.RemedySkip, func(u *mfa.User, _ *planned) { u.AccessEnabled = &no }, denied + "asks for the password only, once"},
		"enable, denied": {mfa.RemedyEnable, func(u *mfa.User, _ *planned) { u.AccessEnabled, u.Enabled = nil, &no }, denied + "asks for the code"},
		"skip, left": {mfa.RemedySkip, func(_ *mfa.User, p *planned) { p.EndDate = &left },
			"the next login asks for the password only, once; the person left on 2020-09-13"},
		"skip, no company": {mfa.RemedySkip, func(_ *mfa.User, p *planned) { p.CompanyAccess = false },
			"no login, for the user may enter no company; once they may, the login asks for the password only, once"},
		"skip, off": {mfa.RemedySkip, func(_ *mfa.User, p *planned) { p.Site = mfa.SiteOff }, off + "the next login asks for the password only, once"},
		"enable, off": {mfa.RemedyEnable, func(u *mfa.User, p *planned) { p.Site, u.Enabled = mfa.SiteOff, &no },
			off + "the next login asks for the code"},
		"reset, off and denied": {mfa.RemedyReset, func(u *mfa.User, p *planned) { p.Site, u.AccessEnabled = mfa.SiteOff, &no },
			"no login, for access is disabled; once it is enabled and two-factor login is switched on, the login asks to enroll; 1 factor to delete at Twilio"},
		"skip, not known": {mfa.RemedySkip, func(_ *mfa.User, p *planned) { p.Site, p.Directory = mfa.SiteUnknown, nil },
			"the next login asks for the password only, once; whether two-factor login is switched on is not known; whether the user may enter a company is not known"},
		"skip, already": {mfa.RemedySkip, func(u *mfa.User, _ *planned) { u.Enabled = &no }, "already so: the next login asks for the password only, once"},
		"skip, broken": {mfa.RemedySkip, func(u *mfa.User, _ *planned) { u.Enabled, u.SID = &no, nil },
			"already so: the next login asks for the password only, once; after that the user is locked out: " +
				"enrolled, but with no factor on record, so that no code can be right"},
		"reset": {mfa.RemedyReset, nil, "the next login asks to enroll; 1 factor to delete at Twilio"},
		"reset, denied": {mfa.RemedyReset, func(u *mfa.User, _ *planned) { u.AccessEnabled = &no },
			denied + "asks to enroll; 1 factor to delete at Twilio"},
		"reset, without uuid": {mfa.RemedyReset, func(u *mfa.User, _ *planned) { u.UUID = nil },
			"the next login asks to enroll; 0 factors to delete at Twilio; a uuid is assigned"},
		"reset, without Twilio": {mfa.RemedyReset, func(_ *mfa.User, p *planned) { p.SkipTwilio = true },
			"the next login asks to enroll; factors at Twilio are left as they are"},
	} {
		t.Run(name, func(t *testing.T) {
			u := letIn(mfatest.Enrolled("alice", uuidA, sidA))
			s := mfatest.NewSite(u)
			s.World.Add(uuidA, sidA, mfa.FactorVerified)
			p := planned{planner(s), mfa.Details{CompanyAccess: true}}
			if test.change != nil {
				test.change(&u, &p)
			}
			if p.Directory != nil {
				p.Directory = persons{"alice": p.Details}
			}
			r := p.Plan(t.Context(), test.remedy, []mfa.User{u}, nil).Users[0]
			if r.Err != nil || r.Message() != test.want {
				t.Errorf("%v\n%s, want\n%s", r.Err, r.Message(), test.want)
			}
			if warned := strings.Contains(strings.Join(r.Warnings(), ""), "left on 2020-09-13"); warned != (p.EndDate != nil) {
				t.Errorf("warnings: %q", r.Warnings())
			}
		})
	}
}

// A skip waits for a later day only where two-factor login is off, and only if there is one to be made.
func TestRemedyWaits(t *testing.T) {
	s := mfatest.NewSite(mfatest.Enrolled("alice", uuidA, sidA))
	alice := s.World.Users["alice"]
	for _, tt := range []struct {
		remedy mfa.Remedy
		site   mfa.SiteLogin
		users  []mfa.User
		want   bool
	}{
		{mfa.RemedySkip, mfa.SiteOff, []mfa.User{alice}, true},
		{mfa.RemedySkip, mfa.SiteOn, []mfa.User{alice}, false},
		{mfa.RemedySkip, mfa.SiteUnknown, []mfa.User{alice}, false},
		{mfa.RemedySkip, mfa.SiteOff, nil, false},
		{mfa.RemedyReset, mfa.SiteOff, []mfa.User{alice}, false},
	} {
		p := planner(s)
		p.Site = tt.site
		if got := p.Plan(t.Context(), tt.remedy, tt.users, nil).Waits(); got != tt.want {
			t.Errorf("%s of %d users, two-factor login %s: %v", tt.remedy, len(tt.users), tt.site, got)
		}
	}
}
