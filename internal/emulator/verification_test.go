package emulator_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"uzerp-mfa/internal/emulator"
)

const number = "+447700900123"

// sent returns the code that the number got, and a wrong one.
func (f *fixture) sent() (right, wrong string) {
	f.t.Helper()
	right, ok := f.SentCode(number)
	if !ok {
		f.t.Fatal("no code reached the number")
	}
	last := right[len(right)-1]
	return right, right[:len(right)-1] + string('0'+(last-'0'+1)%10)
}

// actOnVerification does what a step says, with the newest verification.
func (f *fixture) actOnVerification(what string) (reply, bool) {
	f.t.Helper()
	check := func(code string, pairs ...string) reply {
		return f.post("/VerificationCheck", append(pairs, "Code", code)...)
	}
	one := "/Verifications/" + f.verification
	var right, wrong string
	if strings.HasPrefix(what, "check ") {
		right, wrong = f.sent()
	}
	switch what {
	case "send", "call", "email", "whatsapp":
		got := f.post("/Verifications", "To", number, "Channel", map[string]string{"send": "sms"}[what]+strings.TrimPrefix(what, "send"))
		if got.status == 201 {
			f.verification = got.text("sid")
		}
		return got, true
	case "send, risk check off":
		return f.post("/Verifications", "To", number, "Channel", "sms", "RiskCheck", "disable"), true
	case "send custom code":
		return f.post("/Verifications", "To", number, "Channel", "sms", "CustomCode", "custom42"), true
	case "send custom name":
		return f.post("/Verifications", "To", number, "Channel", "sms", "CustomFriendlyName", "Bank"), true
	case "send with payment", "call with payment":
		channel := map[bool]string{true: "sms", false: "call"}[what == "send with payment"]
		return f.post("/Verifications", "To", number, "Channel", channel, "Amount", "€39.99", "Payee", "Acme"), true
	case "check right":
		return check(right, "To", number), true
	case "check wrong":
		return check(wrong, "To", number), true
	case "check right by sid":
		return check(right, "VerificationSid", f.verification), true
	case "check wrong by sid":
		return check(wrong, "VerificationSid", f.verification), true
	case "check right by sid and another number":
		return check(right, "VerificationSid", f.verification, "To", "+447700900124"), true
	case "check right with payment":
		return check(right, "To", number, "Amount", "€39.99", "Payee", "Acme"), true
	case "check right with another payment":
		return check(right, "To", number, "Amount", "€3999", "Payee", "Acme"), true
	case "check custom code":
		return check("custom42", "To", number), true
	case "fetch verification":
		return f.get(one), true
	case "cancel":
		return f.post(one, "Status", "canceled"), true
	case "approve":
		return f.post(one, "Status", "approved"), true
	}
	return reply{}, false
}

