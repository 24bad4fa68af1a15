package twilio

import (
	"context"
	"errors"
	"unicode"
	"unicode/utf8"

	verify "github.com/twilio/twilio-go/rest/verify/v2"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/mfa"
	"uzerp-mfa/internal/pattern"
	"uzerp-mfa/internal/verifyservice"
)

const maxFriendlyName = 64 // §1.2

var codeForm = pattern.Lazy(`^[0-9]{3,8}$`)

// FetchFactor returns one factor. It fails with errs.NotFound if there is none.
func (c *Client) FetchFactor(ctx context.Context, identity, sid string) (mfa.Factor, error) {
	o := c.begin(ctx, "fetch the factor", verifyservice.MayReadFactor)
	if err := o.check(validIdentity(identity), validFactor(sid)); err != nil {
		return mfa.Factor{}, err
	}
	got, err := o.api().FetchFactor(c.service, identity, sid)
	return o.factor(got, err, identity, sid)
}

// CreateFactor makes an unverified TOTP factor with the service's configuration. Twilio makes the entity if there is
// none (§0.6).
func (c *Client) CreateFactor(ctx context.Context, identity, friendlyName string) (mfa.NewFactor, error) {
	o := c.begin(ctx, "create the factor", verifyservice.MayCreateFactor)
	if err := o.check(validIdentity(identity), validName(friendlyName)); err != nil {
		return mfa.NewFactor{}, err
	}
	params := (&verify.CreateNewFactorParams{}).SetFactorType(typeTOTP).SetFriendlyName(friendlyName)
	got, err := o.api().CreateNewFactor(c.service, identity, params)
	if err != nil {
		_, err = o.failed(err)
		return mfa.NewFactor{}, err
	}
	made, err := owner{c.service, identity}.newFactor(got)
	if err != nil {
		return mfa.NewFactor{}, o.distrust(err)
	}
	return made, nil
}

// VerifyFactor sends a code for an unverified factor and returns the factor as it is then: still unverified if the code
// was wrong. If the answer is lost, it fetches the factor to see whether the code was accepted.
func (c *Client) VerifyFactor(ctx context.Context, identity, sid, code string) (mfa.Factor, error) {
	o := c.begin(ctx, "verify the factor", verifyservice.MayUpdateFactor)
	if err := o.check(validIdentity(identity), validFactor(sid), validCode(code)); err != nil {
		return mfa.Factor{}, err
	}
	params := (&verify.UpdateFactorParams{}).SetAuthPayload(code)
	got, err := o.api().UpdateFactor(c.service, identity, sid, params)
	f, err := o.factor(got, err, identity, sid)
	switch {
	case err == nil:
		return f, nil
	case wrongCode(err):
		return c.afterWrongCode(ctx, identity, sid)
	case lost(err):
		if f, lookErr := c.FetchFactor(ctx, identity, sid); lookErr == nil && f.Status == mfa.FactorVerified {
			return f, nil
		}
	}
	return mfa.Factor{}, err
}

// afterWrongCode returns the factor after a 403 in the old form (§0.1). If the factor is verified all the same, it was
// verified before. Then this is an error: it must not look as if this code had verified it.
func (c *Client) afterWrongCode(ctx context.Context, identity, sid string) (mfa.Factor, error) {
	f, err := c.FetchFactor(ctx, identity, sid)
	if err == nil && f.Status == mfa.FactorVerified {
		return mfa.Factor{}, &errs.Error{Kind: errs.Refused, Op: "verify the factor",
			Err: errors.New("the code is wrong, and the factor was verified before")}
	}
	return f, err
}

// Challenge reports whether a code is right for a verified factor. Only the status approved counts (§0.1). A challenge
// that stays pending expires at Twilio.
func (c *Client) Challenge(ctx context.Context, identity, sid, code string) (bool, error) {
	o := c.begin(ctx, "check the code", verifyservice.MayCreateChallenge)
	if err := o.check(validIdentity(identity), validFactor(sid), validCode(code)); err != nil {
		return false, err
	}
	params := (&verify.CreateChallengeParams{}).SetFactorSid(sid).SetAuthPayload(code)
	got, err := o.api().CreateChallenge(c.service, identity, params)
	if err != nil {
		if _, err = o.failed(err); wrongCode(err) {
			return false, nil
		}
		return false, err
	}
	made, err := owner{c.service, identity}.challenge(got, sid)
	if err != nil {
		return false, o.distrust(err)
	}
	return made.Status == mfa.ChallengeApproved, nil
}

// DeleteFactor deletes a factor. It is no error if the factor is gone already.
func (c *Client) DeleteFactor(ctx context.Context, identity, sid string) error {
	o := c.begin(ctx, "delete the factor", verifyservice.MayDeleteFactor)
	if err := o.check(validIdentity(identity), validFactor(sid)); err != nil {
		return err
	}
	err := o.api().DeleteFactor(c.service, identity, sid)
	if err == nil {
		return nil
	}
	gone, err := o.failed(err)
	if gone {
		return nil
	}
	return err
}

// factor checks the answer of a call that returns a factor.
func (o *call) factor(got *verify.VerifyV2Factor, err error, identity, sid string) (mfa.Factor, error) {
	if err != nil {
		_, err = o.failed(err)
		return mfa.Factor{}, err
	}
	f, err := owner{o.c.service, identity}.factor(got, sid)
	if err != nil {
		return mfa.Factor{}, o.distrust(err)
	}
	return f, nil
}

// check returns the first of the problems that is not empty, as an error. Nothing is sent with a bad parameter:
// twilio-go would paste it into the path, and an empty SID would make a different call (§1.3 last row, §3.2).
func (o *call) check(problems ...string) error {
	for _, p := range problems {
		if p != "" {
			return &errs.Error{Kind: errs.Failure, Op: o.op, Err: errors.New(p)}
		}
	}
	return nil
}

func validIdentity(s string) string {
	if len(s) < 8 || len(s) > 64 || !identityForm().MatchString(s) {
		return "the identity is not 8 to 64 letters, digits and single dashes"
	}
	return ""
}

func validFactor(s string) string {
	if !mfa.ValidFactorSID(s) {
		return "the factor SID is not YF and 32 hexadecimal digits"
	}
	return ""
}

func validCode(s string) string {
	if !codeForm().MatchString(s) {
		return "the code is not 3 to 8 digits"
	}
	return ""
}

func validName(s string) string {
	if n := utf8.RuneCountInString(s); n == 0 || n > maxFriendlyName || !utf8.ValidString(s) {
		return "the friendly name is not 1 to 64 characters"
	}
	for _, r := range s {
		if !unicode.IsPrint(r) {
			return "the friendly name holds unprintable characters"
		}
	}
	return ""
}
