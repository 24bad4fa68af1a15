package mfa

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"uzerp-mfa/internal/errs"
)

// Inspector collects what is known about users: uzERP's row, the person, and what Twilio says. It changes nothing.
type Inspector struct {
	Store     Reader
	Directory Directory
	Factors   FactorReader // nil if Twilio is not to be asked
	// NoFactors is why Twilio can't be asked. It is nil if the operator doesn't want Twilio to be asked.
	NoFactors error
	Site      SiteLogin
	Now       func() time.Time
}

// Inspection is what is known about one user.
type Inspection struct {
	User       User
	Details    *Details // nil if they could not be read
	SharedWith []string // the other users with the same uuid
	Twilio     TwilioView
	Next       NextLogin
	Warnings   []Warning // problems that have no effect on the next login
}

// Warning is a problem that somebody should know, and what helps.
type Warning struct {
	Text string
	Help errs.Hint
}

// TwilioView is what Twilio says about a user.
type TwilioView struct {
	Own     FactorSight  // about the factor in the row
	Factors []SeenFactor // in the order of creation; empty if nothing is known
	Err     error        // why nothing is known; nil if Twilio answered, or was not asked
}

// SeenFactor is a factor under a user's uuid.
type SeenFactor struct {
	Factor
	InUse  bool     // the user's row names it
	Others []string // other users whose rows name it
}

// Inspect returns what is known about users, in their order. An error of uzERP's database ends it; an error of Twilio
// is in the view of the user. unread is why the persons' details could not be read, if all else could. step, if not
// nil, is called after each user.
func (i *Inspector) Inspect(ctx context.Context, users []User, step func()) (seen []Inspection, unread, err error) {
	names := make([]string, len(users))
	for n, u := range users {
		names[n] = u.Username
	}
	details, unread := i.Directory.Details(ctx, names)
	if kind := errs.KindOf(unread); unread != nil && (ctx.Err() != nil || kind == errs.Unavailable) {
		return nil, nil, unread
	}
	sharers, err := i.sharers(ctx, users) // before Twilio, for which the time may run out
	if err != nil {
		return nil, nil, err
	}
	seen = make([]Inspection, len(users))
	failures := Batch(ctx, users, func(ctx context.Context, n int, u User) (err error) {
		if u, err = i.look(ctx, u, &seen[n].Twilio); err != nil {
			return err
		}
		seen[n].User = u
		return seen[n].Twilio.Err // so that the batch ends in an outage
	}, step)
	for n, err := range failures {
		if errors.Is(err, errStore) {
			return nil, nil, err
		}
		if err != nil && seen[n].User.Username == "" { // not tried
			seen[n].User, seen[n].Twilio = users[n], unanswered(err)
		}
	}
	for n := range seen {
		s := &seen[n]
		if d, ok := details[s.User.Username]; ok && unread == nil {
			s.Details = &d
		}
		if id := s.User.UUID; id != nil {
			s.SharedWith = Others(sharers[*id], s.User.Username)
		}
		s.Next = Prospect{User: s.User, Site: i.Site, Factor: s.Twilio.Own}.With(s.Details).NextLogin()
		s.Warnings = s.warnings(i.Now())
	}
	return seen, unread, nil
}

// look asks Twilio about a user. If the answer doesn't fit the row and the row has changed meanwhile, it asks again:
// the user may have enrolled, or may have been reset.
func (i *Inspector) look(ctx context.Context, u User, view *TwilioView) (User, error) {
	for range 3 {
		var err error
		if *view, err = i.ask(ctx, u); err != nil {
			return u, err
		}
		if view.Own != FactorMissing && view.Own != FactorSeenUnverified || !u.Whole() {
			return u, nil
		}
		now, err := i.Store.FindUsers(ctx, []string{u.Username})
		switch {
		case err != nil:
			return u, fmt.Errorf("%w: %w", errStore, err)
		case len(now) == 0 || now[0].Equal(u.Row):
			return u, nil
		}
		u = now[0]
	}
	*view = unanswered(errs.New(errs.Unavailable, "uzERP's row keeps changing", "run the command again"))
	return u, nil
}

// errStore marks errors of uzERP's database. They end Inspect, and those of Twilio don't.
var errStore = errors.New("uzERP's database")

