package history

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/mfa"
)

// Teller puts the histories of users together. It can't change anything.
type Teller struct {
	Challenges Challenges
	// NoChallenges is why Twilio can't be asked; Challenges is nil then. Both are nil if it is not to be asked.
	NoChallenges error
	Records      []Records
	Owners       Owners           // nil if there is no database; then nobody shares anything
	Unopened     map[Source]error // why sources that are not in Records can't be read
	Zone         *time.Location   // this machine's, for times of which nobody knows the zone
	Now          time.Time
	Workers      int    // how many users Twilio is asked about at a time; 0 is the default of all batches
	Step         func() // called after Twilio was asked about a user; may be nil
}

// Tell returns what happened at the logins of these users since then, in their order. What a source does not tell is in the
// coverage of each history. The only error is the end of ctx by a signal.
func (t *Teller) Tell(ctx context.Context, users []mfa.User, since time.Time) ([]History, error) {
	names := make([]string, len(users))
	for i, u := range users {
		names[i] = u.Username
	}
	return t.tell(ctx, users, names, since)
}

// TellAll is Tell for all users of the site: the sources are asked for everybody.
func (t *Teller) TellAll(ctx context.Context, users []mfa.User, since time.Time) ([]History, error) {
	return t.tell(ctx, users, nil, since)
}

func (t *Teller) tell(ctx context.Context, users []mfa.User, names []string, since time.Time) ([]History, error) {
	shared, err := t.shared(ctx, users) // first, and not beside the others: it would take a second connection to the database
	var reading sync.WaitGroup
	read := make([]told, len(t.Records))
	for i, r := range t.Records {
		reading.Go(func() {
			got, err := r.Read(ctx, Query{Usernames: names, Since: since})
			read[i] = told{source: r.Source(), Reading: got, err: err}
		})
	}
	asked := t.ask(ctx, users, since, shared, err)
	reading.Wait()
	if errors.Is(ctx.Err(), context.Canceled) {
		return nil, ctx.Err()
	}
	a := assembly{Teller: t, users: users, since: since, asked: asked, read: read}
	all := a.histories()
	t.askSince(ctx, all)
	if errors.Is(ctx.Err(), context.Canceled) {
		return nil, ctx.Err()
	}
	return all, nil
}

// askSince asks Twilio since when it has codes of a user, where that matters: uzERP refused a code that the list does not have. If
// Twilio gives no answer, it stays unknown.
func (t *Teller) askSince(ctx context.Context, all []History) {
	var open []*History
	for i := range all {
		h := &all[i]
		reset := h.lastReset()
		missing := func(e Event) bool { return e.What == CodeNotValid && !h.twilioHas(e, reset) }
		if h.User.Whole() && h.Source(FromTwilio).Read() && slices.ContainsFunc(h.Events, missing) {
			open = append(open, h)
		}
	}
	mfa.BatchAtOnce(ctx, t.Workers, open, func(ctx context.Context, _ int, h *History) error {
		f, err := t.Challenges.FetchFactor(ctx, h.User.Identity(), h.User.FactorSID())
		twilio := slices.IndexFunc(h.Coverage, func(c Coverage) bool { return c.Source == FromTwilio })
		if c := &h.Coverage[twilio]; err == nil && (c.From.IsZero() || f.Created.Before(c.From)) {
			c.From = f.Created
		}
		return err
	}, nil)
}

// told is what one source said.
type told struct {
	source Source
	Reading
	err error
}

// answer is what Twilio said about one user.
type answer struct {
	entries []Entry
	oldest  time.Time
	reaches bool
	from    time.Time // Coverage.From
	missing []string
	err     error
}

// ask asks Twilio about each of the users, and gives up in an outage. unknown is why it is not known who shares something.
func (t *Teller) ask(ctx context.Context, users []mfa.User, since time.Time, shared sharing, unknown error) []answer {
	answers := make([]answer, len(users))
	if t.Challenges == nil {
		for i := range answers {
			answers[i].err = t.NoChallenges
		}
		return answers
	}
	if unknown != nil {
		for i := range answers {
			answers[i].err = unknown
		}
		return answers
	}
	failures := mfa.BatchAtOnce(ctx, t.Workers, users, func(ctx context.Context, i int, u mfa.User) error {
		answers[i] = t.challenges(ctx, u, since, shared)
		return answers[i].err
	}, t.Step)
	for i, err := range failures {
		if errors.Is(err, mfa.ErrNotTried) {
			err = &errs.Error{Kind: errs.Unavailable, Err: errNotAsked}
		}
		answers[i].err = err
	}
	return answers
}

