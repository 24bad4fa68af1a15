package twilio

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"uzerp-mfa/internal/caller"
	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/mfa"
	"uzerp-mfa/internal/secret"
)

func TestVerification(t *testing.T) {
	s := start(t)
	var forms []string
	record := func(answer http.HandlerFunc) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			_ = r.ParseForm()
			forms = append(forms, r.PostForm.Encode())
			answer(w, r)
		}
	}
	for i, tc := range []struct {
		channel caller.Channel
		answer  fields
		want    caller.Started
	}{
		{caller.ChannelSMS, sendJSON(1), caller.Started{SID: verif, Status: caller.Pending, Sends: 1}},
		{caller.ChannelCall, sendJSON(3), caller.Started{SID: verif, Status: caller.Pending, Sends: 3}},
		{caller.ChannelCall, with(sendJSON(0), fields{"send_code_attempts": nil, "valid": nil}), caller.Started{SID: verif, Status: caller.Pending}},
		{caller.ChannelSMS, with(sendJSON(1), fields{"status": "failed"}), caller.Started{SID: verif, Status: caller.Failed, Sends: 1}},
	} {
		s.play("POST "+sendPath, record(ok(201, tc.answer)))
		got, err := s.StartVerification(t.Context(), callee, tc.channel)
		if err != nil || got != tc.want {
			t.Errorf("%+v %v, want %+v", got, err, tc.want)
		}
		if want := (url.Values{"To": {number}, "Channel": {string(tc.channel)}}).Encode(); forms[i] != want {
			t.Errorf("sent %q, want %q", forms[i], want)
		}
	}
	for _, status := range []caller.Status{caller.Pending, caller.Approved, caller.Canceled,
		caller.MaxAttempts, caller.Deleted, caller.Failed, caller.Expired} {
		for _, http := range []int{200, 201} {
			s.play("POST "+checkPath, record(ok(http, checkJSON(string(status)))))
			if got, err := s.CheckVerification(t.Context(), callee, verif, code); err != nil || got != status {
				t.Errorf("%s: %q %v", status, got, err)
			}
			s.play("POST "+checkPath, record(ok(http, with(checkJSON(string(status)), fields{"valid": nil}))))
			if got, err := s.CheckVerification(t.Context(), callee, verif, code); err != nil || got != status {
				t.Errorf("%s without valid: %q %v", status, got, err)
			}
		}
	}
	if got, want := forms[len(forms)-1], (url.Values{"VerificationSid": {verif}, "Code": {code}}).Encode(); got != want {
		t.Errorf("sent %q, want %q", got, want)
	}
	// Only the status approved means that the code is right, whatever the field valid says.
	s.play("POST "+checkPath, ok(201, with(checkJSON("pending"), fields{"valid": true})))
	got, err := s.CheckVerification(t.Context(), callee, verif, code)
	wantError(t, err, errs.Unavailable, true)
	if got != "" {
		t.Errorf("%q", got)
	}
}

// "No code is waiting" is returned only if the service was found. TestNotFoundIsProven has the other half.
func TestNoVerification(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"today": apiError(404, 20404, "The requested resource "+checkPath+" was not found"), "specific": apiError(404, 60431, "x"), "odd": apiError(400, 60431, "x"),
	} {
		s := start(t)
		s.play("POST "+checkPath, answer)
		_, err := s.CheckVerification(t.Context(), callee, verif, code)
		wantError(t, err, errs.NotFound, false)
		if !errors.Is(err, caller.ErrNoVerification) || errors.Is(err, mfa.ErrNoService) || !strings.Contains(errs.HintOf(err).Text, "send a new one") {
			t.Errorf("%s: %v (%s)", name, err, errs.HintOf(err))
		}
		if s.count("GET "+servicePath) != 1 || s.count("POST "+checkPath) != 1 {
			t.Errorf("%s: called %v", name, s.calls)
		}
	}
}

// An answer about another verification than the one that was asked for is not believed.
func TestOtherVerification(t *testing.T) {
	s := start(t)
	other := fields{"sid": "VE" + strings.Repeat("9", 32)}
	s.play("GET "+sendPath+"/"+verif, ok(200, with(sendJSON(1), other)))
	got, err := s.FetchVerification(t.Context(), callee, verif)
	wantError(t, err, errs.Unavailable, false)
	s.play("POST "+checkPath, ok(201, with(checkJSON("approved"), other)))
	status, err := s.CheckVerification(t.Context(), callee, verif, code)
	wantError(t, err, errs.Unavailable, true)
	if status != "" || got.SID != "" {
		t.Errorf("%q, %+v", status, got)
	}
}

