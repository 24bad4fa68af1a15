package emulator

import (
	"slices"
	"strings"
	"time"

	"uzerp-mfa/internal/pattern"
)

var e164 = pattern.Lazy(`^\+[1-9][0-9]{1,14}$`)

// verification is one code that was sent to a number. It is never removed, but after its end most calls answer 404.
type verification struct {
	record
	service  *service
	to       string
	channel  string // the channel of the last send
	code     string
	expires  time.Time
	ended    string // "approved" or "canceled"
	amount   string
	payee    string
	sends    []send
	attempts attempts
}

// send is one SMS or call.
type send struct {
	at           time.Time
	channel, sid string
}

type (
	verificationJSON struct {
		SID              string     `json:"sid"`
		ServiceSID       string     `json:"service_sid"`
		AccountSID       string     `json:"account_sid"`
		To               string     `json:"to"`
		Channel          string     `json:"channel"`
		Status           string     `json:"status"`
		Valid            bool       `json:"valid"`
		Lookup           lookupJSON `json:"lookup"`
		Amount           *string    `json:"amount"`
		Payee            *string    `json:"payee"`
		SendCodeAttempts []sendJSON `json:"send_code_attempts"`
		DateCreated      string     `json:"date_created"`
		DateUpdated      string     `json:"date_updated"`
		SNA              *struct{}  `json:"sna"`
		URL              string     `json:"url"`
	}
	lookupJSON struct {
		Carrier *carrierJSON `json:"carrier,omitempty"`
	}
	carrierJSON struct {
		Name              *string `json:"name"`
		Type              string  `json:"type"`
		ErrorCode         *int    `json:"error_code"`
		MobileCountryCode *string `json:"mobile_country_code"`
		MobileNetworkCode *string `json:"mobile_network_code"`
	}
	sendJSON struct {
		Time       string `json:"time"`
		Channel    string `json:"channel"`
		AttemptSID string `json:"attempt_sid"`
	}
)

// The statuses of a verification, in Twilio's words.
const (
	pending     = "pending"
	approved    = "approved"
	canceled    = "canceled"
	expired     = "expired"
	maxAttempts = "max_attempts_reached"
)

// status returns the status of a verification.
func (v *verification) status(q Quirks, now time.Time) string {
	switch {
	case v.ended != "":
		return v.ended
	case !now.Before(v.expires):
		return expired
	case v.attempts.usedUp(q, now):
		return maxAttempts
	default:
		return pending
	}
}

func (s *Server) verificationJSON(v *verification, now time.Time) any {
	status := v.status(s.opts.Quirks, now)
	shape := verificationJSON{
		SID: v.sid, ServiceSID: v.service.sid, AccountSID: s.opts.AccountSID, To: v.to, Channel: v.channel,
		Status: status, Valid: status == approved, Amount: unlessZero(v.amount), Payee: unlessZero(v.payee),
		DateCreated: stamp(v.created), DateUpdated: stamp(v.updated),
		URL: base + v.service.path() + "/Verifications/" + v.sid,
	}
	if v.service.settings.LookupEnabled {
		shape.Lookup.Carrier = &carrierJSON{Type: string(Mobile)}
		if s.store.kind(v.to, now) == Landline {
			shape.Lookup.Carrier.Type = string(Landline)
		}
	}
	for _, a := range v.sends {
		shape.SendCodeAttempts = append(shape.SendCodeAttempts,
			sendJSON{Time: stamp(a.at), Channel: strings.ToUpper(a.channel), AttemptSID: a.sid})
	}
	return shape
}

// wanted has the parameters of a request for a verification.
type wanted struct {
	to, channel   string
	customCode    string
	amount, payee string
	unguarded     bool // RiskCheck=disable
}

// verificationWanted reads and checks the parameters of a request for a verification.
func (s *Server) verificationWanted(c *call) (w wanted, err error) {
	if w.to, err = c.required("To"); err != nil {
		return w, err
	}
	if w.channel, err = c.required("Channel"); err != nil {
		return w, err
	}
	if !e164().MatchString(w.to) {
		return w, badNumber(w.to)
	}
	if _, err = c.oneOf("Channel", "", "sms", "call", "email", "whatsapp", "sna", "auto"); err != nil {
		return w, err
	}
	if _, err = c.sid("TemplateSid", "HJ"); err != nil {
		return w, err
	}
	risk, err := c.oneOf("RiskCheck", "enable", "enable", "disable")
	if err != nil {
		return w, err
	}
	w.unguarded = risk == "disable"
	hasCode := false
	if w.customCode, hasCode, err = c.text("CustomCode", 4, 10); err != nil {
		return w, err
	}
	if hasCode && !c.service.settings.CustomCodeEnabled || c.form.Has("CustomFriendlyName") {
		return w, refuse(60204) // only Twilio's support can enable friendly names
	}
	w.amount, w.payee, err = c.payment()
	return w, err
}

