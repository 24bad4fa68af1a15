package mfa

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"uzerp-mfa/internal/errs"
)

// ResetPlan is a planned reset of one user. It writes the row first, and then deletes exactly the factors listed here.
type ResetPlan struct {
	RowChange
	Delete     []Factor // the user's factors, to be deleted once the row does not name them
	Kept       []Factor // factors under the same uuid that another user's row names: never deleted
	SkipTwilio bool     // factors were not looked at
}

// Needed reports whether the reset would change anything in uzERP or at Twilio.
func (p ResetPlan) Needed() bool {
	return p.RowChange.Needed() || p.Refusal == nil && len(p.Delete) > 0
}

// PlanReset plans a reset of u. It lists the factors first, so that nothing is changed while Twilio does not answer
// (docs/facts/uzerp.md §6). newUUID makes the uuid for a user who has none and so could never enrol.
func PlanReset(ctx context.Context, store Reader, factors FactorReader, u User, skipTwilio bool, newUUID func() string) (ResetPlan, error) {
	no := false
	p := ResetPlan{RowChange: RowChange{User: u, Becomes: Row{UUID: u.UUID, Enrolled: &no, Enabled: &no}}, SkipTwilio: skipTwilio}
	if u.UUID == nil {
		id := newUUID()
		p.Becomes.UUID = &id
		return p, nil // no uuid, so no entity at Twilio either
	}
	if skipTwilio {
		return p, nil
	}
	listed, err := factors.ListFactors(ctx, *u.UUID)
	if err != nil && errs.KindOf(err) == errs.Unavailable {
		err = &errs.Error{Kind: errs.Unavailable, Err: err, Hint: ReasonTwilioDown.With()}
	}
	if err != nil {
		return p, err
	}
	p.Delete, p.Kept, err = withoutOthers(ctx, store, u.Username, listed)
	return p, err
}

// withoutOthers splits factors into those that nobody else uses, and those that another user's row names or that are
// pending under another user's name. Two rows can share one uuid (docs/facts/uzerp.md §1), and a reset of one user must
// not lock out the other. If username is "", every user counts, and pending factors count as free.
func withoutOthers(ctx context.Context, store Reader, username string, listed []Factor) (free, others []Factor, err error) {
	if len(listed) == 0 {
		return nil, nil, nil
	}
	sids := make([]string, len(listed))
	for i, f := range listed {
		sids[i] = f.SID
	}
	owners, err := store.FactorOwners(ctx, sids)
	if err != nil {
		return nil, nil, err
	}
	for _, f := range listed {
		pendingElsewhere := username != "" && f.Status == FactorUnverified && f.FriendlyName != FriendlyName(username)
		if hasOther(owners[f.SID], username) || pendingElsewhere {
			others = append(others, f)
		} else {
			free = append(free, f)
		}
	}
	return free, others, nil
}

func hasOther(names []string, username string) bool { return len(Others(names, username)) > 0 }

// Others returns the names without username.
func Others(names []string, username string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(n string) bool { return n == username })
}

// mayDelete asks whether the factors of the plan may be deleted, if there are any.
func (p ResetPlan) mayDelete(ctx context.Context, factors Factors) error {
	if len(p.Delete) == 0 {
		return nil
	}
	return factors.Allowed(ctx, *p.Becomes.UUID, CallDelete)
}

// ResetResult is what a reset did.
type ResetResult struct {
	Deleted []Factor
	Left    []Factor // still at Twilio: they could not be deleted, or somebody has just begun to use them
}

// Apply resets the user. An error with ErrRowReset in its chain means that the row is written, so that the user can
// enrol, and only the clean-up at Twilio is unfinished: another reset finishes it.
func (p ResetPlan) Apply(ctx context.Context, store Writer, factors Factors) (ResetResult, error) {
	var r ResetResult
	if p.Refusal != nil {
		return r, p.Refusal
	}
	if err := p.mayDelete(ctx, factors); err != nil { // otherwise the user would be reset in uzERP only
		return r, err
	}
	// A row that is as wanted already is compared too: a user who has enrolled since must keep their factor.
	if err := SetRow(ctx, store, p.User.Username, p.User.Row, p.Becomes); err != nil {
		return r, err
	}
	if len(p.Delete) == 0 {
		return r, nil
	}
	// The operator may have looked at a prompt for minutes since the plan was made. A factor that a row names by now, or
	// that was verified since, belongs to somebody who has just enrolled.
	free, taken, err := InUse(ctx, store, p.Delete)
	if err != nil {
		r.Left = p.Delete
		return r, rowReset(err)
	}
	r.Left = taken
	var firstErr error
	for _, f := range free {
		deleted, err := deleteUnlessTaken(ctx, factors, *p.Becomes.UUID, f)
		if deleted {
			r.Deleted = append(r.Deleted, f)
		} else {
			r.Left = append(r.Left, f)
		}
		if err != nil && firstErr == nil {
			firstErr = err
		}
	}
	if err := p.mend(ctx, store, r.Deleted); err != nil {
		return r, err
	}
	if firstErr != nil {
		return r, rowReset(firstErr)
	}
	return r, nil
}

