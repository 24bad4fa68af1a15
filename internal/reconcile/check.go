package reconcile

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/mfa"
	"uzerp-mfa/internal/pattern"
)

// Check compares everything and changes nothing. found is called with each difference at once, in the order of the
// users and then of the entities; if it returns an error, the check ends. Check returns an error if the service can't
// be fetched, uzERP's database does not answer, the credentials lack a permission, or ctx ends. If Twilio fails later,
// that makes differences of the kind Unknown.
func (r *Reconciler) Check(ctx context.Context, found func(Difference) error) (*Result, error) {
	c := &check{Reconciler: r, result: &Result{}, found: found, sharers: map[string]int{}}
	if err := c.readUsers(); err != nil {
		return nil, err
	}
	twilio := NeedsTwilio(r.Only)
	if twilio {
		if err := r.Factors.CheckService(ctx); err != nil {
			return nil, err
		}
		if err := c.listEntities(ctx); err != nil {
			return nil, err
		}
	}
	done := 0
	if err := inTurn(ctx, r.Concurrency, c.users, c.lookAt, func(l look) error {
		done++
		if r.Progress != nil {
			r.Progress(done, len(c.users))
		}
		return c.take(l, true)
	}); err != nil {
		return nil, err
	}
	if r.wants(OrphanEntity) {
		if err := inTurn(ctx, r.Concurrency, c.strangers(), c.lookAtStranger, func(l look) error { return c.take(l, false) }); err != nil {
			return nil, err
		}
	}
	if twilio {
		if err := c.close(ctx); err != nil {
			return nil, err
		}
	}
	c.result.sort()
	return c.result, nil
}

// check is the state of one Check.
type check struct {
	*Reconciler
	result  *Result
	found   func(Difference) error
	breaker breaker

	users   []mfa.User
	sharers map[string]int // how many rows have a uuid

	listed     bool                  // whether the entities could be listed
	listedAt   time.Time             // just before they were listed
	entities   map[string]mfa.Entity // by lower-case identity
	incomplete atomic.Bool           // a factor was found whose entity is not in the list
}

// look is the result for one user or entity. An error ends the check.
type look struct {
	differences []Difference
	known       bool // the user is enrolled, and Twilio gave an answer about the factor
	partly      bool // Twilio should have been asked, too
	err         error
}

func (c *check) readUsers() error {
	for u, err := range c.Users {
		if err != nil {
			return err
		}
		c.users = append(c.users, u)
		if u.UUID != nil {
			c.sharers[*u.UUID]++
		}
		if u.IsEnrolled() {
			c.result.Enrolled++
		}
	}
	return nil
}

// listEntities reads which identities have an entity. If that fails, it is not known whether entities belong to no user, or to users who
// are not enrolled: to ask about each of these would be a call for nearly every user of the site.
func (c *check) listEntities(ctx context.Context) error {
	if !c.wants(OrphanEntity, OrphanFactor) {
		return nil
	}
	c.listedAt = c.Factors.Now()
	all, err := c.Factors.ListEntities(ctx)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, mfa.ErrNotPermitted):
		return err
	case err != nil:
		c.breaker.told(err)
		return c.take(look{differences: []Difference{unknownDifference("", "",
			"the entities at Twilio could not be listed, so nobody knows whether some belong to no user, or to users who are not enrolled", err)}}, false)
	}
	c.listed = true
	c.entities = make(map[string]mfa.Entity, len(all))
	for _, e := range all {
		c.entities[strings.ToLower(e.Identity)] = e
	}
	return nil
}

// take adds the differences of one user or entity to the result.
func (c *check) take(l look, user bool) error {
	if l.err != nil {
		return l.err
	}
	unknown := false
	for _, f := range l.differences {
		switch f.Kind {
		case Unknown:
			unknown = true
			c.result.Unknown++
		case FactorMissing:
			c.result.factorMissing++
		}
		if f.Kind != Unknown && !c.wants(f.Kind) {
			continue
		}
		c.result.Differences = append(c.result.Differences, f)
		if err := c.found(f); err != nil {
			return err
		}
	}
	if user && !unknown && !l.partly {
		c.result.Checked++
	}
	if l.known {
		c.result.enrolledKnown++
	}
	return nil
}

