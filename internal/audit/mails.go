package audit

import (
	"context"
	"fmt"
	"iter"
	"time"

	"uzerp-mfa/internal/notify"
)

// The values of a record about a mail.
const (
	valueMail   = "mail"    // what it is about (notify.Kind)
	valueMailTo = "mail_to" // its address; NULL if uzERP has none
)

// BeginMail writes the intent of a mail, which is due once a change is made. end writes its outcome.
func (r *Recorder) BeginMail(ctx context.Context, m notify.Mail) (end func(error), err error) {
	values := Values{valueMail: string(m.Kind), valueMailTo: nil}
	if m.To != "" {
		values[valueMailTo] = m.To
	}
	r.isUser(m.Username)
	intent, err := r.Log.Append(ctx, r.line(m.Username, nil, values, ResultIntent, ""))
	if err != nil {
		return nil, err
	}
	return func(sent error) {
		outcome := r.outcome(m.Username, nil, values, sent)
		outcome.ID = intent.ID
		r.finish(outcome)
	}, nil
}

// UnsentMail is a mail that was due, and that was not sent as far as a log says.
type UnsentMail struct {
	ID       string
	Time     time.Time // of the last line about it
	Username string
	Kind     string
	To       string // empty if uzERP has no address
	Command  string
	Operator string
	Unknown  bool // it may have been sent: the command is still running, or it died, or the mail program did
	Message  string
	due      bool
}

// UnsentMails returns the mails that the records say were due and not sent, in the order in which they became due.
func UnsentMails(records iter.Seq2[Record, error]) ([]UnsentMail, error) {
	byID := map[string]*UnsentMail{}
	var order []*UnsentMail
	for r, err := range records {
		if err != nil {
			return nil, err
		}
		kind, isMail := r.After[valueMail].(string)
		if !isMail {
			continue
		}
		m := byID[r.ID]
		if m == nil {
			to, _ := r.After[valueMailTo].(string)
			m = &UnsentMail{ID: r.ID, Username: named(r.Target), Kind: kind, To: to, Command: r.Command, Operator: r.Actor.Operator()}
			byID[r.ID], order = m, append(order, m)
		}
		m.Time, m.Message = r.Time, r.Message
		m.due = r.Result != ResultDone && r.Result != ResultRefused
		m.Unknown = r.Result == ResultIntent || r.Result == ResultUnknown
		if r.Result == ResultIntent {
			m.Message = fmt.Sprintf("process %d has not said how it ended: it is running, or it died", r.Actor.PID)
		}
	}
	unsent := []UnsentMail{}
	for _, m := range order {
		if m.due {
			unsent = append(unsent, *m)
		}
	}
	return unsent, nil
}
