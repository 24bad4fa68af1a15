package emulator

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"
)

// FaultHeader marks answers that a fault has changed, so that an oracle doesn't check them.
const FaultHeader = "X-Emulator-Fault"

// oversize is the length of an Oversized answer, more than any client should read.
const oversize = 8<<20 + 1024

// Fault is something that goes wrong with certain requests: with those that meet all its conditions. If several faults
// are due for a request, the one that was added first happens.
type Fault struct {
	Method    string         `json:"method,omitempty"`
	Operation string         `json:"operation,omitempty"` // Twilio's operationId, for example CreateNewFactor
	Path      *regexp.Regexp `json:"path,omitempty"`      // must match in the path as it was sent, escaped
	Nth       int            `json:"nth,omitempty"`       // starts with the nth such request; 0 is the first
	Times     int            `json:"times,omitempty"`     // then happens this often; 0 is for ever

	// Delay holds the answer back. The request takes effect at once. It can be combined with every other fault.
	Delay time.Duration `json:"-"`
	// Hang sends no answer until the client disconnects or the emulator closes.
	Hang bool `json:"hang,omitempty"`
	// ResetBefore resets the connection (TCP RST). The request has no effect.
	ResetBefore bool `json:"reset_before,omitempty"`
	// ResetAfter resets the connection after the effect: a lost reply.
	ResetAfter bool `json:"reset_after,omitempty"`

	// Status or Code answer with an error. If only one is set, the other is what Twilio documents for it. The request
	// has no effect. Message replaces the documented text, Body the whole body.
	Status  int    `json:"status,omitempty"`
	Code    int    `json:"code,omitempty"`
	Message string `json:"message,omitempty"`
	Body    string `json:"body,omitempty"`
	// RetryAfter is the answer's Retry-After header: seconds or an HTTP date.
	RetryAfter string `json:"retry_after,omitempty"`
	// AfterEffect lets the request take effect before Hang, Status or Code.
	AfterEffect bool `json:"after_effect,omitempty"`

	// Garbage replaces the answer's body by Body, which may be empty. The request takes effect.
	Garbage bool `json:"garbage,omitempty"`
	// Truncated announces a longer body than it sends, and closes the connection.
	Truncated bool `json:"truncated,omitempty"`
	// Oversized pads the answer with spaces to more than 8 MiB: it is valid JSON, but too long.
	Oversized bool `json:"oversized,omitempty"`
	// Set replaces fields of a successful JSON answer. A key such as "meta.next_page_url" names a field of an object.
	Set map[string]any `json:"set,omitempty"`
	// Lie changes a successful JSON answer in any way.
	Lie func(body map[string]any) `json:"-"`
}

// armedFault is a fault and how often it was met.
type armedFault struct {
	Fault
	seen, happened int
}

// AddFault makes f happen from now on. It panics if f can never match or be answered: otherwise a test with
// a misspelled operation would pass without testing anything.
func (s *Server) AddFault(f Fault) {
	if err := f.check(); err != nil {
		panic("emulator: " + err.Error())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, &armedFault{Fault: f})
}

// ClearFaults removes all faults. Requests that hang already still hang.
func (s *Server) ClearFaults() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

func (f Fault) check() error {
	known := func(r route) bool { return r.name == f.Operation }
	if f.Operation != "" && !slices.ContainsFunc(apiRoutes, known) {
		return fmt.Errorf("fault for the unknown operation %q", f.Operation)
	}
	if f.Status != 0 && (f.Status < 200 || f.Status > 599) {
		return fmt.Errorf("fault with the status %d", f.Status)
	}
	return nil
}

// takeFault returns the fault that is due for a call, or the zero Fault. s.mu is held.
func (s *Server) takeFault(c *call, operation string) Fault {
	var due *armedFault
	for _, f := range s.faults {
		if !f.matches(c, operation) {
			continue
		}
		f.seen++
		if due == nil && f.seen >= f.Nth && (f.Times == 0 || f.happened < f.Times) {
			due = f
		}
	}
	if due == nil {
		return Fault{}
	}
	due.happened++
	return due.Fault
}

