package twilio

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/mfa"
	"uzerp-mfa/internal/secret"
)

// Every status and code of §2 that matters, for every operation that can meet it.
func TestStatusAndCode(t *testing.T) {
	const every = "fetch list service create verify challenge delete send check create-service"
	for _, tc := range []struct {
		status, code int
		ops          string
		kind         errs.Kind
		tries        int
		has          string
	}{
		{401, 20003, every, errs.Config, 1, "HTTP 401, code 20003"},
		{401, 0, every, errs.Config, 1, "HTTP 401"},
		{501, 0, every, errs.Failure, 1, "does not have this call"}, // the emulator, for what it has not
		{405, 20004, every, errs.Failure, 1, "rejected the request"},
		{403, 20008, every, errs.Config, 1, "these credentials (HTTP 403"},
		{403, 99999, every, errs.Config, 1, "does not allow this (HTTP 403"},
		{400, 60200, "fetch list create verify challenge", errs.Failure, 1, "rejected the request"},
		{403, 60313, "create", errs.Config, 1, "60313"},
		{403, 0, every, errs.Config, 1, "firewall"},
		{400, 60306, every, errs.Failure, 1, "rejected the request (HTTP 400, code 60306: \"Something\")"},
		{400, 20001, "create", errs.Failure, 1, ""},
		{400, 60315, "create", errs.Refused, 1, ""},
		{409, 60317, "create", errs.Refused, 1, ""},
		{409, 99999, "create", errs.Refused, 1, ""},
		{429, 60326, "create", errs.Refused, 1, ""},
		{429, 60310, "verify", errs.Refused, 1, "no more codes"},
		{429, 60308, "challenge", errs.Refused, 1, "no more codes"},
		{429, 60312, "challenge", errs.Refused, 1, "too many challenges"},
		{429, 99999, every, errs.Unavailable, 1, "99999"},
		{429, 20429, every, errs.Unavailable, maxTries, "rate"},
		{429, 25109, every, errs.Unavailable, maxTries, "rate"},
		{400, 25109, every, errs.Unavailable, maxTries, "rate"},
		{429, 60328, "create", errs.Unavailable, maxTries, "rate"},
		{403, 60318, "challenge", errs.Refused, 1, "not verified"},
		{403, 60322, "challenge", errs.Refused, 1, "answered already"},
		{403, 60323, "challenge", errs.Refused, 1, "expired"},
		{400, 60383, "verify challenge", errs.Refused, 1, "state"},
		{404, 20404, "fetch create verify challenge service", errs.NotFound, 1, ""},
		{404, 60390, "fetch verify challenge", errs.NotFound, 1, ""},
		{404, 60318, "fetch verify challenge", errs.NotFound, 1, ""},
		{404, 20404, "send", errs.Unavailable, 1, "no way to send codes"},
		{404, 20404, "create-service", errs.Config, 1, "no Verify API"},
		{400, 60391, "fetch verify challenge", errs.NotFound, 1, ""},
		{410, 20410, every, errs.Failure, 1, "HTTP 410"},
	} {
		for _, op := range operations() {
			if !slices.Contains(strings.Fields(tc.ops), op.name) {
				continue
			}
			t.Run(fmt.Sprintf("%d %d %s", tc.status, tc.code, op.name), func(t *testing.T) {
				s := start(t)
				s.play(op.request, apiError(tc.status, tc.code, "Something."))
				err := op.run(s.Client, t.Context())
				wantError(t, err, tc.kind, false)
				if got := s.count(op.request); got != tc.tries {
					t.Errorf("sent %d times, want %d", got, tc.tries)
				}
				if !strings.Contains(err.Error(), tc.has) {
					t.Errorf("%v, want %q", err, tc.has)
				}
				used := tc.code == 60310 || tc.code == 60308
				if errors.Is(err, mfa.ErrAttemptsUsedUp) != used {
					t.Errorf("attempts used up: %v", err)
				}
				e, _ := errors.AsType[*errs.Error](err)
				if tc.kind == errs.Config && !strings.Contains(e.Hint.String(), "TWILIO_API_KEY and TWILIO_API_SECRET") {
					t.Errorf("hint %q", e.Hint)
				}
				if (tc.kind == errs.Unavailable || tc.kind == errs.Refused && op.name == "challenge") && e.Hint.Empty() {
					t.Error("no hint")
				}
			})
		}
	}
}

