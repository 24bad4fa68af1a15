package emulator

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"time"
)

// Request is one entry of the request log. Its JSON shows the names of parameters, but not their values.
type Request struct {
	Number    int         `json:"number"` // from 1, since the start or ResetLog
	Time      time.Time   `json:"time"`   // by the emulator's clock
	Method    string      `json:"method"`
	Path      string      `json:"path"`      // as sent, escaped, without the query
	Operation string      `json:"operation"` // Twilio's operationId; empty if the request is no operation
	Keys      []string    `json:"keys"`      // names of form and query parameters, sorted
	Values    url.Values  `json:"-"`
	Header    http.Header `json:"-"`       // without Authorization
	Status    int         `json:"status"`  // 0: no answer
	Changed   bool        `json:"changed"` // the emulator's state was changed, even if only a counter of attempts
}

// begin logs a call and returns the fault that is due for it.
func (s *Server) begin(c *call) Fault {
	values := make(url.Values)
	for _, params := range []url.Values{c.query, c.form} {
		for key, v := range params {
			values[key] = append(values[key], v...)
		}
	}
	header := c.request.Header.Clone()
	header.Del("Authorization")
	operation := ""
	if c.route != nil {
		operation = c.route.name
	}

	s.mu.Lock()
	defer s.mu.Unlock()
	c.entry = &Request{
		Number: len(s.log) + 1, Time: s.Now(), Method: c.request.Method, Path: c.path, Operation: operation,
		Keys: slices.Sorted(maps.Keys(values)), Values: values, Header: header,
	}
	s.log = append(s.log, c.entry)
	return s.takeFault(c, operation)
}

// finish completes the call's entry in the log. It runs before the answer is sent, so that a client with an answer
// finds the complete entry.
func (s *Server) finish(c *call, a answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.entry.Status, c.entry.Changed = a.status, c.changed
}

// Requests returns the requests to the API since the start or ResetLog, in the order in which they came.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]Request, 0, len(s.log))
	for _, r := range s.log {
		all = append(all, *r)
	}
	return all
}

// Changing returns those of Requests that changed something.
func (s *Server) Changing() []Request {
	return slices.DeleteFunc(s.Requests(), func(r Request) bool { return !r.Changed })
}

// ResetLog empties the log.
func (s *Server) ResetLog() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log = nil
}
