package twilio

import (
	"context"
	"errors"
	"regexp"
	"unicode"
	"unicode/utf8"

	verify "github.com/twilio/twilio-go/rest/verify/v2"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/mfa"
)

const maxFriendlyName = 64 // §1.2

var codeForm = regexp.MustCompile(`^[0-9]{3,8}$`)

// FetchFactor gives one factor; errs.NotFound if there is none.
func (c *Client) FetchFactor(ctx context.Context, identity, sid string) (mfa.Factor, error) {
	o := c.begin(ctx, "fetch the factor")
	if err := o.check(validIdentity(identity), validFactor(sid)); err != nil {
		return mfa.Factor{}, err
	}
	got, err := o.api().FetchFactor(c.service, identity, sid)
	return o.factor(got, err, identity, sid)
}

// CreateFactor makes an unverified TOTP factor with the service's configuration, and the entity if absent (§0.6).
func (c *Client) CreateFactor(ctx context.Context, identity, friendlyName string) (mfa.NewFactor, error) {
	o := c.begin(ctx, "create the factor")
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
		return mfa.NewFactor{}, o.distrust(err.Error())
	}
	return made, nil
}

// VerifyFactor sends a code for an unverified factor and gives the factor as it then is. If the answer was lost,
// the factor itself tells whether the code was taken.
func (c *Client) VerifyFactor(ctx context.Context, identity, sid, code string) (mfa.Factor, error) {
	o := c.begin(ctx, "verify the factor")
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

// afterWrongCode gives the factor after the legacy 403. One that is verified all the same was so before: it must not
// look as if this code had done it.
func (c *Client) afterWrongCode(ctx context.Context, identity, sid string) (mfa.Factor, error) {
	f, err := c.FetchFactor(ctx, identity, sid)
	if err == nil && f.Status == mfa.FactorVerified {
		return mfa.Factor{}, &errs.Error{Kind: errs.Refused, Op: "verify the factor",
			Err: errors.New("the code is wrong, and the factor was verified before")}
	}
	return f, err
}

// Challenge checks a code against a verified factor. Only approved counts (§0.1); a challenge that stays pending is
// left to expire.
func (c *Client) Challenge(ctx context.Context, identity, sid, code string) (bool, error) {
	o := c.begin(ctx, "check the code")
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
	approved, err := owner{c.service, identity}.challenge(got, sid)
	if err != nil {
		return false, o.distrust(err.Error())
	}
	return approved, nil
}

// DeleteFactor deletes a factor; one that is gone already is no error.
func (c *Client) DeleteFactor(ctx context.Context, identity, sid string) error {
	o := c.begin(ctx, "delete the factor")
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

// factor is the end of the calls that answer with a factor.
func (o *call) factor(got *verify.VerifyV2Factor, err error, identity, sid string) (mfa.Factor, error) {
	if err != nil {
		_, err = o.failed(err)
		return mfa.Factor{}, err
	}
	f, err := owner{o.c.service, identity}.factor(got, sid)
	if err != nil {
		return mfa.Factor{}, o.distrust(err.Error())
	}
	return f, nil
}

// check gives the first of some complaints about parameters. Nothing is sent with a bad one: twilio-go would paste
// it into the path, and an empty SID makes another call of it (§1.3 last row, §3.2).
func (o *call) check(problems ...string) error {
	for _, p := range problems {
		if p != "" {
			return &errs.Error{Kind: errs.Failure, Op: o.op, Err: errors.New(p)}
		}
	}
	return nil
}

func validIdentity(s string) string {
	if len(s) < 8 || len(s) > 64 || !identityForm.MatchString(s) {
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
	if !codeForm.MatchString(s) {
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
