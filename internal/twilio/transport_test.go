package twilio

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/mfa"
)

// Every operation under every fault of the transport: how often it is sent, and its error if the fault stays.
func TestTransportFaults(t *testing.T) {
	faults := []struct {
		name  string
		play  http.HandlerFunc
		tries int // for GET and DELETE; a POST is sent once
	}{
		{"reset after the request", reset, maxTries},
		{"hang", hang, maxTimeouts},
		{"truncated", truncated, maxTries},
		{"oversized", oversized, 1},
		{"HTML with 200", page(200, "text/html", "<h1>Log in to the guest network</h1>"), 1},
		{"HTML as JSON", page(200, "application/json", "<h1>no</h1>"), 1},
		{"JSON as HTML", page(201, "text/html", "{}"), 1},
		{"JSON and more", page(200, "application/json", `{} <p>`), 1},
		{"empty", page(200, "application/json", ""), 1},
		{"redirect", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://evil.example.com/?"+totpSecret, http.StatusFound)
		}, 1},
		{"not modified", page(304, "", ""), 1},
		{"202", page(202, "application/json", "{}"), 1},
		{"500", apiError(500, 20500, "Internal Server Error"), maxTries},
		{"502 of a proxy", page(502, "text/html", "<h1>Bad Gateway</h1>"), maxTries},
		{"503", apiError(503, 20503, "Service unavailable"), maxTries},
		{"404 of a proxy", page(404, "text/html", "<h1>Not Found</h1>"), 1},
		{"404 of another API", ok(404, fields{"error": "not found"}), 1},
	}
	for _, f := range faults {
		for _, op := range operations() {
			t.Run(f.name+"/"+op.name, func(t *testing.T) {
				t.Parallel()
				test := func(t *testing.T, s *setup) {
					s.play(op.request, f.play)
					wantError(t, op.run(s.Client, t.Context()), errs.Unavailable, !op.isGet())
					want := f.tries
					if op.isPost() {
						want = 1
					}
					if got := s.count(op.request); got != want {
						t.Errorf("sent %d times, want %d", got, want)
					}
				}
				if f.name == "hang" { // the time limit must not pass while the connection is made
					bubble(t, test)
				} else {
					test(t, start(t))
				}
			})
		}
	}
}

// A transient fault is over at the second try.
func TestRetryHelps(t *testing.T) {
	for name, first := range map[string]http.HandlerFunc{
		"503": apiError(503, 20503, "x"), "reset": reset, "truncated": truncated,
		"429": apiError(429, 20429, "x"), "429 without code": page(429, "text/plain", "slow down"),
	} {
		for _, op := range operations() {
			if op.isPost() && !strings.HasPrefix(name, "429") {
				continue
			}
			t.Run(name+"/"+op.name, func(t *testing.T) {
				s := start(t)
				s.play(op.request, first, op.good)
				if err := op.run(s.Client, t.Context()); err != nil {
					t.Fatal(err)
				}
				if got := s.count(op.request); got != 2 {
					t.Errorf("sent %d times", got)
				}
				if len(s.slept) != 1 || s.slept[0] != firstPause {
					t.Errorf("slept %v", s.slept)
				}
			})
		}
	}
}

// If no server is there, every request is repeated, even a POST: nothing was sent.
func TestConnectionRefused(t *testing.T) {
	for _, op := range operations() {
		s := start(t)
		s.Close()
		wantError(t, op.run(s.Client, t.Context()), errs.Unavailable, false)
		if len(s.slept) != maxTries-1 {
			t.Errorf("%s: slept %v", op.name, s.slept)
		}
	}
}

// If the server closed a kept connection meanwhile, a POST must not end as a lost reply.
func TestStaleConnection(t *testing.T) {
	bubble(t, func(t *testing.T, s *setup) {
		for _, op := range operations() {
			s.play(op.request, op.good)
			if err := op.run(s.Client, t.Context()); err != nil {
				t.Fatal(err)
			}
			s.CloseClientConnections()
			synctest.Wait() // until the client has noticed
		}
	})
}