// TestVerificationRules checks docs/facts/twilio-verify.md §1.2 "Verification" and §2, and the switches of Quirks.
func TestVerificationRules(t *testing.T) {
	sent := []step{{"send", 1, 201, "pending"}}
	usedUp := after(sent, step{"check wrong", 5, 201, "pending"})
	keep := emulator.Quirks{KeepFinished: true}
	canceled := after(sent, step{"cancel", 1, 200, "canceled"})
	approved := after(sent, step{"check right", 1, 201, "approved"})
	landline := map[string]emulator.NumberKind{number: emulator.Landline}
	is := func(kind emulator.NumberKind) map[string]emulator.NumberKind {
		return map[string]emulator.NumberKind{number: kind}
	}
	for _, tt := range []struct {
		name    string
		quirks  emulator.Quirks
		service emulator.ServiceSettings
		numbers map[string]emulator.NumberKind
		steps   []step
	}{
		{name: "the right code approves", steps: after(sent, step{"fetch verification", 1, 200, "pending"}, step{"check right", 1, 201, "approved"})},
		{name: "by its sid too", steps: after(sent, step{"check wrong by sid", 1, 201, "pending"},
			step{"check right by sid and another number", 1, 404, 20404}, step{"check right by sid", 1, 201, "approved"})},
		{name: "by a call", steps: []step{{"call", 1, 201, "pending"}, {"check right", 1, 201, "approved"}}},
		{name: "an approved one is gone", steps: after(approved, step{"check right", 1, 404, 20404},
			step{"check right by sid", 1, 404, 20404}, step{"fetch verification", 1, 404, 20404}, step{"cancel", 1, 404, 20404},
			step{"send", 1, 201, "pending"}, step{"check right", 1, 201, "approved"})},
		{name: "an approved one is kept", quirks: keep, steps: after(approved, step{"check right", 1, 201, "approved"},
			step{"check wrong", 1, 201, "approved"}, step{"fetch verification", 1, 200, "approved"}, step{"cancel", 1, 404, 20404},
			step{"send", 1, 201, "pending"})},
		{name: "codes of their own for what isn't there", quirks: emulator.Quirks{SpecificNotFound: true}, steps: after(approved,
			step{"check right", 1, 404, 60431}, step{"fetch verification", 1, 404, 60431})},
		{name: "a check answers 200", quirks: emulator.Quirks{CheckAnswers200: true}, steps: after(sent,
			step{"check wrong", 1, 200, "pending"}, step{"check right", 1, 200, "approved"}, step{"check right", 1, 404, 20404})},

		{name: "five wrong codes", steps: after(usedUp, step{"check right", 2, 429, 60202}, step{"fetch verification", 1, 404, 20404},
			step{"send", 1, 429, 60202}, step{"9m59s", 1, 0, nil}, step{"check right", 1, 429, 60202}, step{"send", 1, 429, 60202},
			step{"1s", 1, 0, nil}, step{"check right", 1, 404, 20404}, step{"send", 1, 201, "pending"}, step{"check right", 1, 201, "approved"})},
		{name: "four wrong codes", steps: after(sent, step{"check wrong", 4, 201, "pending"}, step{"check right", 1, 201, "approved"})},
		{name: "five wrong codes, kept", quirks: keep, steps: after(usedUp, step{"check right", 1, 201, "max_attempts_reached"},
			step{"fetch verification", 1, 200, "max_attempts_reached"})},
		{name: "a new one after five wrong codes", quirks: emulator.Quirks{NewAfterMaxChecks: true}, steps: after(usedUp,
			step{"check right", 1, 429, 60202}, step{"send", 1, 201, "pending"}, step{"check right", 1, 201, "approved"})},
		{name: "wrong codes count over all sends", steps: after(sent, step{"check wrong", 4, 201, "pending"}, step{"call", 1, 201, "pending"},
			step{"check wrong", 1, 201, "pending"}, step{"check right", 1, 429, 60202})},

		{name: "five sends", steps: []step{{"send", 3, 201, "pending"}, {"call", 2, 201, "pending"}, {"send", 2, 429, 60203}, {"call", 1, 429, 60203},
			{"check right", 1, 201, "approved"}, {"send", 1, 201, "pending"}}},
		{name: "five sends, then waiting", steps: []step{{"send", 5, 201, "pending"}, {"9m59s", 1, 0, nil}, {"send", 1, 429, 60203},
			{"1s", 1, 0, nil}, {"send", 5, 201, "pending"}, {"send", 1, 429, 60203}}},
		{name: "five sends, then canceled", steps: []step{{"send", 5, 201, "pending"}, {"cancel", 1, 200, "canceled"}, {"send", 1, 201, "pending"}}},
		{name: "other limits", quirks: emulator.Quirks{MaxSends: 1, MaxAttempts: 1}, steps: after(sent,
			step{"send", 1, 429, 60203}, step{"check wrong", 1, 201, "pending"}, step{"check right", 1, 429, 60202})},

		{name: "it expires", steps: after(sent, step{"599s", 1, 0, nil}, step{"fetch verification", 1, 200, "pending"}, step{"1s", 1, 0, nil},
			step{"check right", 1, 404, 20404}, step{"check wrong", 1, 404, 20404}, step{"fetch verification", 1, 404, 20404}, step{"approve", 1, 404, 20404})},
		{name: "a send prolongs nothing", steps: after(sent, step{"9m", 1, 0, nil}, step{"send", 1, 201, "pending"}, step{"1m", 1, 0, nil},
			step{"check right", 1, 404, 20404})},
		{name: "a send prolongs", quirks: emulator.Quirks{SendExtends: true}, steps: after(sent, step{"9m", 1, 0, nil}, step{"send", 1, 201, "pending"},
			step{"9m59s", 1, 0, nil}, step{"check right", 1, 201, "approved"})},
		{name: "an expired one is kept", quirks: keep, steps: after(sent, step{"10m", 1, 0, nil}, step{"check right", 1, 201, "expired"},
			step{"fetch verification", 1, 200, "expired"}, step{"send", 1, 201, "pending"})},
		{name: "it lives shorter", quirks: emulator.Quirks{VerificationTTL: 2 * time.Minute},
			steps: after(sent, step{"2m", 1, 0, nil}, step{"check right", 1, 404, 20404})},

		{name: "canceled", steps: after(canceled, step{"check right", 1, 404, 20404}, step{"fetch verification", 1, 404, 20404}, step{"send", 1, 201, "pending"})},
		{name: "a canceled one is kept", quirks: keep,
			steps: after(canceled, step{"check right", 1, 201, "canceled"}, step{"fetch verification", 1, 200, "canceled"})},
		{name: "a canceled one takes the code", quirks: emulator.Quirks{CanceledTakesCode: true}, steps: after(canceled,
			step{"check wrong", 1, 201, "pending"}, step{"check right", 1, 201, "approved"}, step{"check right", 1, 404, 20404})},
		{name: "approved by the owner", steps: after(sent, step{"approve", 1, 200, "approved"}, step{"check right", 1, 404, 20404})},

		{name: "a landline", numbers: landline, steps: sent},
		{name: "a landline, looked up", numbers: landline, service: emulator.ServiceSettings{LookupEnabled: true}, steps: sent},
		{name: "a landline, skipped without a lookup", numbers: landline, service: emulator.ServiceSettings{SkipSMSToLandlines: true}, steps: sent},
		{name: "a landline, skipped", numbers: landline, service: emulator.ServiceSettings{LookupEnabled: true, SkipSMSToLandlines: true},
			steps: []step{{"send", 1, 403, 60205}, {"call", 1, 201, "pending"}, {"check right", 1, 201, "approved"}}},
		{name: "geo permissions", numbers: is(emulator.GeoBlocked),
			steps: []step{{"send", 1, 403, 60605}, {"call", 1, 403, 60605}, {"send, risk check off", 1, 201, "pending"}}},
		{name: "fraud guard", numbers: is(emulator.FraudBlocked),
			steps: []step{{"send", 1, 403, 60410}, {"call", 1, 201, "pending"}, {"send, risk check off", 1, 201, "pending"}}},
		{name: "fraud guard lets go", numbers: is(emulator.FraudBlocked),
			steps: []step{{"11h59m59s", 1, 0, nil}, {"send", 1, 403, 60410}, {"1s", 1, 0, nil}, {"send", 1, 201, "pending"}}},
		{name: "a prefix", numbers: map[string]emulator.NumberKind{"+4477*": emulator.GeoBlocked, "+44*": emulator.InvalidNumber},
			steps: []step{{"send", 1, 403, 60605}}},
		{name: "a number out of a prefix", numbers: map[string]emulator.NumberKind{"+4477*": emulator.GeoBlocked, number: emulator.Mobile}, steps: sent},
		{name: "another prefix", numbers: map[string]emulator.NumberKind{"+4478*": emulator.GeoBlocked, number + "4": emulator.GeoBlocked}, steps: sent},
		{name: "a trial account", numbers: is(emulator.TrialUnverified), steps: []step{{"send", 1, 403, 21608}, {"call", 1, 403, 21608}}},
		{name: "blocked by Twilio", numbers: is(emulator.BlockedByTwilio), steps: []step{{"send", 1, 403, 60238}, {"call", 1, 403, 60238}}},
		{name: "blocked by Twilio, other status", numbers: is(emulator.BlockedByTwilio), quirks: emulator.Quirks{Status: map[int]int{60238: 400}},
			steps: []step{{"send", 1, 400, 60238}}},
		{name: "nobody's number", numbers: is(emulator.InvalidNumber), steps: []step{{"send", 1, 400, 60200}}},
		{name: "too much at once for a number", numbers: is(emulator.Concurrent), steps: []step{{"send", 1, 429, 60212}}},

		{name: "channels nobody set up", steps: []step{{"email", 1, 400, 60217}, {"whatsapp", 1, 403, 60223}}},
		{name: "a disabled channel", service: emulator.ServiceSettings{DisabledChannels: []string{"call"}},
			steps: []step{{"call", 1, 403, 60223}, {"send", 1, 201, "pending"}}},
		{name: "psd2", service: emulator.ServiceSettings{PSD2Enabled: true}, steps: []step{{"send", 1, 400, 60206}, {"call", 1, 400, 60206},
			{"call with payment", 1, 400, 60214}, {"send with payment", 1, 201, "pending"}, {"check right", 1, 400, 60206},
			{"check right with another payment", 1, 201, "pending"}, {"check right with payment", 1, 201, "approved"}}},
		{name: "no psd2", steps: []step{{"send with payment", 1, 201, "pending"}, {"check right", 1, 201, "approved"}}},
		{name: "no custom code", steps: []step{{"send custom code", 1, 403, 60204}, {"send custom name", 1, 403, 60204}}},
		{name: "a custom code", service: emulator.ServiceSettings{CustomCodeEnabled: true}, steps: []step{{"send custom code", 1, 201, "pending"},
			{"check custom code", 1, 201, "approved"}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := start(t, emulator.Options{Quirks: tt.quirks, Service: tt.service, Numbers: tt.numbers})
			f.follows(tt.steps)
		})
	}
}

