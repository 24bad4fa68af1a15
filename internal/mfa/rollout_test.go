package mfa_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/mfa"
	"uzerp-mfa/internal/mfa/mfatest"
)

// shelf keeps pages in memory. before runs before each change, and fails it.
type shelf struct {
	mu     sync.Mutex
	pages  map[string]mfa.Handout
	before func(op string) error
}

func (s *shelf) Find(username string) (mfa.Handout, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h, ok := s.pages[username]
	return h, ok, nil
}

func (s *shelf) Add(h mfa.Handout, page []byte) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.before("Add"); err != nil {
		return "", err
	}
	if string(page) != "page of "+h.FactorSID {
		return "", errors.New("it is another factor's page")
	}
	h.File = h.Username + ".html"
	s.pages[h.Username] = h
	return h.File, nil
}

func rollOut(w *mfatest.World) (*mfa.RollOut, *shelf) {
	s := &shelf{pages: map[string]mfa.Handout{}, before: func(string) error { return nil }}
	return &mfa.RollOut{Enroller: enroller(w), Pages: s, Now: w.Now,
		Render: func(p *mfa.PendingEnrollment) ([]byte, error) { return []byte("page of " + p.Factor.SID), nil }}, s
}

// at returns users of whose persons nothing is known.
func at(w *mfatest.World, users ...mfa.User) []mfa.Standing {
	all, _, _ := mfa.Standings(context.Background(), persons{}, users, w.Clock)
	return all
}

// What is made, and what is left as it is.
func TestRollOut(t *testing.T) {
	type state struct {
		user    mfa.User
		factor  mfa.FactorStatus // of the page, or of a factor without one; empty: none
		page    bool
		age     time.Duration // of the page
		replace bool
		missing bool
		another bool
	}
	fresh, with := mfatest.Fresh("alice", uuidA), mfatest.Enrolled("alice", uuidA, sidA)
	other := mfatest.Enrolled("alice", uuidA, sidB)
	for name, c := range map[string]struct {
		state
		want string // made, unchanged or refused
	}{
		"nobody has a page yet":                 {state{user: fresh}, "made"},
		"no uuid":                               {state{user: mfa.User{Username: "alice"}}, "made"},
		"a page that works":                     {state{user: fresh, factor: mfa.FactorUnverified, page: true}, "unchanged"},
		"an old page that works still":          {state{user: fresh, factor: mfa.FactorUnverified, page: true, age: 5 * time.Hour}, "unchanged"},
		"another page is wanted":                {state{user: fresh, factor: mfa.FactorUnverified, page: true, another: true}, "made"},
		"a page whose factor has gone":          {state{user: fresh, page: true, age: 25 * time.Hour}, "made"},
		"a young page without its factor":       {state{user: fresh, page: true}, "refused"}, // of another installation
		"the same, and another is wanted":       {state{user: fresh, page: true, another: true}, "made"},
		"verified, and the row not written":     {state{user: fresh, factor: mfa.FactorVerified, page: true}, "refused"},
		"enrolled with the page":                {state{user: with, factor: mfa.FactorVerified, page: true}, "unchanged"},
		"enrolled with the page, and replacing": {state{user: with, factor: mfa.FactorVerified, page: true, replace: true}, "unchanged"},
		"enrolled otherwise":                    {state{user: other}, "refused"},
		"enrolled otherwise, if missing":        {state{user: other, missing: true}, "unchanged"},
		"enrolled otherwise, replacing":         {state{user: other, replace: true}, "made"},
		"a QR code just now":                    {state{user: fresh, factor: mfa.FactorUnverified}, "made"},
		"a QR code just now, if missing":        {state{user: fresh, factor: mfa.FactorUnverified, missing: true}, "unchanged"},
		"the same, and another is wanted too":   {state{user: fresh, factor: mfa.FactorUnverified, missing: true, another: true}, "made"},
	} {
		w := mfatest.NewWorld(c.user)
		r, s := rollOut(w)
		r.Replace, r.IfMissing, r.Another = c.replace, c.missing, c.another
		if c.factor != "" {
			w.Add(uuidA, sidA, c.factor)
		}
		if c.page {
			s.pages["alice"] = mfa.Handout{Username: "alice", File: "alice.html", FactorSID: sidA, Made: w.Clock, ValidUntil: w.Clock.Add(time.Hour)}
		}
		w.Clock = w.Clock.Add(c.age)
		was := len(w.Secrets)
		for _, dryRun := range []bool{true, false} {
			o := r.Run(t.Context(), at(w, c.user), dryRun, nil)[0]
			got := "made"
			switch {
			case errs.KindOf(o.Err) == errs.Refused:
				got = "refused"
			case o.Err != nil:
				t.Errorf("%s: %v", name, o.Err)
			case o.Done != "":
				got = "unchanged"
			}
			made := len(w.Secrets) - was
			if got != c.want || o.Made != (got == "made" && !dryRun) || made != map[bool]int{true: 1}[o.Made] {
				t.Errorf("%s, dry run %v: %s, want %s, and made %d: %+v", name, dryRun, got, c.want, made, o)
			}
			if o.Made && (s.pages["alice"] != o.Page || o.Page.ValidUntil.Sub(w.Clock) != time.Hour || o.Page.FactorSID == sidA) {
				t.Errorf("%s: %+v, and there is %+v", name, o.Page, s.pages["alice"])
			}
		}
	}
}

