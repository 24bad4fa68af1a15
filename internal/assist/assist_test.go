package assist_test

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"uzerp-mfa/internal/assist"
	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/history"
	"uzerp-mfa/internal/mfa"
	"uzerp-mfa/internal/mfa/mfatest"
	"uzerp-mfa/internal/policy"
	"uzerp-mfa/internal/sharedtest"
)

func TestMain(m *testing.M) { os.Exit(sharedtest.Tests{M: m}.Run()) }

const (
	uuid = "aaaaaaaa-0000-4000-8000-00000000000a"
	sid  = "YF0000000000000000000000000000000a"
)

var now = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

// open are rules that allow everything.
func open(string, string, policy.Evidence) error { return nil }

// caseOf returns what is known about a user, as Inspect and NextLogin say it.
func caseOf(u mfa.User, site mfa.SiteLogin, factor mfa.FactorSight, change func(*mfa.Prospect)) assist.Case {
	u.AccessEnabled = new(true)
	p := mfa.Prospect{User: u, Site: site, CompanyAccess: new(true), Factor: factor}
	if change != nil {
		change(&p)
	}
	return assist.Case{Site: site, Now: now, Seen: mfa.Inspection{User: p.User, Next: p.NextLogin(), Twilio: mfa.TwilioView{Own: factor},
		Details: &mfa.Details{CompanyAccess: true}}}
}

// withSessions returns the case of a user with two open sessions.
func withSessions(c assist.Case) assist.Case {
	c.Sessions = 2
	return c
}

func kinds(all []assist.Remedy) string {
	var names []string
	for _, r := range all {
		name := string(r.Kind)
		if r.Refused != nil {
			name = "(" + name + ")"
		}
		names = append(names, name)
	}
	return strings.Join(names, " ")
}

// Only what can help is offered, the safest first.
func TestRemedies(t *testing.T) {
	alice := mfatest.Enrolled("alice", uuid, sid)
	fresh := mfatest.Fresh("alice", uuid)
	skips := alice
	skips.Enabled = new(false)
	nobody := mfa.User{Username: "alice"}
	for name, test := range map[string]struct {
		c    assist.Case
		want string
	}{
		"enrolled":           {caseOf(alice, mfa.SiteOn, mfa.FactorSeenVerified, nil), "next-code clock skip new-phone reset"},
		"Twilio is silent":   {caseOf(alice, mfa.SiteOn, mfa.FactorNoAnswer, nil), "skip new-phone reset"},
		"the factor is gone": {caseOf(alice, mfa.SiteOn, mfa.FactorMissing, nil), "reset"},
		"no uuid":            {caseOf(nobody, mfa.SiteOn, mfa.FactorMissing, nil), "reset"},
		"not enrolled":       {caseOf(fresh, mfa.SiteOn, mfa.FactorMissing, nil), "log-in new-phone"},
		"skips":              {caseOf(skips, mfa.SiteOn, mfa.FactorSeenVerified, nil), "log-in reset"},
		"the site is off":    {caseOf(alice, mfa.SiteOff, mfa.FactorSeenVerified, nil), "log-in new-phone reset"},
		"no access": {caseOf(alice, mfa.SiteOn, mfa.FactorSeenVerified,
			func(p *mfa.Prospect) { p.User.AccessEnabled = new(false) }), ""},
		"no company":    {caseOf(alice, mfa.SiteOn, mfa.FactorSeenVerified, func(p *mfa.Prospect) { p.NoCompany = true }), ""},
		"open sessions": {withSessions(caseOf(alice, mfa.SiteOn, mfa.FactorMissing, nil)), "reset sessions"},
		"closed":        {caseOf(alice, mfa.SiteOn, mfa.FactorSeenVerified, func(p *mfa.Prospect) { p.Closed = new(true) }), ""},
	} {
		if got := kinds(test.c.Remedies(open)); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
		for _, r := range test.c.Remedies(open) {
			if r.Title == "" || r.Tell == "" || (r.Changes() && r.Kind != assist.Sessions) != (r.Proof != assist.Proof{}) {
				t.Errorf("%s: %+v", name, r)
			}
		}
		if what, why := test.c.Problem(); what == "" || !strings.HasSuffix(why, ".") {
			t.Errorf("%s: %q %q", name, what, why)
		}
	}
}