// InUse splits factors into those that no row names now, and those that one does.
func InUse(ctx context.Context, store Reader, listed []Factor) (free, taken []Factor, err error) {
	return withoutOthers(ctx, store, "", listed) // no user is called "", so every owner counts
}

// deleteUnlessTaken deletes f, unless f was pending when it was listed and has been verified since.
func deleteUnlessTaken(ctx context.Context, factors Factors, identity string, f Factor) (deleted bool, err error) {
	if f.Status == FactorUnverified {
		now, err := factors.FetchFactor(ctx, identity, f.SID)
		switch {
		case factorGone(err):
			return true, nil
		case err != nil:
			return false, err
		case now.Status == FactorVerified:
			return false, nil
		}
	}
	if err := factors.DeleteFactor(ctx, identity, f.SID); err != nil {
		return false, err
	}
	return true, nil
}

// mend closes the last gap. If a user finished enrolling with one of the factors just before it was deleted, their row
// names a factor that does not exist. Such a row is reset again, so that the user is asked to enrol. If somebody changes the row at
// that moment, it is looked at once more. By now the row was reset and factors are deleted, so no error here may say that nothing was
// changed: it has ErrRowReset in its chain, and another reset looks again.
func (p ResetPlan) mend(ctx context.Context, store Writer, deleted []Factor) error {
	const notUndone = "they have enrolled meanwhile, with a factor that is deleted now, and that could not be undone"
	ctx = context.WithoutCancel(ctx)
	for range 3 {
		users, err := store.FindUsers(ctx, []string{p.User.Username})
		if err != nil {
			return &errs.Error{Kind: errs.KindOf(err), Err: unsureAfterReset{"whether they have enrolled meanwhile, with a factor that is deleted now, " +
				"could not be looked at", err}, Hint: againAfterReset}
		}
		if len(users) == 0 {
			return nil
		}
		row := users[0].Row
		if !slices.ContainsFunc(deleted, func(f Factor) bool { return f.SID == row.FactorSID() }) {
			return nil
		}
		becomes := p.Becomes
		becomes.UUID = row.UUID
		err = SetRow(ctx, store, p.User.Username, row, becomes)
		switch {
		case err == nil:
			return nil
		case !errors.Is(err, errs.ErrChanged):
			return &errs.Error{Kind: errs.KindOf(err), Err: unsureAfterReset{notUndone, err}, Hint: againAfterReset}
		}
	}
	return &errs.Error{Kind: errs.Refused, Err: unsureAfterReset{notUndone, errs.ErrChanged}, Hint: againAfterReset}
}

var againAfterReset = errs.Plain("run the same command again: the user may be locked out until then")

// unsureAfterReset is the error of a reset that is done, at Twilio too, after which the row may name a factor that is deleted.
type unsureAfterReset struct {
	what string
	err  error
}

func (e unsureAfterReset) Error() string {
	return fmt.Sprintf("the user was reset in uzERP, but %s: %s", e.what, e.err)
}

func (e unsureAfterReset) Unwrap() []error { return []error{ErrRowReset, e.err} }

// ErrRowReset is in the chain of an error if the user was reset in uzERP nevertheless.
var ErrRowReset = errors.New("the user is reset in uzERP, but the clean-up at Twilio is not finished")

func rowReset(err error) error {
	kind := errs.KindOf(err)
	if errors.Is(err, context.Canceled) {
		kind, err = errs.Interrupted, errInterrupted
	}
	hint := "the user can enroll; run the same command again to finish the clean-up"
	if kind != errs.Unavailable && kind != errs.Interrupted {
		hint = "the user can enroll; once that is mended, the same command finishes the clean-up"
	}
	return &errs.Error{Kind: kind, Err: fmt.Errorf("%w: %w", ErrRowReset, err), Hint: errs.Plain(hint)}
}

// errInterrupted is context.Canceled with a message that people understand.
var errInterrupted error = interrupted{}

type interrupted struct{}

func (interrupted) Error() string { return "interrupted" }

func (interrupted) Unwrap() error { return context.Canceled }