// Killed at any step and run again, a user gets one page, with a factor that is pending; a page that works is never made anew.
func TestRollOutGoesOn(t *testing.T) {
	for _, old := range []bool{false, true} { // an old page is to be replaced
		for _, stop := range []string{"MayWrite", "ListFactors", "CreateFactor", "CreateFactor after", "Add", ""} {
			w := mfatest.NewWorld(mfatest.Fresh("alice", uuidA))
			r, s := rollOut(w)
			if old {
				s.pages["alice"] = mfa.Handout{Username: "alice", File: "alice.html", FactorSID: sidB, ValidUntil: w.Clock.Add(-time.Minute)}
			}
			die := func() error { panic("killed") }
			if stop == "Add" {
				s.before = func(string) error { return die() }
			} else if stop != "" {
				w.Hooks[stop] = die
			}
			func() {
				defer func() { _ = recover() }()
				p, err := r.Plan(t.Context(), mfa.Standing{User: w.Users["alice"]})
				wantNil(t, err)
				_, err = r.Apply(t.Context(), p)
				wantNil(t, err)
			}()
			clear(w.Hooks)
			s.before, s.mu = func(string) error { return nil }, sync.Mutex{}
			first, had := s.pages["alice"]
			if old && !had {
				t.Errorf("stopped at %q: the page that was there is gone, and there is no other", stop)
			}
			for range 2 {
				o := r.Run(t.Context(), at(w, w.Users["alice"]), false, nil)[0]
				wantNil(t, o.Err)
				if had && first.FactorSID != sidB && o.Made {
					t.Errorf("stopped at %q: a second page", stop)
				}
				first, had = s.pages["alice"]
			}
			if f, err := w.Find(uuidA, s.pages["alice"].FactorSID); err != nil || f.Status != mfa.FactorUnverified {
				t.Errorf("stopped at %q: the page's factor: %+v, %v", stop, f, err)
			}
			if n := len(w.SIDs(uuidA)); n > 2 { // one whose answer was lost with the process
				t.Errorf("stopped at %q: %d factors", stop, n)
			}
		}
	}
}

// A page that can't be kept leaves no factor: nobody has its secret.
func TestRollOutLeavesNoSecretOfNobody(t *testing.T) {
	full := errors.New("disk full")
	for what, spoil := range map[string]func(*mfa.RollOut, *shelf){
		"write": func(_ *mfa.RollOut, s *shelf) { s.before = func(string) error { return full } },
		"draw": func(r *mfa.RollOut, _ *shelf) {
			r.Render = func(*mfa.PendingEnrollment) ([]byte, error) { return nil, full }
		},
	} {
		w := mfatest.NewWorld(mfatest.Fresh("alice", uuidA))
		r, s := rollOut(w)
		spoil(r, s)
		o := r.Run(t.Context(), at(w, w.Users["alice"]), false, nil)[0]
		if !errors.Is(o.Err, full) || o.Planned || len(w.SIDs(uuidA)) != 0 || len(s.pages) != 0 {
			t.Errorf("%s: %v, left %v and %v", what, o.Err, w.SIDs(uuidA), s.pages)
		}
	}
}