// A skip is no help for a user who can't get in after it.
func TestLockedOutAfterASkip(t *testing.T) {
	u := mfatest.Enrolled("alice", uuid, sid)
	u.Enabled, u.SID = new(false), nil
	for _, r := range caseOf(u, mfa.SiteOn, mfa.FactorMissing, nil).Remedies(open) {
		if r.Kind == assist.LogIn && strings.Contains(r.Title, "locked out") {
			return
		}
	}
	t.Error("nothing says that the user is locked out after the next login")
}

// Nobody who has left gets in, whatever the policy says.
func TestNobodyWhoHasLeft(t *testing.T) {
	c := caseOf(mfatest.Enrolled("alice", uuid, sid), mfa.SiteOn, mfa.FactorSeenVerified, nil)
	left := now.AddDate(0, -1, 0)
	c.Seen.Details.EndDate = &left
	c.Sessions = 1 // those may end
	if got, want := kinds(c.Remedies(open)), "(skip) (new-phone) (reset) sessions"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	for _, r := range c.Remedies(open) {
		if r.Refused != nil && (errs.KindOf(r.Refused) != errs.Refused || !strings.Contains(r.Refused.Error(), "left on 2026-10-26")) {
			t.Errorf("%s: %v", r.Kind, r.Refused)
		}
	}
}

// Without a rule of the policy's one verification is wanted, and never none.
func TestProof(t *testing.T) {
	c := caseOf(mfatest.Enrolled("alice", uuid, sid), mfa.SiteOn, mfa.FactorSeenVerified, nil)
	forbidden := errors.New("forbidden")
	unless := func(enough func(policy.Evidence) bool) assist.Rules {
		return func(_, _ string, e policy.Evidence) error {
			if enough(e) {
				return nil
			}
			return forbidden
		}
	}
	for name, test := range map[string]struct {
		rules assist.Rules
		want  assist.Proof
		asks  string
	}{
		"no rule":      {open, assist.Proof{Code: true, Word: true}, "[{true true false}]"},
		"a code":       {unless(func(e policy.Evidence) bool { return e.Code }), assist.Proof{Code: true}, "[{true false false}]"},
		"another way":  {unless(func(e policy.Evidence) bool { return e.Word }), assist.Proof{Word: true}, "[{false true false}]"},
		"both of them": {unless(func(e policy.Evidence) bool { return e.Code && e.Word }), assist.Proof{Both: true}, "[{true false false} {false true false}]"},
	} {
		for _, r := range c.Remedies(test.rules) {
			if r.Changes() && (r.Proof != test.want || r.Refused != nil || fmt.Sprint(assist.Asks(r.Proof, false)) != test.asks) {
				t.Errorf("%s: %+v, asks %v", name, r, assist.Asks(r.Proof, false))
			}
		}
	}
	asked := map[string]bool{}
	all := c.Remedies(func(action, username string, _ policy.Evidence) error {
		asked[action+" "+username] = true
		return forbidden
	})
	if got, want := kinds(all), "next-code clock (skip) (new-phone) (reset)"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if len(asked) != 3 || !asked["disable-next-login alice"] || !asked["enroll alice"] || !asked["reset alice"] {
		t.Errorf("asked about %v", asked)
	}
	// Where no code can be sent, a policy that wants one is not satisfied by a word.
	if got := fmt.Sprint(assist.Asks(assist.Proof{Code: true}, true), assist.Asks(assist.Proof{Code: true, Word: true}, true)); got !=
		"[{false false false}] [{false true false}]" {
		t.Error(got)
	}
}

