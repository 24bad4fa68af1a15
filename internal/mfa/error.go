package mfa

import (
	"errors"

	"uzerp-mfa/internal/errs"
)

// ErrAttemptsUsedUp is in the chain of the error for a factor or challenge that takes no more codes.
var ErrAttemptsUsedUp = errors.New("no more attempts")

// ErrNoService is in the chain of an error of errs.NotFound if the whole Verify service is not found, not only one
// factor.
var ErrNoService = errors.New("no such Verify service")

// factorGone reports whether err means that Twilio answered and has no such factor.
func factorGone(err error) bool {
	return err != nil && errs.KindOf(err) == errs.NotFound && !errors.Is(err, ErrNoService)
}

// ErrNotPermitted marks the error of a call for which the credentials lack the permission: a restricted API key may have
// it for some calls only. Another try never helps, and the credentials are neither wrong nor blocked.
var ErrNotPermitted = errors.New("not permitted")
