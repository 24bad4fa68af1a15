package mfa

import (
	"context"
	"time"

	"uzerp-mfa/internal/errs"
)

// Twilio deletes a factor that was not verified at some time between these after it was made (docs/facts/twilio-verify.md §0.5).
const (
	surelyThere = time.Hour
	surelyGone  = 24 * time.Hour
)

// Lifetime returns until when the factor can surely be verified, and from when on surely not. now stands for the time at which
// Twilio made the factor, if its answer had none.
func (p *PendingEnrollment) Lifetime(now time.Time) (sure, latest time.Time) {
	made := p.Factor.Created // by Twilio's clock
	if made.IsZero() {
		made = now
	}
	return made.Add(surelyThere), made.Add(surelyGone)
}

// SubmitUntilVerified asks for codes and submits them until Twilio accepts one. It stops with errs.CodeRejected after attempts
// codes, and with any other error at once, also one of ask. ask gets the error of the code before, and nil at first.
func (p *PendingEnrollment) SubmitUntilVerified(ctx context.Context, attempts int, ask func(rejected error) (code string, err error)) error {
	var rejected error
	for range max(attempts, 1) {
		code, err := ask(rejected)
		if err != nil {
			return err
		}
		if rejected = p.Submit(ctx, code); errs.KindOf(rejected) != errs.CodeRejected {
			return rejected
		}
	}
	return rejected
}