// What the last logins say decides which advice can help.
func TestStory(t *testing.T) {
	for name, test := range map[string]struct {
		what       history.What
		n          int
		want       string
		suspicious bool
	}{
		"wrong codes":     {history.CodeRefused, 5, "next-code clock skip new-phone reset", true},
		"one wrong code":  {history.CodeRefused, 1, "next-code clock skip new-phone reset", false},
		"no way":          {history.CodeNotChecked, 1, "skip reset", false},
		"wrong password":  {history.PasswordRefused, 1, "password next-code clock skip new-phone reset", false},
		"nothing is told": {"", 0, "next-code clock skip new-phone reset", false},
	} {
		c := caseOf(mfatest.Enrolled("alice", uuid, sid), mfa.SiteOn, mfa.FactorSeenVerified, nil)
		h := &history.History{User: c.Seen.User, Since: now.Add(-24 * time.Hour), Now: now}
		for _, s := range history.Sources() {
			h.Coverage = append(h.Coverage, history.Coverage{Source: s, Asked: true, Reaches: true})
		}
		for i := range test.n {
			source := history.FromTwilio
			if test.what != history.CodeRefused {
				source = history.FromLog
			}
			at := now.Add(-time.Hour - time.Duration(i)*time.Minute)
			h.Events = append(h.Events, history.Event{Entry: history.Entry{At: at, Source: source, Username: "alice", What: test.what},
				Sources: []history.Source{source}, Zone: history.ZoneKnown})
		}
		c.Story = h
		all := c.Remedies(open)
		if got := kinds(all); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
		for _, r := range all {
			if advice := slices.Contains([]assist.Kind{assist.LogIn, assist.Password, assist.NextCode, assist.Clock}, r.Kind); r.Changes() == advice {
				t.Errorf("%s: %s changes something: %v", name, r.Kind, r.Changes())
			}
		}
		if got := c.Suspicion() != ""; got != test.suspicious {
			t.Errorf("%s: %q", name, c.Suspicion())
		}
		if c.Now = now.Add(-time.Hour); test.suspicious { // then it may still be the caller, who is trying
			h.Now = c.Now
			if got := c.Suspicion(); got != "" {
				t.Errorf("%s: too early: %q", name, got)
			}
		}
		if got := c.Lately(); (got == "") != (test.n == 0) {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// That somebody is in is said only if uzERP has noted a login. A row that another operator has changed is none.
func TestWatch(t *testing.T) {
	before := now.Add(-time.Hour)
	alice := mfatest.Enrolled("alice", uuid, sid)
	alice.LastLogin = &before
	skips, reset := alice, mfatest.Fresh("alice", uuid)
	skips.Enabled, reset.LastLogin = new(false), &before
	in := func(u mfa.User) mfa.User {
		u.LastLogin = &now
		return u
	}
	never := alice
	never.LastLogin = nil
	other := alice
	other.SID = new("YF0000000000000000000000000000000b")
	did := func(what history.What, command string) []history.Entry {
		return []history.Entry{{What: history.CodeSent, Command: "identity send", By: "bo"}, {What: what, Command: command, By: "carla"}}
	}
	const (
		isIn    = "They are in"
		noted   = "uzERP has noted a login: they are in."
		carla   = `The row was changed, but not by a login: "carla" has run `
		enabled = carla + "user enable meanwhile."
	)
	for name, test := range map[string]struct {
		was, is mfa.User
		changes []history.Entry
		says    string // the beginning
	}{
		"nothing":                         {alice, alice, nil, ""},
		"nothing but a code":              {skips, skips, did(history.CodeSent, "identity send"), ""},
		"skips still":                     {skips, skips, nil, ""},
		"an older time":                   {in(alice), alice, nil, ""},
		"enrolled":                        {reset, in(alice), nil, "They have enrolled a phone, and are in."},
		"skipped":                         {skips, in(alice), nil, isIn + ", without a code."},
		"a first login":                   {never, alice, nil, noted},
		"a later login":                   {alice, in(alice), nil, noted},
		"enabled by another, and in":      {skips, in(alice), did(history.SkipWithdrawn, "user enable"), noted},
		"enabled by another":              {skips, alice, did(history.SkipWithdrawn, "user enable"), enabled},
		"enrolled by another":             {reset, alice, did(history.Enrolled, "verify"), carla + "verify meanwhile."},
		"reset by another":                {skips, reset, did(history.Reset, "user reset"), carla + "user reset meanwhile."},
		"enabled, and nobody knows how":   {skips, alice, nil, "The row was changed: they have logged in, or somebody took the skip back."},
		"only a code was sent meanwhile":  {skips, alice, did(history.CodeSent, "identity send"), "The row was changed: they have logged in, or somebody took"},
		"enrolled, and nobody knows how":  {reset, alice, nil, "The row was changed: they have enrolled a phone and are in, or somebody else"},
		"reset, and nobody knows by whom": {skips, reset, nil, "The row was changed, but not by a login."},
		"another factor":                  {alice, other, nil, "The row was changed, but not by a login."},
	} {
		p := assist.Watch(test.was, test.is, test.changes)
		if p.Over != (test.says != "") || p.Over != (p.Says != "") || !strings.HasPrefix(p.Says, test.says) {
			t.Errorf("%s: %+v", name, p)
		}
	}
}