// badNumber returns 60200 for To. Its text has the number, as Twilio's has (supabase/auth-py#543), so that tests can
// check that a client doesn't show it.
func badNumber(to string) error { return refuse(60200, "'To': "+to) }

// payment returns Amount and Payee. They are required with PSD2, and ignored without it.
func (c *call) payment() (amount, payee string, err error) {
	if !c.service.settings.PSD2Enabled {
		return "", "", nil
	}
	amount, payee = c.form.Get("Amount"), c.form.Get("Payee")
	if amount == "" || payee == "" {
		return "", "", refuse(60206)
	}
	return amount, payee, nil
}

// deliverable returns the error if no code can be sent.
func (s *Server) deliverable(sv *service, w wanted, now time.Time) error {
	kind, sms := s.store.kind(w.to, now), w.channel == "sms"
	switch {
	case w.channel == "email":
		return refuse(60217)
	case !sms && w.channel != "call", slices.Contains(sv.settings.DisabledChannels, w.channel):
		return refuse(60223, strings.ToUpper(w.channel))
	case !sms && sv.settings.PSD2Enabled:
		return refuse(60214)
	case kind == InvalidNumber:
		return badNumber(w.to)
	case kind == TrialUnverified:
		return refuse(21608, w.to)
	case kind == BlockedByTwilio:
		return refuse(60238)
	case kind == GeoBlocked && (!sms || !w.unguarded):
		return refuse(60605)
	case kind == FraudBlocked && sms && !w.unguarded:
		return refuse(60410)
	case kind == Landline && sms && sv.settings.LookupEnabled && sv.settings.SkipSMSToLandlines:
		return refuse(60205)
	case kind == Concurrent:
		return refuse(60212)
	}
	return nil
}

// createVerification sends a code. As long as a verification of the same number is pending, its code is sent again.
func (s *Server) createVerification(c *call) (any, error) {
	w, err := s.verificationWanted(c)
	if err != nil {
		return nil, err
	}
	if err := s.deliverable(c.service, w, c.now); err != nil {
		return nil, err
	}
	q := s.opts.Quirks
	v := c.service.verification("", w.to)
	switch {
	case v != nil && v.status(q, c.now) == maxAttempts && !q.NewAfterMaxChecks:
		return nil, refuse(60202)
	case v == nil || v.status(q, c.now) != pending:
		v = &verification{
			record: s.store.newRecord("VE", c.now), service: c.service, to: w.to,
			code: s.store.newCode(c.service.settings.CodeLength), expires: c.now.Add(q.VerificationTTL),
		}
		c.service.verifications = append(c.service.verifications, v)
	case len(v.sends) >= q.MaxSends:
		return nil, refuse(60203)
	case q.SendExtends:
		v.expires = c.now.Add(q.VerificationTTL)
	}
	v.channel, v.amount, v.payee, v.updated = w.channel, w.amount, w.payee, c.now
	if w.customCode != "" {
		v.code = w.customCode
	}
	v.sends = append(v.sends, send{at: c.now, channel: w.channel, sid: s.store.newRecord("VL", c.now).sid})
	s.store.sent = append(s.store.sent, v.code)
	if w.channel != "sms" || s.store.kind(w.to, c.now) != Landline {
		s.store.inbox[w.to] = v.code
	}
	c.changed = true
	return s.verificationJSON(v, c.now), nil
}

// verification returns the newest verification with this SID and for this number, or nil. One of the two may be empty.
func (sv *service) verification(sid, to string) *verification {
	for _, v := range slices.Backward(sv.verifications) {
		if (sid == "" || v.sid == sid) && (to == "" || v.to == to) {
			return v
		}
	}
	return nil
}

// pathVerification returns the verification that a call's path names, by its SID or by its number (docs/facts/twilio-verify.md §10), if
// Twilio still shows it.
func (s *Server) pathVerification(c *call) (*verification, error) {
	sid, to := c.vars["sid"], ""
	if strings.HasPrefix(sid, "+") {
		sid, to = "", sid
	}
	v := c.service.verification(sid, to)
	if v == nil || v.status(s.opts.Quirks, c.now) != pending && !s.opts.Quirks.KeepFinished {
		return nil, s.notFound(noVerification, c.path)
	}
	return v, nil
}

func (s *Server) fetchVerification(c *call) (any, error) {
	v, err := s.pathVerification(c)
	if err != nil {
		return nil, err
	}
	return s.verificationJSON(v, c.now), nil
}

// updateVerification ends a pending verification. Later calls answer 404, unless Quirks.KeepFinished is set.
func (s *Server) updateVerification(c *call) (any, error) {
	if _, err := c.required("Status"); err != nil {
		return nil, err
	}
	status, err := c.oneOf("Status", "", canceled, approved)
	if err != nil {
		return nil, err
	}
	v, err := s.pathVerification(c)
	if err != nil {
		return nil, err
	}
	if v.status(s.opts.Quirks, c.now) != pending {
		return nil, s.notFound(noVerification, c.path)
	}
	v.ended, v.updated, c.changed = status, c.now, true
	return s.verificationJSON(v, c.now), nil
}
