package emulator_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"uzerp-mfa/internal/emulator"
)

// TestFaults creates a factor under each fault, and checks the answer and the effect.
func TestFaults(t *testing.T) {
	for _, tt := range []struct {
		name   string
		fault  emulator.Fault
		effect bool
		err    error // what the client gets instead of an answer
		status int
		body   string // must be in the body
		header [2]string
	}{
		{name: "none", effect: true, status: 201, body: `"unverified"`},
		{name: "of another operation", fault: emulator.Fault{Operation: "ListFactor", Status: 500}, effect: true, status: 201},
		{name: "of another method", fault: emulator.Fault{Method: "GET", Status: 500}, effect: true, status: 201},
		{name: "of another path", fault: emulator.Fault{Path: regexp.MustCompile(`/Challenges$`), Status: 500}, effect: true, status: 201},
		{name: "of this one", fault: emulator.Fault{Operation: "CreateNewFactor", Method: "POST", Path: regexp.MustCompile(`/Factors$`), Status: 503},
			status: 503, body: `"message":"Service Unavailable"`},
		{name: "code only", fault: emulator.Fault{Code: 60326}, status: 429, body: `"code":60326,"message":"Factor creation limit`},
		{name: "status and code", fault: emulator.Fault{Status: 429, Code: 20429, RetryAfter: "7"}, status: 429,
			body: `"code":20429,"message":"Too Many Requests"`, header: [2]string{"Retry-After", "7"}},
		{name: "status only", fault: emulator.Fault{Status: 429}, status: 429, body: `{"code":null,"message":"Too Many Requests"`},
		{name: "unknown code", fault: emulator.Fault{Code: 60999}, status: 500, body: `"code":60999,"message":"Internal Server Error"`},
		{name: "own message", fault: emulator.Fault{Code: 20404, Message: "gone"}, status: 404, body: `"message":"gone"`},
		{name: "gateway", fault: emulator.Fault{Status: 502, Body: "<html>Bad Gateway"}, status: 502,
			body: "<html>Bad Gateway", header: [2]string{"Content-Type", "text/html; charset=utf-8"}},
		{name: "status after the effect", fault: emulator.Fault{Status: 500, Code: 20500, AfterEffect: true}, effect: true, status: 500},
		{name: "garbage", fault: emulator.Fault{Garbage: true, Body: "{\"sid\":"}, effect: true, status: 201, body: `{"sid":`},
		{name: "empty", fault: emulator.Fault{Garbage: true}, effect: true, status: 201, header: [2]string{"Content-Length", "0"}},
		{name: "truncated", fault: emulator.Fault{Truncated: true}, effect: true, err: io.ErrUnexpectedEOF},
		{name: "oversized", fault: emulator.Fault{Oversized: true}, effect: true, status: 201, body: strings.Repeat(" ", 8<<20)},
		{name: "set", fault: emulator.Fault{Set: map[string]any{"sid": "YFother", "binding.secret": "AA", "new.field": 1}},
			effect: true, status: 201, body: `"sid":"YFother"`},
		{name: "lie", fault: emulator.Fault{Lie: func(body map[string]any) { body["status"] = "verified" }},
			effect: true, status: 201, body: `"status":"verified"`},
		{name: "reset before", fault: emulator.Fault{ResetBefore: true}, err: syscall.ECONNRESET},
		{name: "reset after", fault: emulator.Fault{ResetAfter: true}, effect: true, err: syscall.ECONNRESET},
		{name: "hang", fault: emulator.Fault{Hang: true}, err: context.Canceled},
		{name: "hang after", fault: emulator.Fault{Hang: true, AfterEffect: true}, effect: true, err: context.Canceled},
		{name: "delay too long", fault: emulator.Fault{Delay: time.Minute}, effect: true, err: context.Canceled},
		{name: "delay", fault: emulator.Fault{Delay: 10 * time.Millisecond}, effect: true, status: 201, body: `"unverified"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := start(t, emulator.Options{})
			f.AddFault(tt.fault)
			ctx := t.Context()
			if errors.Is(tt.err, context.Canceled) {
				var cancel context.CancelFunc
				ctx, cancel = context.WithCancel(ctx)
				defer cancel()
				go func() { // gives up some time after the request has arrived
					for ctx.Err() == nil && (len(f.Requests()) == 0 || tt.effect && len(f.Changing()) == 0) {
						time.Sleep(time.Millisecond)
					}
					time.Sleep(50 * time.Millisecond)
					cancel()
				}()
			}
			r := f.request("POST", "/Entities/"+identity+"/Factors", values("FriendlyName", account, "FactorType", "totp"))
			got, err := f.send(r.WithContext(ctx))
			switch {
			case !errors.Is(err, tt.err):
				t.Errorf("error %v, want %v", err, tt.err)
			case tt.err == nil && (got.status != tt.status || !strings.Contains(got.raw, tt.body)):
				t.Errorf("%d, want %d\n%.300s", got.status, tt.status, got.raw)
			case tt.header[0] != "" && got.header.Get(tt.header[0]) != tt.header[1]:
				t.Errorf("header %v", got.header)
			}
			if made := len(f.Factors(identity)) == 1; made != tt.effect || made != (len(f.Changing()) == 1) {
				t.Errorf("took effect: %t, log %+v", made, f.Requests())
			}
		})
	}
}

func TestSetReachesIn(t *testing.T) {
	f := start(t, emulator.Options{})
	f.act("create entity")
	f.AddFault(emulator.Fault{Operation: "ListEntity", Set: map[string]any{"meta.next_page_url": "https://evil.example.com/"}})
	if got := f.get("/Entities"); got.object("meta")["next_page_url"] != "https://evil.example.com/" || len(sids(got, "entities")) != 1 {
		t.Error(got.raw)
	}
}

func TestFaultsOnDelete(t *testing.T) {
	for _, tt := range []struct {
		fault  emulator.Fault
		status int
	}{{emulator.Fault{}, 204}, {emulator.Fault{Garbage: true, Body: "x"}, 200}, {emulator.Fault{Set: map[string]any{"a": 1}}, 204}} {
		f := start(t, emulator.Options{})
		f.AddFactor(identity, account, emulator.Verified)
		f.AddFault(tt.fault)
		if got := f.act("delete entity"); got.status != tt.status || len(f.Entities()) != 0 {
			t.Errorf("%+v: %d", tt.fault, got.status)
		}
	}
}

// TestWhichFault checks Nth, Times, the order of faults and ClearFaults.
func TestWhichFault(t *testing.T) {
	f := start(t, emulator.Options{})
	f.AddFault(emulator.Fault{Operation: "FetchService", Nth: 2, Times: 2, Status: 500})
	f.AddFault(emulator.Fault{Operation: "FetchService", Nth: 3, Times: 2, Status: 501})
	f.AddFault(emulator.Fault{Operation: "ListEntity", Status: 502})
	var got []int
	for range 6 {
		got = append(got, f.get("").status, f.get("/Entities").status)
	}
	f.ClearFaults()
	got = append(got, f.get("").status, f.get("/Entities").status)
	want := []int{200, 502, 500, 502, 500, 502, 501, 502, 501, 502, 200, 502, 200, 200}
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("%v, want %v", got, want)
		}
	}
}

func TestFaultThatNeverMatches(t *testing.T) {
	for _, fault := range []emulator.Fault{{Operation: "CreateFactor"}, {Status: 100}, {Status: 600}} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%+v was taken", fault)
				}
			}()
			emulator.New(emulator.Options{}).AddFault(fault)
		}()
	}
}

// TestCloseEndsHanging closes the emulator while clients wait. They get an error at once, not at their deadline.
func TestCloseEndsHanging(t *testing.T) {
	for _, fault := range []emulator.Fault{{Hang: true}, {Delay: time.Hour}} {
		server, err := emulator.Start("", emulator.Options{})
		if err != nil {
			t.Fatal(err)
		}
		server.AddFault(fault)
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		failed := make(chan error, 1)
		go func() {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/v2", nil)
			if err == nil {
				var res *http.Response
				if res, err = client.Do(r); err == nil {
					_ = res.Body.Close()
				}
			}
			failed <- err
		}()
		for len(server.Requests()) == 0 {
			time.Sleep(time.Millisecond)
		}
		begun := time.Now()
		if err := server.Close(); err != nil {
			t.Error(err)
		}
		if err := <-failed; fault.Hang && err == nil || time.Since(begun) > 5*time.Minute {
			t.Errorf("%v after %v", err, time.Since(begun))
		}
	}
}

// TestHangEndsWithClient checks that the handler ends when the client disconnects, although the emulator stays open.
func TestHangEndsWithClient(t *testing.T) {
	ended := make(chan struct{}, 1)
	server, err := emulator.Start("", emulator.Options{}, func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			defer func() { ended <- struct{}{} }()
			h.ServeHTTP(w, r)
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = server.Close() }()
	server.AddFault(emulator.Fault{Hang: true})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() { // disconnects once the request has arrived
		for ctx.Err() == nil && len(server.Requests()) == 0 {
			time.Sleep(time.Millisecond)
		}
		cancel()
	}()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, server.URL+"/v2", strings.NewReader("A=b"))
	if err != nil {
		t.Fatal(err)
	}
	if res, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(r); err == nil {
		_ = res.Body.Close()
		t.Error("answered")
	}
	select {
	case <-ended:
	case <-time.After(5 * time.Minute):
		t.Error("still hangs")
	}
}

// TestWithoutConnection checks that a reset without a connection aborts the handler, as net/http requires.
func TestWithoutConnection(t *testing.T) {
	s := emulator.New(emulator.Options{})
	s.AddFault(emulator.Fault{ResetAfter: true})
	defer func() {
		if recover() != http.ErrAbortHandler { //nolint:errorlint // a panic's value
			t.Error("not aborted")
		}
	}()
	s.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/v2", nil))
}

func TestFaultJSON(t *testing.T) {
	var f emulator.Fault
	if err := json.Unmarshal([]byte(`{"path":"/Factors/YF","code":20500,"after_effect":true}`), &f); err != nil {
		t.Fatal(err)
	}
	if !f.Path.MatchString("/Factors/YF00") || f.Code != 20500 || !f.AfterEffect {
		t.Errorf("%+v", f)
	}
}