// TestConcurrentNumber makes a number busy between the send and the check.
func TestConcurrentNumber(t *testing.T) {
	f := start(t, emulator.Options{})
	f.act("send")
	set := func(kind emulator.NumberKind) {
		if err := f.SetNumber(number, kind); err != nil {
			t.Fatal(err)
		}
	}
	set(emulator.Concurrent)
	f.follows([]step{{"check right", 1, 429, 60212}, {"check right by sid", 1, 429, 60212}})
	set(emulator.Mobile)
	f.follows([]step{{"check right", 1, 201, "approved"}})
}

func TestVerificationShape(t *testing.T) {
	f := start(t, emulator.Options{})
	got := f.act("send")
	service := emulator.DefaultServiceSID
	attempt := func(n int) string {
		attempts, _ := got.body["send_code_attempts"].([]any)
		if len(attempts) <= n {
			t.Fatalf("%d attempts", len(attempts))
		}
		sid, _ := attempts[n].(map[string]any)["attempt_sid"].(string)
		if !regexp.MustCompile(`^VL[0-9a-f]{32}$`).MatchString(sid) {
			t.Errorf("attempt %q", sid)
		}
		return sid
	}
	want := map[string]any{
		"sid": f.verification, "service_sid": service, "account_sid": emulator.DefaultAccountSID, "to": number, "channel": "sms",
		"status": "pending", "valid": false, "lookup": map[string]any{}, "amount": nil, "payee": nil,
		"send_code_attempts": []any{map[string]any{"time": "2026-01-01T00:00:00Z", "channel": "SMS", "attempt_sid": attempt(0)}},
		"date_created":       "2026-01-01T00:00:00Z", "date_updated": "2026-01-01T00:00:00Z", "sna": nil,
		"url": "https://verify.twilio.com/v2/Services/" + service + "/Verifications/" + f.verification,
	}
	if diff := cmp.Diff(want, got.body); diff != "" {
		t.Error(diff)
	}
	first, _ := f.sent()

	// The same verification again, by another channel.
	f.Advance(time.Minute)
	sid := f.verification
	got = f.act("call")
	want["channel"], want["date_updated"] = "call", "2026-01-01T00:01:00Z"
	want["send_code_attempts"] = append(want["send_code_attempts"].([]any),
		map[string]any{"time": "2026-01-01T00:01:00Z", "channel": "CALL", "attempt_sid": attempt(1)})
	if diff := cmp.Diff(want, got.body); diff != "" || attempt(0) == attempt(1) {
		t.Error(diff)
	}
	if again, _ := f.sent(); again != first || f.verification != sid {
		t.Error("another code or SID")
	}
	if diff := cmp.Diff(want, f.act("fetch verification").body); diff != "" {
		t.Error(diff)
	}

	checked := map[string]any{
		"sid": sid, "service_sid": service, "account_sid": emulator.DefaultAccountSID, "to": number, "channel": "call",
		"status": "pending", "valid": false, "amount": nil, "payee": nil, "sna_attempts_error_codes": []any{},
		"date_created": "2026-01-01T00:00:00Z", "date_updated": "2026-01-01T00:01:00Z",
	}
	if diff := cmp.Diff(checked, f.act("check wrong").body); diff != "" {
		t.Error(diff)
	}
	f.Advance(time.Minute)
	checked["status"], checked["valid"], checked["date_updated"] = "approved", true, "2026-01-01T00:02:00Z"
	if diff := cmp.Diff(checked, f.act("check right").body); diff != "" {
		t.Error(diff)
	}
}