// close checks at the end that the service still answers. Otherwise "not found" may have been an answer of an outage,
// and users without an entity may not have been looked at.
func (c *check) close(ctx context.Context) error {
	err := c.Factors.CheckService(ctx)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if c.result.Outage = c.breaker.open(); c.result.Outage == nil && err != nil {
		c.result.Outage = err
	}
	if err != nil {
		return c.take(look{differences: []Difference{unknownDifference("", "",
			"the Verify service did not answer at the end of the check, so all that it said before is in doubt", err)}}, false)
	}
	if c.incomplete.Load() {
		err := errors.New("an entity that exists is missing in the list")
		return c.take(look{differences: []Difference{unknownDifference("", "",
			"Twilio's list of entities was not complete, so left-over factors of users who are not enrolled may be missed", err)}}, false)
	}
	return nil
}

func unknownDifference(username, uuid, message string, err error) Difference {
	return Difference{Kind: Unknown, Username: username, UUID: uuid, Message: message + ": " + err.Error(), Err: err,
		NotTried: errors.Is(err, errNotTried), Remedy: ReasonNoAnswer.With()}
}

// lookAt compares a user. If it finds a difference and the row has changed meanwhile, it compares again: the user may
// have enrolled, or may have been reset, before Twilio was asked.
func (c *check) lookAt(ctx context.Context, u mfa.User) look {
	for range 3 {
		l := c.compare(ctx, u)
		if l.err != nil || !slices.ContainsFunc(l.differences, func(f Difference) bool { return f.Kind != Unknown }) {
			return l
		}
		now, err := c.Store.FindUsers(ctx, []string{u.Username})
		switch {
		case err != nil:
			return look{err: err}
		case len(now) == 0:
			return look{}
		case now[0].Equal(u.Row):
			return l
		}
		u = now[0]
	}
	return look{differences: []Difference{unknownDifference(u.Username, u.Identity(),
		"the user could not be compared", errors.New("uzERP's row keeps changing"))}}
}

// compare returns what is wrong with a user.
func (c *check) compare(ctx context.Context, u mfa.User) look {
	l, err := c.rowAlone(ctx, u)
	if err != nil {
		return look{err: err}
	}
	if !c.hasToAsk(u) {
		l.partly = !c.listed && u.UUID != nil && c.wants(OrphanFactor)
		return l
	}
	more, known, err := c.compareFactors(ctx, u)
	switch {
	case ctx.Err() != nil:
		return look{err: ctx.Err()}
	case errors.Is(err, errStore), errors.Is(err, mfa.ErrNotPermitted):
		return look{err: err}
	case err != nil:
		for i := range l.differences {
			l.differences[i].keep(errs.Plain("not repaired while Twilio gives no answer about this user"))
		}
		l.differences = append(l.differences, unknownDifference(u.Username, *u.UUID, "Twilio gave no answer about this user", err))
		return l
	}
	l.differences = append(l.differences, more...)
	l.known = known
	return l
}

// errStore marks errors of uzERP's database. They end a check, and those of Twilio don't.
var errStore = errors.New("uzERP's database")

// rowAlone returns the differences for which Twilio is not needed.
func (c *check) rowAlone(ctx context.Context, u mfa.User) (look, error) {
	if u.UUID == nil {
		return look{differences: []Difference{c.uuidMissing(u)}}, nil
	}
	var l look
	if c.shared(u) {
		owners, err := c.Store.UUIDOwners(ctx, []string{*u.UUID})
		if err != nil {
			return l, err
		}
		names := owners[*u.UUID]
		if len(names) > 1 {
			f, err := c.uuidDuplicate(ctx, u, names)
			if err != nil {
				return l, err
			}
			l.differences = append(l.differences, f)
		}
	}
	if u.IsEnrolled() && !mfa.ValidFactorSID(u.FactorSID()) {
		f := newDifference(SIDMissing, u, "")
		f.lockedOut(u, mfa.FactorNotAsked)
		f.resetRow(u)
		if f.Fixable && !c.wants(OrphanFactor) {
			f.Remedy.Text += "; whether a factor is left at Twilio is not looked at (orphan-factor)"
		}
		l.differences = append(l.differences, f)
	}
	return l, nil
}

func (c *check) shared(u mfa.User) bool { return u.UUID != nil && c.sharers[*u.UUID] > 1 }

