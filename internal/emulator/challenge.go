package emulator

import (
	"slices"
	"time"

	"uzerp-mfa/internal/sidform"
)

// The limits on challenges (docs/facts/twilio-verify.md §1.2, §1.3).
const (
	challengeLife        = 5 * time.Minute
	maxChallengeLife     = time.Hour
	maxChallengesPerHour = 50
	maxChallengesPerDay  = 100
	maxShortCodesPerDay  = 10 // for codes of 4 digits or fewer
	shortCode            = 4

	maxKept = 2000 // for each entity, so that an emulator that runs for long does not grow without end
)

// challenge is one request to a user for a code.
type challenge struct {
	record
	factor    *factor
	expires   time.Time
	responded time.Time // zero until approved
	hidden    map[string]string
	metadata  map[string]string
	attempts  attempts
}

type (
	challengeJSON struct {
		SID             string             `json:"sid"`
		AccountSID      string             `json:"account_sid"`
		ServiceSID      string             `json:"service_sid"`
		EntitySID       string             `json:"entity_sid"`
		Identity        string             `json:"identity"`
		FactorSID       string             `json:"factor_sid"`
		DateCreated     string             `json:"date_created"`
		DateUpdated     string             `json:"date_updated"`
		DateResponded   *string            `json:"date_responded"`
		ExpirationDate  string             `json:"expiration_date"`
		Status          string             `json:"status"`
		RespondedReason string             `json:"responded_reason"`
		Details         *struct{}          `json:"details"`
		HiddenDetails   map[string]string  `json:"hidden_details"`
		Metadata        map[string]string  `json:"metadata"`
		FactorType      string             `json:"factor_type"`
		URL             string             `json:"url"`
		Links           challengeLinksJSON `json:"links"`
	}
	challengeLinksJSON struct {
		Notifications string `json:"notifications"`
	}
)

func (ch *challenge) status(now time.Time) string {
	switch {
	case !ch.responded.IsZero():
		return "approved"
	case !now.Before(ch.expires):
		return "expired"
	default:
		return "pending"
	}
}

func (s *Server) challengeJSON(e *entity, ch *challenge, now time.Time) any {
	url := base + e.path() + "/Challenges/" + ch.sid
	shape := challengeJSON{
		SID: ch.sid, AccountSID: s.opts.AccountSID, ServiceSID: e.service.sid, EntitySID: e.sid, Identity: e.identity,
		FactorSID: ch.factor.sid, DateCreated: stamp(ch.created), DateUpdated: stamp(ch.updated),
		ExpirationDate: stamp(ch.expires), Status: ch.status(now), RespondedReason: "none",
		HiddenDetails: ch.hidden, Metadata: ch.metadata, FactorType: "totp",
		URL: url, Links: challengeLinksJSON{Notifications: url + "/Notifications"},
	}
	if !ch.responded.IsZero() {
		responded := stamp(ch.responded)
		shape.DateResponded = &responded
	}
	return shape
}

// createChallenge makes a challenge, and checks a code if the call has one. A wrong code leaves the challenge pending.
func (s *Server) createChallenge(c *call) (any, error) {
	sid, err := c.required("FactorSid")
	if err != nil {
		return nil, err
	}
	if !sidform.Factor.Valid(sid) {
		return nil, refuse(60306, "FactorSid")
	}
	code, hasCode, err := c.code()
	if err != nil {
		return nil, err
	}
	expires, err := c.expirationDate()
	if err != nil {
		return nil, err
	}
	hidden, err := c.stringMap("HiddenDetails")
	if err != nil {
		return nil, err
	}
	e := s.owner(c.service, c.vars["identity"], c.now)
	if e == nil {
		return nil, s.notFound(noEntity, c.path)
	}
	f := e.factor(sid)
	if f == nil {
		return nil, s.notFound(noFactor, e.factorPath(sid))
	}
	if !f.verified {
		return nil, refuse(60318)
	}
	if !f.takesChallenge(c.now) {
		return nil, refuse(60312)
	}
	ch := s.addChallenge(e, f, expires, c.now)
	ch.hidden = hidden
	c.changed = true
	if hasCode {
		if err := s.respond(c, ch, code, s.opts.Quirks.CreateCountsAttempt); err != nil {
			return nil, err
		}
	}
	return s.challengeJSON(e, ch, c.now), nil
}

// expirationDate returns the ExpirationDate of a new challenge: by default in 5 minutes, in an hour at most.
func (c *call) expirationDate() (time.Time, error) {
	if !c.form.Has("ExpirationDate") {
		return c.now.Add(challengeLife), nil
	}
	t, err := time.Parse(time.RFC3339, c.form.Get("ExpirationDate"))
	if err != nil || !t.After(c.now) || t.After(c.now.Add(maxChallengeLife)) {
		return time.Time{}, refuse(60306, "ExpirationDate")
	}
	return t, nil
}