func TestRateLimitExhausted(t *testing.T) {
	for _, op := range operations() {
		s := start(t)
		s.play(op.request, apiError(429, 20429, "Too Many Requests"))
		wantError(t, op.run(s.Client, t.Context()), errs.Unavailable, false)
		if got := s.count(op.request); got != maxTries {
			t.Errorf("%s: sent %d times", op.name, got)
		}
		if want := []time.Duration{firstPause, 2 * firstPause, 4 * firstPause}; len(s.slept) != 3 || s.slept[2] != want[2] {
			t.Errorf("%s: slept %v, want %v", op.name, s.slept, want)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	date := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	at := func(d time.Duration) string { return date.Add(d).Format(http.TimeFormat) }
	for _, tc := range []struct {
		header string
		tries  int
		slept  time.Duration
		text   string
	}{
		{"3", maxTries, 3*time.Second + 150*time.Millisecond, "asked to wait 3s"},
		{at(7 * time.Second), maxTries, 7*time.Second + 350*time.Millisecond, "asked to wait 7s"},
		{at(-time.Hour), maxTries, firstPause, ""},
		{"soon", maxTries, firstPause, ""},
		{"120", 1, 0, "asked to wait 2m0s"},
		{at(time.Hour), 1, 0, "asked to wait 1h0m0s"},
		{"99999999999999999999", 1, 0, "asked to wait 24h0m0s"},
	} {
		t.Run(tc.header, func(t *testing.T) {
			s := start(t)
			s.play("POST "+factorsPath, apiError(429, 20429, "Too Many Requests", "Retry-After", tc.header, "Date", date.Format(http.TimeFormat)))
			_, err := s.CreateFactor(t.Context(), identity, "alice")
			wantError(t, err, errs.Unavailable, false)
			if got := s.count("POST " + factorsPath); got != tc.tries {
				t.Errorf("sent %d times, want %d", got, tc.tries)
			}
			if tc.tries > 1 && s.slept[0] != tc.slept {
				t.Errorf("slept %v", s.slept)
			}
			if !strings.Contains(err.Error(), tc.text) {
				t.Errorf("%v", err)
			}
		})
	}
}

// There is no wait that would last longer than the command's time limit.
func TestRetryAfterBeyondDeadline(t *testing.T) {
	s := start(t)
	s.play("GET "+factorPath, apiError(503, 20503, "x", "Retry-After", "20"))
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	_, err := s.FetchFactor(ctx, identity, factor)
	wantError(t, err, errs.Unavailable, false)
	if len(s.slept) != 0 || !strings.Contains(err.Error(), "asked to wait 20s (20 s, until ") {
		t.Errorf("slept %v: %v", s.slept, err)
	}
}

func TestContextEnds(t *testing.T) {
	for _, op := range operations() {
		t.Run("canceled/"+op.name, func(t *testing.T) {
			s := start(t)
			ctx, cancel := context.WithCancel(t.Context())
			s.play(op.request, func(w http.ResponseWriter, r *http.Request) {
				_ = r.ParseForm()
				cancel()
				<-r.Context().Done()
			})
			err := op.run(s.Client, ctx)
			wantError(t, err, errs.Interrupted, !op.isGet())
			if !errors.Is(err, context.Canceled) {
				t.Errorf("%v", err)
			}
		})
		t.Run("deadline/"+op.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, s *setup) {
				s.play(op.request, hang)
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				err := op.run(s.Client, ctx)
				wantError(t, err, errs.Unavailable, !op.isGet())
				if !errors.Is(err, context.DeadlineExceeded) || s.count(op.request) != 1 {
					t.Errorf("%v, sent %d times", err, s.count(op.request))
				}
			})
		})
		t.Run("before/"+op.name, func(t *testing.T) {
			s := start(t)
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			wantError(t, op.run(s.Client, ctx), errs.Interrupted, false)
			if len(s.calls) != 0 {
				t.Errorf("called %v", s.calls)
			}
		})
	}
}

