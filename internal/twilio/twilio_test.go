package twilio

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"uzerp-mfa/internal/caller"
	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/secret"
	"uzerp-mfa/internal/sharedtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(sharedtest.Tests{M: m}) }

const (
	hex32      = "0123456789abcdef0123456789abcdef"
	account    = "AC" + hex32
	service    = "VA" + hex32
	key        = "SK" + hex32
	factor     = "YF" + hex32
	other      = "YF" + "ffffffffffffffffffffffffffffffff"
	entity     = "YE" + hex32
	chall      = "YC" + hex32
	identity   = "5f0c1c1e-8d5c-4f7e-9f60-1b6a6f0c9a11"
	password   = "PasswordThatNobodyMaySee1"
	totpSecret = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
	code       = "738264"
	number     = "+447700900123"
	verif      = "VE" + hex32

	entityPath     = "/v2/Services/" + service + "/Entities/" + identity
	factorsPath    = entityPath + "/Factors"
	challengesPath = entityPath + "/Challenges"
	factorPath     = factorsPath + "/" + factor
	servicePath    = "/v2/Services/" + service
	sendPath       = servicePath + "/Verifications"
	checkPath      = servicePath + "/VerificationCheck"
)

var (
	sentinel = []string{password, totpSecret, code, "otpauth", "c2VjcmV0", "7700900123"}
	callee   = caller.Recipient{Username: "alice", Phone: caller.Phone{E164: secret.New(number), Masked: "+44 *******123"}}
)

// server plays Twilio. Each path has its answers in order; the last one is repeated.
type server struct {
	*httptest.Server
	mu    sync.Mutex
	plays map[string][]http.HandlerFunc // "METHOD path"
	calls []string
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	what := r.Method + " " + r.URL.Path
	s.calls = append(s.calls, what)
	left := s.plays[what]
	if len(left) > 1 {
		s.plays[what] = left[1:]
	}
	s.mu.Unlock()
	if len(left) == 0 {
		apiError(404, 20404, "The requested resource "+r.URL.Path+" was not found")(w, r)
		return
	}
	left[0](w, r)
}

func (s *server) play(what string, answers ...http.HandlerFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.plays[what] = answers
}

func (s *server) count(what string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, c := range s.calls {
		if c == what {
			n++
		}
	}
	return n
}

// setup is a server that knows only the service, and a client for it that does not really sleep. It records how long
// the client would have slept and what it logged.
type setup struct {
	*server
	*Client
	slept []time.Duration
	log   lockedBuffer
}

func start(t *testing.T, change ...func(*Config)) *setup {
	t.Helper()
	s := &setup{server: &server{plays: map[string][]http.HandlerFunc{}}}
	s.Server = httptest.NewServer(s.server)
	return s.connect(t, change...)
}

// bubble runs f with a server on pipes and a fake clock, which stands still while anything runs. So time limits do not
// depend on how busy the machine is.
func bubble(t *testing.T, f func(t *testing.T, s *setup), change ...func(*Config)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		closed, hangUp := context.WithCancel(context.Background())
		pipes := pipes{make(chan net.Conn), closed.Done(), hangUp}
		s := &setup{server: &server{plays: map[string][]http.HandlerFunc{}}}
		s.Server = &httptest.Server{Listener: pipes, Config: &http.Server{Handler: s.server}}
		s.Start()
		s.connect(t, change...)
		s.transport.DialContext = pipes.dial
		f(t, s)
	})
}

// pipes is a listener that needs no network.
type pipes struct {
	calls  chan net.Conn
	closed <-chan struct{}
	hangUp func()
}

