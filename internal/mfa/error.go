package mfa

import (
	"errors"

	"uzerp-mfa/internal/errs"
)

// ErrAttemptsUsedUp is in the chain of the error for a factor or challenge that takes no more codes.
var ErrAttemptsUsedUp = errors.New("no more attempts")

// ErrNoService is in the chain of an error of errs.NotFound that means the whole Verify service and not one factor in it.
var ErrNoService = errors.New("no such Verify service")

// factorGone tells whether err means that Twilio answered and has no such factor.
func factorGone(err error) bool {
	return err != nil && errs.KindOf(err) == errs.NotFound && !errors.Is(err, ErrNoService)
}
