package mfa

import (
	"context"
	"errors"
	"fmt"

	"uzerp-mfa/internal/errs"
)

// Verification is the planned end of an enrolment. It is made before the code is asked for.
type Verification struct {
	User   User
	Factor Factor

	resume bool // the factor is verified at Twilio already, and only the row must be written
}

// Billed reports whether Twilio charges for a success. It charges for each approved challenge
// (docs/facts/twilio-verify.md §4).
func (v Verification) Billed() bool { return v.resume }

// PlanVerification finds the factor to finish the enrolment with: the one named by sid, or else the newest unverified
// one. A verified factor is taken only if it is named, and a challenge checks its code: an old phone's left-over
// factor must not come back by itself. The error is of errs.NotFound if there is no such factor, and of errs.Refused
// if the user is enrolled already and no other factor is named.
func PlanVerification(ctx context.Context, store Reader, factors FactorReader, u User, sid string) (Verification, error) {
	v := Verification{User: u}
	enroll := ReasonNothingPending.With(u.Username)
	if u.Whole() && (sid == "" || sid == *u.SID) { // with another factor named, it replaces the one in use
		return v, errs.NewWith(errs.Refused, fmt.Sprintf("%q is already enrolled", u.Username), ReasonLooksEnrolled.With(u.Username))
	}
	none := errs.NewWith(errs.NotFound, fmt.Sprintf("no pending enrollment for %q", u.Username), enroll)
	if u.UUID == nil {
		return v, none
	}
	listed, err := factors.ListFactors(ctx, *u.UUID)
	if err != nil {
		return v, err
	}
	found, verified := false, ""
	for _, f := range listed {
		switch {
		case sid != "":
			if f.SID == sid {
				v.Factor, found = f, true
			}
		case f.FriendlyName != FriendlyName(u.Username):
			// It belongs to another user with the same uuid. Their phone must not open this account.
		case f.Status == FactorVerified:
			verified = f.SID
		case !found || !f.Created.Before(v.Factor.Created):
			v.Factor, found = f, true
		}
	}
	switch {
	case !found && sid != "":
		return v, errs.NewWith(errs.NotFound, fmt.Sprintf("%q has no factor %s at Twilio", u.Username, sid), enroll)
	case !found && verified != "":
		none.Hint = ReasonHalfEnrolled.With(u.Username, verified)
		return v, none
	case !found:
		return v, none
	case v.Factor.FriendlyName != FriendlyName(u.Username):
		return v, errs.NewWith(errs.Refused, fmt.Sprintf("the factor %s was made for %q and not for %q", sid, v.Factor.FriendlyName, u.Username), enroll)
	case v.Factor.Status == FactorVerified:
		// The operator named it, it is verified, and the row does not name it: the last step of an enrolment failed. It
		// must not be another user's factor.
		free, _, err := withoutOthers(ctx, store, u.Username, []Factor{v.Factor})
		if err != nil {
			return v, err
		}
		if len(free) == 0 {
			return v, errs.NewWith(errs.Refused, fmt.Sprintf("the factor %s belongs to another user", sid), enroll)
		}
		v.resume = true
	}
	return v, nil
}

// AppCheck checks whether an enrolled user's app makes the right codes. It changes nothing, and Twilio bills a success.
type AppCheck struct {
	User User
	SID  string
}

// PlanCheck plans to challenge the factor that uzERP itself would challenge. The error is of errs.Refused.
func PlanCheck(u User, sid string) (AppCheck, error) {
	c := AppCheck{User: u}
	if !u.Whole() {
		return c, errs.NewWith(errs.Refused, fmt.Sprintf("%q has no enrollment that could be checked (%s)", u.Username, u.State()),
			ReasonNothingToCheck.With(u.Username))
	}
	if sid != "" && sid != *u.SID {
		return c, errs.NewWith(errs.Refused, "uzERP does not use that factor for this user", ReasonOtherFactorInUse.With())
	}
	c.SID = *u.SID
	return c, nil
}

// Submit sends the code. For a wrong one the error is of errs.CodeRejected.
func (c AppCheck) Submit(ctx context.Context, factors Challenger, code string) error {
	err := challenge(ctx, factors, c.User, c.SID, code)
	if factorGone(err) {
		return &errs.Error{Kind: errs.Refused, Err: errors.New("the factor that uzERP uses for this user does not exist at Twilio: the user is locked out"),
			Hint: ReasonFactorGone.With(c.User.Username)}
	}
	return err
}

// Submit sends the code that finishes an enrolment. For a wrong one the error is of errs.CodeRejected, and uzERP is not
// changed.
func (v Verification) Submit(ctx context.Context, store Writer, factors Factors, code string) error {
	if !v.resume {
		return verifyAndStore(ctx, store, factors, v.User, v.Factor, code)
	}
	if err := challenge(ctx, factors, v.User, v.Factor.SID, code); err != nil {
		return err
	}
	return storeFactor(ctx, store, factors, v.User, v.Factor)
}

// challenge asks Twilio whether a verified factor makes this code. For a wrong one the error is of errs.CodeRejected.
func challenge(ctx context.Context, factors Challenger, u User, sid, code string) error {
	sending, cancel := Uninterrupted(ctx)
	defer cancel()
	approved, err := factors.Challenge(sending, *u.UUID, sid, code)
	switch {
	case err != nil:
		return err
	case !approved:
		return errs.New(errs.CodeRejected, "Twilio did not accept the code; nothing was changed",
			"try the next code that the app shows: each works once. If it goes on, check date and time on the phone")
	}
	return nil
}
