package emulator

import (
	"slices"
	"time"
)

// The limits on factors (docs/facts/twilio-verify.md §1.3).
const (
	maxFactors        = 100 // for each entity
	maxFactorsPerDay  = 100 // created for each entity
	maxFriendlyLength = 64
)

// factor is a TOTP factor.
type factor struct {
	record
	name     string
	secret   string
	verified bool
	config   totpConfig
	metadata map[string]string
	attempts attempts
	used     []int64     // the time steps whose code was accepted
	asked    []time.Time // when challenges were created, for 60312
}

type (
	factorJSON struct {
		SID          string            `json:"sid"`
		AccountSID   string            `json:"account_sid"`
		ServiceSID   string            `json:"service_sid"`
		EntitySID    string            `json:"entity_sid"`
		Identity     string            `json:"identity"`
		DateCreated  string            `json:"date_created"`
		DateUpdated  string            `json:"date_updated"`
		FriendlyName string            `json:"friendly_name"`
		Status       Status            `json:"status"`
		FactorType   string            `json:"factor_type"`
		Config       totpConfig        `json:"config"`
		Metadata     map[string]string `json:"metadata"`
		URL          string            `json:"url"`
	}
	newFactorJSON struct {
		factorJSON
		Binding bindingJSON `json:"binding"`
		Options *struct{}   `json:"options"`
	}
	bindingJSON struct {
		Secret string `json:"secret"`
		URI    string `json:"uri"`
	}
)

func (f *factor) status() Status {
	if f.verified {
		return Verified
	}
	return Unverified
}

func (s *Server) factorJSON(e *entity, f *factor) factorJSON {
	return factorJSON{
		SID: f.sid, AccountSID: s.opts.AccountSID, ServiceSID: e.service.sid, EntitySID: e.sid, Identity: e.identity,
		DateCreated: stamp(f.created), DateUpdated: stamp(f.updated), FriendlyName: f.name, Status: f.status(),
		FactorType: "totp", Config: f.config, Metadata: f.metadata, URL: base + e.factorPath(f.sid),
	}
}

// expired reports whether f is unverified and older than Quirks.UnverifiedTTL.
func (s *Server) expired(f *factor, now time.Time) bool {
	return !f.verified && now.Sub(f.created) >= s.opts.Quirks.UnverifiedTTL
}

// accept reports whether code is right at the time now. A right code is used up.
func (f *factor) accept(code string, now time.Time, q Quirks) bool {
	step, ok := f.config.find(f.secret, code, now)
	if !ok || slices.Contains(f.used, step) && !q.AllowReplay {
		return false
	}
	f.used = append(f.used, step)
	return true
}

func (e *entity) factor(sid string) *factor {
	for _, f := range e.factors {
		if f.sid == sid {
			return f
		}
	}
	return nil
}

// addFactor adds f to an entity, with a new SID and, if f has no secret, a new secret.
func (s *Server) addFactor(e *entity, f factor, now time.Time) *factor {
	f.record = s.store.newRecord("YF", now)
	if f.secret == "" {
		f.secret = s.store.newSecret(s.opts.Quirks.SecretBytes)
	}
	e.factors = append(e.factors, &f)
	s.store.phone[f.sid] = &f
	return &f
}

// removeFactor removes a factor, and reports whether there was one. Quirks.ChallengesGoWithFactor says what becomes of
// its challenges.
func (s *Server) removeFactor(e *entity, sid string) bool {
	before := len(e.factors)
	e.factors = slices.DeleteFunc(e.factors, func(f *factor) bool { return f.sid == sid })
	if s.opts.Quirks.ChallengesGoWithFactor {
		e.challenges = slices.DeleteFunc(e.challenges, func(ch *challenge) bool { return ch.factor.sid == sid })
	}
	return len(e.factors) < before
}

// requestedFactor returns the factor that a call's parameters describe.
func (s *Server) requestedFactor(c *call) (f factor, err error) {
	if _, err = c.required("FriendlyName"); err != nil {
		return f, err
	}
	if _, err = c.required("FactorType"); err != nil {
		return f, err
	}
	if f.name, _, err = c.text("FriendlyName", 1, maxFriendlyLength); err != nil {
		return f, err
	}
	if _, err = c.oneOf("FactorType", "", "totp"); err != nil {
		return f, err
	}
	if f.config, err = c.totpConfig(c.service.settings.TOTP.config()); err != nil {
		return f, err
	}
	if secret := c.form.Get("Binding.Secret"); secret != "" {
		var ok bool
		if f.secret, ok = normalSecret(secret); !ok {
			return f, refuse(60314)
		}
	}
	f.metadata, err = c.stringMap("Metadata")
	return f, err
}