// ask returns Twilio's view of a user. Its error is one of uzERP's database.
func (i *Inspector) ask(ctx context.Context, u User) (TwilioView, error) {
	switch {
	case i.Factors == nil && i.NoFactors == nil:
		return TwilioView{Own: FactorNotAsked}, nil
	case u.UUID == nil:
		return TwilioView{Own: FactorMissing}, nil // there is nothing to ask for
	case i.Factors == nil:
		return unanswered(i.NoFactors), nil
	}
	listed, err := i.Factors.ListFactors(ctx, *u.UUID)
	if err != nil {
		return unanswered(err), nil
	}
	view := TwilioView{Own: FactorMissing}
	if ValidFactorSID(deref(u.SID)) {
		own, err := OwnFactor(ctx, i.Factors, func(f func() error) error { return f() }, u, listed)
		if err != nil {
			return unanswered(err), nil
		}
		view.Own = SightOf(own)
		if own != nil && !slices.ContainsFunc(listed, func(f Factor) bool { return f.SID == own.SID }) {
			listed = append(listed, *own)
		}
	}
	var sids []string
	for _, f := range listed {
		sids = append(sids, f.SID)
	}
	owners, err := i.Store.FactorOwners(ctx, sids)
	if err != nil {
		return view, fmt.Errorf("%w: %w", errStore, err)
	}
	for _, f := range listed {
		view.Factors = append(view.Factors, SeenFactor{Factor: f, InUse: f.SID == deref(u.SID), Others: Others(owners[f.SID], u.Username)})
	}
	return view, nil
}

// unanswered returns the view of a user about whom Twilio said nothing usable.
func unanswered(err error) TwilioView {
	v := TwilioView{Own: FactorUnknown, Err: err}
	if errs.KindOf(err) == errs.Unavailable {
		v.Own = FactorNoAnswer
	}
	return v
}

// SightOf returns what was seen of a factor; f is nil if the factor does not exist.
func SightOf(f *Factor) FactorSight {
	switch {
	case f == nil:
		return FactorMissing
	case f.Status == FactorVerified:
		return FactorSeenVerified
	default:
		return FactorSeenUnverified
	}
}

// OwnFactor returns the factor that u's row names, or nil if it is gone. A factor counts as gone only if it is not in
// listed, the list of this user's factors, is not found when fetched, and the service is found after that: Twilio
// gives the same answer for a missing factor and for a missing service. ask makes each call.
func OwnFactor(ctx context.Context, factors FactorReader, ask func(func() error) error, u User, listed []Factor) (*Factor, error) {
	for i := range listed {
		if listed[i].SID == *u.SID {
			return &listed[i], nil
		}
	}
	var f Factor
	err := ask(func() (err error) { f, err = factors.FetchFactor(ctx, *u.UUID, *u.SID); return err })
	switch {
	case err == nil:
		return &f, nil
	case errs.KindOf(err) != errs.NotFound:
		return nil, err
	}
	err = ask(func() error { err := factors.CheckService(ctx); return noService(err) })
	return nil, err
}

// noService makes another error of a service that is not found, so that it is not taken for a missing factor.
func noService(err error) error {
	if err != nil && errs.KindOf(err) == errs.NotFound {
		return &errs.Error{Kind: errs.Unavailable, Err: fmt.Errorf("the Verify service itself is not found any more: %w", err)}
	}
	return err
}

// sharers returns the users who have each of these users' uuids: nothing in uzERP makes a uuid unique
// (docs/facts/uzerp.md §1).
func (i *Inspector) sharers(ctx context.Context, users []User) (map[string][]string, error) {
	var uuids []string
	for _, u := range users {
		if u.UUID != nil {
			uuids = append(uuids, *u.UUID)
		}
	}
	return i.Store.UUIDOwners(ctx, uuids)
}

// SharedUUID returns the message about a user who has the same uuid as others.
func SharedUUID(others []string) string {
	return "shares the uuid with " + Names(others, maxNames) + ": uzERP's own reset of one of them locks out the others who are enrolled"
}

func (s *Inspection) warnings(now time.Time) []Warning {
	var all []Warning
	if s.Details != nil && s.Details.Left(now) {
		all = append(all, Warning{Text: "the person left on " + s.Details.EndDate.Format(time.DateOnly) +
			", which uzERP does not look at: only disabling access keeps them out"})
	}
	if len(s.SharedWith) > 0 {
		all = append(all, Warning{SharedUUID(s.SharedWith), ReasonSharedUUID.With()})
	}
	left := 0
	for _, f := range s.Twilio.Factors {
		if f.Status == FactorVerified && !f.InUse && len(f.Others) == 0 {
			left++
		}
	}
	if left > 0 {
		all = append(all, Warning{fmt.Sprintf("Twilio has a verified factor that no login accepts, perhaps on an old phone (%d)", left),
			ReasonLeftFactor.With()})
	}
	return all
}
