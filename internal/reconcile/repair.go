package reconcile

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/mfa"
)

// Repairs are planned repairs. All of them are made, or none if there is a Refusal.
type Repairs struct {
	Differences []*Difference // the differences that are Fixable, in the order of the check
	Max         int
	Refusal     *errs.Error
}

// Deletes reports whether something is deleted at Twilio.
func (p Repairs) Deletes() bool {
	return slices.ContainsFunc(p.Differences, func(d *Difference) bool { return len(d.factors) > 0 })
}

// NeedsTwilio reports whether any of the repairs asks Twilio.
func (p Repairs) NeedsTwilio() bool {
	return slices.ContainsFunc(p.Differences, func(d *Difference) bool { return !d.Kind.local() })
}

// Targets returns whom the repairs change: users, and identities at Twilio that belong to nobody.
func (p Repairs) Targets() (users, identities []string) {
	for _, d := range p.Differences {
		if d.Username != "" {
			users = append(users, d.Username)
		} else {
			identities = append(identities, d.UUID)
		}
	}
	return users, identities
}

// Repairer has what the repairs need.
type Repairer struct {
	Store   mfa.Writer
	Factors mfa.Factors // may be nil if Repairs.NeedsTwilio is false
	NewUUID func() string
}

// Needed reports whether there are repairs to make, and none is refused.
func (p Repairs) Needed() bool { return p.Refusal == nil && len(p.Differences) > 0 }

// PlanRepairs plans to repair what can be repaired safely. limit is how many repairs are allowed, or nil for
// DefaultMax. If more are needed, none is made: the first ones would be no safer than the rest.
func (r *Result) PlanRepairs(limit *int) Repairs {
	p := Repairs{Max: r.DefaultMax()}
	if limit != nil {
		p.Max = *limit
	}
	for i := range r.Differences {
		if r.Differences[i].Fixable {
			p.Differences = append(p.Differences, &r.Differences[i])
		}
	}
	n := len(p.Differences)
	switch {
	case n == 0:
	case r.Outage != nil:
		p.Refusal = errs.NewWith(errs.Unavailable, "Twilio stopped answering during the check: nothing is repaired", ReasonOutage.With())
	case limit == nil && r.WrongService():
		p.Refusal = errs.NewWith(errs.Refused, fmt.Sprintf("%d of %d enrolled users have no factor at this Verify service: "+
			"it is probably not the one they enrolled with; nothing is repaired",
			r.factorMissing, r.enrolledKnown), ReasonWrongService.With())
	case n > p.Max:
		p.Refusal = errs.NewWith(errs.Refused, fmt.Sprintf("%d repairs are needed, and at most %d allowed: nothing is repaired", n, p.Max),
			ReasonTooMany.With(n))
	}
	return p
}

// Apply makes the repairs one after the other, each only if what was found is still true. It sets Fixed or Err of
// each difference, and then calls done, which may be nil. After the first failure of Twilio the rest is not tried,
// and its Err says so.
func (p Repairs) Apply(ctx context.Context, r *Repairer, done func(Difference)) {
	if p.Refusal != nil {
		return
	}
	var stopped error
	failures := 0
	// A key that may not delete shows before anything is changed: a repaired row may leave a factor over.
	forbidden := p.allowed(ctx, r)
	for _, f := range p.Differences {
		switch {
		case ctx.Err() != nil:
			f.Err = ctx.Err()
		case forbidden != nil:
			f.Err = forbidden
		case stopped != nil:
			f.Err = &errs.Error{Kind: errs.Unavailable, Err: errNotRepaired}
		default:
			f.Err = r.repair(ctx, f)
			f.Fixed = f.Err == nil
			switch {
			case f.Err == nil || errs.KindOf(f.Err) == errs.Refused:
				failures = 0
			case errors.Is(f.Err, errTwilio), errs.KindOf(f.Err) == errs.Config: // Twilio, or the audit log, failed
				stopped = f.Err
			default:
				if failures++; failures == mfa.BreakerThreshold {
					stopped = f.Err
				}
			}
		}
		if done != nil {
			done(*f)
		}
	}
}