// The real sleep before the next try ends when the context is cancelled.
func TestCanceledInPause(t *testing.T) {
	for _, tc := range []struct {
		op     string
		answer http.HandlerFunc
		lost   bool
	}{{"create", apiError(429, 20429, "x"), false}, {"delete", reset, true}, {"fetch", reset, false}} {
		for _, op := range operations() {
			if op.name != tc.op {
				continue
			}
			ctx, cancel := context.WithCancel(t.Context())
			s := start(t, func(c *Config) {
				c.Sleep = func(ctx context.Context, _ time.Duration) error {
					cancel()
					return sleep(ctx, time.Hour)
				}
			})
			s.play(op.request, tc.answer)
			wantError(t, op.run(s.Client, ctx), errs.Interrupted, tc.lost)
			cancel()
		}
	}
	if err := sleep(t.Context(), time.Nanosecond); err != nil {
		t.Error(err)
	}
}

func TestCertificate(t *testing.T) {
	ts := httptest.NewTLSServer(http.NotFoundHandler())
	ts.Config.ErrorLog = nil
	defer ts.Close()
	s := start(t, func(c *Config) { c.BaseURL = ts.URL })
	_, err := s.FetchService(t.Context())
	wantError(t, err, errs.Config, false)
	if len(s.slept) != 0 {
		t.Errorf("slept %v", s.slept)
	}

	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	s = start(t, func(c *Config) { c.BaseURL = strings.Replace(plain.URL, "http:", "https:", 1) })
	_, err = s.FetchService(t.Context())
	wantError(t, err, errs.Config, false)
}

func TestHostNotFound(t *testing.T) {
	gone := &net.OpError{Op: "dial", Err: &net.DNSError{IsNotFound: true, Name: "x"}}
	if f := (&Client{way: Way{HostFrom: verifyURLSetting}}).broken(gone, false, &journey{}); f.kind != errs.Config || f.transient {
		t.Errorf("%+v", f)
	}
	if f := (&Client{defaultHost: true}).broken(gone, false, &journey{}); f.kind != errs.Unavailable || !f.transient {
		t.Errorf("%+v", f)
	}
	if f := (&Client{}).broken(errors.New("http://user:"+password+"@proxy"), false, &journey{}); strings.Contains(f.Error(), password) {
		t.Errorf("%v", f)
	}
}

// What is sent: credentials, headers, host. TWILIO_EDGE changes nothing.
func TestRequest(t *testing.T) {
	t.Setenv("TWILIO_EDGE", "sydney")
	t.Setenv("TWILIO_REGION", "au1")
	var got *http.Request
	s := start(t, func(c *Config) { c.UserAgent = "uzerp-mfa/test" })
	answer := ok(201, newFactorJSON())
	s.play("POST "+factorsPath, func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		got = r
		answer(w, r)
	})
	if _, err := s.CreateFactor(t.Context(), identity, "alice & co"); err != nil {
		t.Fatal(err)
	}
	user, pass, _ := got.BasicAuth()
	if user != key || pass != password {
		t.Error("wrong credentials")
	}
	if ua := got.UserAgent(); !strings.HasPrefix(ua, "twilio-go/") || !strings.HasSuffix(ua, " uzerp-mfa/test") {
		t.Error(ua)
	}
	if got.Header.Get("Content-Type") != formType || got.Header.Get("Accept") != "application/json" {
		t.Error(got.Header)
	}
	want := url.Values{"FriendlyName": {"alice & co"}, "FactorType": {"totp"}}
	if got.PostForm.Encode() != want.Encode() || got.URL.RawQuery != "" {
		t.Error(got.PostForm, got.URL.RawQuery)
	}
	if !strings.Contains(s.log.String(), "status=201") || !strings.Contains(s.log.String(), factorsPath) {
		t.Error(s.log.String())
	}
}