func (p pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	near, far := net.Pipe()
	select {
	case p.calls <- far:
		return near, nil
	case <-p.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (p pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.calls:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p pipes) Close() error {
	p.hangUp()
	return nil
}

func (p pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1} }

// connect makes the client.
func (s *setup) connect(t *testing.T, change ...func(*Config)) *setup {
	t.Helper()
	s.play("GET "+servicePath, ok(200, serviceJSON()))
	cfg := Config{
		AccountSID: account, ServiceSID: service, Username: key, Password: secret.New(password),
		BaseURL: s.URL, CallTimeout: time.Minute,
		Logger: slog.New(slog.NewTextHandler(&s.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Sleep:  func(ctx context.Context, d time.Duration) error { s.slept = append(s.slept, d); return ctx.Err() },
		Rand:   func() float64 { return 1 },

		Environ: func() []string { return nil }, // whatever the machine has
		Proxy:   func(*http.Request) (*url.URL, error) { return nil, nil },
	}
	for _, f := range change {
		f(&cfg)
	}
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	s.Client = c
	t.Cleanup(func() {
		c.CloseIdle()
		s.CloseClientConnections()
		s.Close()
		noSecret(t, "the log", s.log.String())
	})
	return s
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func noSecret(t *testing.T, where, text string) {
	t.Helper()
	for _, s := range sentinel {
		if strings.Contains(text, s) {
			t.Errorf("%s shows %q: %s", where, s, text)
		}
	}
}

// wantError checks the kind of an error, whether it is a lost reply, and that no way to print it shows a secret.
func wantError(t *testing.T, err error, kind errs.Kind, wantLost bool) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	if got := errs.KindOf(err); got != kind {
		t.Errorf("kind %d, want %d: %v", got, kind, err)
	}
	if lost(err) != wantLost {
		t.Errorf("lost reply %t, want %t: %v", lost(err), wantLost, err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%q"} {
		noSecret(t, "the error", fmt.Sprintf(verb, err))
	}
	if s := err.Error(); strings.HasSuffix(s, ".") || strings.ContainsAny(s, "\x1b\n\r") || s == "" {
		t.Errorf("not one plain line: %q", s)
	}
}

func ok(status int, body any) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json;charset=utf-8")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(body)
	}
}

func apiError(status, code int, message string, headers ...string) http.HandlerFunc {
	answer := ok(status, map[string]any{"code": code, "message": message, "status": status,
		"more_info": fmt.Sprintf("https://www.twilio.com/docs/errors/%d", code)})
	return func(w http.ResponseWriter, r *http.Request) {
		for i := 0; i+1 < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		answer(w, r)
	}
}

func page(status int, contentType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}
}

func noContent(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }

// reset reads the request and breaks the connection.
func reset(w http.ResponseWriter, _ *http.Request) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(err)
	}
	_ = conn.(*net.TCPConn).SetLinger(0)
	_ = conn.Close()
}

// hang keeps the request until the client gives up.
func hang(_ http.ResponseWriter, r *http.Request) {
	_ = r.ParseForm()
	<-r.Context().Done()
}

func truncated(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", "1000")
	_, _ = w.Write([]byte(`{"sid":"`))
}

func oversized(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write([]byte(`{"sid":"` + strings.Repeat("a", maxBody) + `"}`))
}

type fields = map[string]any

func with(base fields, changes fields) fields {
	m := maps.Clone(base)
	maps.Copy(m, changes)
	return m
}

func serviceJSON() fields {
	return fields{"sid": service, "account_sid": account, "friendly_name": "uzERP", "code_length": 6,
		"totp": fields{"issuer": "ACME", "time_step": nil, "code_length": nil, "skew": nil}}
}

func factorJSON(sid, status string) fields {
	return fields{"sid": sid, "account_sid": account, "service_sid": service, "entity_sid": entity, "identity": identity,
		"date_created": "2026-01-01T00:00:00Z", "date_updated": "2026-01-01T00:00:00Z", "friendly_name": "alice",
		"status": status, "factor_type": "totp", "metadata": nil,
		"config": fields{"alg": "sha1", "skew": 1, "code_length": 6, "time_step": 30}}
}

func newFactorJSON() fields {
	return with(factorJSON(factor, "unverified"), fields{"options": nil, "binding": fields{"secret": totpSecret,
		"uri": "otpauth://totp/ACME:alice?secret=" + totpSecret + "&issuer=ACME&algorithm=SHA1&digits=6&period=30"}})
}

func challengeJSON(status string) fields {
	return fields{"sid": chall, "account_sid": account, "service_sid": service, "entity_sid": entity, "identity": identity,
		"factor_sid": factor, "status": status, "factor_type": "totp", "date_created": "2026-01-01T00:00:00Z"}
}