// hasToAsk reports whether Twilio must be asked about the user.
func (c *check) hasToAsk(u mfa.User) bool {
	switch {
	case u.UUID == nil:
		return false
	case u.IsEnrolled() && mfa.ValidFactorSID(u.FactorSID()):
		return c.wants(FactorMissing, FactorUnverified, StaleFactor)
	case !c.wants(OrphanFactor):
		return false
	default:
		// A user without an entity has no left-over factor, also none that the repair of SIDMissing leaves over. The list is
		// used for nothing else: a factor is never called missing because its entity is not in the list.
		_, exists := c.entities[*u.UUID]
		return exists || !c.listed && u.IsEnrolled()
	}
}

func newDifference(kind Kind, u mfa.User, sid string) Difference {
	return Difference{Kind: kind, Username: u.Username, UUID: u.Identity(), FactorSID: sid, Fixable: true, user: u}
}

// lockedOut makes f a difference about a user who can't log in, and says why.
func (f *Difference) lockedOut(u mfa.User, factor mfa.FactorSight) {
	f.Message = "locked out: " + mfa.LockedOut(u.Row, factor)
}

// resetRow makes f a difference that is repaired by a reset of the row, so that the user enrols again. It is not
// repaired while the next login skips the code: an operator has let the user in, who may have no phone at hand, and a
// reset would undo that.
func (f *Difference) resetRow(u mfa.User) {
	f.becomes = resetOf(u.Row)
	f.Remedy = errs.Plain("reset: the next login asks for the password, then to enroll again")
	if u.State() == mfa.StateSkipNextLogin {
		f.Message = "logs in once more without a code, then " + f.Message
		f.keep(ReasonSkips.With(u.Username))
	}
}

// resetOf returns the row after a reset.
func resetOf(r mfa.Row) mfa.Row {
	no := false
	return mfa.Row{UUID: r.UUID, Enrolled: &no, Enabled: &no}
}

func (c *check) uuidMissing(u mfa.User) Difference {
	f := newDifference(UUIDMissing, u, "")
	f.lockedOut(u, mfa.FactorNotAsked)
	if u.IsEnrolled() {
		f.resetRow(u)
		if f.Fixable {
			f.Remedy = errs.Plain("gets a uuid and a reset: the next login asks for the password, then to enroll again")
		}
		return f
	}
	f.becomes = u.Row
	f.Remedy = errs.Plain("gets a uuid: the next login asks for the password, then to enroll")
	return f
}

// uuidDuplicate returns the difference for one of several users with one uuid. The user who is enrolled keeps the
// uuid, or the first by name if none is.
func (c *check) uuidDuplicate(ctx context.Context, u mfa.User, names []string) (Difference, error) {
	f := newDifference(UUIDDuplicate, u, "")
	f.Message = mfa.SharedUUID(mfa.Others(names, u.Username))
	if u.IsEnrolled() {
		f.keep(ReasonKeepsUUID.With())
		return f, nil
	}
	sharers, err := c.Store.FindUsers(ctx, names)
	if err != nil {
		return f, err
	}
	first := u.Username
	for _, s := range sharers {
		if s.IsEnrolled() {
			first = ""
			break
		}
		first = min(first, s.Username)
	}
	if first == u.Username {
		f.keep(errs.Plain("keeps the uuid; the others get new ones"))
		return f, nil
	}
	f.becomes = u.Row
	f.Remedy = errs.Plain("not enrolled, so gets a new uuid: the next login asks to enroll, as before")
	return f, nil
}

// compareFactors compares the row of a user with the factors at Twilio. known reports whether Twilio gave an answer
// about the row's own factor.
func (c *check) compareFactors(ctx context.Context, u mfa.User) (differences []Difference, known bool, err error) {
	listed, err := c.list(ctx, *u.UUID)
	if err != nil {
		return nil, false, err
	}
	var verified []mfa.Factor
	for _, f := range listed {
		if f.Status == mfa.FactorVerified {
			verified = append(verified, f)
		}
	}
	switch {
	case !u.IsEnrolled():
		differences, err = c.leftOver(ctx, OrphanFactor, u, verified, "")
		return differences, false, err
	case !mfa.ValidFactorSID(u.FactorSID()):
		differences, err = c.orphaned(ctx, u, verified)
		return differences, false, err
	}
	mine, err := mfa.OwnFactor(ctx, c.Factors, c.breaker.ask, u, listed)
	if err != nil {
		return nil, false, err
	}
	sight := mfa.SightOf(mine)
	works := sight == mfa.FactorSeenVerified
	if !works {
		kind := FactorMissing
		if mine != nil {
			kind = FactorUnverified
		}
		f := newDifference(kind, u, *u.SID)
		f.lockedOut(u, sight)
		f.resetRow(u)
		differences = append(differences, f)
	}
	if mine != nil && c.listed {
		if _, exists := c.entities[*u.UUID]; !exists && !mine.Created.IsZero() && mine.Created.Before(c.listedAt.Add(-time.Minute)) {
			c.incomplete.Store(true)
		}
	}
	keep := ""
	if !works {
		keep = "kept until the user's own factor works again"
	}
	stale, err := c.leftOver(ctx, StaleFactor, u, verified, keep)
	return append(differences, stale...), true, err
}

