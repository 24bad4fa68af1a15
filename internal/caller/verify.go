package caller

import (
	"context"
	"errors"
	"fmt"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/mfa"
	"uzerp-mfa/internal/onetime"
)

// maxCodesTyped is how many codes may be typed. Twilio takes five, but a fourth would be a guess.
const maxCodesTyped = 3

// ErrNotTyped is in the chain of the error for a code that was sent, and that nobody typed.
var ErrNotTyped = errors.New("no code was typed")

// Operator is the person who uses this program, with the caller on the phone.
type Operator interface {
	// Believe asks the operator about a number that was changed lately: a reason is often given out of habit, and such a
	// number is what an attacker prepares. The error is of errs.Declined if it is not to be believed.
	Believe(ctx context.Context, c Check) error
	// Sending tells the operator where a code goes, before it is sent.
	Sending(ctx context.Context, c Check, channel Channel)
	// AskCode asks for the code that the caller reads out. wrong is why the last one was not accepted, or nil for the
	// first. The error is of errs.Declined if none is typed.
	AskCode(ctx context.Context, wrong error) (code string, err error)
	// Verified tells the operator that the code is right, and what that does not mean.
	Verified(c Check)
}

// Verify sends a code to the number on file and asks for it, three times at most. If it returns nil, the caller has
// that phone; otherwise the caller must not be helped. The error is of errs.CodeRejected, and is recorded. Only
// errors of an outage, a setting, a signal, the time limit or the usage keep their kind, and are not recorded.
func (v *Verifier) Verify(ctx context.Context, u mfa.User, channel Channel, on Operator) error {
	c, err := v.plan(ctx, u, channel)
	if err == nil { // the caller must not read out a code for nothing
		if err := v.may(u); err != nil {
			return err
		}
		err = v.Verifications.MayCheck(ctx)
	}
	if err == nil && c.Fresh {
		err = on.Believe(ctx, c)
	}
	if err == nil {
		on.Sending(ctx, c, channel)
		err = c.sendAndAsk(ctx, channel, on)
	}
	if err != nil {
		return v.failed(u, err)
	}
	on.Verified(c)
	return nil
}

// PlanVerify returns what Verify would do, without sending. It returns the errors that Verify returns before it sends.
func (v *Verifier) PlanVerify(ctx context.Context, u mfa.User, channel Channel) (Check, error) {
	c, err := v.plan(ctx, u, channel)
	if err != nil {
		return c, v.failed(u, err)
	}
	return c, nil
}

// may asks whether what the caller wants could be done. An error is not about the caller, so it keeps its kind; a refusal is recorded.
func (v *Verifier) may(u mfa.User) error {
	if v.May == nil {
		return nil
	}
	err := v.May()
	if errs.KindOf(err) == errs.Refused && v.Refused != nil {
		return v.Refused(u.Username, err)
	}
	return err
}

func (v *Verifier) plan(ctx context.Context, u mfa.User, channel Channel) (Check, error) {
	c, err := v.Plan(ctx, u, "")
	if err == nil {
		err = c.Refuses(channel)
	}
	return c, err
}

// failed returns the error that a verification ends with, and records it.
func (v *Verifier) failed(u mfa.User, err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	if err = notVerified(err, v.Undone); v.Refused != nil && errs.KindOf(err) == errs.CodeRejected {
		return v.Refused(u.Username, err)
	}
	return err
}

// sendAndAsk sends a code and asks for it. A code of a wrong length is asked for again; it is no try.
func (c Check) sendAndAsk(ctx context.Context, channel Channel, on Operator) error {
	h, err := c.send(ctx, channel)
	if err != nil {
		return err
	}
	again := ReasonBeginAgain.With(c.resend())
	var wrong error
	for typed := 0; typed < maxCodesTyped; {
		code, err := on.AskCode(ctx, wrong)
		if err != nil && errs.KindOf(err) == errs.Declined {
			return &errs.Error{Kind: errs.Declined, Err: ErrNotTyped, Hint: again}
		}
		if err != nil {
			return err
		}
		if _, wrong = c.confirm(ctx, &h, code, maxCodesTyped-typed); !errors.Is(wrong, ErrWrongCode) {
			return wrong
		}
		if !errors.Is(wrong, onetime.ErrLength) {
			typed++
		}
		if h.Wrong >= maxChecks { // earlier ones of the same code count too
			return c.explain(h, c.by.Now())
		}
	}
	return errs.NewWith(errs.CodeRejected, fmt.Sprintf("%d codes were wrong", maxCodesTyped), again)
}
