package audit

import (
	"context"
	"errors"
	"io"

	"uzerp-mfa/internal/caller"
	"uzerp-mfa/internal/errs"
)

// Verifications wraps the port that sends and checks the codes that verify a caller. They change nothing in uzERP, but
// they are the reason why a reset was allowed.
func (r *Recorder) Verifications(v caller.Verifications) caller.Verifications {
	return verifications{v, r}
}

type verifications struct {
	caller.Verifications
	r *Recorder
}

// LoggedNumber returns a phone number as the log has it. A number from uzERP is masked. A number that the operator gave
// is whole, because nothing else says whom the operator talked to.
func LoggedNumber(c caller.Recipient) string {
	if c.Given {
		return c.Phone.E164.Reveal()
	}
	return c.Phone.Masked
}

// StartVerification is recorded.
func (v verifications) StartVerification(ctx context.Context, to caller.Recipient, channel caller.Channel) (started caller.Started, err error) {
	v.r.remember(to.Username, nil)
	after := Values{"channel": string(channel), "to": LoggedNumber(to), "status": string(caller.Pending)}
	err = v.r.Record(ctx, to.Username, nil, after, func() error {
		started, err = v.Verifications.StartVerification(ctx, to, channel)
		if err == nil {
			after["status"], after["verification_sid"] = string(started.Status), started.SID
		}
		return err
	})
	return started, err
}

// errNotApproved is recorded for every answer except "approved". Twilio's answer is no error.
var errNotApproved = errs.New(errs.Refused, "the code was not approved", "")

// CheckVerification is recorded; the code never is.
func (v verifications) CheckVerification(ctx context.Context, to caller.Recipient, code string) (status caller.Status, err error) {
	v.r.remember(to.Username, nil)
	number := LoggedNumber(to)
	after := Values{"to": number, "status": string(caller.Approved)}
	recorded := v.r.Record(ctx, to.Username, Values{"to": number, "status": string(caller.Pending)}, after, func() error {
		status, err = v.Verifications.CheckVerification(ctx, to, code)
		if err == nil && status != caller.Approved {
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

// History returns what became of the last code that was sent to the number, as the log that r writes says. It returns
// the zero History if the log can't be read.
func (r *Recorder) History(ctx context.Context, to caller.Recipient) caller.History {
	log, err := OpenFile(ctx, r.Log.Path())
	if err != nil {
		return caller.History{}
	}
	defer func() { _ = log.Close() }()
	history, err := IdentityHistory(log, r.place(), to.Username, LoggedNumber(to))
	if err != nil {
		return caller.History{}
	}
	return history
}

// IdentityHistory looks in a log for the last code that was sent to this number of the user, and for what became of it.
// Only records about the given database and service count: a sandbox's are no evidence for the live system. number is
// written as LoggedNumber returns it. Like Read it checks no hashes: the answer is used in the text of an error, and
// decides nothing.
func IdentityHistory(log io.Reader, place Place, username, number string) (caller.History, error) {
	h := caller.History{Known: true}
	for r, err := range Read(log) {
		if _, bad := errors.AsType[*LineError](err); bad {
			continue
		}
		if err != nil {
			return caller.History{}, err
		}
		to, isNumber := r.After["to"].(string)
		if !place.Has(r) || r.Target != visible(username) || !isNumber || r.Result == ResultIntent {
			continue
		}
		_, isSend := r.After["channel"]
		switch {
		case isSend && r.Result != ResultDone && r.Result != ResultUnknown:
		case isSend && to != number:
			h.Other = r.Time
		case isSend:
			h = caller.History{Known: true, Sent: r.Time}
		case to != number || h.Sent.IsZero():
		case r.Result == ResultDone:
			h.Approved = r.Time
		case r.Result == ResultUnknown:
			h.Unclear = true
		case r.Result == ResultRefused && r.After["status"] == string(caller.Pending):
			h.Wrong++
		}
	}
	return h, nil
}