func TestTargetRefuses(t *testing.T) {
	s := start(t)
	for _, raw := range []string{
		"http://verify.twilio.com/v2/Services", "https://evil.example.com/v2/Services", "https://verify.twilio.com:444/v2/Services",
		"https://verify.twilio.com.evil.example.com/v2/Services", "https://u:p@verify.twilio.com/v2/Services",
		"https://verify.twilio.com/v2/Services#x", "https://verify.twilio.com/v2/Services/../../Accounts",
		"https://verify.twilio.com/v2/Services/%2e%2e/x", "https://verify.twilio.com/v2/Services/", "https://verify.twilio.com/v2//x",
		"https://verify.twilio.com/v2/Services/a/Entities//Factors", "https://verify.twilio.com/v3/Services", "", "::", "/v2/Services",
	} {
		if u, err := s.target(raw); err == nil {
			t.Errorf("%s: went to %s", raw, u)
		}
	}
	if u, err := s.target("https://verify.twilio.com" + factorPath + "?Page=1"); err != nil || u.String() != s.URL+factorPath+"?Page=1" {
		t.Errorf("%v %v", u, err)
	}
}

func TestConcurrencyLimit(t *testing.T) {
	bubble(t, func(t *testing.T, s *setup) {
		var now, most atomic.Int32
		answer := ok(200, factorJSON(factor, "verified"))
		s.play("GET "+factorPath, func(w http.ResponseWriter, r *http.Request) {
			n := now.Add(1)
			for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
			}
			time.Sleep(time.Second)
			now.Add(-1)
			answer(w, r)
		})
		failures := make(chan error)
		for range 12 {
			go func() {
				_, err := s.FetchFactor(t.Context(), identity, factor)
				s.Now()
				failures <- err
			}()
		}
		for range 12 {
			if err := <-failures; err != nil {
				t.Error(err)
			}
		}
		if most.Load() != 2 {
			t.Errorf("%d at a time", most.Load())
		}
		// Waiting for a slot ends with the context.
		s.room.slots <- struct{}{}
		s.room.slots <- struct{}{}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := s.FetchFactor(ctx, identity, factor)
		wantError(t, err, errs.Unavailable, false)
	}, func(c *Config) { c.Concurrency = 2 })
}

// Who waits until another exchange ends is held by what that one is told.
func TestALimitHoldsWhoWaitsForRoom(t *testing.T) {
	bubble(t, func(t *testing.T, s *setup) {
		var came []time.Time
		at := func(answer http.HandlerFunc) http.HandlerFunc {
			return func(w http.ResponseWriter, r *http.Request) {
				came = append(came, time.Now())
				time.Sleep(time.Second)
				answer(w, r)
			}
		}
		good := ok(200, factorJSON(factor, "verified"))
		s.play("GET "+factorPath, at(apiError(429, 20429, "Too Many Requests", "Retry-After", "3")), at(good), at(good))
		failures := make(chan error)
		for range 2 {
			go func() {
				_, err := s.FetchFactor(t.Context(), identity, factor)
				failures <- err
			}()
		}
		for range 2 {
			if err := <-failures; err != nil {
				t.Error(err)
			}
		}
		if len(came) != 3 || came[1].Sub(came[0]) < 4*time.Second {
			t.Errorf("the exchanges were made at %v", came)
		}
	}, func(c *Config) { c.Concurrency, c.Sleep = 1, sleep })
}

// Of two exchanges one is told to wait for an hour, and the other for a second. Neither waits for an hour.
func TestNobodyWaitsForAnothersHour(t *testing.T) {
	bubble(t, func(t *testing.T, s *setup) {
		after := func(pause time.Duration, retryAfter string) http.HandlerFunc {
			return func(w http.ResponseWriter, r *http.Request) {
				time.Sleep(pause)
				apiError(429, 20429, "Too Many Requests", "Retry-After", retryAfter)(w, r)
			}
		}
		s.play("GET "+factorPath, after(time.Second, "3600"), after(2*time.Second, "1"))
		began, failures := time.Now(), make(chan error)
		for range 2 {
			go func() {
				_, err := s.FetchFactor(t.Context(), identity, factor)
				failures <- err
			}()
		}
		for range 2 {
			err := <-failures
			wantError(t, err, errs.Unavailable, false)
			if !strings.Contains(err.Error(), "until") {
				t.Error(err)
			}
		}
		if took := time.Since(began); took > time.Minute || s.count("GET "+factorPath) != 2 {
			t.Errorf("it took %s and %d exchanges", took, s.count("GET "+factorPath))
		}
	}, func(c *Config) { c.Sleep = sleep })
}