// After a lost reply the hint says what may have happened at Twilio.
func TestVerificationLost(t *testing.T) {
	for _, tc := range []struct{ op, hint string }{
		{"send", "a message may be on its way"}, {"check", "the code may be used up"}, {"create-service", "one more Verify service"},
	} {
		for name, broken := range map[string]http.HandlerFunc{
			"reset": reset, "500": apiError(500, 20500, "x"), "garbage": page(200, "text/html", "<p>"), "truncated": truncated,
			"lie": ok(201, fields{}), "shape": ok(201, []int{1}),
		} {
			for _, op := range operations() {
				if op.name != tc.op {
					continue
				}
				s := start(t)
				s.play(op.request, broken)
				err := op.run(s.Client, t.Context())
				wantError(t, err, errs.Unavailable, true)
				if hint := errs.HintOf(err).String(); !strings.Contains(hint, tc.hint) || s.count(op.request) != 1 {
					t.Errorf("%s %s: hint %q, sent %d times", tc.op, name, hint, s.count(op.request))
				}
			}
		}
	}
}

// Every error of §2 that a verification can meet has a text, a kind and a next step of its own.
func TestVerificationProblems(t *testing.T) {
	odd := []int{400, 401, 403, 404, 409, 429} // for codes without a documented status
	told := map[string]int{}
	for _, tc := range []struct {
		code     int
		statuses []int
		kind     errs.Kind
		hint     string
	}{
		{20008, odd, errs.Config, "TWILIO_API_KEY"},
		{21608, []int{400, 403}, errs.Config, "upgrade the account"},
		{60200, []int{400, 403}, errs.Refused, "uzERP"},
		{60202, []int{400, 403, 429}, errs.Refused, "ten minutes"},
		{60203, []int{400, 403, 429}, errs.Refused, "ten minutes"},
		{60204, []int{403}, errs.Config, "custom_code_enabled"},
		{60205, []int{400, 403}, errs.Refused, "sms-refused()"},
		{60206, []int{400}, errs.Config, "psd2_enabled"},
		{60212, []int{429}, errs.Unavailable, "safe to run"},
		{60214, []int{400}, errs.Config, "psd2_enabled"},
		{60217, []int{400}, errs.Config, "by SMS"},
		{60221, []int{400}, errs.Failure, "report"},
		{60223, odd, errs.Config, "the other channel"},
		{60238, odd, errs.Refused, "another way"},
		{60329, odd, errs.Config, "psd2_enabled"},
		{60330, []int{400}, errs.Config, "webhook"},
		{60331, odd, errs.Config, "tts_name"},
		{60410, odd, errs.Refused, "sms-blocked()"},
		{60605, []int{403}, errs.Config, "Geo permissions"},
		{60728, odd, errs.Unavailable, "an hour"},
	} {
		for _, op := range operations() {
			if op.name != "send" && op.name != "check" && op.name != "look" {
				continue
			}
			for _, status := range tc.statuses {
				t.Run(fmt.Sprintf("%d %d %s", tc.code, status, op.name), func(t *testing.T) {
					s := start(t)
					s.play(op.request, apiError(status, tc.code, "Something."))
					err := op.run(s.Client, t.Context())
					wantError(t, err, tc.kind, false)
					want := 1
					if tc.code == 60212 {
						want = maxTries
					}
					if got := s.count(op.request); got != want {
						t.Errorf("sent %d times, want %d", got, want)
					}
					hint := errs.HintOf(err).String()
					if !strings.Contains(hint, tc.hint) {
						t.Errorf("hint %q, want %q", hint, tc.hint)
					}
					if used := errors.Is(err, mfa.ErrAttemptsUsedUp); used != (tc.code == 60202) {
						t.Errorf("attempts used up: %t", used)
					}
					f, _ := errors.AsType[*callError](err)
					if before, again := told[f.words]; again && before != tc.code {
						t.Errorf("%d and %d say the same: %s", before, tc.code, f.words)
					}
					told[f.words] = tc.code
					for _, sentence := range []string{f.words, hint} {
						if strings.Contains(sentence, ". ") || strings.HasSuffix(sentence, ".") || len(sentence) > 160 {
							t.Errorf("not one short sentence: %s", sentence)
						}
					}
				})
			}
		}
	}
}

