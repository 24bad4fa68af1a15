package audit

import (
	"context"
	"errors"
	"iter"
	"time"

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

// localTime is how uzERP's own times are written: without a zone, because nobody knows it.
const localTime = "2006-01-02T15:04:05"

// addDoubts says in values what was chosen or believed about the number, and what chose it (caller.Recipient.Doubtful).
func addDoubts(values Values, to caller.Recipient) {
	if to.Phone.Region != "" {
		values["region"], values["region_from"] = to.Phone.Region, to.Phone.RegionFrom
	}
	if fresh := to.Fresh; fresh != nil { // the number verifies somebody only because the operator gave a reason
		values["number_changed"], values["number_changed_by"] = nil, nil
		if !fresh.At.IsZero() {
			values["number_changed"] = fresh.At.Format(localTime)
		}
		if fresh.By != "" {
			values["number_changed_by"] = fresh.By
		}
	}
}

// StartVerification is recorded.
func (v verifications) StartVerification(ctx context.Context, to caller.Recipient, channel caller.Channel) (started caller.Started, err error) {
	v.r.isUser(to.Username)
	after := Values{"channel": string(channel), "to": LoggedNumber(to), "to_given": to.Given, "status": string(caller.Pending)}
	addDoubts(after, to)
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
func (v verifications) CheckVerification(ctx context.Context, to caller.Recipient, sid, code string) (status caller.Status, err error) {
	v.r.isUser(to.Username)
	number := LoggedNumber(to)
	before := Values{"to": number, "status": string(caller.Pending), "verification_sid": sid}
	after := Values{"to": number, "to_given": to.Given, "status": string(caller.Approved), "verification_sid": sid}
	addDoubts(after, to)
	recorded := v.r.Record(ctx, to.Username, before, after, func() error {
		status, err = v.Verifications.CheckVerification(ctx, to, sid, code)
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
	log, err := openEvidence(ctx, r.Log.Path())
	if err != nil {
		return caller.History{}
	}
	defer func() { _ = log.Close() }()
	history, err := IdentityHistory(log.Records(time.Time{}), r.place(), to.Username, LoggedNumber(to))
	if err != nil {
		return caller.History{}
	}
	return history
}

// IdentityHistory looks in the records of a log for the last verification that was started for this number of the user,
// and for what became of it. Only records about the given database and service count: a sandbox's are no evidence for the live system.
// number is written as LoggedNumber returns it. A code is accepted only for what is found here. Like Read it checks no
// hashes: those who can write the log can write hashes too.
func IdentityHistory(records iter.Seq2[Record, error], place Place, username, number string) (caller.History, error) {
	h := caller.History{Known: true}
	sends := map[string]int{} // by verification, to whatever number of the user
	for r, err := range records {
		if isPartial(err) {
			continue
		}
		if err != nil {
			return caller.History{}, err
		}
		to, isNumber := r.After["to"].(string)
		if !place.Has(r) || r.Target != recorded(username) || !isNumber || r.Result == ResultIntent {
			continue
		}
		sid, _ := r.After["verification_sid"].(string)
		_, isSend := r.After["channel"]
		if isSend && r.Result == ResultDone && sid != "" {
			sends[sid]++
		}
		switch {
		case isSend && r.Result != ResultDone && r.Result != ResultUnknown:
		case isSend && to != number:
			h.Other = r.Time
		case isSend && sid != "" && sid == h.SID: // Twilio has sent the same code again; wrong ones count on
			h.Sent, h.Sends, h.Other = r.Time, sends[sid], time.Time{}
		case isSend: // after an answer that was lost there is no SID
			h = caller.History{Known: true, SID: sid, First: r.Time, Sent: r.Time, Sends: sends[sid]}
		case to != number || h.Sent.IsZero() || sid != "" && sid != h.SID:
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
