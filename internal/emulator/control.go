package emulator

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"time"
)

// ControlPrefix is the path of the control API, which Options.Control turns on. It is for the sandbox and for tests
// whose emulator runs in another process. It asks for no credentials (Start listens on loopback only). Its requests are
// not logged, and faults don't hit them. Times are in RFC 3339, durations in Go's form ("90s"). Errors are
// {"error":"…"}.
//
//	GET    code?account=NAME [&at=TIME]   the code on the phone, as text; also code?factor=SID
//	GET    clock                          {"now":"…"}
//	POST   clock?advance=DURATION         moves the clock; also clock?set=TIME; answers as GET does
//	POST   faults                         a Fault as JSON, plus "delay":"2s"; see the tags of Fault
//	DELETE faults                         removes all faults
//	GET    requests                       the log: [Request, …]; with ?changing=1 those that changed something
//	DELETE requests                       empties it
//	GET    entities                       [Entity, …]
//	GET    factors?identity=ID            [Factor, …]
//	POST   factors                        {"identity":…,"friendly_name":…,"status":"verified"}: the Factor made
//	DELETE factors?sid=SID                removes one
//	POST   challenges                     {"factor":SID,"at":TIME,"approved":true}: see AddChallenge; at is now by default
//	GET    message?to=NUMBER              the last code that this number got by SMS or call, as text; 404 if none
//	POST   numbers                        {"to":"+44…","kind":"landline"}: see SetNumber
//	GET    service                        the ServiceSettings of the first service, with ?sid=SID of another one
//	GET    services                       the SIDs of all services, the first one first
//	POST   service                        the settings to change, as JSON; also with ?sid=SID; answers as GET does
//	POST   keys                           {"Username":"SK…","Password":…,"Permissions":[…]}: see SetKey
//	POST   quirks                         the Quirks to change, {"KeepFinished":true}; durations in nanoseconds
const ControlPrefix = "/_emulator/"

var controlRoutes = []route{
	{"code", http.MethodGet, ControlPrefix + "code", http.StatusOK, (*Server).controlCode},
	{"clock", http.MethodGet, ControlPrefix + "clock", http.StatusOK, (*Server).controlClock},
	{"setClock", http.MethodPost, ControlPrefix + "clock", http.StatusOK, (*Server).controlSetClock},
	{"addFault", http.MethodPost, ControlPrefix + "faults", http.StatusNoContent, (*Server).controlAddFault},
	{"clearFaults", http.MethodDelete, ControlPrefix + "faults", http.StatusNoContent, (*Server).controlClearFaults},
	{"requests", http.MethodGet, ControlPrefix + "requests", http.StatusOK, (*Server).controlRequests},
	{"resetLog", http.MethodDelete, ControlPrefix + "requests", http.StatusNoContent, (*Server).controlResetLog},
	{"entities", http.MethodGet, ControlPrefix + "entities", http.StatusOK, (*Server).controlEntities},
	{"factors", http.MethodGet, ControlPrefix + "factors", http.StatusOK, (*Server).controlFactors},
	{"addFactor", http.MethodPost, ControlPrefix + "factors", http.StatusCreated, (*Server).controlAddFactor},
	{"deleteFactor", http.MethodDelete, ControlPrefix + "factors", http.StatusNoContent, (*Server).controlDeleteFactor},
	{"addChallenge", http.MethodPost, ControlPrefix + "challenges", http.StatusNoContent, (*Server).controlAddChallenge},
	{"message", http.MethodGet, ControlPrefix + "message", http.StatusOK, (*Server).controlMessage},
	{"setNumber", http.MethodPost, ControlPrefix + "numbers", http.StatusNoContent, (*Server).controlSetNumber},
	{"service", http.MethodGet, ControlPrefix + "service", http.StatusOK, (*Server).controlService},
	{"services", http.MethodGet, ControlPrefix + "services", http.StatusOK, (*Server).controlServices},
	{"setService", http.MethodPost, ControlPrefix + "service", http.StatusOK, (*Server).controlSetService},
	{"setKey", http.MethodPost, ControlPrefix + "keys", http.StatusNoContent, (*Server).controlSetKey},
	{"setQuirks", http.MethodPost, ControlPrefix + "quirks", http.StatusNoContent, (*Server).controlSetQuirks},
}

// errNotHere is the error of a control request for something that doesn't exist.
var errNotHere = errors.New("not found")

func (s *Server) serveControl(c *call) answer {
	body, err, ok := any(nil), errNotHere, 0
	if r, vars := match(controlRoutes, c); r != nil {
		c.vars, ok = vars, r.ok
		body, err = r.handle(s, c)
	}
	switch {
	case errors.Is(err, errNotHere):
		return jsonAnswer(http.StatusNotFound, map[string]string{"error": err.Error()})
	case err != nil:
		return jsonAnswer(http.StatusBadRequest, map[string]string{"error": err.Error()})
	}
	if text, isText := body.(string); isText {
		return newAnswer(ok, "text/plain; charset=utf-8", []byte(text+"\n"))
	}
	return jsonAnswer(ok, body)
}

func (s *Server) controlCode(c *call) (any, error) {
	at := s.Now()
	if c.query.Has("at") {
		var err error
		if at, err = time.Parse(time.RFC3339, c.query.Get("at")); err != nil {
			return nil, err
		}
	}
	read, name := s.CodeAt, c.query.Get("account")
	if c.query.Has("factor") {
		read, name = s.CodeFor, c.query.Get("factor")
	}
	code, err := read(name, at)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errNotHere, err)
	}
	return code, nil
}

