package emulator

import (
	"cmp"
	"slices"
	"time"
)

// Status is the status of a factor.
type Status string

// The two statuses there are.
const (
	Unverified Status = "unverified"
	Verified   Status = "verified"
)

// Factor is a factor as the emulator has it.
type Factor struct {
	SID          string    `json:"sid"`
	EntitySID    string    `json:"entity_sid"`
	Identity     string    `json:"identity"`
	FriendlyName string    `json:"friendly_name"`
	Status       Status    `json:"status"`
	Secret       string    `json:"secret"` // Base32
	Created      time.Time `json:"created"`
}

// Entity is an entity as the emulator has it.
type Entity struct {
	SID      string    `json:"sid"`
	Identity string    `json:"identity"`
	Created  time.Time `json:"created"`
	Factors  int       `json:"factors"`
	Approved int       `json:"approved"` // challenges, which is what Twilio bills
}

func describe(e *entity, f *factor) Factor {
	return Factor{
		SID: f.sid, EntitySID: e.sid, Identity: e.identity, FriendlyName: f.name, Status: f.status(),
		Secret: f.secret, Created: f.created,
	}
}

// Factors gives the factors of an identity of the first service in the order of creation, none if there is no entity.
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

// AddFactor puts a factor with the first service's config in place, and its entity if need be. It goes past the API:
// nothing is validated, counted against a limit or logged.
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

// DeleteFactorNow removes a factor of the first service, as somebody else at Twilio's console would; false if there is none.
func (s *Server) DeleteFactorNow(factorSID string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.store.first.entities {
		if e.removeFactor(factorSID) {
			return true
		}
	}
	return false
}

// DeleteEntityNow removes an entity of the first service and what belongs to it; false if there is none.
func (s *Server) DeleteEntityNow(identity string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.entity(s.store.first, identity, s.Now())
	if e != nil {
		s.removeEntity(e)
	}
	return e != nil
}

// Entities gives the entities of the first service that exist, in the order of creation.
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
