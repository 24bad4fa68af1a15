package twilio

import (
	"context"
	"errors"

	verify "github.com/twilio/twilio-go/rest/verify/v2"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/mfa"
	"uzerp-mfa/internal/verifyservice"
)

// noFactor is a SID that no factor has: Twilio makes them at random.
const noFactor = "YF00000000000000000000000000000000"

// Allowed asks whether the credentials may verify and delete factors of this identity, as far as the calls name it. What an API
// key may do can't be read (§9). So each call is made for a factor that does not exist: Twilio answers "not found" to those who
// may make it, and 70051 to others. Nothing is asked if the credentials are the account's own, which may do everything.
//
// It fails with mfa.ErrNotPermitted. Another error than "not found" or that says nothing about permissions, and is returned too.
func (c *Client) Allowed(ctx context.Context, identity string, calls ...mfa.FactorCall) error {
	if !c.isKey {
		return nil
	}
	for _, wanted := range calls {
		if _, known := c.allowed.Load(wanted); known {
			continue
		}
		if err := c.tryOut(ctx, identity, wanted); err != nil {
			return err
		}
		c.allowed.Store(wanted, true)
	}
	return nil
}

func (c *Client) tryOut(ctx context.Context, identity string, wanted mfa.FactorCall) error {
	var o *call
	var err error
	switch wanted {
	case mfa.CallDelete:
		o = c.begin(ctx, "ask whether factors may be deleted", verifyservice.MayDeleteFactor)
		if err = o.check(validIdentity(identity)); err == nil {
			err = o.api().DeleteFactor(c.service, identity, noFactor)
		}
	case mfa.CallVerify:
		o = c.begin(ctx, "ask whether factors may be verified", verifyservice.MayUpdateFactor)
		if err = o.check(validIdentity(identity)); err == nil {
			_, err = o.api().UpdateFactor(c.service, identity, noFactor, (&verify.UpdateFactorParams{}).SetAuthPayload("000000"))
		}
	}
	if err == nil {
		return nil
	}
	if _, ours := errors.AsType[*errs.Error](err); ours {
		return err
	}
	if err = o.fail(err); notFound(err) {
		return nil
	}
	return err
}