func (s *Server) controlClock(*call) (any, error) { return map[string]time.Time{"now": s.Now()}, nil }

func (s *Server) controlSetClock(c *call) (any, error) {
	switch {
	case c.query.Has("advance"):
		d, err := time.ParseDuration(c.query.Get("advance"))
		if err != nil {
			return nil, err
		}
		s.Advance(d)
	case c.query.Has("set"):
		t, err := time.Parse(time.RFC3339, c.query.Get("set"))
		if err != nil {
			return nil, err
		}
		s.SetTime(t)
	default:
		return nil, errors.New("neither advance nor set")
	}
	return s.controlClock(c)
}

func (s *Server) controlAddFault(c *call) (any, error) {
	var wanted struct {
		Fault
		Delay string `json:"delay"`
	}
	if err := c.decode(&wanted); err != nil {
		return nil, err
	}
	f := wanted.Fault
	if wanted.Delay != "" {
		var err error
		if f.Delay, err = time.ParseDuration(wanted.Delay); err != nil {
			return nil, err
		}
	}
	if err := f.check(); err != nil {
		return nil, err
	}
	s.AddFault(f)
	return nil, nil
}

func (s *Server) controlClearFaults(*call) (any, error) {
	s.ClearFaults()
	return nil, nil
}

func (s *Server) controlRequests(c *call) (any, error) {
	if c.query.Has("changing") {
		return s.Changing(), nil
	}
	return s.Requests(), nil
}

func (s *Server) controlResetLog(*call) (any, error) {
	s.ResetLog()
	return nil, nil
}

func (s *Server) controlEntities(*call) (any, error) { return s.Entities(), nil }

func (s *Server) controlFactors(c *call) (any, error) {
	return append([]Factor{}, s.Factors(c.query.Get("identity"))...), nil // never null
}

func (s *Server) controlAddFactor(c *call) (any, error) {
	var wanted Factor
	if err := c.decode(&wanted); err != nil {
		return nil, err
	}
	if wanted.Identity == "" || wanted.FriendlyName == "" || wanted.Status != Verified && wanted.Status != Unverified {
		return nil, errors.New("a factor needs identity, friendly_name and status")
	}
	return s.AddFactor(wanted.Identity, wanted.FriendlyName, wanted.Status), nil
}

func (s *Server) controlDeleteFactor(c *call) (any, error) {
	if !s.DeleteFactorNow(c.query.Get("sid")) {
		return nil, errNotHere
	}
	return nil, nil
}

func (s *Server) controlAddChallenge(c *call) (any, error) {
	var wanted struct {
		Factor   string    `json:"factor"`
		At       time.Time `json:"at"`
		Approved bool      `json:"approved"`
	}
	if err := c.decode(&wanted); err != nil {
		return nil, err
	}
	orDefault(&wanted.At, s.Now())
	if !s.AddChallenge(wanted.Factor, wanted.At, wanted.Approved) {
		return nil, errNotHere
	}
	return nil, nil
}

func (s *Server) controlMessage(c *call) (any, error) {
	code, ok := s.SentCode(c.query.Get("to"))
	if !ok {
		return nil, errNotHere
	}
	return code, nil
}

func (s *Server) controlSetNumber(c *call) (any, error) {
	var wanted struct {
		To   string     `json:"to"`
		Kind NumberKind `json:"kind"`
	}
	if err := c.decode(&wanted); err != nil {
		return nil, err
	}
	return nil, s.SetNumber(wanted.To, wanted.Kind)
}

func (s *Server) controlService(c *call) (any, error) {
	settings, ok := s.Service(c.query.Get("sid"))
	if !ok {
		return nil, errNotHere
	}
	return settings, nil
}

func (s *Server) controlServices(*call) (any, error) { return s.Services(), nil }

// controlSetService decodes the body into the current settings. Settings that the body doesn't name stay.
func (s *Server) controlSetService(c *call) (any, error) {
	if _, err := s.controlService(c); err != nil {
		return nil, err
	}
	var malformed error
	err := s.ChangeService(c.query.Get("sid"), func(settings *ServiceSettings) {
		was := settings.clone()
		if malformed = c.decode(settings); malformed != nil {
			*settings = was
		}
	})
	if err := cmp.Or(malformed, err); err != nil {
		return nil, err
	}
	return s.controlService(c)
}

func (s *Server) controlSetKey(c *call) (any, error) {
	var key Credential
	if err := c.decode(&key); err != nil {
		return nil, err
	}
	if key.Username == "" || key.Password == "" {
		return nil, errors.New("a key needs Username and Password")
	}
	s.SetKey(key)
	return nil, nil
}

func (s *Server) controlSetQuirks(c *call) (any, error) {
	var err error
	s.ChangeQuirks(func(quirks *Quirks) {
		wanted := *quirks
		wanted.Status = maps.Clone(quirks.Status) // a request may still read the old map
		if err = c.decode(&wanted); err == nil {
			*quirks = wanted
		}
	})
	return nil, err
}

// decode reads a call's body as JSON without unknown fields.
func (c *call) decode(into any) error {
	if c.malformed != nil {
		return c.malformed
	}
	d := json.NewDecoder(bytes.NewReader(c.body))
	d.DisallowUnknownFields()
	return d.Decode(into)
}
