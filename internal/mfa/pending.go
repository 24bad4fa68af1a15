package mfa

import (
	"context"
	"time"

	"uzerp-mfa/internal/errs"
)

// Twilio deletes an unverified factor at some time between these after it was made (docs/facts/twilio-verify.md §0.5).
const (
	surelyThere = time.Hour
	surelyGone  = 24 * time.Hour
)

// Lifetime returns until when the factor can surely be verified, and after when it surely can't. now is used as the
// time of the factor's creation if Twilio's answer had none.
func (p *PendingEnrollment) Lifetime(now time.Time) (sure, latest time.Time) {
	made := p.Factor.Created // by Twilio's clock
	if made.IsZero() {
		made = now
	}
	return made.Add(surelyThere), made.Add(surelyGone)
}

// SubmitUntilVerified asks for codes and submits them until Twilio accepts one. It returns an error of
// errs.CodeRejected after attempts codes, and any other error at once, also one of ask. ask is called with the error
// of the code before, or nil for the first code.
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
