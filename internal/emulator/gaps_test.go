package emulator_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"uzerp-mfa/internal/emulator"
)

// docs/service.md shows how a setting is changed. What the call does not name stays.
func TestUpdateService(t *testing.T) {
	f := start(t, emulator.Options{Issuer: "Old"})
	path := "/v2/Services/" + emulator.DefaultServiceSID
	before := f.get(path)
	if got := f.post(path, "Totp.Issuer", "Acme", "CodeLength", "8", "DtmfInputRequired", "true"); got.status != http.StatusOK {
		t.Fatal(got.raw)
	}
	after := f.get(path)
	totp := after.body["totp"].(map[string]any)
	if totp["issuer"] != "Acme" || after.body["code_length"] != 8.0 || after.body["dtmf_input_required"] != true ||
		after.body["friendly_name"] != before.body["friendly_name"] || len(f.Changing()) != 1 {
		t.Error(after.raw)
	}
	f.post(path, "FriendlyName", "New")
	if got := f.get(path); got.body["friendly_name"] != "New" || got.body["code_length"] != 8.0 || got.body["dtmf_input_required"] != true {
		t.Error(got.raw)
	}
	for _, wrong := range [][]string{{"FriendlyName", ""}, {"FriendlyName", "a/b"}, {"CodeLength", "11"}, {"Totp.Skew", "3"}, {"LookupEnabled", "yes"}} {
		if got := f.post(path, wrong...); got.status != http.StatusBadRequest {
			t.Errorf("%q: %s", wrong, got.raw)
		}
	}
	if got := f.get(path); got.body["friendly_name"] != "New" {
		t.Error(got.raw)
	}
}

// A verification has its number for a name as well as its SID (docs/facts/twilio-verify.md §10).
func TestVerificationByNumber(t *testing.T) {
	f := start(t, emulator.Options{})
	verifications := "/v2/Services/" + emulator.DefaultServiceSID + "/Verifications"
	const number = "+447700900123"
	made := f.post(verifications, "To", number, "Channel", "sms")
	for _, name := range []string{number, "%2B447700900123", made.text("sid")} {
		if got := f.get(verifications + "/" + name); got.status != http.StatusOK || got.text("sid") != made.text("sid") {
			t.Errorf("%s: %s", name, got.raw)
		}
	}
	if got := f.get(verifications + "/+447700900124"); got.status != http.StatusNotFound {
		t.Error(got.raw)
	}
	if got := f.post(verifications+"/"+number, "Status", "canceled"); got.text("sid") != made.text("sid") || got.text("status") != "canceled" {
		t.Error(got.raw)
	}
	if got := f.get(verifications + "/" + number); got.status != http.StatusNotFound {
		t.Error(got.raw)
	}
}

// What Twilio has and the emulator does not is never "not found": a client could take it for gone.
func TestWhatIsNotThere(t *testing.T) {
	f := start(t, emulator.Options{})
	service := "/v2/Services/" + emulator.DefaultServiceSID
	for call, want := range map[string]int{
		"GET /v2/Services": 501, "DELETE " + service: 501, "GET " + service + "/RateLimits": 501, "DELETE " + service + "/RateLimits/RK1/Buckets/BL1": 501,
		"GET " + service + "/Webhooks": 501, "GET /v2/Attempts": 501, "GET /v2/Attempts/Summary": 501,
		"POST " + service + "/Entities/x1234567/Challenges/YC1/Notifications": 501,
		"PUT " + service: 405, "GET " + service + "/VerificationCheck": 405, "GET " + service + "/Verifications": 405,
		"DELETE " + service + "/Verifications/VE1": 405, "POST /v2/Attempts": 405, "PATCH " + service + "/Entities/x1234567/Factors/YF1": 405,
		"GET /v2/Nothing": 404, "GET /v2/": 404, "GET " + service + "/Nothing": 404,
	} {
		method, path, _ := strings.Cut(call, " ")
		got := f.do(method, path, nil)
		wantCode := map[int]any{501: nil, 405: 20004.0, 404: 20404.0}[want]
		if got.status != want || got.body["status"] != float64(want) || got.body["code"] != wantCode {
			t.Errorf("%s: %d %s", call, got.status, got.raw)
		}
		if want == 501 && !strings.Contains(got.text("message"), "Not emulated") {
			t.Error(got.raw)
		}
	}
	r := f.request(http.MethodGet, "/v2/Attempts", nil)
	r.Header.Del("Authorization")
	if got, err := f.send(r); err != nil || got.status != http.StatusUnauthorized {
		t.Error(got.raw, err)
	}
}

// Each answer has a number of its own, errors too.
func TestRequestID(t *testing.T) {
	f := start(t, emulator.Options{})
	seen := map[string]bool{}
	for _, path := range []string{"/v2/Services/" + emulator.DefaultServiceSID, "/v2/Nothing", "/v2/Attempts"} {
		response, err := http.DefaultClient.Do(f.request(http.MethodGet, path, nil))
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		id := response.Header.Get("Twilio-Request-Id")
		if !regexp.MustCompile(`^RQ[0-9a-f]{32}$`).MatchString(id) || seen[id] {
			t.Errorf("%s: %q", path, id)
		}
		seen[id] = true
	}
}
