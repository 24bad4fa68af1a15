package emulator_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"uzerp-mfa/internal/emulator"
)

func TestCreateService(t *testing.T) {
	f := start(t, emulator.Options{Control: true})
	made := f.post("/v2/Services", "FriendlyName", "Test Ltd")
	if made.status != 201 {
		t.Fatal(made.raw)
	}
	sid := made.text("sid")
	url := "https://verify.twilio.com/v2/Services/" + sid
	want := map[string]any{
		"sid": sid, "account_sid": emulator.DefaultAccountSID, "friendly_name": "Test Ltd", "code_length": 6.0, "lookup_enabled": false,
		"psd2_enabled": false, "skip_sms_to_landlines": false, "dtmf_input_required": false, "tts_name": nil,
		"do_not_share_warning_enabled": false, "custom_code_enabled": false,
		"push":     map[string]any{"include_date": false, "apn_credential_sid": nil, "fcm_credential_sid": nil},
		"totp":     map[string]any{"issuer": nil, "time_step": nil, "code_length": nil, "skew": nil},
		"whatsapp": map[string]any{"msg_service_sid": nil, "from": nil},
		"passkeys": map[string]any{"relying_party": map[string]any{"id": nil, "name": nil, "origins": nil},
			"authenticator_attachment": nil, "discoverable_credentials": nil, "user_verification": nil},
		"default_template_sid": nil, "verify_event_subscription_enabled": false,
		"date_created": "2026-01-01T00:00:00Z", "date_updated": "2026-01-01T00:00:00Z", "url": url,
		"links": map[string]any{"verification_checks": url + "/VerificationCheck", "verifications": url + "/Verifications",
			"rate_limits": url + "/RateLimits", "messaging_configurations": url + "/MessagingConfigurations", "entities": url + "/Entities",
			"webhooks": url + "/Webhooks", "access_tokens": url + "/AccessTokens"},
	}
	if diff := cmp.Diff(want, made.body); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(want, f.get("/v2/Services/"+sid).body); diff != "" {
		t.Errorf("fetched: %s", diff)
	}
	if services := f.Services(); !slices.Equal(services, []string{emulator.DefaultServiceSID, sid}) || len(f.Changing()) != 1 {
		t.Error(services, f.Changing())
	}
	if got := f.control("GET", "services", ""); got.raw != `["`+emulator.DefaultServiceSID+`","`+sid+"\"]\n" {
		t.Error(got.raw)
	}

	all := f.post("/v2/Services", "FriendlyName", "Für_alle - 1234", "CodeLength", "10", "LookupEnabled", "true", "Psd2Enabled", "true",
		"SkipSmsToLandlines", "true", "DtmfInputRequired", "true", "TtsName", "polly", "DoNotShareWarningEnabled", "true", "CustomCodeEnabled", "true",
		"Totp.Issuer", "Acme & Co", "Totp.TimeStep", "60", "Totp.CodeLength", "8", "Totp.Skew", "0",
		"DefaultTemplateSid", "HJ00000000000000000000000000000000")
	for field, value := range map[string]any{
		"friendly_name": "Für_alle - 1234", "code_length": 10.0, "lookup_enabled": true, "psd2_enabled": true, "skip_sms_to_landlines": true,
		"dtmf_input_required": true, "tts_name": "polly", "do_not_share_warning_enabled": true, "custom_code_enabled": true,
		"totp":                 map[string]any{"issuer": "Acme & Co", "time_step": 60.0, "code_length": 8.0, "skew": 0.0},
		"default_template_sid": "HJ00000000000000000000000000000000",
	} {
		if diff := cmp.Diff(value, all.body[field]); diff != "" {
			t.Errorf("%s: %s", field, diff)
		}
	}
}