// With a limit of 100 calls in any second few are turned away, however many may be made at the same time.
func TestFewAreTurnedAway(t *testing.T) {
	for _, atOnce := range []int{1, 8, 16, 32} {
		bubble(t, func(t *testing.T, s *setup) {
			var mu sync.Mutex
			takes, refused, now, most := sliding(100), 0, 0, 0
			good := ok(200, factorJSON(factor, "verified"))
			s.play("GET "+factorPath, func(w http.ResponseWriter, r *http.Request) {
				mu.Lock()
				now++
				most = max(most, now)
				taken := takes(time.Now())
				mu.Unlock()
				time.Sleep(30 * time.Millisecond)
				mu.Lock()
				now--
				mu.Unlock()
				if taken {
					good(w, r)
					return
				}
				mu.Lock()
				refused++
				mu.Unlock()
				apiError(429, 20429, "Too Many Requests", "Retry-After", "1")(w, r)
			})
			var all sync.WaitGroup
			for range 1000 {
				all.Go(func() {
					if _, err := s.FetchFactor(t.Context(), identity, factor); err != nil {
						t.Error(err)
					}
				})
			}
			all.Wait()
			if refused > 20 || most > atOnce || most < min(atOnce, CallsAtOnce) {
				t.Errorf("%d at once: %d of 1000 were turned away, %d were made at once", atOnce, refused, most)
			}
		}, func(c *Config) { c.Concurrency, c.Sleep = atOnce, sleep })
	}
}

// Where there is no limit, all that may be made at the same time are, after a while.
func TestRoomWidens(t *testing.T) {
	r := newRoom(32)
	free := func() int { return cap(r.slots) - len(r.slots) }
	if free() != CallsAtOnce {
		t.Errorf("room for %d at first", free())
	}
	for range 24 * widening {
		if f := r.enter(t.Context()); f != nil {
			t.Fatal(f)
		}
		r.leave(true)
	}
	if free() != 32 {
		t.Errorf("room for %d after %d", free(), 24*widening)
	}
}

// A batch works on more users at a time than calls are made, so that the calls don't wait for the database and the audit log.
func TestABatchHasMoreUsersThanCalls(t *testing.T) {
	s := start(t)
	if got := cap(s.room.slots); got >= mfa.BatchWorkers {
		t.Errorf("%d calls at a time, for %d users", got, mfa.BatchWorkers)
	}
}

func TestNow(t *testing.T) {
	local := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	for _, tc := range []struct{ off, want time.Duration }{
		{0, 0}, {time.Second, 0}, {-2 * time.Second, 0},
		{90 * time.Second, 90*time.Second + 500*time.Millisecond}, {-time.Hour, -time.Hour + 500*time.Millisecond},
	} {
		s := start(t, func(c *Config) { c.Now = func() time.Time { return local } })
		if !s.Now().Equal(local) {
			t.Error("not the local time before any answer")
		}
		dated := func(status int) http.HandlerFunc {
			answer := ok(status, serviceJSON())
			return func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Date", local.Add(tc.off).Format(http.TimeFormat))
				answer(w, r)
			}
		}
		s.play("GET "+servicePath, dated(400))
		_, _ = s.FetchService(t.Context())
		if !s.Now().Equal(local) {
			t.Error("believed a bad answer")
		}
		s.play("GET "+servicePath, dated(200))
		if _, err := s.FetchService(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := s.Now().Sub(local); got != tc.want {
			t.Errorf("%s: %s, want %s", tc.off, got, tc.want)
		}
	}
}

func FuzzParseRetryAfter(f *testing.F) {
	for _, s := range []string{"", "0", "5", " 7 ", "-1", "1.5", "99999999999999999999", "Thu, 01 Jan 2026 12:00:09 GMT", "x"} {
		f.Add(s)
	}
	now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, s string) {
		if d := parseRetryAfter(s, now); d < 0 || d > farAway {
			t.Errorf("%q: %s", s, d)
		}
	})
}
