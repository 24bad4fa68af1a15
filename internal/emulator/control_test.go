package emulator_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"uzerp-mfa/internal/emulator"
)

// control makes a request to the control API, with no credentials.
func (f *fixture) control(method, what, body string) reply {
	f.t.Helper()
	r, err := http.NewRequestWithContext(f.t.Context(), method, f.URL+emulator.ControlPrefix+what, strings.NewReader(body))
	if err != nil {
		f.t.Fatal(err)
	}
	got, err := f.send(r)
	if err != nil {
		f.t.Fatal(err)
	}
	return got
}

func TestControl(t *testing.T) {
	f := start(t, emulator.Options{Control: true})

	made := f.control("POST", "factors", `{"identity":"`+identity+`","friendly_name":"alice","status":"verified"}`)
	f.factor = made.text("sid")
	if made.status != 201 || made.text("secret") != f.Secret(f.factor) || len(f.Factors(identity)) != 1 {
		t.Fatal(made.raw)
	}
	if got := f.control("GET", "factors?identity="+identity, ""); !strings.Contains(got.raw, f.factor) {
		t.Error(got.raw)
	}
	if got := f.control("GET", "factors?identity=nobody", ""); got.raw != "[]\n" {
		t.Error(got.raw)
	}
	if got := f.control("GET", "entities", ""); !strings.Contains(got.raw, identity) {
		t.Error(got.raw)
	}

	if got := f.control("GET", "code?account=alice", ""); got.raw != f.code()+"\n" {
		t.Error(got.raw)
	}
	later, err := f.CodeAt(account, midnight.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	for _, query := range []string{"account=alice", "factor=" + f.factor} {
		if got := f.control("GET", "code?at=2026-01-01T01:00:00Z&"+query, ""); got.raw != later+"\n" {
			t.Errorf("%s: %s", query, got.raw)
		}
	}

	for what, want := range map[string]time.Time{
		"clock?advance=90s":               midnight.Add(90 * time.Second),
		"clock?set=2027-01-01T00:00:00Z":  midnight.AddDate(1, 0, 0),
		"clock?advance=-24h&ignored=true": midnight.AddDate(1, 0, -1),
	} {
		if strings.Contains(what, "-24h") {
			f.SetTime(midnight.AddDate(1, 0, 0))
		} else {
			f.SetTime(midnight)
		}
		if got := f.control("POST", what, ""); got.status != 200 || got.text("now") != want.Format(time.RFC3339) || !f.Now().Equal(want) {
			t.Errorf("%s: %s", what, got.raw)
		}
	}
	if got := f.control("GET", "clock", ""); got.text("now") != f.Now().Format(time.RFC3339) {
		t.Error(got.raw)
	}

	if got := f.control("POST", "faults", `{"operation":"FetchService","status":503,"times":1,"delay":"1ms","retry_after":"3"}`); got.status != 204 {
		t.Fatal(got.raw)
	}
	if got := f.get(""); got.status != 503 || got.header.Get("Retry-After") != "3" {
		t.Error(got.raw)
	}
	f.control("POST", "faults", `{"status":500}`)
	if got := f.control("DELETE", "faults", ""); got.status != 204 || f.get("").status != 200 {
		t.Error("the fault is still there")
	}

	f.act("challenge right")
	var log []map[string]any
	if err := json.Unmarshal([]byte(f.control("GET", "requests", "").raw), &log); err != nil || len(log) != 3 {
		t.Fatal(err, log)
	}
	want := map[string]any{"number": 3.0, "time": f.Now().Format(time.RFC3339), "method": "POST", "operation": "CreateChallenge",
		"path": "/v2/Services/" + emulator.DefaultServiceSID + "/Entities/" + identity + "/Challenges",
		"keys": []any{"AuthPayload", "FactorSid"}, "status": 201.0, "changed": true}
	if diff := cmp.Diff(want, log[2]); diff != "" {
		t.Error(diff)
	}
	if err := json.Unmarshal([]byte(f.control("GET", "requests?changing=1", "").raw), &log); err != nil || len(log) != 1 {
		t.Error(err, log)
	}
	if got := f.control("DELETE", "requests", ""); got.status != 204 || len(f.Requests()) != 0 {
		t.Error("the log is still there")
	}
	if got := f.control("DELETE", "factors?sid="+f.factor, ""); got.status != 204 || len(f.Factors(identity)) != 0 {
		t.Error("the factor is still there")
	}
}

func TestControlRefuses(t *testing.T) {
	f := start(t, emulator.Options{Control: true})
	for _, tt := range []struct {
		method, what, body string
		status             int
	}{
		{"GET", "code?account=nobody", "", 404}, {"GET", "code?factor=x", "", 404}, {"GET", "code?account=x&at=noon", "", 400},
		{"POST", "clock", "", 400}, {"POST", "clock?advance=90", "", 400}, {"POST", "clock?set=noon", "", 400},
		{"POST", "faults", "{", 400}, {"POST", "faults", `{"statu":500}`, 400}, {"POST", "faults", `{"delay":"x"}`, 400},
		{"POST", "faults", `{"operation":"Nothing"}`, 400}, {"POST", "faults", `{"path":"("}`, 400},
		{"POST", "faults", strings.Repeat(" ", 1<<17), 400},
		{"POST", "factors", `{"identity":"a","friendly_name":"b","status":"new"}`, 400}, {"POST", "factors", "", 400},
		{"GET", "message", "", 404}, {"GET", "message?to=%2B447700900123", "", 404},
		{"POST", "numbers", `{"to":"+447700900123","kind":"fixed"}`, 400}, {"POST", "numbers", `{"to":"07700","kind":"landline"}`, 400},
		{"POST", "numbers", "", 400}, {"POST", "numbers", `{"to":"*","kind":"landline"}`, 400},
		{"GET", "service?sid=VA0", "", 404}, {"POST", "service?sid=VA0", "{}", 404},
		{"POST", "service", `{"codelen":5}`, 400}, {"POST", "service", `{"friendly_name":"Changed","code_length":11}`, 400},
		{"POST", "service", `{"code_length":3}`, 400}, {"POST", "service", `{"totp":{"time_step":19}}`, 400},
		{"POST", "service", `{"totp":{"code_length":9}}`, 400}, {"POST", "service", `{"totp":{"skew":3}}`, 400},
		{"POST", "service", `{"friendly_name":"Changed","tts_name":1}`, 400}, {"POST", "quirks", `{"KeepFinished":1}`, 400},
		{"POST", "quirks", `{"Nothing":true}`, 400}, {"POST", "keys", `{"Username":"SK1"}`, 400}, {"POST", "keys", `{"Secret":"x"}`, 400},
		{"DELETE", "factors?sid=x", "", 404}, {"GET", "nothing", "", 404}, {"DELETE", "clock", "", 404},
	} {
		if got := f.control(tt.method, tt.what, tt.body); got.status != tt.status || got.text("error") == "" {
			t.Errorf("%s %s: %d %s, want %d", tt.method, tt.what, got.status, got.raw, tt.status)
		}
	}
	if got := f.get(""); got.text("friendly_name") != emulator.DefaultFriendlyName {
		t.Errorf("a refused change changed %s", got.raw)
	}
}

func TestControlIsOff(t *testing.T) {
	f := start(t, emulator.Options{})
	for _, what := range []string{"clock", "requests", ""} {
		if got := f.get(emulator.ControlPrefix + what); got.status != 404 || got.says() != 20404 {
			t.Errorf("%q: %d %s", what, got.status, got.raw)
		}
	}
}