// orphaned returns a difference for each verified factor of a user who is enrolled with none. The repair of SIDMissing, which
// comes first, resets the row; the factor is deleted after that, if the row is as that repair leaves it.
func (c *check) orphaned(ctx context.Context, u mfa.User, verified []mfa.Factor) ([]Difference, error) {
	keep := ""
	if u.State() == mfa.StateSkipNextLogin || !c.wants(SIDMissing) {
		keep = "kept until the row is reset"
	}
	u.Row = resetOf(u.Row)
	differences, err := c.leftOver(ctx, OrphanFactor, u, verified, keep)
	for i := range differences {
		differences[i].Message = "enrolled with no factor on record, but Twilio has a verified one: no login accepts it, and nobody watches it"
	}
	return differences, err
}

// leftOver returns a difference for each verified factor that no row names. keep is why they may not be deleted, or
// "" if they may.
func (c *check) leftOver(ctx context.Context, kind Kind, u mfa.User, verified []mfa.Factor, keep string) ([]Difference, error) {
	verified = slices.DeleteFunc(verified, func(f mfa.Factor) bool { return u.IsEnrolled() && f.SID == u.FactorSID() })
	free, _, err := mfa.InUse(ctx, c.Store, verified)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errStore, err)
	}
	var differences []Difference
	for _, factor := range free {
		f := newDifference(kind, u, factor.SID)
		f.factors = []mfa.Factor{factor}
		f.Message = "a second verified factor, perhaps on an old phone: no login accepts it, and nobody watches it"
		if kind == OrphanFactor {
			f.Message = "not enrolled, but Twilio still has a verified factor, as a failed reset leaves it: no login accepts it, and nobody watches it"
		}
		f.Remedy = errs.Plain("deleted at Twilio; the next login is as before")
		age := c.Factors.Now().Sub(factor.Created)
		switch {
		case keep != "":
			f.keep(errs.Plain(keep))
		case c.shared(u):
			f.keep(errs.Plain("kept: the user shares the uuid with another, whose factor it may be"))
		case factor.Created.IsZero():
			f.keep(errs.Plain("kept: Twilio does not tell its age, so somebody may just be enrolling"))
		case age < youngFactor:
			f.keep(errs.Plain(fmt.Sprintf("kept for now: it is younger than %d minutes, so somebody may just be enrolling", int(youngFactor.Minutes()))))
		}
		differences = append(differences, f)
	}
	return differences, nil
}

func (c *check) list(ctx context.Context, identity string) (listed []mfa.Factor, err error) {
	err = c.breaker.ask(func() (err error) { listed, err = c.Factors.ListFactors(ctx, identity); return err })
	return listed, err
}