// createFactor makes a factor, and the entity if there is none (docs/facts/twilio-verify.md §0.6).
func (s *Server) createFactor(c *call) (any, error) {
	wanted, err := s.requestedFactor(c)
	if err != nil {
		return nil, err
	}
	e := s.entity(c.service, c.vars["identity"], c.now)
	if e != nil {
		switch {
		case len(e.factors) >= maxFactors:
			return nil, refuse(60315)
		case within(e.factorTimes, 24*time.Hour, c.now) >= maxFactorsPerDay:
			return nil, refuse(60326)
		case slices.ContainsFunc(e.factors, func(f *factor) bool { return f.secret == wanted.secret }):
			return nil, refuse(60317)
		}
	} else if e, err = s.admitEntity(c.service, c.vars["identity"], c.now); err != nil {
		return nil, err
	}
	f := s.addFactor(e, wanted, c.now)
	e.factorTimes = append(e.factorTimes, c.now)
	c.changed = true

	issuer := c.service.settings.TOTP.Issuer
	orDefault(&issuer, c.service.settings.FriendlyName)
	return newFactorJSON{
		factorJSON: s.factorJSON(e, f),
		Binding:    bindingJSON{Secret: f.secret, URI: f.config.uri(issuer, f.name, f.secret)},
	}, nil
}

func (s *Server) listFactors(c *call) (any, error) {
	e := s.owner(c.service, c.vars["identity"], c.now)
	if e == nil {
		return nil, s.notFound(noEntity, c.path)
	}
	return list(c, "factors", e.factors, s.opts.Quirks.NewestFirst, func(f *factor) any { return s.factorJSON(e, f) })
}

// pathFactor returns the factor that a call's path names.
func (s *Server) pathFactor(c *call) (*entity, *factor, error) {
	if e := s.owner(c.service, c.vars["identity"], c.now); e != nil {
		if f := e.factor(c.vars["sid"]); f != nil {
			return e, f, nil
		}
	}
	return nil, nil, s.notFound(noFactor, c.path)
}

func (s *Server) fetchFactor(c *call) (any, error) {
	e, f, err := s.pathFactor(c)
	if err != nil {
		return nil, err
	}
	return s.factorJSON(e, f), nil
}

// updateFactor verifies a factor (AuthPayload) or edits it. It checks all parameters before it changes anything.
func (s *Server) updateFactor(c *call) (any, error) {
	e, f, err := s.pathFactor(c)
	if err != nil {
		return nil, err
	}
	config, err := c.totpConfig(f.config)
	if err != nil {
		return nil, err
	}
	name, hasName, err := c.text("FriendlyName", 1, maxFriendlyLength)
	if err != nil {
		return nil, err
	}
	code, hasCode, err := c.code()
	if err != nil {
		return nil, err
	}
	if hasCode {
		if err := s.verify(c, f, code); err != nil {
			return nil, err
		}
	}
	if hasName && name != f.name {
		f.name, f.updated, c.changed = name, c.now, true
	}
	if config != f.config {
		f.config, f.used, f.updated, c.changed = config, nil, c.now, true
	}
	return s.factorJSON(e, f), nil
}

// verify checks a code for an unverified factor. A wrong code is no error, but it uses up an attempt
// (docs/facts/twilio-verify.md §0.1).
func (s *Server) verify(c *call, f *factor, code string) error {
	q := s.opts.Quirks
	switch {
	case f.verified && q.VerifiedRefusesCode, s.expired(f, c.now):
		return refuse(60383)
	case f.verified:
		return nil
	case f.attempts.usedUp(q, c.now):
		return refuse(60310)
	}
	c.changed = true
	if f.accept(code, c.now, q) {
		f.verified, f.updated = true, c.now
		return nil
	}
	f.attempts.miss(c.now)
	if q.LegacyWrongCode {
		return refuse(60311)
	}
	return nil
}

func (s *Server) deleteFactor(c *call) (any, error) {
	e, f, err := s.pathFactor(c)
	if err != nil {
		return nil, err
	}
	s.removeFactor(e, f.sid)
	c.changed = true
	return nil, nil
}