// Twilio's message is shown, but not if it repeats what was sent or looks like a secret.
func TestMessages(t *testing.T) {
	form := url.Values{"AuthPayload": {code}, "FriendlyName": {"Zoë O'Hara"}, "FactorType": {"totp"}}
	s := start(t)
	for message, want := range map[string]string{
		"Invalid parameter: To.":                 "Invalid parameter: To",
		"a totp factor":                          "a totp factor",
		"The code " + code + " is wrong":         "",
		"bad name zoë o'hara":                    "",
		"bad name Zo%C3%AB%20O%27Hara":           "",
		"bad name Zo%C3%AB+O%27Hara":             "",
		"used " + password:                       "",
		"seed " + totpSecret:                     "",
		"see OTPAUTH://totp/x":                   "",
		"738\u200b264 is hidden":                 "",
		"a\x1b[31mred\x00\u202e\u2028line\nnext": "a[31mred line next",
		strings.Repeat("x ", 300):                strings.Repeat("x ", 99) + "x…",
		"Zugriff für " + service + " verweigert": "Zugriff für " + service + " verweigert",
	} {
		if got := s.harmless(message, form); got != want {
			t.Errorf("%q: %q, want %q", message, got, want)
		}
	}
	s.play("POST "+factorPath, apiError(400, 60306, "AuthPayload "+code+" is invalid"))
	_, err := s.VerifyFactor(t.Context(), identity, factor, code)
	wantError(t, err, errs.Failure, false)
	s.play("POST "+factorsPath, apiError(400, 60306, "Authorization: Basic "+"for "+password))
	_, err = s.CreateFactor(t.Context(), identity, "alice")
	wantError(t, err, errs.Failure, false)
}

func FuzzHarmless(f *testing.F) {
	c, err := New(Config{AccountSID: account, ServiceSID: service, Username: key, Password: secret.New(password)})
	if err != nil {
		f.Fatal(err)
	}
	f.Add("Invalid " + code)
	f.Add("no SMS to 44 7700-900 123")
	f.Add("\x1b]0;x\x07\xff\u202e")
	f.Fuzz(func(t *testing.T, message string) {
		got := c.harmless(message, url.Values{"AuthPayload": {code}, "To": {number}})
		if !utf8.ValidString(got) || utf8.RuneCountInString(got) > maxMessage {
			t.Errorf("%q", got)
		}
		for _, r := range got {
			if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
				t.Errorf("%q has %U", got, r)
			}
		}
		noSecret(t, "the message", got)
	})
}

// FuzzJudge checks that any answer leads to an error or to valid JSON, and that no error has a secret.
func FuzzJudge(f *testing.F) {
	c, err := New(Config{AccountSID: account, ServiceSID: service, Username: key, Password: secret.New(password)})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(200, "application/json", []byte(`{"sid":"x"}`))
	f.Add(404, "application/json", []byte(`{"code":20404,"message":"no `+code+`"}`))
	f.Add(400, "application/json", []byte(`{"code":60200,"message":"Invalid parameter To: 07700 900123"}`))
	f.Add(502, "text/html", []byte(`<h1>`))
	f.Add(429, "application/json; charset=x", []byte(`{"code":-1}`))
	f.Fuzz(func(t *testing.T, status int, contentType string, body []byte) {
		resp := &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {contentType}}}
		for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodDelete} {
			fault := c.judge(method, resp, body, url.Values{"AuthPayload": {code}, "To": {number}})
			if fault == nil {
				if method != http.MethodDelete && !json.Valid(body) || status < 200 || status > 299 {
					t.Errorf("accepted %d %q", status, body)
				}
				continue
			}
			if fault.words == "" {
				t.Error("no words")
			}
			noSecret(t, "the fault", fault.Error())
			if quotesNumber(fault.message, number) {
				t.Errorf("quotes the number: %v", fault)
			}
		}
	})
}