var uuidForm = pattern.Lazy(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

// strangers returns the entities that belong to no user, in the order of their identities.
func (c *check) strangers() []mfa.Entity {
	var all []mfa.Entity
	for identity, e := range c.entities {
		if c.sharers[identity] == 0 {
			all = append(all, e)
		}
	}
	slices.SortFunc(all, func(a, b mfa.Entity) int { return strings.Compare(a.Identity, b.Identity) })
	return all
}

// lookAtStranger looks at an entity that belonged to no user when the users were read.
func (c *check) lookAtStranger(ctx context.Context, e mfa.Entity) look {
	f := Difference{Kind: OrphanEntity, UUID: e.Identity, Fixable: true, entity: e}
	if !uuidForm().MatchString(e.Identity) {
		f.Message = "an entity at Twilio that uzERP can't have made: perhaps another application uses the same Verify service"
		f.keep(errs.Plain("left alone"))
		return look{differences: []Difference{f}}
	}
	owners, err := c.Store.UUIDOwners(ctx, []string{e.Identity})
	if err != nil {
		return look{err: err}
	}
	if len(owners) > 0 {
		return look{} // it belongs to a user by now
	}
	listed, err := c.list(ctx, e.Identity)
	switch {
	case ctx.Err() != nil:
		return look{err: ctx.Err()}
	case errors.Is(err, mfa.ErrNotPermitted):
		return look{err: err}
	case err != nil:
		return look{differences: []Difference{unknownDifference("", e.Identity,
			"Twilio gave no answer about an entity that is no user's", err)}}
	}
	for _, factor := range listed {
		if factor.Status == mfa.FactorVerified {
			f.factors = append(f.factors, factor)
		}
	}
	if len(f.factors) == 0 {
		return look{} // it has no factor that makes valid codes
	}
	_, taken, err := mfa.InUse(ctx, c.Store, f.factors)
	if err != nil {
		return look{err: err}
	}
	f.Message = fmt.Sprintf("belongs to no user of this database, and has %d verified factors; "+
		"a user who is gone, or one of another database with the same Verify service", len(f.factors))
	if len(f.factors) == 1 {
		f.FactorSID = f.factors[0].SID
		f.Message = strings.Replace(f.Message, "factors;", "factor;", 1)
	}
	f.Remedy = errs.Plain("its verified factors are deleted one by one; a user of another database who needs them is locked out")
	switch {
	case len(taken) > 0:
		f.keep(errs.Plain("left alone: a row of this database names its factor, of a user with another uuid"))
	case !slices.Contains(c.Only, OrphanEntity):
		f.keep(ReasonMayBeCopy.With())
	case tooYoung(c.Factors.Now(), e.Created, f.factors):
		f.keep(errs.Plain(fmt.Sprintf("kept for now: it is younger than %d hours, or Twilio does not tell its age", int(youngEntity.Hours()))))
	}
	return look{differences: []Difference{f}}
}

// tooYoung reports whether an entity, or one of its factors, is so young that it may belong to a user who is just being
// added.
func tooYoung(now, created time.Time, factors []mfa.Factor) bool {
	young := func(t time.Time) bool { return t.IsZero() || now.Sub(t) < youngEntity }
	return young(created) || slices.ContainsFunc(factors, func(f mfa.Factor) bool { return young(f.Created) })
}

// breaker stops asking Twilio after mfa.BreakerThreshold failures in a row.
type breaker struct {
	mu    sync.Mutex
	inRow int
	last  error
}

var errNotTried = errors.New("not asked, since Twilio failed several times before")

// ask calls f unless the breaker is open.
func (b *breaker) ask(f func() error) error {
	if b.open() != nil {
		return &errs.Error{Kind: errs.Unavailable, Err: errNotTried}
	}
	err := f()
	b.told(err)
	return err
}

// told counts failures. "Not found" is an answer and not a failure, and neither is a cancelled context.
func (b *breaker) told(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.inRow >= mfa.BreakerThreshold: // stays open
	case err == nil, errs.KindOf(err) == errs.NotFound:
		b.inRow = 0
	case !errors.Is(err, context.Canceled):
		b.inRow++
		b.last = err
	}
}

// open returns the last failure if there were too many, or else nil.
func (b *breaker) open() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.inRow < mfa.BreakerThreshold {
		return nil
	}
	return b.last
}

// inTurn calls work for the items, at most n at a time, and take for the results, one at a time and in the order of the
// items. It ends with the first error of take or with ctx, and waits for everything that it started.
func inTurn[T, R any](ctx context.Context, n int, items []T, work func(context.Context, T) R, take func(R) error) error {
	ctx, stop := context.WithCancel(ctx)
	n = max(n, 1)
	queue := make(chan chan R, 16*n) // so that a slow item does not stop the others
	running := make(chan struct{}, n)
	var all sync.WaitGroup
	defer all.Wait()
	defer stop()
	all.Go(func() {
		defer close(queue)
		for _, item := range items {
			select {
			case running <- struct{}{}:
			case <-ctx.Done():
				return
			}
			result := make(chan R, 1)
			select {
			case queue <- result:
			case <-ctx.Done():
				return
			}
			all.Go(func() {
				defer func() { <-running }()
				result <- work(ctx, item)
			})
		}
	})
	for result := range queue {
		if err := take(<-result); err != nil {
			return err
		}
	}
	return ctx.Err()
}
