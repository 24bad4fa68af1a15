package audit

import (
	"encoding/json"
	"slices"
)

// Place is what a record is about: without it, what was done in a test copy would look like what was done in the live
// system. A part is nil if the command has not used it.
type Place struct {
	Database *Database
	Service  *Service
}

// Database is a database as the open connection knows it, and not as the settings name it.
type Database struct {
	Host string `json:"host"` // the server's address, or the directory of its socket
	// its port; 0 for none
	Port int `json:"port"`
	// the name of the database
	Name string `json:"name"`
}

// Service is a Twilio Verify service.
type Service struct {
	SID     string // empty if the command needs an account only
	Address string // empty if it is Twilio's own
}

// MarshalJSON writes null for what is empty.
func (s Service) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		SID     *string `json:"sid"`
		Address *string `json:"address"`
	}{known(s.SID), known(s.Address)})
}

func known(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func (p Place) record(r Record) Record {
	r.Database, r.Service = p.Database, p.Service
	return r
}

// Has reports whether r is about this database and this service. A record that names none, as older versions wrote it,
// is about another place: it must not count as evidence.
func (p Place) Has(r Record) bool {
	return p.Database != nil && r.Database != nil && *p.Database == *r.Database &&
		p.Service != nil && r.Service != nil && *p.Service == *r.Service
}

// Here is what the settings in force name. It may have several databases: a host may have several addresses. A part is nil
// if it is not known.
type Here struct {
	Databases []Database
	Service   *Service
}

// Elsewhere reports whether r is about another database or service. known is false if neither can be compared: nothing is
// set, or the record names neither.
func (h Here) Elsewhere(r Record) (elsewhere, known bool) {
	if r.Database != nil && len(h.Databases) > 0 {
		elsewhere, known = !slices.Contains(h.Databases, *r.Database), true
	}
	if r.Service != nil && h.Service != nil {
		elsewhere, known = elsewhere || *r.Service != *h.Service && r.Service.SID != "" || r.Service.Address != h.Service.Address, true
	}
	return elsewhere, known
}
