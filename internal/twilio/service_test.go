package twilio

import (
	"net/http"
	"net/url"
	"reflect"
	"testing"
	"time"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/secret"
	"uzerp-mfa/internal/verifyservice"
)

// Every setting of verifyservice.Service, in an answer and missing from it.
func TestServiceSettings(t *testing.T) {
	s := start(t)
	full := with(serviceJSON(), fields{"code_length": 8, "lookup_enabled": true, "skip_sms_to_landlines": true, "psd2_enabled": false,
		"do_not_share_warning_enabled": true, "dtmf_input_required": false, "custom_code_enabled": true, "default_template_sid": "HJ" + hex32,
		"tts_name": "polly", "totp": fields{"issuer": "ACME", "time_step": 60, "code_length": 8, "skew": 0}})
	for name, tc := range map[string]struct {
		answer any
		want   verifyservice.Service
	}{
		"full": {full, verifyservice.Service{SID: service, AccountSID: account, FriendlyName: "uzERP", Issuer: "ACME",
			TOTP: verifyservice.TOTPDefaults{TimeStep: new(60), CodeLength: new(8), Skew: new(0)}, CodeLength: 8,
			LookupEnabled: new(true), SkipSMSToLandlines: new(true), PSD2Enabled: new(false), DoNotShareWarning: new(true),
			DTMFInputRequired: new(false), CustomCodeEnabled: new(true), DefaultTemplateSID: "HJ" + hex32, TTSName: "polly"}},
		"defaults": {serviceJSON(), verifyservice.Service{SID: service, AccountSID: account, FriendlyName: "uzERP", Issuer: "ACME", CodeLength: 6}},
		"nulls": {fields{"sid": service, "account_sid": nil, "friendly_name": nil, "totp": nil, "code_length": nil, "psd2_enabled": nil},
			verifyservice.Service{SID: service}},
	} {
		s.play("GET "+servicePath, ok(200, tc.answer))
		if got, err := s.FetchService(t.Context()); err != nil || !reflect.DeepEqual(got, tc.want) {
			t.Errorf("%s: %+v %v", name, got, err)
		}
	}
}

func TestCreateService(t *testing.T) {
	for _, tc := range []struct {
		issuer string
		want   url.Values
	}{
		{"ACME Ltd", url.Values{"FriendlyName": {"uzERP Login"}, "CodeLength": {"6"}, "DtmfInputRequired": {"true"}, "Totp.Issuer": {"ACME Ltd"}}},
		{"", url.Values{"FriendlyName": {"uzERP Login"}, "CodeLength": {"6"}, "DtmfInputRequired": {"true"}}},
	} {
		s := start(t)
		var sent url.Values
		answer := ok(201, with(serviceJSON(), fields{"sid": "VA" + hex32[1:] + "0"}))
		s.play("POST /v2/Services", func(w http.ResponseWriter, r *http.Request) {
			_ = r.ParseForm()
			sent = r.PostForm
			answer(w, r)
		})
		got, err := s.CreateService(t.Context(), "uzERP Login", tc.issuer)
		if err != nil || got.SID != "VA"+hex32[1:]+"0" || got.AccountSID != account || got.CodeLength != 6 {
			t.Errorf("%+v %v", got, err)
		}
		if !reflect.DeepEqual(sent, tc.want) {
			t.Errorf("sent %v, want %v", sent, tc.want)
		}
		// The new service is not the one in the settings.
		if s.proven.Load() {
			t.Error("a fetch of the new service counts as a fetch of ours")
		}
	}
	s := start(t)
	s.play("POST /v2/Services", apiError(400, 60200, "Invalid parameter: FriendlyName"))
	_, err := s.CreateService(t.Context(), "uzERP", "")
	wantError(t, err, errs.Usage, false)
}

// An account without a service can make one, and its configuration is checked like any other.
func TestAccount(t *testing.T) {
	s := start(t)
	s.play("POST /v2/Services", ok(201, serviceJSON()))
	cfg := Config{AccountSID: account, Username: key, Password: secret.New(password), BaseURL: s.URL}
	a, err := NewAccount(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer a.CloseIdle()
	if got, err := a.CreateService(t.Context(), "uzERP", "ACME"); err != nil || got.SID != service {
		t.Errorf("%+v %v", got, err)
	}
	cfg.AccountSID = ""
	_, err = NewAccount(cfg)
	wantError(t, err, errs.Config, false)
}

// The offset is known after any answer of Twilio, even after a refusal, and even if it is too small to matter.
func TestClockOffset(t *testing.T) {
	local := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	const half = 500 * time.Millisecond
	dated := func(off time.Duration, answer http.HandlerFunc) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Date", local.Add(off).Format(http.TimeFormat))
			answer(w, r)
		}
	}
	good, refusal := ok(200, serviceJSON()), apiError(401, 20003, "Authenticate")
	for _, tc := range []struct {
		off    time.Duration
		answer http.HandlerFunc
		known  bool
	}{
		{0, good, true}, {time.Second, good, true}, {-2 * time.Second, good, true}, {-time.Hour, good, true}, {time.Minute, refusal, true},
		{time.Hour, page(502, "text/html", "<p>"), false}, {time.Hour, page(200, "text/html", "<p>"), false},
	} {
		s := start(t, func(c *Config) { c.Now = func() time.Time { return local } })
		if _, known := s.ClockOffset(); known {
			t.Error("known before any answer")
		}
		s.play("GET "+servicePath, dated(tc.off, tc.answer))
		_, _ = s.FetchService(t.Context())
		off, known := s.ClockOffset()
		if known != tc.known || known && off != tc.off+half {
			t.Errorf("%s: %s, %t", tc.off, off, known)
		}
	}
	s := start(t)
	s.play("GET "+servicePath, func(w http.ResponseWriter, r *http.Request) {
		w.Header()["Date"] = nil
		good(w, r)
	})
	if _, err := s.FetchService(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, known := s.ClockOffset(); known {
		t.Error("known without a Date")
	}
}
