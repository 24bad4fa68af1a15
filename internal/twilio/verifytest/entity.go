package verifytest

import (
	"slices"
	"time"
)

// entity is one identity of the service, with what belongs to it.
type entity struct {
	record
	identity    string
	deleted     bool // only with Quirks.NoCascade
	factors     []*factor
	challenges  []*challenge
	factorTimes []time.Time // creations through the API, for 60326
}

type (
	entityJSON struct {
		SID         string          `json:"sid"`
		Identity    string          `json:"identity"`
		AccountSID  string          `json:"account_sid"`
		ServiceSID  string          `json:"service_sid"`
		DateCreated string          `json:"date_created"`
		DateUpdated string          `json:"date_updated"`
		URL         string          `json:"url"`
		Links       entityLinksJSON `json:"links"`
	}
	entityLinksJSON struct {
		Factors    string `json:"factors"`
		NewFactors string `json:"new_factors"`
		Challenges string `json:"challenges"`
	}
)

func (s *Server) entityJSON(e *entity) any {
	url := base + s.entityPath(e)
	return entityJSON{
		SID: e.sid, Identity: e.identity, AccountSID: s.opts.AccountSID, ServiceSID: s.opts.ServiceSID,
		DateCreated: stamp(e.created), DateUpdated: stamp(e.updated), URL: url,
		Links: entityLinksJSON{Factors: url + "/Factors", NewFactors: url + "/Factors", Challenges: url + "/Challenges"},
	}
}

// owner gives the entity under whose identity factors and challenges are looked for, nil if there is none. With
// Quirks.NoCascade it may be a deleted one. Its factors past their time are gone (facts/twilio-verify.md §1.3).
func (s *Server) owner(identity string, now time.Time) *entity {
	e := s.store.entities[identity]
	if e != nil && !s.opts.Quirks.KeepExpired {
		e.factors = slices.DeleteFunc(e.factors, func(f *factor) bool { return s.expired(f, now) })
	}
	return e
}

// entity gives an entity that exists, or nil.
func (s *Server) entity(identity string, now time.Time) *entity {
	if e := s.owner(identity, now); e != nil && !e.deleted {
		return e
	}
	return nil
}

// addEntity makes an entity, taking over what Quirks.NoCascade left of an earlier one.
func (s *Server) addEntity(identity string, now time.Time) *entity {
	e := s.store.entities[identity]
	if e == nil {
		e = &entity{identity: identity}
		s.store.entities[identity] = e
	}
	e.record, e.deleted = s.store.newRecord("YE", now), false
	return e
}

// admitEntity is addEntity with the limit of 60328.
func (s *Server) admitEntity(identity string, now time.Time) (*entity, error) {
	limit := s.opts.Quirks.EntitiesPerSecond
	if limit >= 0 && within(s.store.entityTimes, time.Second, now) >= limit {
		return nil, refuse(60328)
	}
	s.store.entityTimes = append(s.store.entityTimes, now)
	return s.addEntity(identity, now), nil
}

// removeEntity deletes an entity with its factors and challenges, unless Quirks.NoCascade keeps them.
func (s *Server) removeEntity(e *entity) {
	if s.opts.Quirks.NoCascade {
		e.deleted = true
		return
	}
	delete(s.store.entities, e.identity)
}

// existing lists the entities that exist, in no order.
func (s *Server) existing() []*entity {
	var all []*entity
	for _, e := range s.store.entities {
		if !e.deleted {
			all = append(all, e)
		}
	}
	return all
}

func (s *Server) createEntity(c *call) (any, error) {
	identity, err := c.required("Identity")
	if err != nil {
		return nil, err
	}
	if !validIdentity(identity) {
		return nil, refuse(60306, "Identity")
	}
	if s.entity(identity, c.now) != nil {
		return nil, refuse(60301)
	}
	e, err := s.admitEntity(identity, c.now)
	if err != nil {
		return nil, err
	}
	c.changed = true
	return s.entityJSON(e), nil
}

func (s *Server) listEntities(c *call) (any, error) {
	return list(c, "entities", s.existing(), s.opts.Quirks.NewestFirst, s.entityJSON)
}

func (s *Server) fetchEntity(c *call) (any, error) {
	e := s.entity(c.vars["identity"], c.now)
	if e == nil {
		return nil, s.notFound(noEntity, c.path)
	}
	return s.entityJSON(e), nil
}

func (s *Server) deleteEntity(c *call) (any, error) {
	e := s.entity(c.vars["identity"], c.now)
	if e == nil {
		return nil, s.notFound(noEntity, c.path)
	}
	s.removeEntity(e)
	c.changed = true
	return nil, nil
}