// allowed asks whether factors may be deleted, if a repair does that.
func (p Repairs) allowed(ctx context.Context, r *Repairer) error {
	first := slices.IndexFunc(p.Differences, func(d *Difference) bool { return len(d.factors) > 0 })
	if first < 0 {
		return nil
	}
	return r.Factors.Allowed(ctx, p.Differences[first].UUID, mfa.CallDelete) // of all others the same holds
}

var (
	errNotRepaired = errors.New("not tried, since an earlier repair failed")
	errTwilio      = errors.New("Twilio")
)

// atTwilio marks an error as one of Twilio's. Twilio answered during the check, so an error now is not an answer.
func atTwilio(err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, mfa.ErrNotPermitted) { // that is an answer: running it again does not help
		return &errs.Error{Kind: errs.Config, Err: fmt.Errorf("%w: %w", errTwilio, err), Hint: errs.HintOf(err)}
	}
	return &errs.Error{Kind: errs.Unavailable, Err: fmt.Errorf("%w: %w", errTwilio, err)}
}

// noLonger returns the error of a repair that is not made because what was found is no longer true.
func noLonger(why string) error {
	return &errs.Error{Kind: errs.Refused, Err: fmt.Errorf("%s: %w", why, errs.ErrChanged)}
}

func (r *Repairer) repair(ctx context.Context, f *Difference) error {
	var err error
	switch f.Kind {
	case UUIDMissing:
		becomes := f.becomes
		id := r.NewUUID()
		becomes.UUID = &id
		return mfa.SetRow(ctx, r.Store, f.Username, f.user.Row, becomes)
	case SIDMissing:
		return mfa.SetRow(ctx, r.Store, f.Username, f.user.Row, f.becomes)
	case UUIDDuplicate:
		return r.newUUID(ctx, f)
	case FactorMissing:
		err = r.stillMissing(ctx, f)
	case FactorUnverified:
		err = r.stillUnverified(ctx, f)
	case StaleFactor, OrphanFactor:
		return r.deleteLeftOver(ctx, f)
	case OrphanEntity:
		return r.emptyEntity(ctx, f)
	default:
		return &errs.Error{Kind: errs.Failure, Err: fmt.Errorf("nobody knows how to repair %q", f.Kind)}
	}
	if err != nil {
		return err
	}
	return mfa.SetRow(ctx, r.Store, f.Username, f.user.Row, f.becomes)
}

// newUUID assigns a new uuid to a user who is not enrolled, if somebody else still has the same.
func (r *Repairer) newUUID(ctx context.Context, f *Difference) error {
	owners, err := r.Store.UUIDOwners(ctx, []string{f.UUID})
	if err != nil {
		return err
	}
	if len(mfa.Others(owners[f.UUID], f.Username)) == 0 {
		return noLonger("nobody else has the uuid any more")
	}
	becomes := f.becomes
	id := r.NewUUID()
	becomes.UUID = &id
	return mfa.SetRow(ctx, r.Store, f.Username, f.user.Row, becomes)
}

// stillMissing checks again that Twilio does not have the row's factor.
func (r *Repairer) stillMissing(ctx context.Context, f *Difference) error {
	_, err := r.Factors.FetchFactor(ctx, f.UUID, f.FactorSID)
	switch {
	case err == nil:
		return noLonger("the factor is there")
	case errs.KindOf(err) != errs.NotFound:
		return atTwilio(err)
	}
	err = r.Factors.CheckService(ctx)
	return atTwilio(err)
}

func (r *Repairer) stillUnverified(ctx context.Context, f *Difference) error {
	factor, err := r.Factors.FetchFactor(ctx, f.UUID, f.FactorSID)
	switch {
	case err != nil && errs.KindOf(err) == errs.NotFound:
		return noLonger("the factor is gone: the next run will say so")
	case err != nil:
		return atTwilio(err)
	case factor.Status != mfa.FactorUnverified:
		return noLonger("the factor is verified")
	}
	return nil
}

