package emulator_test

import (
	"fmt"
	"go/parser"
	"go/token"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"uzerp-mfa/internal/emulator"
)

func TestClock(t *testing.T) {
	f := start(t, emulator.Options{})
	f.Advance(90 * time.Second)
	if got := f.get("").header.Get("Date"); got != "Thu, 01 Jan 2026 00:01:30 GMT" {
		t.Error(got)
	}
	f.SetTime(midnight.Add(-time.Hour))
	if got := f.get("").header.Get("Date"); got != "Wed, 31 Dec 2025 23:00:00 GMT" {
		t.Error(got)
	}
}

func TestClockRuns(t *testing.T) {
	s := emulator.New(emulator.Options{})
	s.SetTime(midnight)
	time.Sleep(time.Millisecond)
	if d := s.Now().Sub(midnight); d <= 0 || d > time.Minute {
		t.Errorf("%v later", d)
	}
}

func TestPhone(t *testing.T) {
	f := start(t, emulator.Options{})
	if _, err := f.Code(account); err == nil {
		t.Error("a code of no factor")
	}
	first := f.AddFactor(identity, account, emulator.Verified)
	second := f.AddFactor("5f0c0d3e-0000-4000-8000-000000000002", account, emulator.Unverified)
	for _, sid := range []string{second.SID, first.SID} { // newest first
		want, err := f.CodeFor(sid, f.Now())
		if err != nil {
			t.Fatal(err)
		}
		if got, err := f.Code(account); got != want || err != nil {
			t.Errorf("%s, %v, want %s", got, err, want)
		}
		f.DeleteFactorNow(sid)
		if again, err := f.CodeFor(sid, f.Now()); again != want || err != nil {
			t.Errorf("after it was deleted: %s, %v", again, err)
		}
	}
	if f.DeleteFactorNow(first.SID) || f.Secret("x") != "" || f.Secret(first.SID) != first.Secret {
		t.Error("deleted factors")
	}
	if !f.DeleteEntityNow(identity) || f.DeleteEntityNow(identity) || len(f.Entities()) != 1 || f.Factors(identity) != nil {
		t.Error("deleted entities")
	}
}

func TestLog(t *testing.T) {
	f := start(t, emulator.Options{})
	f.act("create factor")
	f.act("fetch factor")
	f.act("verify wrong")
	f.get("/nothing", "Page", "1")
	log := f.Requests()
	for i, want := range []string{"CreateNewFactor POST 201 true [FactorType FriendlyName]", "FetchFactor GET 200 false []",
		"UpdateFactor POST 200 true [AuthPayload]", " GET 404 false [Page]"} {
		r := log[i]
		if got := fmt.Sprintf("%s %s %d %t %v", r.Operation, r.Method, r.Status, r.Changed, r.Keys); got != want || r.Number != i+1 {
			t.Errorf("%d %s, want %s", r.Number, got, want)
		}
	}
	if log[0].Values.Get("FriendlyName") != account || log[0].Header.Get("Content-Type") == "" {
		t.Errorf("%+v", log[0])
	}
	if changing := f.Changing(); len(changing) != 2 || changing[1].Number != 3 {
		t.Errorf("%+v", changing)
	}
	f.ResetLog()
	if f.act("fetch factor"); len(f.Requests()) != 1 || f.Requests()[0].Number != 1 {
		t.Errorf("%+v", f.Requests())
	}
}

func TestStartWantsLoopback(t *testing.T) {
	for _, addr := range []string{"0.0.0.0:0", ":0", "nonsense"} {
		if s, err := emulator.Start(addr, emulator.Options{}); err == nil {
			_ = s.Close()
			t.Errorf("listens on %s", addr)
		}
	}
}

// TestConcurrent has many users at the same time, for -race. All succeed, and the log has every request.
func TestConcurrent(t *testing.T) {
	f := start(t, emulator.Options{Quirks: emulator.Quirks{EntitiesPerSecond: -1, AllowReplay: true}})
	const users, rounds = 8, 5
	var all sync.WaitGroup
	for n := range users {
		all.Go(func() {
			path := fmt.Sprintf("/Entities/identity%d/Factors", n)
			for range rounds {
				r := f.request(http.MethodPost, path, values("FriendlyName", fmt.Sprint("user", n), "FactorType", "totp"))
				got, err := f.send(r)
				if err != nil || got.status != 201 {
					t.Errorf("%v %s", err, got.raw)
					return
				}
				code, err := f.Code(fmt.Sprint("user", n))
				if err != nil {
					t.Error(err)
				}
				f.Advance(0)
				f.AddFault(emulator.Fault{Operation: "FetchService"})
				_, _, _ = f.Requests(), f.Factors(identity), f.Entities()
				got, err = f.send(f.request(http.MethodPost, path+"/"+got.text("sid"), values("AuthPayload", code)))
				if err != nil || got.says() != "verified" {
					t.Errorf("%v %s", err, got.raw)
				}
			}
		})
	}
	all.Wait()
	if n := len(f.Changing()); n != users*rounds*2 {
		t.Errorf("%d requests", n)
	}
}

// TestImports checks the law of doc.go: the emulator imports no test code.
func TestImports(t *testing.T) {
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".go") || strings.HasSuffix(e.Name(), "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), e.Name(), nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range file.Imports {
			path := strings.Trim(i.Path.Value, `"`)
			third := strings.Contains(strings.Split(path, "/")[0], ".")
			if third && !strings.HasPrefix(path, "github.com/pquerna/otp") || path == "testing" || strings.HasSuffix(path, "httptest") {
				t.Errorf("%s imports %s", e.Name(), path)
			}
		}
	}
}
