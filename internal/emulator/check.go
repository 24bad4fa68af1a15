package emulator

import "net/http"

type checkJSON struct {
	SID                   string  `json:"sid"`
	ServiceSID            string  `json:"service_sid"`
	AccountSID            string  `json:"account_sid"`
	To                    string  `json:"to"`
	Channel               string  `json:"channel"`
	Status                string  `json:"status"`
	Valid                 bool    `json:"valid"`
	Amount                *string `json:"amount"`
	Payee                 *string `json:"payee"`
	DateCreated           string  `json:"date_created"`
	DateUpdated           string  `json:"date_updated"`
	SNAAttemptsErrorCodes []int   `json:"sna_attempts_error_codes"`
}

// checkVerification checks a code for a verification. A wrong code is no error, but it uses up an attempt
// (docs/facts/twilio-verify.md §1.2).
func (s *Server) checkVerification(c *call) (any, error) {
	sid, to, q := c.form.Get("VerificationSid"), c.form.Get("To"), s.opts.Quirks
	if sid == "" && to == "" {
		return nil, refuse(60221)
	}
	if to != "" && !e164().MatchString(to) {
		return nil, badNumber(to)
	}
	code, hasCode, err := c.text("Code", 4, 10)
	if err != nil || !hasCode {
		return nil, c.invalid("Code")
	}
	amount, payee, err := c.payment()
	if err != nil {
		return nil, err
	}
	v := c.service.verification(sid, to)
	if v == nil {
		return nil, s.notFound(noVerification, c.path)
	}
	if s.store.kind(v.to, c.now) == Concurrent {
		return nil, refuse(60212)
	}
	if q.CheckAnswers200 {
		c.status = http.StatusOK
	}
	right := code == v.code && amount == v.amount && payee == v.payee
	switch status := v.status(q, c.now); {
	case status == pending, status == canceled && q.CanceledTakesCode:
	case q.KeepFinished:
		return s.checkJSON(v, status, status == approved && right), nil
	case status == maxAttempts:
		return nil, refuse(60202)
	default:
		return nil, s.notFound(noVerification, c.path)
	}
	c.changed = true
	if !right {
		v.attempts.miss(c.now)
		return s.checkJSON(v, pending, false), nil
	}
	v.ended, v.updated = approved, c.now
	return s.checkJSON(v, approved, true), nil
}

func (s *Server) checkJSON(v *verification, status string, valid bool) any {
	return checkJSON{
		SID: v.sid, ServiceSID: v.service.sid, AccountSID: s.opts.AccountSID, To: v.to, Channel: v.channel,
		Status: status, Valid: valid, Amount: unlessZero(v.amount), Payee: unlessZero(v.payee),
		DateCreated: stamp(v.created), DateUpdated: stamp(v.updated), SNAAttemptsErrorCodes: []int{},
	}
}