var errNotAsked = errors.New("not asked, since Twilio gave no answer several times before, or the time was over")

// sharing says which users have the same uuid or the same factor.
type sharing struct{ uuids, factors map[string][]string }

// shared finds the users who share with these. A factor counts only where the uuid is shared too: Twilio knows no other.
func (t *Teller) shared(ctx context.Context, users []mfa.User) (s sharing, err error) {
	if t.Owners == nil || t.Challenges == nil {
		return s, nil
	}
	var uuids, sids []string
	for _, u := range users {
		if u.UUID != nil {
			uuids = append(uuids, u.Identity())
		}
	}
	if s.uuids, err = t.Owners.UUIDOwners(ctx, uuids); err != nil {
		return s, err
	}
	for _, u := range users {
		if u.Whole() && len(s.sharers(u)) > 0 {
			sids = append(sids, u.FactorSID())
		}
	}
	if len(sids) > 0 {
		s.factors, err = t.Owners.FactorOwners(ctx, sids)
	}
	return s, err
}

// sharers returns the other users who have the user's uuid.
func (s sharing) sharers(u mfa.User) []string {
	return mfa.Others(s.uuids[strings.ToLower(u.Identity())], u.Username)
}

// sharedChallenges returns what Twilio has of a user whose uuid others have too: only the codes of the user's own factor are surely
// the user's. Another's right code must not settle anything, and another's wrong one must not make the user suspect.
func (t *Teller) sharedChallenges(ctx context.Context, u mfa.User, since time.Time, shared sharing) answer {
	note := mfa.SharedUUID(shared.sharers(u))
	if !u.Whole() {
		return answer{missing: []string{note}}
	}
	if others := mfa.Others(shared.factors[u.FactorSID()], u.Username); len(others) > 0 {
		return answer{err: errs.NewWith(errs.Config, "the factor is also that of "+mfa.Names(others, len(others))+", so that nobody knows whose codes these are",
			mfa.ReasonSharedUUID.With())}
	}
	a := t.listed(ctx, u, u.FactorSID(), since)
	a.missing = []string{note}
	return a
}

// challenges returns what Twilio has of one user. A user without a uuid has no identity there.
func (t *Teller) challenges(ctx context.Context, u mfa.User, since time.Time, shared sharing) answer {
	switch {
	case u.UUID == nil:
		return answer{reaches: true}
	case len(shared.sharers(u)) > 0:
		return t.sharedChallenges(ctx, u, since, shared)
	default:
		return t.listed(ctx, u, "", since)
	}
}

// listed returns the challenges of a user's uuid, of one factor or of all.
func (t *Teller) listed(ctx context.Context, u mfa.User, factorSID string, since time.Time) answer {
	var a answer
	for ch, err := range t.Challenges.Challenges(ctx, u.Identity(), factorSID) {
		if err != nil {
			a.err = err
			break
		}
		a.oldest = ch.Created
		if u.Whole() && ch.FactorSID == u.FactorSID() {
			a.from = ch.Created.UTC()
		}
		if ch.Created.Before(since) {
			a.reaches = true
			break
		}
		a.entries = append(a.entries, Entry{At: ch.Created.UTC(), Source: FromTwilio, Username: u.Username, What: whatOf(ch.Status), FactorSID: ch.FactorSID})
	}
	return a
}

// whatOf returns what a challenge says. uzERP sends the code with it: one that is not approved had a wrong code.
func whatOf(s mfa.ChallengeStatus) What {
	if s == mfa.ChallengeApproved {
		return CodeAccepted
	}
	return CodeRefused
}

// assembly puts what the sources said together.
type assembly struct {
	*Teller
	users []mfa.User
	since time.Time
	asked []answer
	read  []told

	coverage []Coverage // of read
	events   []Event
	nameless int
}

func (a *assembly) histories() []History {
	a.dropFuture()
	a.settle()
	a.joinPasswords()
	byUser := map[string][]Event{}
	for _, e := range a.events {
		byUser[e.Username] = append(byUser[e.Username], e)
	}
	all := make([]History, len(a.users))
	for i, u := range a.users {
		h := History{User: u, Since: a.since, Now: a.Now, Events: merge(byUser[u.Username]), Nameless: a.nameless}
		for _, s := range Sources() {
			h.Coverage = append(h.Coverage, a.coverageOf(s, i))
		}
		all[i] = h
	}
	return all
}

