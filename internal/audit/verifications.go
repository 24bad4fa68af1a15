package audit

import (
	"context"
	"errors"
	"io"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/mfa"
)

// Verifications wraps the codes that prove a caller. They change nothing in uzERP, but they are why a reset was allowed.
func (r *Recorder) Verifications(v mfa.Verifications) mfa.Verifications { return verifications{v, r} }

type verifications struct {
	mfa.Verifications
	r *Recorder
}

// LoggedNumber is how a number stands in the log: masked where uzERP has it, and whole where the operator gave it, for
// then nothing else tells whom they talked to.
func LoggedNumber(c mfa.Callee) string {
	if c.Given {
		return c.Phone.E164.Reveal()
	}
	return c.Phone.Masked
}

// StartVerification is recorded.
func (v verifications) StartVerification(ctx context.Context, to mfa.Callee, channel mfa.Channel) (started mfa.Started, err error) {
	v.r.remember(to.Username, nil)
	after := Values{"channel": string(channel), "to": LoggedNumber(to), "status": string(mfa.VerificationPending)}
	err = v.r.Record(ctx, to.Username, nil, after, func() error {
		started, err = v.Verifications.StartVerification(ctx, to, channel)
		if err == nil {
			after["status"], after["verification_sid"] = string(started.Status), started.SID
		}
		return err
	})
	return started, err
}

// errNotApproved is how every other answer than approved is recorded: at Twilio it is no error.
var errNotApproved = errs.New(errs.Refused, "the code was not approved", "")

// CheckVerification is recorded; never the code.
func (v verifications) CheckVerification(ctx context.Context, to mfa.Callee, code string) (status mfa.VerificationStatus, err error) {
	v.r.remember(to.Username, nil)
	number := LoggedNumber(to)
	after := Values{"to": number, "status": string(mfa.VerificationApproved)}
	recorded := v.r.Record(ctx, to.Username, Values{"to": number, "status": string(mfa.VerificationPending)}, after, func() error {
		status, err = v.Verifications.CheckVerification(ctx, to, code)
		if err == nil && status != mfa.VerificationApproved {
			after["status"] = string(status)
			return errNotApproved
		}
		return err
	})
	if recorded != nil && !errors.Is(recorded, errNotApproved) {
		return "", recorded
	}
	return status, err
}

// IdentityHistory looks in a log for the last code that was sent to this number of the user's (as LoggedNumber spells
// it), and for what became of it. Like Read it checks no hashes: it finds words for an error, and decides nothing.
func IdentityHistory(log io.Reader, username, number string) (mfa.IdentityHistory, error) {
	h := mfa.IdentityHistory{Known: true}
	for r, err := range Read(log) {
		if _, bad := errors.AsType[*LineError](err); bad {
			continue
		}
		if err != nil {
			return mfa.IdentityHistory{}, err
		}
		to, isNumber := r.After["to"].(string)
		if r.Target != visible(username) || !isNumber || r.Result == ResultIntent {
			continue
		}
		_, isSend := r.After["channel"]
		switch {
		case isSend && r.Result != ResultDone && r.Result != ResultUnknown:
		case isSend && to != number:
			h.Other = r.Time
		case isSend:
			h = mfa.IdentityHistory{Known: true, Sent: r.Time}
		case to != number || h.Sent.IsZero():
		case r.Result == ResultDone:
			h.Approved = r.Time
		case r.Result == ResultUnknown:
			h.Unclear = true
		case r.Result == ResultRefused && r.After["status"] == string(mfa.VerificationPending):
			h.Wrong++
		}
	}
	return h, nil
}