func checkJSON(status string) fields {
	return fields{"sid": verif, "account_sid": account, "service_sid": service, "to": number, "channel": "sms", "status": status,
		"valid": status == "approved", "amount": nil, "payee": nil, "date_created": "2026-01-01T00:00:00Z",
		"date_updated": "2026-01-01T00:00:00Z", "sna_attempts_error_codes": []any{}}
}

func sendJSON(sends int) fields {
	attempts := []fields{}
	for i := range sends {
		attempts = append(attempts, fields{"time": "2026-01-01T00:00:00Z", "channel": "SMS", "attempt_sid": fmt.Sprintf("VL%032x", i)})
	}
	return with(checkJSON("pending"), fields{"lookup": fields{}, "send_code_attempts": attempts, "sna": nil, "url": "x"})
}

func listJSON(next any, factors ...fields) fields {
	if factors == nil {
		factors = []fields{}
	}
	return fields{"factors": factors, "meta": fields{"page": 0, "page_size": 100, "key": "factors", "next_page_url": next}}
}

// operation is one method of a port, and the request that it sends.
type operation struct {
	name    string
	request string
	good    http.HandlerFunc
	run     func(*Client, context.Context) error
}

func operations() []operation {
	return []operation{
		{"fetch", "GET " + factorPath, ok(200, factorJSON(factor, "verified")), func(c *Client, ctx context.Context) error {
			_, err := c.FetchFactor(ctx, identity, factor)
			return err
		}},
		{"list", "GET " + factorsPath, ok(200, listJSON(nil)), func(c *Client, ctx context.Context) error {
			_, err := c.ListFactors(ctx, identity)
			return err
		}},
		{"challenges", "GET " + challengesPath, ok(200, challengeListJSON(nil)), func(c *Client, ctx context.Context) error {
			for _, err := range c.Challenges(ctx, identity, factor) {
				return err
			}
			return nil
		}},
		{"service", "GET " + servicePath, ok(200, serviceJSON()), func(c *Client, ctx context.Context) error {
			_, err := c.FetchService(ctx)
			return err
		}},
		{"create", "POST " + factorsPath, ok(201, newFactorJSON()), func(c *Client, ctx context.Context) error {
			_, err := c.CreateFactor(ctx, identity, "alice")
			return err
		}},
		{"verify", "POST " + factorPath, ok(200, factorJSON(factor, "verified")), func(c *Client, ctx context.Context) error {
			_, err := c.VerifyFactor(ctx, identity, factor, code)
			return err
		}},
		{"challenge", "POST " + entityPath + "/Challenges", ok(201, challengeJSON("approved")), func(c *Client, ctx context.Context) error {
			_, err := c.Challenge(ctx, identity, factor, code)
			return err
		}},
		{"delete", "DELETE " + factorPath, noContent, func(c *Client, ctx context.Context) error {
			return c.DeleteFactor(ctx, identity, factor)
		}},
		{"send", "POST " + sendPath, ok(201, sendJSON(1)), func(c *Client, ctx context.Context) error {
			_, err := c.StartVerification(ctx, callee, caller.ChannelSMS)
			return err
		}},
		{"check", "POST " + checkPath, ok(201, checkJSON("approved")), func(c *Client, ctx context.Context) error {
			_, err := c.CheckVerification(ctx, callee, verif, code)
			return err
		}},
		{"look", "GET " + sendPath + "/" + verif, ok(200, sendJSON(1)), func(c *Client, ctx context.Context) error {
			_, err := c.FetchVerification(ctx, callee, verif)
			return err
		}},
		{"create-service", "POST /v2/Services", ok(201, serviceJSON()), func(c *Client, ctx context.Context) error {
			_, err := c.CreateService(ctx, "uzERP", "ACME")
			return err
		}},
	}
}

// ofAnyService reports whether an operation is about no entity and no verification. Its "not found" is returned without
// a look for the service.
func (o operation) ofAnyService() bool { return o.name == "service" || o.name == "create-service" }

func (o operation) isPost() bool { return strings.HasPrefix(o.request, "POST") }
func (o operation) isGet() bool  { return strings.HasPrefix(o.request, "GET") }