// skew is how far the clocks of two machines may well be apart.
const skew = 5 * time.Minute

// isFuture reports whether nothing can have happened then yet. Of a wall clock nobody knows the zone: it may be farthest ahead.
func (a *assembly) isFuture(at time.Time, wall bool) bool {
	if wall {
		at = asUTC(at).Add(-farthest)
	}
	return at.After(a.Now.Add(skew))
}

// dropFuture leaves out what is from the future, and says so: who can write into a source must not decide with one line what the
// newest attempt was.
func (a *assembly) dropFuture() {
	for i := range a.asked {
		got := &a.asked[i]
		var n int
		got.entries, n = a.past(got.entries)
		got.missing = appendFuture(got.missing, n)
		for _, at := range []*time.Time{&got.from, &got.oldest} {
			if a.isFuture(*at, false) {
				*at = time.Time{}
			}
		}
	}
	for i := range a.read {
		r := &a.read[i]
		var n int
		r.Entries, n = a.past(r.Entries)
		r.Missing = appendFuture(r.Missing, n)
		if a.isFuture(r.Oldest, r.NoZone) {
			r.Oldest = time.Time{}
		}
	}
}

// past returns the entries that are not from the future, and how many others there are.
func (a *assembly) past(entries []Entry) ([]Entry, int) {
	kept := slices.DeleteFunc(slices.Clone(entries), func(e Entry) bool { return a.isFuture(e.At, e.NoZone) })
	return kept, len(entries) - len(kept)
}

// appendFuture says how many entries of a source are from the future.
func appendFuture(missing []string, n int) []string {
	switch n {
	case 0:
		return missing
	case 1:
		return append(slices.Clip(missing), "1 entry is from the future, and counts for nothing: a clock is wrong, or the entry is false")
	default:
		return append(slices.Clip(missing), fmt.Sprintf("%d entries are from the future, and count for nothing: a clock is wrong, or they are false", n))
	}
}

// part is what a source said, with its times on UTC and by Twilio's clock as far as that can be found out.
type part struct {
	Coverage
	zoned []Entry // of which the source tells the zone
	wall  []Entry // of which it does not
	fits  bool    // the clock of zoned was compared
}

// settle puts all entries on UTC and on one clock, and leaves out those that are too old.
func (a *assembly) settle() {
	var twilio, known, walls []Entry
	for _, answer := range a.asked {
		twilio = append(twilio, answer.entries...)
	}
	known = slices.Clone(twilio)
	clock := FromLog // whose clock the known ones have that Twilio does not have itself
	parts := make([]part, len(a.read))
	for i, r := range a.read {
		p := part{Coverage: Coverage{Source: r.source, Asked: true, Err: r.err, Oldest: r.Oldest, Zone: ZoneKnown, Missing: r.Missing}}
		for _, e := range r.Entries {
			if e.NoZone {
				p.wall = append(p.wall, e)
			} else {
				p.zoned = append(p.zoned, e)
			}
		}
		p.zoned, p.fits = p.setClock(p.zoned, twilio, FromTwilio, 0)
		if p.fits {
			clock = FromTwilio
		}
		known = append(known, p.zoned...)
		parts[i] = p
	}
	var ahead time.Duration
	for i := range parts {
		p := &parts[i]
		a.settleWall(p, a.read[i], known)
		if p.Zone == ZoneMeasured {
			var fits bool
			if p.wall, fits = p.setClock(p.wall, twilio, FromTwilio, 0); !fits {
				p.wall, _ = p.setClock(p.wall, known, clock, 0)
			}
			walls, ahead = append(walls, p.wall...), p.Ahead
		}
	}
	a.events = nil
	for _, e := range twilio {
		a.add(e, ZoneKnown)
	}
	for i := range parts {
		p := &parts[i]
		if !p.fits { // uzERP's log and its table may be written by one clock
			p.zoned, _ = p.setClock(p.zoned, walls, FromTwilio, ahead)
		}
		for _, e := range p.zoned {
			a.add(e, ZoneKnown)
		}
		for _, e := range p.wall {
			a.add(e, p.Zone)
		}
		margin := time.Duration(0)
		if a.read[i].NoZone && p.Zone == ZoneAssumed {
			margin = farthest
		}
		if !p.Oldest.IsZero() {
			p.Oldest = p.Oldest.Add(-p.Ahead)
		}
		p.Reaches = p.Read() && !p.Oldest.IsZero() && !p.Oldest.Add(margin).After(a.since)
		a.coverage = append(a.coverage, p.Coverage)
	}
}