// One user's failure is not another's, a server that is silent ends it, and after a Ctrl-C nobody else gets a page.
func TestRollOutOfMany(t *testing.T) {
	var users []mfa.User
	for i := range 80 {
		users = append(users, mfatest.Fresh(fmt.Sprintf("user%02d", i), fmt.Sprintf("22222222-2222-4222-8222-%012d", i)))
	}
	users[3] = mfatest.Enrolled("user03", "22222222-2222-4222-8222-000000000003", sidA)
	w := mfatest.NewSite(users...)
	r, s := rollOut(w.World)
	r.Enroller.Store, r.Enroller.Factors = w, w
	outcomes := r.Run(t.Context(), at(w.World, users...), false, nil)
	if len(s.pages) != 79 || errs.KindOf(outcomes[3].Err) != errs.Refused || !outcomes[3].Planned {
		t.Errorf("%d pages; %+v", len(s.pages), outcomes[3])
	}
	again := r.Run(t.Context(), at(w.World, users...), false, nil)
	if n := len(slices.DeleteFunc(again, func(o mfa.RollOutOutcome) bool { return !o.Made })); n > 0 {
		t.Errorf("%d second pages", n)
	}
	clear(s.pages)
	ctx, cancel := context.WithCancel(t.Context())
	steps := 0
	outcomes = r.Run(ctx, at(w.World, users...), false, func() {
		if steps++; steps == 10 {
			cancel()
		}
	})
	notTried := slices.DeleteFunc(slices.Clone(outcomes), func(o mfa.RollOutOutcome) bool { return !errors.Is(o.Err, mfa.ErrNotTried) })
	if len(s.pages) > 10+mfa.BatchWorkers || len(notTried) < 80-10-2*mfa.BatchWorkers || !notTried[0].Planned || notTried[0].Change.User.Username == "" {
		t.Errorf("%d pages, %d not tried", len(s.pages), len(notTried))
	}
	for _, o := range outcomes {
		if _, there := s.pages[o.Change.User.Username]; there != o.Made && !strings.Contains(fmt.Sprint(o.Err), "canceled") {
			t.Errorf("%s: made %v, there %v, %v", o.Change.User.Username, o.Made, there, o.Err)
		}
	}
}

// Nobody who has left gets a page by accident: a dry run says so too, and nobody else is held up. Who is known to have left is named
// in every outcome.
func TestRollOutLeavesOutWhoHasLeft(t *testing.T) {
	const uuidB = "44444444-4444-4444-8444-444444444444"
	yesterday := func(w *mfatest.World) *time.Time { at := w.Clock.Add(-48 * time.Hour); return &at }
	for _, said := range []bool{false, true} {
		site := mfatest.NewSite(mfatest.Fresh("alice", uuidA), mfatest.Fresh("bob", uuidB))
		w := site.World
		r, s := rollOut(w)
		r.Enroller.Store, r.Enroller.Factors = site, site // for several users at once
		r.Left = said
		users := []mfa.User{w.Users["alice"], w.Users["bob"]}
		known := persons{"alice": {CompanyAccess: true, EndDate: yesterday(w)}, "bob": {CompanyAccess: true}}
		people, unread, err := mfa.Standings(t.Context(), known, users, w.Clock)
		if err != nil || unread != nil {
			t.Fatal(err, unread)
		}
		for _, dryRun := range []bool{true, false} {
			got := r.Run(t.Context(), people, dryRun, nil)
			refused := errs.KindOf(got[0].Err) == errs.Refused && errs.HintOf(got[0].Err).Reason == mfa.ReasonHasLeft && got[0].Planned
			if refused == said || got[1].Err != nil || got[1].Made == dryRun || got[0].Made != (said && !dryRun) {
				t.Errorf("said %v, dry run %v: %+v", said, dryRun, got)
			}
			if !strings.Contains(got[0].Message(), "the person left on ") || strings.Contains(got[1].Message(), "left") {
				t.Errorf("said of alice %q, of bob %q", got[0].Message(), got[1].Message())
			}
		}
		if _, made := s.pages["alice"]; made != said || len(w.SIDs(uuidA)) > 0 != said {
			t.Errorf("said %v: page %v, factors %v", said, made, w.SIDs(uuidA))
		}
	}
}
