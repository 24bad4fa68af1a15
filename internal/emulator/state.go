package emulator

import (
	"cmp"
	"slices"
	"time"
)

// Status is the status of a factor.
type Status string

// The statuses of a factor.
const (
	Unverified Status = "unverified"
	Verified   Status = "verified"
)

// Factor is a factor in the emulator.
type Factor struct {
	SID          string    `json:"sid"`
	EntitySID    string    `json:"entity_sid"`
	Identity     string    `json:"identity"`
	FriendlyName string    `json:"friendly_name"`
	Status       Status    `json:"status"`
	Secret       string    `json:"secret"` // Base32
	Created      time.Time `json:"created"`
}

// Entity is an entity in the emulator.
type Entity struct {
	SID      string    `json:"sid"`
	Identity string    `json:"identity"`
	Created  time.Time `json:"created"`
	Factors  int       `json:"factors"`
	Approved int       `json:"approved"` // the number of approved challenges, which Twilio bills
}

func describe(e *entity, f *factor) Factor {
	return Factor{
		SID: f.sid, EntitySID: e.sid, Identity: e.identity, FriendlyName: f.name, Status: f.status(),
		Secret: f.secret, Created: f.created,
	}
}

// Factors returns the factors of an identity of the first service in the order of creation, or none if there is no
// entity.
func (s *Server) Factors(identity string) []Factor {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.owner(s.store.first, identity, s.Now())
	if e == nil {
		return nil
	}
	var all []Factor
	for _, f := range e.factors {
		all = append(all, describe(e, f))
	}
	return all
}

// AddFactor adds a factor with the config of the first service, and its entity if there is none. It does not use the
// API: nothing is validated, counted against a limit or logged.
func (s *Server) AddFactor(identity, friendlyName string, status Status) Factor {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.Now()
	e := s.entity(s.store.first, identity, now)
	if e == nil {
		e = s.addEntity(s.store.first, identity, now)
	}
	f := s.addFactor(e, factor{name: friendlyName, config: s.store.first.settings.TOTP.config(), verified: status == Verified}, now)
	return describe(e, f)
}

// DeleteFactorNow removes a factor of the first service, as another person could in Twilio's console. It reports
// whether there was one.
func (s *Server) DeleteFactorNow(factorSID string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.store.first.entities {
		if s.removeFactor(e, factorSID) {
			return true
		}
	}
	return false
}

// AddChallenge adds a challenge that was created at this time with a right or a wrong code, of a factor of the first
// service. It does not use the API: no code is checked, no limit refuses it, and nothing is logged. Challenges are listed
// in the order in which they were added, so add older ones first. It reports whether there is such a factor.
func (s *Server) AddChallenge(factorSID string, at time.Time, approved bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.store.first.entities {
		if f := e.factor(factorSID); f != nil {
			ch := s.addChallenge(e, f, at.Add(challengeLife), at)
			if approved {
				ch.responded = at
			}
			return true
		}
	}
	return false
}

// DeleteEntityNow removes an entity of the first service with its factors and challenges. It reports whether there was
// one.
func (s *Server) DeleteEntityNow(identity string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.entity(s.store.first, identity, s.Now())
	if e != nil {
		s.removeEntity(e)
	}
	return e != nil
}

// Entities returns the entities of the first service in the order of creation, without deleted ones.
func (s *Server) Entities() []Entity {
	s.mu.Lock()
	defer s.mu.Unlock()
	existing := s.store.first.existing()
	slices.SortFunc(existing, func(a, b *entity) int { return cmp.Compare(a.order, b.order) })
	all := make([]Entity, 0, len(existing))
	for _, e := range existing {
		d := Entity{SID: e.sid, Identity: e.identity, Created: e.created, Factors: len(s.owner(e.service, e.identity, s.Now()).factors)}
		for _, ch := range e.challenges {
			if !ch.responded.IsZero() {
				d.Approved++
			}
		}
		all = append(all, d)
	}
	return all
}
