package mfa

import (
	"context"
	"fmt"

	"uzerp-mfa/internal/errs"
)

// RowChange is a planned change of one user's row, to be shown and then applied.
type RowChange struct {
	User    User
	Becomes Row
	Refusal *errs.Error // why nothing may be done; nil if it may
}

// Needed reports whether there is anything to write.
func (c RowChange) Needed() bool { return c.Refusal == nil && !c.User.Equal(c.Becomes) }

// Apply writes the row if it is still the one that was planned on. Otherwise it returns an error with errs.ErrChanged.
func (c RowChange) Apply(ctx context.Context, store Writer) error {
	if c.Refusal != nil {
		return c.Refusal
	}
	if !c.Needed() {
		return nil
	}
	return SetRow(ctx, store, c.User.Username, c.User.Row, c.Becomes)
}

// PlanEnable plans that the next login asks for the code again.
func PlanEnable(u User) RowChange { return planEnabled(u, true) }

// PlanDisableNextLogin plans that the next login asks for no code, once (docs/facts/uzerp.md §3, the skip).
func PlanDisableNextLogin(u User) RowChange { return planEnabled(u, false) }

func planEnabled(u User, enabled bool) RowChange {
	c := RowChange{User: u, Becomes: u.Row}
	c.Becomes.Enabled = &enabled
	already := u.Enabled != nil && *u.Enabled == enabled
	switch {
	case u.State() == StateSkipNextLogin && already:
		// The row is as asked for already, even if it is broken.
	case u.Whole():
	case u.State() == StateNotEnrolled:
		c.Refusal = errs.NewWith(errs.Refused, fmt.Sprintf("%q is not enrolled", u.Username), ReasonMayEnroll.With(u.Username))
	case u.UUID == nil && !isTrue(u.Enrolled):
		c.Refusal = errs.NewWith(errs.Refused, fmt.Sprintf("%q has no uuid, so can neither enroll nor log in", u.Username),
			ReasonNoUUID.With(u.Username))
	default:
		// The row is broken. Enabling it would lock the user out, and a skip would let them in only once.
		c.Refusal = errs.NewWith(errs.Refused, fmt.Sprintf("%q has a broken enrollment: no code could ever be accepted", u.Username),
			ReasonBrokenEnrollment.With(u.Username))
	}
	return c
}