// TestFinishedIsNotValid checks that a kept approved verification answers a wrong and a right code differently.
func TestFinishedIsNotValid(t *testing.T) {
	f := start(t, emulator.Options{Quirks: emulator.Quirks{KeepFinished: true}})
	f.act("send")
	f.act("check right")
	if right, wrong := f.act("check right"), f.act("check wrong"); right.body["valid"] != true || wrong.body["valid"] != false {
		t.Errorf("%s%s", right.raw, wrong.raw)
	}
}

func TestVerificationEnds(t *testing.T) {
	for what, valid := range map[string]bool{"cancel": false, "approve": true} {
		f := start(t, emulator.Options{})
		f.act("send")
		f.Advance(time.Minute)
		if got := f.act(what); got.body["valid"] != valid || got.text("date_updated") != "2026-01-01T00:01:00Z" {
			t.Errorf("%s: %s", what, got.raw)
		}
	}
}

func TestLookup(t *testing.T) {
	f := start(t, emulator.Options{Service: emulator.ServiceSettings{LookupEnabled: true},
		Numbers: map[string]emulator.NumberKind{"+4420*": emulator.Landline}})
	for to, want := range map[string]string{number: "mobile", "+442079460000": "landline"} {
		got := f.post("/Verifications", "To", to, "Channel", "sms")
		carrier, _ := got.object("lookup")["carrier"].(map[string]any)
		if carrier["type"] != want {
			t.Errorf("%s: %s", to, got.raw)
		}
	}
	if _, ok := f.SentCode("+442079460000"); ok {
		t.Error("an SMS reached a landline")
	}
	f.post("/Verifications", "To", "+442079460000", "Channel", "call")
	if _, ok := f.SentCode("+442079460000"); !ok {
		t.Error("the landline heard nothing")
	}
	if codes := f.SentCodes(); len(codes) != 3 {
		t.Errorf("%d codes were sent", len(codes))
	}
}

