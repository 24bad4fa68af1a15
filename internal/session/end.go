package session

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"uzerp-mfa/internal/errs"
)

// Selection says which sessions are meant.
type Selection struct {
	Users []string // the users, unless All is set
	All   bool     // every user's, and every login page that a browser has open
	// Present is the login handler that uzERP uses now; if it is set, only sessions with another one are meant.
	Present string
}

func (sel Selection) has(s Session) bool {
	return (sel.All || s.User != "" && slices.Contains(sel.Users, s.User)) && (sel.Present == "" || s.isOld(sel.Present))
}

// Group are the sessions of one user that are to be ended. The user "" stands for the open login pages.
type Group struct {
	User     string
	Sessions []Session
}

// LoggedIn returns how many of the sessions have the user logged in. The others are at the page that asks for a code.
func (g Group) LoggedIn() int {
	n := 0
	for _, s := range g.Sessions {
		if s.LoggedIn {
			n++
		}
	}
	return n
}

// Since returns the first page view of the oldest session, zero if none is known.
func (g Group) Since() time.Time {
	var since time.Time
	for _, s := range g.Sessions {
		if !s.Started.IsZero() && (since.IsZero() || s.Started.Before(since)) {
			since = s.Started
		}
	}
	return since
}

// LastRequest returns when one of the sessions was last used.
func (g Group) LastRequest() time.Time {
	var last time.Time
	for _, s := range g.Sessions {
		if s.LastRequest.After(last) {
			last = s.LastRequest
		}
	}
	return last
}

// PlanEnd returns the sessions that are meant: a group for each user who has any, in the order of the names.
func PlanEnd(l Listing, sel Selection) []Group {
	var groups []Group
	for _, s := range l.Sessions {
		if !sel.has(s) {
			continue
		}
		i := slices.IndexFunc(groups, func(g Group) bool { return g.User == s.User })
		if i < 0 {
			i = len(groups)
			groups = append(groups, Group{User: s.User})
		}
		groups[i].Sessions = append(groups[i].Sessions, s)
	}
	slices.SortFunc(groups, func(a, b Group) int { return cmp.Compare(a.User, b.User) })
	return groups
}

// Question returns what must be asked before these sessions end. If typed is not "", it must be typed: of more than one user the
// number of the sessions, so that a y typed too fast ends nobody's.
func Question(groups []Group) (text, typed string) {
	n := 0
	for _, g := range groups {
		n += len(g.Sessions)
	}
	if len(groups) > 1 {
		return fmt.Sprintf("Type %d to end these sessions; input that is not saved is lost:", n), strconv.Itoa(n)
	}
	sessions := "session"
	if n != 1 {
		sessions += "s"
	}
	return fmt.Sprintf("End %d %s? Input that is not saved is lost.", n, sessions), ""
}

// Outcomes returns what became of each user, or would: of all who were named or have a session, in the order of the names. Open
// is how many sessions the plan has, of a user who has got a session meanwhile none.
func Outcomes(sel Selection, planned []Group, ended []Ended) []Outcome {
	byUser := map[string]*Outcome{}
	of := func(user string) *Outcome {
		if byUser[user] == nil {
			byUser[user] = &Outcome{Ended: Ended{User: user}}
		}
		return byUser[user]
	}
	for _, user := range sel.Users {
		of(user)
	}
	for _, g := range planned {
		of(g.User).Open = len(g.Sessions)
	}
	for _, e := range ended {
		of(e.User).Ended = e
	}
	all := make([]Outcome, 0, len(byUser))
	for _, user := range slices.Sorted(maps.Keys(byUser)) {
		all = append(all, *byUser[user])
	}
	return all
}

// Outcome is what became of one user, who may have had no session.
type Outcome struct {
	Ended
	Open int // before
}

// Ended is what became of one user's sessions.
type Ended struct {
	User  string
	Ended int
	Err   error // why some may be left
}

// pause is how long to wait before it is looked once more whether a login that was under way has made a new session. PHP
// needs some microseconds to give a session a new name.
const pause = 250 * time.Millisecond

// limits of End.
const (
	maxRounds = 20
	flightFor = 10 * time.Second // how long to wait for requests that may end in a login
)

// End ends the sessions that are meant, and looks again until none is left: twice in a row none was there, and no request
// was under way that may have been a login. It returns what became of each user who had any, in the order of the names. The
// error is about all of them: errs.Unavailable if it is not certain that none is left, which running it again mends, and that of
// Listing.Readable if at the end there is a session of which nobody knows whose it is.
func End(ctx context.Context, w Writer, sel Selection, now func() time.Time) ([]Ended, error) {
	var all []Ended
	at := func(user string) *Ended {
		i := slices.IndexFunc(all, func(e Ended) bool { return e.User == user })
		if i < 0 {
			i = len(all)
			all = append(all, Ended{User: user})
		}
		return &all[i]
	}
	sorted := func() []Ended {
		slices.SortFunc(all, func(a, b Ended) int { return cmp.Compare(a.User, b.User) })
		return all
	}
	clean, deadline := 0, now().Add(flightFor)
	var listing Listing
	for rounds := 0; clean < 2; {
		var err error
		listing, err = w.List(ctx)
		if err != nil {
			return sorted(), err
		}
		groups := slices.DeleteFunc(PlanEnd(listing, sel), func(g Group) bool { return at(g.User).Err != nil })
		for _, g := range groups {
			n, err := w.End(ctx, g.User, g.Sessions)
			e := at(g.User)
			e.Ended += n
			e.Err = err
			if ctx.Err() != nil {
				return sorted(), context.Cause(ctx)
			}
		}
		switch {
		case len(groups) > 0:
			clean = 0
			if rounds++; rounds == maxRounds {
				return sorted(), errs.NewWith(errs.Unavailable, "new sessions appear as fast as they are ended", ReasonStillThere.With())
			}
		case listing.InFlight > 0:
			clean = 0
			if !now().Before(deadline) {
				return sorted(), errs.NewWith(errs.Unavailable,
					"a request has not ended that may be a login: whether it makes a session of somebody meant here is not known", ReasonRequestOpen.With())
			}
		default:
			clean++
		}
		if clean == 2 {
			break
		}
		select {
		case <-ctx.Done():
			return sorted(), context.Cause(ctx)
		case <-time.After(pause):
		}
	}
	return sorted(), listing.Readable()
}