// setClock puts entries on the clock of the reference, and notes how far their own is ahead. fits is false if nothing could be
// compared.
func (p *part) setClock(entries, reference []Entry, of Source, likely time.Duration) (set []Entry, fits bool) {
	ahead, n := clockAhead(entries, reference, likely)
	if ahead != 0 {
		p.Ahead, p.AheadOf = ahead, of
	}
	return shifted(entries, ahead), n > 0
}

// settleWall puts the entries of a source that tells no zone on UTC, and its oldest time.
func (a *assembly) settleWall(p *part, r told, known []Entry) {
	noOldest := !r.NoZone || r.Oldest.IsZero()
	if len(p.wall) == 0 && noOldest {
		return
	}
	offsets, fitting := measure(p.wall, known, likelyOffsets(a.Zone))
	if likely, more := a.likelyZone(p.wall, known); more > fitting { // of very many entries some fit anywhere by chance
		offsets = likely
	}
	if offsets == nil {
		p.Zone = ZoneAssumed
		for i, e := range p.wall {
			p.wall[i].At = inZone(e.At, a.Zone)
		}
		if !noOldest {
			p.Oldest = inZone(r.Oldest, a.Zone)
		}
		return
	}
	p.Zone = ZoneMeasured
	first, last, future := 0, 0, 0
	var past []Entry
	for i, e := range p.wall {
		if e.At.Before(p.wall[first].At) {
			first = i
		}
		if e.At.After(p.wall[last].At) {
			last = i
		}
		if e.At = asUTC(e.At).Add(-offsets[i]); a.isFuture(e.At, false) {
			future++
			continue
		}
		past = append(past, e)
	}
	if !noOldest {
		p.Oldest = asUTC(r.Oldest).Add(-offsets[first])
	}
	p.wall, p.Missing, p.Offset = past, appendFuture(p.Missing, future), offsets[last]
}

// likelyZone returns the offsets of a zone in which the clock of wall differs from that of known by some seconds only, and how
// many entries show that; or nil.
func (a *assembly) likelyZone(wall, known []Entry) (offsets []time.Duration, most int) {
	for zone := range likelyOffsets(a.Zone)(a.Now) {
		all, utc := make([]time.Duration, len(wall)), slices.Clone(wall)
		for i, e := range wall {
			all[i] = likelyOffsets(a.Zone)(e.At)[zone]
			utc[i].At = asUTC(e.At).Add(-all[i])
		}
		if ahead, n := clockAhead(utc, known, 0); ahead != 0 && n > most {
			offsets, most = all, n
		}
	}
	return offsets, most
}

func (a *assembly) add(e Entry, zone Zone) {
	if !e.At.Before(a.since) {
		a.events = append(a.events, Event{Entry: e, Sources: []Source{e.Source}, Zone: zone})
	}
}

// joinPasswords finds out whose the refused passwords without a name are. This goes over all users, since nobody knows whose they
// are before. What was typed as a name and is no user's is forgotten here.
func (a *assembly) joinPasswords() {
	var passwords, rest []Event
	for _, e := range a.events {
		if e.What == PasswordRefused {
			passwords = append(passwords, e)
		} else {
			rest = append(rest, e)
		}
	}
	for _, e := range merge(passwords) {
		if e.Username == "" {
			// One that has no name in the log either was typed for somebody else.
			if !slices.Contains(e.Sources, FromLog) {
				a.nameless++
			}
			continue
		}
		rest = append(rest, e)
	}
	a.events = rest
}

// coverageOf returns what a source could tell about user number i.
func (a *assembly) coverageOf(s Source, i int) Coverage {
	if s == FromTwilio {
		got := a.asked[i]
		return Coverage{Source: s, Asked: a.Challenges != nil || a.NoChallenges != nil, Err: got.err, Oldest: got.oldest,
			Reaches: got.err == nil && got.reaches, From: got.from, Zone: ZoneKnown, Missing: got.missing}
	}
	for _, c := range a.coverage {
		if c.Source == s {
			return c
		}
	}
	err, unopened := a.Unopened[s]
	return Coverage{Source: s, Asked: unopened, Err: err, Zone: ZoneKnown}
}

// Browsers and addresses are compared as uzERP writes them.
func distinct(events []Event, of func(Event) string) []string {
	var all []string
	for _, e := range events {
		if v := strings.TrimSpace(of(e)); v != "" && !slices.Contains(all, v) {
			all = append(all, v)
		}
	}
	slices.Sort(all)
	return all
}