func TestSentCode(t *testing.T) {
	f := start(t, emulator.Options{Control: true})
	if _, ok := f.SentCode(number); ok {
		t.Error("a code before any was sent")
	}
	codes := make(map[string]bool)
	for digits := 4; digits <= 10; digits++ {
		if err := f.ChangeService("", func(s *emulator.ServiceSettings) { s.CodeLength = digits }); err != nil {
			t.Fatal(err)
		}
		f.act("send")
		right, _ := f.sent()
		if !regexp.MustCompile(fmt.Sprintf(`^[0-9]{%d}$`, digits)).MatchString(right) {
			t.Errorf("%q has not %d digits", right, digits)
		}
		if got := f.control("GET", "message?to=%2B447700900123", ""); got.raw != right+"\n" || !strings.HasPrefix(got.header.Get("Content-Type"), "text/plain") {
			t.Errorf("%q", got.raw)
		}
		f.follows([]step{{"check right", 1, 201, "approved"}})
		if again, _ := f.sent(); again != right {
			t.Error("a phone forgets nothing")
		}
		codes[right] = true
	}
	for _, code := range f.SentCodes() {
		if !codes[code] {
			t.Errorf("%s was never sent", code)
		}
	}
}

// TestVerificationRefusals checks the answers to requests that are never right.
func TestVerificationRefusals(t *testing.T) {
	f := start(t, emulator.Options{Service: emulator.ServiceSettings{CustomCodeEnabled: true}})
	f.act("send")
	one := "/Verifications/" + f.verification
	good := []string{"To", number, "Channel", "sms"}
	f.ResetLog()
	for _, tt := range []struct {
		name, method, path string
		form               []string
		status, code       int
		message            string // must be in the text
	}{
		{"no number", "POST", "/Verifications", []string{"Channel", "sms"}, 400, 20001, "To"},
		{"no channel", "POST", "/Verifications", []string{"To", number}, 400, 20001, "Channel"},
		{"national number", "POST", "/Verifications", []string{"To", "07700900123", "Channel", "sms"}, 400, 60200, "07700900123"},
		{"number with spaces", "POST", "/Verifications", []string{"To", "+44 7700 900123", "Channel", "sms"}, 400, 60200, "To"},
		{"number too long", "POST", "/Verifications", []string{"To", "+1234567890123456", "Channel", "sms"}, 400, 60200, "To"},
		{"number with a zero", "POST", "/Verifications", []string{"To", "+07700900123", "Channel", "sms"}, 400, 60200, "To"},
		{"no such channel", "POST", "/Verifications", []string{"To", number, "Channel", "SMS"}, 400, 60200, "Channel"},
		{"custom code too short", "POST", "/Verifications", append(good, "CustomCode", "123"), 400, 60200, "CustomCode"},
		{"custom code too long", "POST", "/Verifications", append(good, "CustomCode", "12345678901"), 400, 60200, "CustomCode"},
		{"no template", "POST", "/Verifications", append(good, "TemplateSid", "VA00000000000000000000000000000000"), 400, 60200, "TemplateSid"},
		{"no risk check", "POST", "/Verifications", append(good, "RiskCheck", "off"), 400, 60200, "RiskCheck"},
		{"parameters in the query only", "POST", "/Verifications?To=%2B447700900123&Channel=sms", nil, 400, 20001, "To"},
		{"another service", "POST", "/v2/Services/VA00000000000000000000000000000000/Verifications", good, 404, 20404, ""},

		{"no such verification", "GET", "/Verifications/VE00000000000000000000000000000000", nil, 404, 20404, "/Verifications/VE0"},
		{"no status", "POST", one, nil, 400, 20001, "Status"},
		{"another status", "POST", one, []string{"Status", "expired"}, 400, 60200, "Status"},
		{"end of no verification", "POST", "/Verifications/VE00000000000000000000000000000000", []string{"Status", "canceled"}, 404, 20404, ""},

		{"check of nothing", "POST", "/VerificationCheck", []string{"Code", "123456"}, 400, 60221, ""},
		{"check of nothing at all", "POST", "/VerificationCheck", []string{"Code", "123456", "To", ""}, 400, 60221, ""},
		{"check without a code", "POST", "/VerificationCheck", []string{"To", number}, 400, 60200, "Code"},
		{"check with an empty code", "POST", "/VerificationCheck", []string{"To", number, "Code", ""}, 400, 60200, "Code"},
		{"code too short", "POST", "/VerificationCheck", []string{"To", number, "Code", "123"}, 400, 60200, "Code"},
		{"code too long", "POST", "/VerificationCheck", []string{"To", number, "Code", "12345678901"}, 400, 60200, "Code"},
		{"check of no number", "POST", "/VerificationCheck", []string{"To", "alice", "Code", "123456"}, 400, 60200, "To"},
		{"check of another number", "POST", "/VerificationCheck", []string{"To", "+447700900124", "Code", "123456"}, 404, 20404, "/VerificationCheck was not found"},
		{"check of no verification", "POST", "/VerificationCheck", []string{"VerificationSid", "VE00", "Code", "123456"}, 404, 20404, ""},
		{"fetch of a check", "GET", "/VerificationCheck", nil, 405, 20004, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := f.do(tt.method, tt.path, values(tt.form...))
			if got.status != tt.status || got.says() != tt.code || !strings.Contains(got.text("message"), tt.message) {
				t.Errorf("%d %v, want %d %d\n%s", got.status, got.says(), tt.status, tt.code, got.raw)
			}
		})
	}
	if changed := f.Changing(); len(changed) != 0 {
		t.Errorf("refused requests changed something: %+v", changed)
	}
	f.follows([]step{{"check right", 1, 201, "approved"}})
}

