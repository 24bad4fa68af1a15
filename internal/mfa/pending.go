package mfa

import (
	"context"
	"errors"
	"time"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/onetime"
)

// Twilio deletes an unverified factor at some time between these after it was made (docs/facts/twilio-verify.md §0.5).
const (
	surelyThere = time.Hour
	surelyGone  = 24 * time.Hour
)

// PendingFor is how long what is recorded of a pending factor counts. It is more than Twilio keeps one, for clocks differ.
const PendingFor = surelyGone + time.Hour

// Lifetime returns until when the factor can surely be verified, and after when it surely can't. now is used as the
// time of the factor's creation if Twilio's answer had none.
func (p *PendingEnrollment) Lifetime(now time.Time) (sure, latest time.Time) {
	made := p.Factor.Created // by Twilio's clock
	if made.IsZero() {
		made = now
	}
	return made.Add(surelyThere), made.Add(surelyGone)
}

// surelyUntil returns until when the factor is surely at Twilio.
func (f Factor) surelyUntil() time.Time { return f.Created.Add(surelyThere) }

// Waiting returns the newest pending factor that the user has surely had for less than an hour: a QR code of it may be on the way
// to the user, or be scanned just now. ok is false if there is none. The error is one of the port.
func (e *Enroller) Waiting(ctx context.Context, u User) (f Factor, ok bool, err error) {
	if u.UUID == nil {
		return Factor{}, false, nil
	}
	listed, err := e.Factors.ListFactors(ctx, *u.UUID)
	if err != nil {
		return Factor{}, false, err
	}
	pending := pendingOf(u, listed, nil)
	if len(pending) == 0 || !e.Factors.Now().Before(pending[0].surelyUntil()) {
		return Factor{}, false, nil
	}
	return pending[0].Factor, true, nil
}

// SubmitUntilVerified asks for codes and submits them until Twilio accepts one. It returns an error of
// errs.CodeRejected after attempts codes, or if Twilio takes no more, and any other error at once, also one of ask. A code
// with too few or too many digits is none of the attempts. ask is called with the error of the code before, or nil for the
// first code.
func (p *PendingEnrollment) SubmitUntilVerified(ctx context.Context, attempts int, ask func(rejected error) (code string, err error)) error {
	var rejected error
	for typed := 0; typed < max(attempts, 1); {
		code, err := ask(rejected)
		if err != nil {
			return err
		}
		rejected = p.Submit(ctx, code)
		if errs.KindOf(rejected) != errs.CodeRejected || errors.Is(rejected, ErrAttemptsUsedUp) {
			return rejected
		}
		if !errors.Is(rejected, onetime.ErrLength) {
			typed++
		}
	}
	return rejected
}