func (f Fault) matches(c *call, operation string) bool {
	return (f.Method == "" || f.Method == c.request.Method) &&
		(f.Operation == "" || f.Operation == operation) &&
		(f.Path == nil || f.Path.MatchString(c.path))
}

func (f Fault) refuses() bool { return f.Status != 0 || f.Code != 0 }

func (f Fault) silent() bool { return f.Hang || f.ResetBefore || f.ResetAfter }

func (f Fault) lies() bool { return f.Lie != nil || len(f.Set) > 0 }

// takesEffect reports whether a request with this fault has an effect.
func (f Fault) takesEffect() bool {
	return !f.ResetBefore && (f.AfterEffect || !f.Hang && !f.refuses())
}

// distort returns the answer that is sent instead of a. Its status is 0 if none is sent.
func (f Fault) distort(a answer) answer {
	switch {
	case f.silent():
		return answer{}
	case f.refuses():
		a = f.refusal()
	case f.Garbage:
		a = newAnswer(a.status, http.DetectContentType([]byte(f.Body)), []byte(f.Body))
	case f.lies() && a.status < 300:
		a = f.lie(a)
	}
	if f.Oversized {
		a.body = append(slices.Clone(a.body), bytes.Repeat([]byte(" "), oversize-len(a.body))...)
		a.length = len(a.body)
	}
	if f.Truncated {
		a.length += 64
	}
	if a.length > 0 && a.status == http.StatusNoContent {
		a.status = http.StatusOK
	}
	if f.RetryAfter != "" {
		a.header.Set("Retry-After", f.RetryAfter)
	}
	if f.refuses() || f.Garbage || f.lies() || f.Oversized || f.Truncated {
		a.header.Set(FaultHeader, "answer")
	}
	return a
}

func (f Fault) refusal() answer {
	e := errorTable[f.Code]
	e.code = f.Code
	orDefault(&e.status, http.StatusInternalServerError)
	orDefault(&f.Status, e.status)
	if f.Body != "" {
		return newAnswer(f.Status, http.DetectContentType([]byte(f.Body)), []byte(f.Body))
	}
	orDefault(&e.message, http.StatusText(f.Status))
	if f.Message != "" {
		e.message = f.Message
	}
	return e.answer(f.Status)
}

func (f Fault) lie(a answer) answer {
	var body map[string]any
	if json.Unmarshal(a.body, &body) != nil {
		return a
	}
	for field, value := range f.Set {
		into := body
		names := strings.Split(field, ".")
		for _, name := range names[:len(names)-1] {
			inner, ok := into[name].(map[string]any)
			if !ok {
				inner = make(map[string]any)
				into[name] = inner
			}
			into = inner
		}
		into[names[len(names)-1]] = value
	}
	if f.Lie != nil {
		f.Lie(body)
	}
	return jsonAnswer(a.status, body)
}

// deliver writes the answer, or does what the fault asks for instead.
func (s *Server) deliver(w http.ResponseWriter, r *http.Request, f Fault, a answer) {
	if f.Delay > 0 {
		timer := time.NewTimer(f.Delay)
		defer timer.Stop()
		s.wait(r, timer.C)
	}
	switch {
	case f.Hang:
		s.wait(r, nil)
		panic(http.ErrAbortHandler) // makes net/http close the connection without an answer
	case f.silent():
		reset(w)
	default:
		a.write(w)
	}
}

// wait returns when enough fires, the client disconnects or the emulator closes.
func (s *Server) wait(r *http.Request, enough <-chan time.Time) {
	select {
	case <-enough:
	case <-r.Context().Done():
	case <-s.done:
	}
}

// reset closes the connection with a TCP RST. If w is no connection (a recorder), it aborts the handler.
func reset(w http.ResponseWriter) {
	w.Header().Set(FaultHeader, "reset")
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}