// addChallenge adds a challenge, and forgets what is too old to count or to be kept.
func (s *Server) addChallenge(e *entity, f *factor, expires, now time.Time) *challenge {
	ch := &challenge{record: s.store.newRecord("YC", now), factor: f, expires: expires}
	s.forget(e, now)
	e.challenges = append(e.challenges, ch)
	if n := len(e.challenges) - maxKept; n > 0 {
		e.challenges = slices.Delete(e.challenges, 0, n)
	}
	f.asked = slices.DeleteFunc(f.asked, func(t time.Time) bool { return now.Sub(t) >= 24*time.Hour })
	f.asked = append(f.asked, now)
	return ch
}

// forget removes the challenges that Quirks.ChallengeRetention no longer keeps.
func (s *Server) forget(e *entity, now time.Time) {
	keep := s.opts.Quirks.ChallengeRetention
	if keep <= 0 {
		return
	}
	e.challenges = slices.DeleteFunc(e.challenges, func(ch *challenge) bool { return now.Sub(ch.created) >= keep })
}

// withChallenges returns the entity that has the challenges of an identity, or nil. With Quirks.ChallengesStay it may be
// a deleted one, which has nothing else.
func (s *Server) withChallenges(sv *service, identity string, now time.Time) *entity {
	e := s.owner(sv, identity, now)
	if e == nil {
		e = sv.gone[identity]
	}
	if e != nil {
		s.forget(e, now)
	}
	return e
}

// takesChallenge reports whether the limits of 60312 allow one more challenge.
func (f *factor) takesChallenge(now time.Time) bool {
	today := within(f.asked, 24*time.Hour, now)
	if f.config.CodeLength <= shortCode {
		return today < maxShortCodesPerDay
	}
	return today < maxChallengesPerDay && within(f.asked, time.Hour, now) < maxChallengesPerHour
}

// respond checks a code for a pending challenge. counts says whether a wrong code uses up an attempt.
func (s *Server) respond(c *call, ch *challenge, code string, counts bool) error {
	c.changed = true
	if ch.factor.accept(code, c.now, s.opts.Quirks) {
		ch.responded, ch.updated = c.now, c.now
		return nil
	}
	if counts {
		ch.attempts.miss(c.now)
	}
	if s.opts.Quirks.LegacyWrongCode {
		return refuse(60324)
	}
	return nil
}

func (s *Server) listChallenges(c *call) (any, error) {
	sid := c.query.Get("FactorSid")
	if c.query.Has("FactorSid") && !sidform.Factor.Valid(sid) {
		return nil, refuse(60306, "FactorSid")
	}
	status, err := c.oneOf("Status", "", "pending", "expired", "approved", "denied")
	if err != nil {
		return nil, err
	}
	order, err := c.oneOf("Order", "asc", "asc", "desc")
	if err != nil {
		return nil, err
	}
	e := s.withChallenges(c.service, c.vars["identity"], c.now)
	if e == nil {
		return nil, s.notFound(noEntity, c.path)
	}
	chosen := slices.DeleteFunc(slices.Clone(e.challenges), func(ch *challenge) bool {
		return sid != "" && ch.factor.sid != sid || status != "" && ch.status(c.now) != status
	})
	return list(c, "challenges", chosen, order == "desc", func(ch *challenge) any {
		return s.challengeJSON(e, ch, c.now)
	})
}

// pathChallenge returns the challenge that a call's path names.
func (s *Server) pathChallenge(c *call) (*entity, *challenge, error) {
	if e := s.withChallenges(c.service, c.vars["identity"], c.now); e != nil {
		for _, ch := range e.challenges {
			if ch.sid == c.vars["sid"] {
				return e, ch, nil
			}
		}
	}
	return nil, nil, s.notFound(noChallenge, c.path)
}

func (s *Server) fetchChallenge(c *call) (any, error) {
	e, ch, err := s.pathChallenge(c)
	if err != nil {
		return nil, err
	}
	return s.challengeJSON(e, ch, c.now), nil
}

// updateChallenge checks a code for a pending challenge. If the factor was deleted meanwhile, no code is accepted.
func (s *Server) updateChallenge(c *call) (any, error) {
	e, ch, err := s.pathChallenge(c)
	if err != nil {
		return nil, err
	}
	code, hasCode, err := c.code()
	if err != nil {
		return nil, err
	}
	metadata, err := c.stringMap("Metadata")
	if err != nil {
		return nil, err
	}
	switch {
	case ch.status(c.now) == "approved":
		return nil, refuse(60322)
	case ch.status(c.now) == "expired":
		return nil, refuse(60323)
	case e.factor(ch.factor.sid) == nil:
		return nil, s.notFound(noFactor, e.factorPath(ch.factor.sid))
	case ch.attempts.usedUp(s.opts.Quirks, c.now):
		return nil, refuse(60308)
	}
	if hasCode {
		if err := s.respond(c, ch, code, true); err != nil {
			return nil, err
		}
	}
	if metadata != nil {
		ch.metadata, ch.updated, c.changed = metadata, c.now, true
	}
	return s.challengeJSON(e, ch, c.now), nil
}