func TestVerificationLog(t *testing.T) {
	f := start(t, emulator.Options{Numbers: map[string]emulator.NumberKind{"+33*": emulator.GeoBlocked}})
	f.act("send")
	f.post("/Verifications", "To", "+33123456789", "Channel", "sms")
	f.act("fetch verification")
	f.act("check wrong")
	f.act("check right")
	f.act("check right")
	f.act("send")
	f.act("cancel")
	var all, changing []string
	for _, r := range f.Requests() {
		all = append(all, fmt.Sprintf("%s %d %v", r.Operation, r.Status, r.Keys))
	}
	for _, r := range f.Changing() {
		changing = append(changing, fmt.Sprint(r.Operation, " ", r.Status))
	}
	if diff := cmp.Diff([]string{"CreateVerification 201 [Channel To]", "CreateVerification 403 [Channel To]", "FetchVerification 200 []",
		"CreateVerificationCheck 201 [Code To]", "CreateVerificationCheck 201 [Code To]", "CreateVerificationCheck 404 [Code To]",
		"CreateVerification 201 [Channel To]", "UpdateVerification 200 [Status]"}, all); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"CreateVerification 201", "CreateVerificationCheck 201", "CreateVerificationCheck 201", "CreateVerification 201",
		"UpdateVerification 200"}, changing); diff != "" {
		t.Error(diff)
	}
	if r := f.Requests()[3]; r.Values.Get("To") != number || r.Values.Get("Code") == "" {
		t.Errorf("%+v", r)
	}
	if text, err := json.Marshal(f.Requests()); err != nil || strings.Contains(string(text), number[1:]) {
		t.Errorf("the log's JSON shows a number: %s, %v", text, err)
	}
}

