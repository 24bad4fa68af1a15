package emulator

import (
	"net/url"
	"slices"
	"time"
)

// entity is one identity of a service, with its factors and challenges.
type entity struct {
	record
	service     *service
	identity    string
	deleted     bool // only with Quirks.NoCascade
	factors     []*factor
	challenges  []*challenge
	factorTimes []time.Time // when factors were created through the API, for 60326
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

// path returns the entity's path, escaped.
func (e *entity) path() string { return e.service.path() + "/Entities/" + url.PathEscape(e.identity) }

func (e *entity) factorPath(sid string) string { return e.path() + "/Factors/" + url.PathEscape(sid) }

func (s *Server) entityJSON(e *entity) any {
	url := base + e.path()
	return entityJSON{
		SID: e.sid, Identity: e.identity, AccountSID: s.opts.AccountSID, ServiceSID: e.service.sid,
		DateCreated: stamp(e.created), DateUpdated: stamp(e.updated), URL: url,
		Links: entityLinksJSON{Factors: url + "/Factors", NewFactors: url + "/Factors", Challenges: url + "/Challenges"},
	}
}

// owner returns the entity that has the factors and challenges of an identity, or nil. With Quirks.NoCascade it may be
// a deleted one. Its expired factors are removed first (docs/facts/twilio-verify.md §1.3).
func (s *Server) owner(sv *service, identity string, now time.Time) *entity {
	e := sv.entities[identity]
	if e != nil && !s.opts.Quirks.KeepExpired {
		e.factors = slices.DeleteFunc(e.factors, func(f *factor) bool { return s.expired(f, now) })
	}
	return e
}

// entity returns an entity that is not deleted, or nil.
func (s *Server) entity(sv *service, identity string, now time.Time) *entity {
	if e := s.owner(sv, identity, now); e != nil && !e.deleted {
		return e
	}
	return nil
}

// addEntity makes an entity. It takes over what Quirks.NoCascade or Quirks.ChallengesStay left of an earlier one with the
// same identity.
func (s *Server) addEntity(sv *service, identity string, now time.Time) *entity {
	e := sv.entities[identity]
	if e == nil {
		e = &entity{service: sv, identity: identity}
		if before := sv.gone[identity]; before != nil {
			e.challenges = before.challenges
			delete(sv.gone, identity)
		}
		sv.entities[identity] = e
	}
	e.record, e.deleted = s.store.newRecord("YE", now), false
	return e
}

// admitEntity is addEntity within the limit of 60328.
func (s *Server) admitEntity(sv *service, identity string, now time.Time) (*entity, error) {
	limit := s.opts.Quirks.EntitiesPerSecond
	if limit >= 0 && within(s.store.entityTimes, time.Second, now) >= limit {
		return nil, refuse(60328)
	}
	s.store.entityTimes = append(s.store.entityTimes, now)
	return s.addEntity(sv, identity, now), nil
}

// removeEntity deletes an entity with its factors and challenges, unless Quirks.NoCascade keeps them.
func (s *Server) removeEntity(e *entity) {
	if s.opts.Quirks.NoCascade {
		e.deleted = true
		return
	}
	delete(e.service.entities, e.identity)
	if s.opts.Quirks.ChallengesStay {
		e.service.gone[e.identity] = &entity{record: e.record, service: e.service, identity: e.identity, challenges: e.challenges}
	}
}

// existing returns the entities that are not deleted, in no order.
func (sv *service) existing() []*entity {
	var all []*entity
	for _, e := range sv.entities {
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
	if s.entity(c.service, identity, c.now) != nil {
		return nil, refuse(60301)
	}
	e, err := s.admitEntity(c.service, identity, c.now)
	if err != nil {
		return nil, err
	}
	c.changed = true
	return s.entityJSON(e), nil
}

func (s *Server) listEntities(c *call) (any, error) {
	return list(c, "entities", c.service.existing(), s.opts.Quirks.NewestFirst, s.entityJSON)
}

func (s *Server) fetchEntity(c *call) (any, error) {
	e := s.entity(c.service, c.vars["identity"], c.now)
	if e == nil {
		return nil, s.notFound(noEntity, c.path)
	}
	return s.entityJSON(e), nil
}

func (s *Server) deleteEntity(c *call) (any, error) {
	e := s.entity(c.service, c.vars["identity"], c.now)
	if e == nil {
		return nil, s.notFound(noEntity, c.path)
	}
	s.removeEntity(e)
	c.changed = true
	return nil, nil
}