var whenAndHowLong = regexp.MustCompile(`(time|duration)=\S+`)

// A message of Twilio's that quotes the number, in whatever form, is shown neither in the error nor in -v's log.
func TestNumberIsNeverShown(t *testing.T) {
	for message, shown := range map[string]bool{
		"Invalid parameter `To`: +447700900123":              false,
		"The phone number +44 7700 900123 is blocked":        false,
		"no SMS to 447700900123":                             false,
		"no SMS to 07700900123":                              false,
		"no SMS to 07700-900-123":                            false,
		"(+44) 7700/900.123":                                 false,
		"%2B447700900123":                                    false,
		"Fraud Guard blocked the prefix +447700":             false,
		"cut off: +447700...":                                false,
		"ends in 00123":                                      false,
		"Invalid parameter: To":                              true,
		"see +49 30 and 12 hours":                            true,
		"Max send attempts reached":                          true,
		"channel sms is not supported by service " + service: true,
	} {
		for _, op := range operations() {
			if op.name != "send" && op.name != "check" && op.name != "look" {
				continue
			}
			s := start(t)
			s.play(op.request, apiError(400, 60200, message))
			err := op.run(s.Client, t.Context())
			wantError(t, err, errs.Refused, false)
			if strings.Contains(err.Error(), message) != shown {
				t.Errorf("%s: %v", message, err)
			}
			for _, text := range []string{err.Error(), errs.HintOf(err).String(), s.log.String()} {
				text = whenAndHowLong.ReplaceAllString(strings.ReplaceAll(text, service, ""), "") // any digits may be in these
				for _, part := range []string{"7700", "00123", "900"} {
					if strings.Contains(text, part) {
						t.Errorf("%s: shows %s: %s", message, part, text)
					}
				}
			}
			if !strings.Contains(s.log.String(), "path="+strings.Fields(op.request)[1]) {
				t.Errorf("not logged: %s", s.log.String())
			}
		}
	}
}

// Nothing is sent with a number, a channel or a code that can't be right, and no error repeats it.
func TestBadVerificationParameters(t *testing.T) {
	s := start(t)
	ctx := t.Context()
	for _, bad := range []string{"", "+", "447700900123", "07700900123", "+047700900123", "+44770", "+4477009001234567", "+44 7700900123",
		number + "\n", "+44770090012x", "+٤٤٧٧٠٠٩٠٠١٢٣", "alice@example.com"} {
		to := caller.Recipient{Phone: caller.Phone{E164: secret.New(bad)}}
		for _, err := range []error{second(s.StartVerification(ctx, to, caller.ChannelSMS)), second(s.CheckVerification(ctx, to, verif, code)),
			second(s.FetchVerification(ctx, to, verif))} {
			wantError(t, err, errs.Failure, false)
			if len(bad) > 1 && strings.Contains(err.Error(), bad) {
				t.Errorf("shows the number: %v", err)
			}
		}
	}
	for _, bad := range []caller.Channel{"", "SMS", "email", "whatsapp", "auto", "sms\n"} {
		wantError(t, second(s.StartVerification(ctx, callee, bad)), errs.Failure, false)
	}
	for _, bad := range []string{"", "123", "12345678901", "12345a", "123 456", code + "\n", "٣٤٥٦٧٨"} {
		wantError(t, second(s.CheckVerification(ctx, callee, verif, bad)), errs.Failure, false)
	}
	for _, bad := range []string{"", "VE1", verif + "0", "VA" + hex32, verif + "/..", "+447700900123"} {
		wantError(t, second(s.CheckVerification(ctx, callee, bad, code)), errs.Failure, false)
		wantError(t, second(s.FetchVerification(ctx, callee, bad)), errs.Failure, false)
	}
	for _, bad := range []string{"", " ", "a/b", strings.Repeat("a", 31), "call 12345"} {
		wantError(t, second(s.CreateService(ctx, bad, "ACME")), errs.Usage, false)
	}
	wantError(t, second(s.CreateService(ctx, "uzERP", "ACME: more")), errs.Usage, false)
	if len(s.calls) != 0 {
		t.Errorf("called %v", s.calls)
	}
}