// TestVerificationFaults checks that faults know the operations of verifications, and which of them take effect.
func TestVerificationFaults(t *testing.T) {
	for _, tt := range []struct {
		fault  emulator.Fault
		status int
		says   any
		effect bool
	}{
		{emulator.Fault{Operation: "CreateVerification", Code: 60203}, 429, 60203, false},
		{emulator.Fault{Operation: "CreateVerification", Code: 20500, AfterEffect: true}, 500, 20500, true},
		{emulator.Fault{Operation: "CreateVerification", Set: map[string]any{"status": "failed"}}, 201, "failed", true},
		{emulator.Fault{Operation: "CreateVerificationCheck", Code: 60202}, 201, "pending", true},
	} {
		f := start(t, emulator.Options{})
		f.AddFault(tt.fault)
		if got := f.act("send"); got.status != tt.status || got.says() != tt.says {
			t.Errorf("%+v: %s", tt.fault, got.raw)
		}
		if _, ok := f.SentCode(number); ok != tt.effect || len(f.Changing()) == 1 != tt.effect {
			t.Errorf("%+v: took effect: %t", tt.fault, ok)
		}
	}
	for _, operation := range []string{"FetchVerification", "UpdateVerification", "CreateVerificationCheck"} {
		f := start(t, emulator.Options{})
		f.act("send")
		f.AddFault(emulator.Fault{Operation: operation, Code: 20429, Times: 1})
		what := map[string]string{"FetchVerification": "fetch verification", "UpdateVerification": "cancel", "CreateVerificationCheck": "check right"}[operation]
		if first, second := f.act(what), f.act(what); first.says() != 20429 || second.status >= 300 {
			t.Errorf("%s: %s%s", operation, first.raw, second.raw)
		}
	}
}

