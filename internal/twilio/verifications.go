package twilio

import (
	"context"
	"errors"
	"regexp"

	verify "github.com/twilio/twilio-go/rest/verify/v2"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/mfa"
)

var (
	numberForm      = regexp.MustCompile(`^\+[1-9][0-9]{6,14}$`) // E.164
	sentCodeForm    = regexp.MustCompile(`^[0-9]{4,10}$`)        // §1, CreateVerificationCheck
	verificationSID = regexp.MustCompile(`^VE[0-9a-fA-F]{32}$`)
)

// StartVerification has Twilio send a code to a number.
func (c *Client) StartVerification(ctx context.Context, to mfa.Callee, channel mfa.Channel) (mfa.Started, error) {
	o := c.begin(ctx, "send the code")
	o.invalid = refused(0, "Twilio does not take this for a phone number", "correct the number in uzERP (or in --to), then send again")
	o.ifLost = "a message may be on its way: ask the user before sending again, which within ten minutes sends the same code"
	number := to.Phone.E164.Reveal()
	if err := o.check(validNumber(number), validChannel(channel)); err != nil {
		return mfa.Started{}, err
	}
	params := (&verify.CreateVerificationParams{}).SetTo(number).SetChannel(string(channel))
	got, err := o.api().CreateVerification(c.service, params)
	if err != nil {
		gone, err := o.failed(err)
		if gone {
			err = &errs.Error{Kind: errs.Unavailable, Op: o.op, Hint: hintAgain,
				Err: errors.New("the Verify service exists, but Twilio finds no way to send codes with it")}
		}
		return mfa.Started{}, err
	}
	status, err := c.verification(got.Sid, got.ServiceSid, got.AccountSid, got.To, got.Status, number)
	switch {
	case err != nil:
		return mfa.Started{}, o.distrust(err.Error())
	case status == mfa.VerificationApproved:
		return mfa.Started{}, o.distrust("calls a code right that nobody has given yet")
	}
	return mfa.Started{SID: *got.Sid, Status: status, Sends: len(or(got.SendCodeAttempts, nil))}, nil
}

// CheckVerification tells whether a code is the one that was sent to a number. Only approved is a yes (§0.1).
func (c *Client) CheckVerification(ctx context.Context, to mfa.Callee, code string) (mfa.VerificationStatus, error) {
	o := c.begin(ctx, "check the code")
	o.invalid = refused(0, "Twilio does not take this number, or a code of this length", "compare the code with the message, and the number with that in uzERP")
	o.ifLost = "the code may be used up: check it once more, and send a new one if none is waiting then"
	number := to.Phone.E164.Reveal()
	if err := o.check(validNumber(number), validSentCode(code)); err != nil {
		return "", err
	}
	params := (&verify.CreateVerificationCheckParams{}).SetTo(number).SetCode(code)
	got, err := o.api().CreateVerificationCheck(c.service, params)
	if err != nil {
		gone, err := o.failed(err)
		if gone {
			err = &errs.Error{Kind: errs.NotFound, Op: o.op, Err: mfa.ErrNoVerification,
				Hint: "none was sent, or it was accepted already, has expired, or was given up after five wrong ones: send a new one"}
		}
		return "", err
	}
	status, err := c.verification(got.Sid, got.ServiceSid, got.AccountSid, got.To, got.Status, number)
	switch {
	case err != nil:
		return "", o.distrust(err.Error())
	case got.Valid != nil && *got.Valid != (status == mfa.VerificationApproved):
		return "", o.distrust("contradicts itself about the code")
	}
	return status, nil
}

// verification checks that an answer is about a verification of our service for this number, and gives its status.
func (c *Client) verification(sid, service, account, to, status *string, number string) (mfa.VerificationStatus, error) {
	switch {
	case text(service) != c.service:
		return "", errors.New("names another service")
	case text(account) != c.account:
		return "", errors.New("names another account")
	case !verificationSID.MatchString(text(sid)):
		return "", errors.New("has no valid verification SID")
	case text(to) != number:
		return "", errors.New("is about another number")
	}
	switch s := mfa.VerificationStatus(text(status)); s {
	case mfa.VerificationPending, mfa.VerificationApproved, mfa.VerificationCanceled, mfa.VerificationMaxAttempts,
		mfa.VerificationDeleted, mfa.VerificationFailed, mfa.VerificationExpired:
		return s, nil
	}
	return "", errors.New("has an unknown verification status")
}

func validNumber(s string) string {
	if !numberForm.MatchString(s) {
		return "the phone number is not + and 7 to 15 digits"
	}
	return ""
}

func validChannel(c mfa.Channel) string {
	if c != mfa.ChannelSMS && c != mfa.ChannelCall {
		return "the channel is neither sms nor call"
	}
	return ""
}

func validSentCode(s string) string {
	if !sentCodeForm.MatchString(s) {
		return "the code is not 4 to 10 digits"
	}
	return ""
}
