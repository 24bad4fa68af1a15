package emulator_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"uzerp-mfa/internal/emulator"
	"uzerp-mfa/internal/emulator/oracle"
	"uzerp-mfa/internal/sharedtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(sharedtest.Tests{M: m}) }

// midnight is the time at which the tests' clock stands still. A time step begins there.
var midnight = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

const (
	identity = "5f0c0d3e-0000-4000-8000-000000000001"
	account  = "alice"
)

// fixture is an emulator, and what the last step made. If Twilio's spec is at hand, an oracle is around the emulator.
type fixture struct {
	*emulator.Running
	t         *testing.T
	client    *http.Client
	factor    string
	challenge string

	verification string
}

// start runs an emulator whose clock stands still.
func start(t *testing.T, opts emulator.Options) *fixture {
	t.Helper()
	return startJudged(t, opts, func(err error) { t.Errorf("against Twilio's spec: %v", err) })
}

func startJudged(t *testing.T, opts emulator.Options, onViolation func(error)) *fixture {
	t.Helper()
	if opts.Now == nil {
		opts.Now = func() time.Time { return midnight }
	}
	judged, err := oracle.WhereAtHand(t, onViolation)
	if err != nil {
		t.Fatal(err)
	}
	server, err := emulator.Start("", opts, judged)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		if err := server.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return &fixture{Running: server, t: t, client: &http.Client{Transport: transport, Timeout: time.Minute}}
}

// reply is an answer with its JSON decoded.
type reply struct {
	status int
	header http.Header
	raw    string
	body   map[string]any
}

// says returns the error code of a refusal, the number of challenges in a list of them, else the field status.
func (r reply) says() any {
	if list, ok := r.body["challenges"].([]any); ok {
		return len(list)
	}
	if code, ok := r.body["code"].(float64); ok {
		return int(code)
	}
	return r.body["status"]
}

func (r reply) text(field string) string {
	s, _ := r.body[field].(string)
	return s
}

func (r reply) object(field string) map[string]any {
	m, _ := r.body[field].(map[string]any)
	return m
}

// request makes an authenticated request for a path below the service.
func (f *fixture) request(method, path string, form url.Values) *http.Request {
	f.t.Helper()
	if !strings.HasPrefix(path, "/v2/") && !strings.HasPrefix(path, "/_") {
		path = "/v2/Services/" + f.Options().ServiceSID + path
	}
	var body io.Reader
	if method == http.MethodPost {
		body = strings.NewReader(form.Encode())
	} else if len(form) > 0 {
		path += "?" + form.Encode()
	}
	r, err := http.NewRequestWithContext(f.t.Context(), method, f.URL+path, body)
	if err != nil {
		f.t.Fatal(err)
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	credential := f.Options().Credentials[0]
	r.SetBasicAuth(credential.Username, credential.Password)
	return r
}

// send sends a request and decodes its answer, whatever that is.
func (f *fixture) send(r *http.Request) (reply, error) {
	res, err := f.client.Do(r)
	if err != nil {
		return reply{}, err
	}
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(res.Body)
	got := reply{status: res.StatusCode, header: res.Header, raw: string(raw)}
	_ = json.Unmarshal(raw, &got.body)
	return got, err
}

func (f *fixture) do(method, path string, form url.Values) reply {
	f.t.Helper()
	got, err := f.send(f.request(method, path, form))
	if err != nil {
		f.t.Fatal(err)
	}
	return got
}

func (f *fixture) post(path string, pairs ...string) reply {
	f.t.Helper()
	return f.do(http.MethodPost, path, values(pairs...))
}

func (f *fixture) get(path string, pairs ...string) reply {
	f.t.Helper()
	return f.do(http.MethodGet, path, values(pairs...))
}

func values(pairs ...string) url.Values {
	v := make(url.Values)
	for i := 0; i < len(pairs); i += 2 {
		v.Add(pairs[i], pairs[i+1])
	}
	return v
}

// code returns the right code of the current factor.
func (f *fixture) code() string {
	f.t.Helper()
	code, err := f.CodeFor(f.factor, f.Now())
	if err != nil {
		f.t.Fatal(err)
	}
	return code
}

// wrongCode returns a code that is right in no time step around now.
func (f *fixture) wrongCode() string {
	f.t.Helper()
	near := make(map[string]bool)
	for step := -3; step <= 3; step++ {
		code, err := f.CodeFor(f.factor, f.Now().Add(time.Duration(step)*30*time.Second))
		if err != nil {
			f.t.Fatal(err)
		}
		near[code] = true
	}
	for _, code := range []string{"000000", "111111", "222222", "333333", "444444", "555555", "666666", "777777"} {
		if !near[code] {
			return code
		}
	}
	panic("unreachable: more codes than steps")
}