// TestServiceSettings changes every setting while the emulator runs, through Go and through the control API.
func TestServiceSettings(t *testing.T) {
	skew := 2
	want := map[string]any{
		"friendly_name": "Helpdesk", "code_length": 8.0, "lookup_enabled": true, "psd2_enabled": true, "skip_sms_to_landlines": true,
		"dtmf_input_required": true, "tts_name": "polly", "do_not_share_warning_enabled": true, "custom_code_enabled": true,
		"default_template_sid": "HJ00000000000000000000000000000000",
		"totp":                 map[string]any{"issuer": "Acme", "time_step": 60.0, "code_length": 8.0, "skew": 2.0},
	}
	all := emulator.ServiceSettings{FriendlyName: "Helpdesk", CodeLength: 8, LookupEnabled: true, PSD2Enabled: true, SkipSMSToLandlines: true,
		DTMFInputRequired: true, TTSName: "polly", DoNotShareWarningEnabled: true, CustomCodeEnabled: true,
		DefaultTemplateSID: "HJ00000000000000000000000000000000",
		TOTP:               emulator.ServiceTOTP{Issuer: "Acme", TimeStep: 60, CodeLength: 8, Skew: &skew}}
	body, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	for name, f := range map[string]*fixture{
		"options": start(t, emulator.Options{Service: all}), "go": start(t, emulator.Options{}), "control": start(t, emulator.Options{Control: true}),
	} {
		before := f.get("")
		f.Advance(time.Minute)
		switch name {
		case "go":
			if err := f.ChangeService(f.Options().ServiceSID, func(s *emulator.ServiceSettings) { *s = all }); err != nil {
				t.Fatal(err)
			}
		case "control":
			if got := f.control("POST", "service", string(body)); got.status != 200 || got.text("tts_name") != "polly" {
				t.Fatal(got.raw)
			}
		}
		got := f.get("")
		for field, value := range want {
			if diff := cmp.Diff(value, got.body[field]); diff != "" {
				t.Errorf("%s: %s: %s", name, field, diff)
			}
		}
		if changed := got.text("date_updated") != before.text("date_updated"); changed == (name == "options") {
			t.Errorf("%s: updated %s", name, got.text("date_updated"))
		}
	}
}

// TestServiceSettingsMerge checks that a setting stays if a change doesn't name it, and that null unsets it.
func TestServiceSettingsMerge(t *testing.T) {
	f := start(t, emulator.Options{Control: true, Issuer: "Acme"})
	f.control("POST", "service", `{"code_length":8,"totp":{"skew":2},"disabled_channels":["call"]}`)
	earlier, _ := f.Service("")
	got := f.control("POST", "service", `{"lookup_enabled":true,"totp":{"skew":0},"disabled_channels":["sms"]}`)
	if got.body["code_length"] != 8.0 || got.object("totp")["issuer"] != "Acme" || got.object("totp")["skew"] != 0.0 {
		t.Error(got.raw)
	}
	if *earlier.TOTP.Skew != 2 || !slices.Equal(earlier.DisabledChannels, []string{"call"}) {
		t.Errorf("an earlier copy changed: %+v", earlier)
	}
	f.control("POST", "service", `{"totp":{"skew":null,"issuer":""}}`)
	if got := f.get("").object("totp"); got["skew"] != nil || got["issuer"] != nil {
		t.Error(got)
	}
	if diff := cmp.Diff(f.control("GET", "service", "").raw, f.control("GET", "service?sid="+emulator.DefaultServiceSID, "").raw); diff != "" {
		t.Error(diff)
	}
}

func TestControlSwitches(t *testing.T) {
	f := start(t, emulator.Options{Control: true, Quirks: emulator.Quirks{Status: map[int]int{60238: 400}}})
	for kind, want := range map[string]int{"landline": 0, "geo-blocked": 60605, "fraud-blocked": 60410, "trial-unverified": 21608, "blocked": 60238,
		"concurrent": 60212, "invalid": 60200, "mobile": 0} {
		if got := f.control("POST", "numbers", `{"to":"+447700900123","kind":"`+kind+`"}`); got.status != 204 {
			t.Fatal(got.raw)
		}
		if got := f.act("send"); want != 0 && got.says() != want || want == 0 && got.status != 201 {
			t.Errorf("%s: %s", kind, got.raw)
		}
	}
	f.control("POST", "numbers", `{"to":"+447700900123","kind":"mobile"}`)
	if got := f.control("POST", "quirks", `{"KeepFinished":true,"Status":{"60605":400}}`); got.status != 204 {
		t.Fatal(got.raw)
	}
	f.follows([]step{{"check right", 1, 201, "approved"}, {"check right", 1, 201, "approved"}})
	if q := f.Options().Quirks; q.MaxSends != 5 || q.Status[60238] != 400 || q.Status[60605] != 400 {
		t.Errorf("%+v", q)
	}
	f.ChangeQuirks(func(q *emulator.Quirks) { q.KeepFinished = false })
	f.follows([]step{{"check right", 1, 404, 20404}})
}