// TestServicesAreApart uses a second service for everything, and checks that the first one does not change.
func TestServicesAreApart(t *testing.T) {
	f := start(t, emulator.Options{Issuer: "First"})
	f.act("create factor")
	first := f.factor
	f.act("send")
	sent, _ := f.sent()

	sid := f.post("/v2/Services", "FriendlyName", "Second", "CodeLength", "8", "Totp.Skew", "0").text("sid")
	second := "/v2/Services/" + sid
	if got := f.get(second + "/Entities"); !strings.Contains(got.raw, `"entities":[]`) {
		t.Error(got.raw)
	}
	factors := second + "/Entities/" + identity + "/Factors"
	if got := f.get(factors + "/" + first); got.status != 404 {
		t.Errorf("the first one's factor: %s", got.raw)
	}
	made := f.post(factors, "FriendlyName", account, "FactorType", "totp")
	f.factor = made.text("sid")
	uri, _ := made.object("binding")["uri"].(string)
	if made.text("service_sid") != sid || made.object("config")["skew"] != 0.0 || !strings.HasPrefix(uri, "otpauth://totp/Second:alice?") ||
		made.text("url") != "https://verify.twilio.com"+factors+"/"+f.factor {
		t.Error(made.raw)
	}
	if code, err := f.Code(account); err != nil || code != f.code() {
		t.Errorf("the phone shows %s, %v: not the newest", code, err)
	}
	if got := f.post(factors+"/"+f.factor, "AuthPayload", f.code()); got.says() != "verified" {
		t.Error(got.raw)
	}
	f.act("30s")
	challenge := f.post(second+"/Entities/"+identity+"/Challenges", "FactorSid", f.factor, "AuthPayload", f.code())
	if challenge.says() != "approved" || challenge.text("service_sid") != sid {
		t.Error(challenge.raw)
	}

	verification := f.post(second+"/Verifications", "To", number, "Channel", "sms")
	code, _ := f.sent()
	if verification.text("service_sid") != sid || len(code) != 8 || code == sent {
		t.Error(verification.raw)
	}
	if got := f.post("/VerificationCheck", "VerificationSid", verification.text("sid"), "Code", code); got.says() != 20404 {
		t.Errorf("the second one's verification in the first: %s", got.raw)
	}
	if got := f.post("/VerificationCheck", "To", number, "Code", code); got.says() != "pending" {
		t.Errorf("the second one's code in the first: %s", got.raw)
	}
	if got := f.post(second+"/VerificationCheck", "To", number, "Code", code); got.says() != "approved" {
		t.Error(got.raw)
	}
	if got := f.post("/VerificationCheck", "To", number, "Code", sent); got.says() != "approved" {
		t.Errorf("the first one's code: %s", got.raw)
	}

	if mine := f.Factors(identity); len(mine) != 1 || mine[0].SID != first || len(f.Entities()) != 1 {
		t.Errorf("%+v", mine)
	}
	secrets := f.Secrets()
	slices.Sort(secrets)
	want := []string{f.Secret(first), f.Secret(f.factor)}
	slices.Sort(want)
	if diff := cmp.Diff(want, secrets); diff != "" {
		t.Error(diff)
	}
	if err := f.ChangeService(sid, func(s *emulator.ServiceSettings) { s.CodeLength = 4 }); err != nil {
		t.Fatal(err)
	}
	if st, ok := f.Service(""); !ok || st.CodeLength != 6 {
		t.Errorf("%+v", st)
	}
	if err := f.ChangeService("VA0", func(*emulator.ServiceSettings) {}); err == nil {
		t.Error("changed a service that isn't there")
	}
	if got := f.do("DELETE", second+"/Entities/"+identity, nil); got.status != 204 || len(f.Factors(identity)) != 1 {
		t.Errorf("deleting the second one's entity: %s", got.raw)
	}
}

func TestCreateServiceRefusals(t *testing.T) {
	f := start(t, emulator.Options{})
	for _, tt := range []struct {
		name string
		form []string
		code int
	}{
		{"no name", nil, 20001},
		{"empty name", []string{"FriendlyName", ""}, 20001},
		{"name too long", []string{"FriendlyName", strings.Repeat("a", 31)}, 60200},
		{"five digits", []string{"FriendlyName", "a12 34b5"}, 60200},
		{"other characters", []string{"FriendlyName", "Acme & Co"}, 60200},
		{"a link", []string{"FriendlyName", "acme.example"}, 60200},
		{"code too short", []string{"FriendlyName", "A", "CodeLength", "3"}, 60200},
		{"code too long", []string{"FriendlyName", "A", "CodeLength", "11"}, 60200},
		{"no boolean", []string{"FriendlyName", "A", "Psd2Enabled", "yes"}, 60200},
		{"time step too short", []string{"FriendlyName", "A", "Totp.TimeStep", "19"}, 60200},
		{"time step too long", []string{"FriendlyName", "A", "Totp.TimeStep", "61"}, 60200},
		{"totp code too short", []string{"FriendlyName", "A", "Totp.CodeLength", "2"}, 60200},
		{"totp code too long", []string{"FriendlyName", "A", "Totp.CodeLength", "9"}, 60200},
		{"skew too wide", []string{"FriendlyName", "A", "Totp.Skew", "3"}, 60200},
		{"skew no number", []string{"FriendlyName", "A", "Totp.Skew", ""}, 60200},
		{"no template", []string{"FriendlyName", "A", "DefaultTemplateSid", "HJ0"}, 60200},
	} {
		if got := f.post("/v2/Services", tt.form...); got.status != 400 || got.says() != tt.code {
			t.Errorf("%s: %s", tt.name, got.raw)
		}
	}
	if len(f.Services()) != 1 || len(f.Changing()) != 0 {
		t.Errorf("%v, %+v", f.Services(), f.Changing())
	}
	if got := f.post("/v2/Services", "FriendlyName", strings.Repeat("ü", 30)); got.status != 201 {
		t.Errorf("30 letters: %s", got.raw)
	}
	f.ChangeQuirks(func(q *emulator.Quirks) { q.FriendlyNameLength = 32 })
	for n, status := range map[int]int{32: 201, 33: 400} {
		if got := f.post("/v2/Services", "FriendlyName", strings.Repeat("a", n)); got.status != status {
			t.Errorf("%d letters: %s", n, got.raw)
		}
	}
	r := f.request("POST", "/v2/Services", values("FriendlyName", "A"))
	r.Header.Del("Authorization")
	if got, err := f.send(r); err != nil || got.status != 401 {
		t.Errorf("without credentials: %s, %v", got.raw, err)
	}
}

// TestCreateServiceFaults checks that a lost reply leaves one more service.
func TestCreateServiceFaults(t *testing.T) {
	f := start(t, emulator.Options{})
	f.AddFault(emulator.Fault{Operation: "CreateService", Code: 60200, Times: 1})
	f.AddFault(emulator.Fault{Operation: "CreateService", Code: 20500, AfterEffect: true, Times: 1})
	for _, want := range []int{1, 2} {
		if got := f.post("/v2/Services", "FriendlyName", "A"); got.status < 400 || len(f.Services()) != want {
			t.Errorf("%s: %v", got.raw, f.Services())
		}
	}
}