// deleteLeftOver deletes a verified factor that no row names, if all that is still true.
func (r *Repairer) deleteLeftOver(ctx context.Context, f *Difference) error {
	factor, err := r.Factors.FetchFactor(ctx, f.UUID, f.FactorSID)
	switch {
	case err != nil && errs.KindOf(err) == errs.NotFound:
		return noLonger("the factor is gone")
	case err != nil:
		return atTwilio(err)
	case factor.Status != mfa.FactorVerified || factor.Created.IsZero() || r.Factors.Now().Sub(factor.Created) < youngFactor:
		return noLonger("the factor is not what it was")
	}
	if f.Kind == StaleFactor { // the factor in use must work: otherwise this may be the user's last one
		mine, err := r.Factors.FetchFactor(ctx, f.UUID, f.user.FactorSID())
		switch {
		case err != nil && errs.KindOf(err) == errs.NotFound:
			return noLonger("the factor in use is gone")
		case err != nil:
			return atTwilio(err)
		case mine.Status != mfa.FactorVerified:
			return noLonger("the factor in use is not verified")
		}
	}
	// The rows are read last: they say whether somebody needs the factor.
	users, err := r.Store.FindUsers(ctx, []string{f.Username})
	switch {
	case err != nil:
		return err
	case len(users) != 1 || !users[0].Equal(f.user.Row):
		return noLonger("the user's row is not what was read")
	}
	return r.deleteUnnamed(ctx, f.UUID, []string{f.Username}, factor)
}

// emptyEntity deletes the verified factors of an entity that belongs to no user.
func (r *Repairer) emptyEntity(ctx context.Context, f *Difference) error {
	listed, err := r.Factors.ListFactors(ctx, f.UUID)
	if err != nil {
		return atTwilio(err)
	}
	if tooYoung(r.Factors.Now(), f.entity.Created, listed) {
		return noLonger("somebody has just begun to use the entity")
	}
	deleted := 0
	for _, factor := range listed {
		known := slices.ContainsFunc(f.factors, func(g mfa.Factor) bool { return g.SID == factor.SID })
		if factor.Status != mfa.FactorVerified || !known {
			continue
		}
		if err := r.deleteUnnamed(ctx, f.UUID, nil, factor); err != nil {
			return err
		}
		deleted++
	}
	if deleted == 0 {
		return noLonger("the entity has none of the factors any more")
	}
	return nil
}

// deleteUnnamed deletes a factor if no row names it and no other users than the allowed ones have the uuid.
func (r *Repairer) deleteUnnamed(ctx context.Context, identity string, allowed []string, factor mfa.Factor) error {
	owners, err := r.Store.UUIDOwners(ctx, []string{identity})
	if err != nil {
		return err
	}
	for _, names := range owners {
		for _, name := range names {
			if !slices.Contains(allowed, name) {
				return noLonger(fmt.Sprintf("%q has the uuid now", name))
			}
		}
	}
	_, taken, err := mfa.InUse(ctx, r.Store, []mfa.Factor{factor})
	switch {
	case err != nil:
		return err
	case len(taken) > 0:
		return noLonger("a row names the factor now")
	}
	if err := r.Factors.DeleteFactor(ctx, identity, factor.SID); err != nil {
		return atTwilio(err)
	}
	return errors.Join(r.confirmDeleted(ctx, identity, factor), r.mend(ctx, factor))
}

// confirmDeleted checks that the factor is gone. In an outage Twilio may say "not found" although the factor exists.
func (r *Repairer) confirmDeleted(ctx context.Context, identity string, factor mfa.Factor) error {
	_, err := r.Factors.FetchFactor(ctx, identity, factor.SID)
	switch {
	case err == nil:
		return atTwilio(&errs.Error{Kind: errs.Unavailable, Err: errors.New("the factor is still there after it was deleted")})
	case errs.KindOf(err) != errs.NotFound:
		return atTwilio(err)
	}
	err = r.Factors.CheckService(ctx)
	return atTwilio(err)
}

// mend closes the last gap. If somebody wrote the factor to a row just before it was deleted, the row names a factor
// that does not exist. Such a row is reset, so that its user is asked to enrol.
func (r *Repairer) mend(ctx context.Context, factor mfa.Factor) error {
	ctx = context.WithoutCancel(ctx)
	owners, err := r.Store.FactorOwners(ctx, []string{factor.SID})
	if err != nil || len(owners) == 0 {
		return err
	}
	users, err := r.Store.FindUsers(ctx, owners[factor.SID])
	if err != nil {
		return err
	}
	for _, u := range users {
		f := Difference{}
		f.resetRow(u)
		if u.FactorSID() != factor.SID {
			continue
		}
		if err := mfa.SetRow(ctx, r.Store, u.Username, u.Row, f.becomes); err != nil {
			return err
		}
	}
	return nil
}
