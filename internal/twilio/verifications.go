package twilio

import (
	"context"
	"errors"

	verify "github.com/twilio/twilio-go/rest/verify/v2"

	"uzerp-mfa/internal/caller"
	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/pattern"
	"uzerp-mfa/internal/sidform"
	"uzerp-mfa/internal/verifyservice"
)

var (
	numberForm   = pattern.Lazy(`^\+[1-9][0-9]{6,14}$`) // E.164
	sentCodeForm = pattern.Lazy(`^[0-9]{4,10}$`)        // §1, CreateVerificationCheck
)

// StartVerification lets Twilio send a code to a number.
func (c *Client) StartVerification(ctx context.Context, to caller.Recipient, channel caller.Channel) (caller.Started, error) {
	o := c.begin(ctx, "send the code", verifyservice.MayCreateVerification)
	o.invalid = refused(0, "Twilio does not take this for a phone number", "correct the number in uzERP, or the one that you gave, then send again")
	o.ifLost = "a message may be on its way: ask the user before sending again, which within ten minutes sends the same code"
	number := to.Phone.E164.Reveal()
	o.number = number
	if err := o.check(validNumber(number), validChannel(channel)); err != nil {
		return caller.Started{}, err
	}
	params := (&verify.CreateVerificationParams{}).SetTo(number).SetChannel(string(channel))
	got, err := o.api().CreateVerification(c.service, params)
	if err != nil {
		gone, err := o.failed(err)
		if gone {
			err = &errs.Error{Kind: errs.Unavailable, Op: o.op, Hint: errs.Plain(hintAgain),
				Err: errors.New("the Verify service exists, but Twilio finds no way to send codes with it")}
		}
		return caller.Started{}, err
	}
	status, err := c.verification(got.Sid, got.ServiceSid, got.AccountSid, got.To, got.Status, number)
	switch {
	case err != nil:
		return caller.Started{}, o.distrust(err)
	case status == caller.Approved:
		return caller.Started{}, o.distrust(errors.New("calls a code right that nobody has given yet"))
	}
	return caller.Started{SID: *got.Sid, Status: status, Sends: len(or(got.SendCodeAttempts, nil))}, nil
}

// FetchVerification returns a verification of this number. It fails with errs.NotFound if no code is waiting: Twilio then
// knows no such verification any more (§1.2).
func (c *Client) FetchVerification(ctx context.Context, to caller.Recipient, sid string) (caller.Started, error) {
	o := c.begin(ctx, "look at the code that was sent", verifyservice.MayReadVerification)
	o.invalid = refused(0, "Twilio does not take this number, or this verification", "compare the number with that in uzERP, and send a new code")
	number := to.Phone.E164.Reveal()
	o.number = number
	if err := o.check(validNumber(number), validVerification(sid)); err != nil {
		return caller.Started{}, err
	}
	got, err := o.api().FetchVerification(c.service, sid)
	if err != nil {
		gone, err := o.failed(err)
		if gone {
			err = noVerification(o)
		}
		return caller.Started{}, err
	}
	status, err := c.verification(got.Sid, got.ServiceSid, got.AccountSid, got.To, got.Status, number)
	switch {
	case err != nil:
		return caller.Started{}, o.distrust(err)
	case *got.Sid != sid:
		return caller.Started{}, o.distrust(errors.New("is about another verification"))
	}
	return caller.Started{SID: sid, Status: status, Sends: len(or(got.SendCodeAttempts, nil))}, nil
}

func noVerification(o *call) error {
	return &errs.Error{Kind: errs.NotFound, Op: o.op, Err: caller.ErrNoVerification,
		Hint: errs.Plain("none was sent, or it was accepted already, has expired, or was given up after five wrong ones: send a new one")}
}

// CheckVerification checks a code against the one that was sent with the verification sid. The code is right only if the
// returned status is caller.Approved (§0.1). It fails with errs.NotFound if no code is waiting.
func (c *Client) CheckVerification(ctx context.Context, to caller.Recipient, sid, code string) (caller.Status, error) {
	o := c.begin(ctx, "check the code", verifyservice.MayCheckVerification)
	o.invalid = refused(0, "Twilio does not take this number, or a code of this length", "compare the code with the message, and the number with that in uzERP")
	o.ifLost = "the code may be used up: check it once more, and send a new one if none is waiting then"
	number := to.Phone.E164.Reveal()
	o.number = number
	if err := o.check(validNumber(number), validVerification(sid), validSentCode(code)); err != nil {
		return "", err
	}
	params := (&verify.CreateVerificationCheckParams{}).SetVerificationSid(sid).SetCode(code)
	got, err := o.api().CreateVerificationCheck(c.service, params)
	if err != nil {
		gone, err := o.failed(err)
		if gone {
			err = noVerification(o)
		}
		return "", err
	}
	status, err := c.verification(got.Sid, got.ServiceSid, got.AccountSid, got.To, got.Status, number)
	switch {
	case err != nil:
		return "", o.distrust(err)
	case *got.Sid != sid:
		return "", o.distrust(errors.New("is about another verification"))
	case got.Valid != nil && *got.Valid != (status == caller.Approved):
		return "", o.distrust(errors.New("contradicts itself about the code"))
	}
	return status, nil
}

// verification checks that an answer is about a verification of our service for this number, and returns its status.
func (c *Client) verification(sid, service, account, to, status *string, number string) (caller.Status, error) {
	switch {
	case text(service) != c.service:
		return "", elsewhere("service", sidform.Service, service)
	case text(account) != c.account:
		return "", elsewhere("account", sidform.Account, account)
	case !sidform.Verification.Valid(text(sid)):
		return "", errors.New("has no valid verification SID")
	case text(to) != number:
		return "", errors.New("is about another number")
	}
	switch s := caller.Status(text(status)); s {
	case caller.Pending, caller.Approved, caller.Canceled, caller.MaxAttempts,
		caller.Deleted, caller.Failed, caller.Expired:
		return s, nil
	}
	return "", errors.New("has an unknown verification status")
}

func validNumber(s string) string {
	if !numberForm().MatchString(s) {
		return "the phone number is not + and 7 to 15 digits"
	}
	return ""
}

func validVerification(sid string) string {
	if !sidform.Verification.Valid(sid) {
		return "the verification SID is not VE and 32 hexadecimal digits"
	}
	return ""
}

func validChannel(c caller.Channel) string {
	if c != caller.ChannelSMS && c != caller.ChannelCall {
		return "the channel is neither sms nor call"
	}
	return ""
}

func validSentCode(s string) string {
	if !sentCodeForm().MatchString(s) {
		return "the code is not 4 to 10 digits"
	}
	return ""
}
