package emulator

import (
	"bytes"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
)

// Server is the emulator: an http.Handler, safe for concurrent use. New makes one, Start one that listens.
type Server struct {
	clock   clock
	control bool          // serve the control API
	done    chan struct{} // closed by Close: ends the requests that hang
	closing sync.Once

	requests atomic.Uint64 // how many calls of the API there were

	mu     sync.Mutex // guards the fields below
	opts   Options
	store  store
	faults []*armedFault
	log    []*Request
}

// New makes an emulator with one empty service.
func New(opts Options) *Server {
	opts = opts.withDefaults()
	s := &Server{control: opts.Control, opts: opts, done: make(chan struct{}), store: newStore(opts.Seed)}
	s.clock.base = opts.Now
	s.store.first = s.store.addService(opts.ServiceSID, opts.Service, s.Now())
	for to, kind := range opts.Numbers {
		s.store.numbers[to] = numberRule{kind: kind, since: s.Now()}
	}
	return s
}

// Options returns the options that the emulator was made with, with their defaults set, and the present Quirks.
func (s *Server) Options() Options {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.opts
}

// ChangeQuirks changes rules while the emulator runs. A field that is zero afterwards has its default again.
func (s *Server) ChangeQuirks(change func(*Quirks)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.opts.Quirks)
	s.opts = s.opts.withDefaults()
}

// Close ends every request that a fault delays or hangs, now and later. Call it before you close an http.Server that
// waits for its handlers.
func (s *Server) Close() { s.closing.Do(func() { close(s.done) }) }

// ServeHTTP serves one request. The request takes effect (unless a fault prevents that), then it is logged, then it is
// answered.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := newCall(w, r)
	w.Header().Set("Date", s.Now().Format(http.TimeFormat))
	if s.control && strings.HasPrefix(c.path, ControlPrefix) {
		s.serveControl(c).write(w)
		return
	}
	w.Header().Set("Twilio-Request-Id", s.newRequestID())
	c.route, c.vars = match(apiRoutes, c)
	f := s.begin(c)
	var a answer
	if f.takesEffect() {
		a = s.serve(c)
	}
	a = f.distort(a)
	s.finish(c, a)
	s.deliver(w, r, f, a)
}

// newRequestID returns what Twilio's support asks for: each answer has another one. It draws nothing from the seed, so that it
// changes no SID.
func (s *Server) newRequestID() string { return fmt.Sprintf("RQ%032x", s.requests.Add(1)) }

// serve returns the answer of the API to a call.
func (s *Server) serve(c *call) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.now = s.Now()
	body, err := s.handle(c)
	if err == nil {
		orDefault(&c.status, c.route.ok)
		return jsonAnswer(c.status, body)
	}
	return s.errorAnswer(err)
}

// handle checks what is common to all operations and runs the operation of the call.
func (s *Server) handle(c *call) (any, error) {
	key := s.credential(c.request)
	if key == nil {
		return nil, refuse(20003)
	}
	if key.Permissions != nil && c.route != nil && !slices.Contains(key.Permissions, permissions[c.route.name]) {
		return nil, refuse(70051)
	}
	if c.route == nil {
		return nil, s.noRoute(c)
	}
	if sid, ok := c.vars["service"]; ok {
		if c.service, ok = s.store.services[sid]; !ok {
			return nil, s.notFound(noResource, c.path)
		}
	}
	if c.malformed != nil {
		return nil, refuse(60300)
	}
	if identity, ok := c.vars["identity"]; ok && !validIdentity(identity) {
		return nil, refuse(60306, "Identity")
	}
	return c.route.handle(s, c)
}

// credential returns the credential of a request, or nil if it has none that is accepted.
func (s *Server) credential(r *http.Request) *Credential {
	username, password, _ := r.BasicAuth()
	for i, c := range s.opts.Credentials {
		if c.Username == username && subtle.ConstantTimeCompare([]byte(c.Password), []byte(password)) == 1 {
			return &s.opts.Credentials[i]
		}
	}
	return nil
}

// SetKey makes an API key, or gives it another secret and other permissions.
func (s *Server) SetKey(key Credential) {
	s.mu.Lock()
	defer s.mu.Unlock()
	others := slices.DeleteFunc(slices.Clone(s.opts.Credentials), func(c Credential) bool { return c.Username == key.Username })
	s.opts.Credentials = append(others, key)
}

// errorAnswer returns the answer for a handler's error, with Twilio's error body.
func (s *Server) errorAnswer(err error) answer {
	e, ok := errors.AsType[*apiError](err)
	if !ok {
		e = &apiError{status: http.StatusInternalServerError, message: err.Error()}
	}
	a := e.answer(s.opts.Quirks.Status[e.code])
	if a.status == http.StatusUnauthorized {
		a.header.Set("WWW-Authenticate", `Basic realm="Twilio API"`)
	}
	return a
}

// answer is a response before it is written. Status 0 means that there is no response.
type answer struct {
	status int
	header http.Header
	body   []byte
	length int // the Content-Length to claim
}

func newAnswer(status int, contentType string, body []byte) answer {
	return answer{status: status, header: http.Header{"Content-Type": {contentType}}, body: body, length: len(body)}
}

// jsonAnswer returns an answer with body as JSON. A 204 has no body.
func jsonAnswer(status int, body any) answer {
	if status == http.StatusNoContent {
		return answer{status: status, header: http.Header{}}
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(body); err != nil {
		panic(fmt.Sprintf("emulator: encode an answer: %v", err)) // can't happen: all bodies are our own types
	}
	return newAnswer(status, "application/json", b.Bytes())
}

func (a answer) write(w http.ResponseWriter) {
	for name, values := range a.header {
		w.Header()[name] = values
	}
	if a.status != http.StatusNoContent {
		w.Header().Set("Content-Length", strconv.Itoa(a.length))
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body) // the client may have disconnected
}
