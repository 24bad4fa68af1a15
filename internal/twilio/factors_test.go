package twilio

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	verify "github.com/twilio/twilio-go/rest/verify/v2"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/mfa"
)

func TestGoodAnswers(t *testing.T) {
	s := start(t)
	for _, op := range operations() {
		s.play(op.request, op.good)
		if err := op.run(s.Client, t.Context()); err != nil {
			t.Errorf("%s: %v", op.name, err)
		}
	}
	want := mfa.Factor{SID: factor, EntitySID: entity, Status: mfa.FactorVerified, FriendlyName: "alice",
		Created: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
		TOTP:    mfa.TOTPConfig{Algorithm: "sha1", Digits: 6, Step: 30 * time.Second, Skew: 1}}
	if got, err := s.FetchFactor(t.Context(), identity, factor); err != nil || got != want {
		t.Errorf("%+v %v", got, err)
	}
	s.play("GET "+factorPath, ok(200, with(factorJSON(factor, "verified"), fields{"config": nil})))
	if got, err := s.FetchFactor(t.Context(), identity, factor); err != nil || got != want {
		t.Errorf("defaults: %+v %v", got, err)
	}
	want.Status = mfa.FactorUnverified
	got, err := s.CreateFactor(t.Context(), identity, "alice")
	if err != nil || got.Factor != want || got.Secret.Reveal() != totpSecret || !strings.HasPrefix(got.URI.Reveal(), "otpauth://totp/ACME:alice?") {
		t.Errorf("%+v %v", got, err)
	}
	noSecret(t, "the new factor", fmt.Sprintf("%+v %#v", got, got))
}

func TestWrongCode(t *testing.T) {
	s := start(t)
	unverified := ok(200, factorJSON(factor, "unverified"))
	s.play("GET "+factorPath, unverified)
	for name, answer := range map[string]http.HandlerFunc{
		"today":  unverified,
		"legacy": apiError(403, 60311, "Factor verification failed"),
	} {
		s.play("POST "+factorPath, answer)
		f, err := s.VerifyFactor(t.Context(), identity, factor, code)
		if err != nil || f.Status != mfa.FactorUnverified || f.TOTP.Step == 0 {
			t.Errorf("%s: %+v %v", name, f, err)
		}
	}
	// The factor was verified before: a wrong code must not look right.
	s.play("GET "+factorPath, ok(200, factorJSON(factor, "verified")))
	s.play("POST "+factorPath, apiError(403, 60311, "Factor verification failed"))
	_, err := s.VerifyFactor(t.Context(), identity, factor, code)
	wantError(t, err, errs.Refused, false)

	for name, answer := range map[string]http.HandlerFunc{
		"pending": ok(201, challengeJSON("pending")), "denied": ok(201, challengeJSON("denied")),
		"expired": ok(200, challengeJSON("expired")), "legacy": apiError(403, 60324, "Challenge verification failed"),
	} {
		s.play("POST "+entityPath+"/Challenges", answer)
		if approved, err := s.Challenge(t.Context(), identity, factor, code); approved || err != nil {
			t.Errorf("%s: %t %v", name, approved, err)
		}
	}
}

// After a lost reply the factor is fetched to see whether the code was accepted.
func TestVerifyLostReply(t *testing.T) {
	for name, broken := range map[string]http.HandlerFunc{
		"reset": reset, "500": apiError(500, 20500, "x"), "garbage": page(200, "text/html", "<p>"), "truncated": truncated,
		"lie": ok(200, factorJSON(other, "verified")), "shape": ok(200, []int{1}),
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t)
			s.play("POST "+factorPath, broken)
			s.play("GET "+factorPath, ok(200, factorJSON(factor, "verified")))
			f, err := s.VerifyFactor(t.Context(), identity, factor, code)
			if err != nil || f.Status != mfa.FactorVerified || f.SID != factor {
				t.Errorf("%+v %v", f, err)
			}
			s.play("GET "+factorPath, ok(200, factorJSON(factor, "unverified")))
			_, err = s.VerifyFactor(t.Context(), identity, factor, code)
			wantError(t, err, errs.Unavailable, true)
			s.play("GET "+factorPath, apiError(404, 20404, "x"))
			_, err = s.VerifyFactor(t.Context(), identity, factor, code)
			wantError(t, err, errs.Unavailable, true)
			if got := s.count("POST " + factorPath); got != 3 {
				t.Errorf("sent %d times", got)
			}
		})
	}
}

func TestDeleteGone(t *testing.T) {
	s := start(t)
	if err := s.DeleteFactor(t.Context(), identity, factor); err != nil {
		t.Error(err)
	}
	s.play("DELETE "+factorPath, reset, apiError(404, 20404, "x"))
	if err := s.DeleteFactor(t.Context(), identity, factor); err != nil {
		t.Error(err)
	}
	// The first try may have had an effect. The error says so even if the second certainly had none.
	s.play("DELETE "+factorPath, reset, apiError(401, 20003, "Authenticate"))
	wantError(t, s.DeleteFactor(t.Context(), identity, factor), errs.Config, true)
	s.play("DELETE "+factorPath, page(200, "text/html", "guest network"))
	wantError(t, s.DeleteFactor(t.Context(), identity, factor), errs.Unavailable, true)
}

// The 404 of an entity means "none" only if the service was found.
func TestNotFoundIsProven(t *testing.T) {
	s := start(t)
	for range 3 {
		if fs, err := s.ListFactors(t.Context(), identity); err != nil || len(fs) != 0 {
			t.Fatal(fs, err)
		}
	}
	if got := s.count("GET " + servicePath); got != 1 {
		t.Errorf("service fetched %d times", got)
	}
	for _, op := range operations() {
		if op.ofAnyService() {
			continue
		}
		for _, tc := range []struct {
			answer http.HandlerFunc
			kind   errs.Kind
			has    string
		}{
			{apiError(404, 20404, "x"), errs.NotFound, "no such Verify service"},
			{apiError(401, 20003, "x"), errs.Config, ""},
			{apiError(500, 20500, "x"), errs.Unavailable, ""},
			{page(404, "text/html", "<p>"), errs.Unavailable, ""},
		} {
			s := start(t)
			s.play("GET "+servicePath, tc.answer)
			err := op.run(s.Client, t.Context())
			wantError(t, err, tc.kind, false)
			if !strings.Contains(err.Error(), tc.has) {
				t.Error(err)
			}
			if e, _ := errors.AsType[*errs.Error](err); tc.has != "" && !strings.Contains(e.Hint.Text, "TWILIO_SERVICE_SID") {
				t.Errorf("hint %q", e.Hint)
			}
		}
	}
}

// Many calls that find nothing at the same time wait for one fetch of the service, each no longer than its context.
func TestProveOnce(t *testing.T) {
	bubble(t, func(t *testing.T, s *setup) {
		release := make(chan struct{})
		answer := ok(200, serviceJSON())
		s.play("GET "+servicePath, func(w http.ResponseWriter, r *http.Request) { <-release; answer(w, r) })
		failures := make(chan error)
		for range 8 {
			go func() {
				_, err := s.ListFactors(t.Context(), identity)
				failures <- err
			}()
		}
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := s.ListFactors(ctx, identity)
		wantError(t, err, errs.Unavailable, false)
		close(release)
		for range 8 {
			if err := <-failures; err != nil {
				t.Error(err)
			}
		}
		if got := s.count("GET " + servicePath); got != 1 {
			t.Errorf("service fetched %d times", got)
		}
	}, func(c *Config) { c.Concurrency = 8 })
}

func sid(n int) string { return fmt.Sprintf("YF%032x", n) }

func TestListPages(t *testing.T) {
	s := start(t)
	dated := func(n int) fields {
		return with(factorJSON(sid(n), "verified"), fields{"date_created": time.Unix(int64(n), 0).UTC().Format(time.RFC3339)})
	}
	var queries []string
	next := "https://verify.twilio.com" + factorsPath + "?PageSize=100&Page=1&PageToken=PTabc.123xyz"
	pages := []http.HandlerFunc{
		ok(200, listJSON(next, dated(3), dated(1), with(dated(9), fields{"factor_type": "push", "config": fields{"alg": "ES256"}}))),
		ok(200, listJSON(nil, dated(2), dated(1))),
	}
	for i, p := range pages {
		pages[i] = func(w http.ResponseWriter, r *http.Request) { queries = append(queries, r.URL.RawQuery); p(w, r) }
	}
	s.play("GET "+factorsPath, pages...)
	fs, err := s.ListFactors(t.Context(), identity)
	if err != nil || len(fs) != 3 || fs[0].SID != sid(1) || fs[1].SID != sid(2) || fs[2].SID != sid(3) {
		t.Errorf("%v %v", fs, err)
	}
	if strings.Join(queries, " ") != "PageSize=100 Page=1&PageSize=100&PageToken=PTabc.123xyz" {
		t.Error(queries)
	}
}

func TestListEvilPages(t *testing.T) {
	good := "https://verify.twilio.com" + factorsPath
	for name, next := range map[string]string{
		"foreign":       "https://evil.example.com" + factorsPath + "?Page=1",
		"userinfo":      "https://verify.twilio.com@evil.example.com" + factorsPath,
		"subdomain":     "https://verify.eu.evil.twilio.com" + factorsPath,
		"plain":         "http://verify.twilio.com" + factorsPath,
		"port":          "https://verify.twilio.com:8443" + factorsPath,
		"relative":      factorsPath + "?Page=1",
		"other path":    "https://verify.twilio.com" + servicePath,
		"other entity":  "https://verify.twilio.com" + servicePath + "/Entities/someoneelse/Factors",
		"dots":          good + "/../../../../../Services?Page=1",
		"escaped":       strings.Replace(good, "/Factors", "/%46actors", 1),
		"fragment":      good + "?Page=1#x",
		"query":         good + "?Page=%zz",
		"control":       good + "?Page=1\x00",
		"not a URL":     "::",
		"circle":        good + "?Page=1",
		"nonexistent":   good + "?Page=404",
		"infinite list": good + "?Page=infinite",
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t)
			n := 0
			s.play("GET "+factorsPath, func(w http.ResponseWriter, r *http.Request) {
				n++
				switch r.URL.Query().Get("Page") {
				case "404":
					apiError(404, 20404, "x")(w, r)
				case "infinite":
					ok(200, listJSON(fmt.Sprint(next, "&PageToken=", n)))(w, r)
				default:
					ok(200, listJSON(next, factorJSON(factor, "verified")))(w, r)
				}
			})
			_, err := s.ListFactors(t.Context(), identity)
			wantError(t, err, errs.Unavailable, false)
			if n > maxPages+1 {
				t.Errorf("%d pages", n)
			}
		})
	}
}

func TestLies(t *testing.T) {
	change := func(base fields, name string, value any) http.HandlerFunc {
		m := with(base, nil)
		inner := m
		path := strings.Split(name, ".")
		for _, p := range path[:len(path)-1] {
			inner[p] = maps.Clone(inner[p].(fields))
			inner = inner[p].(fields)
		}
		inner[path[len(path)-1]] = value
		return ok(200, m)
	}
	about := map[string][]any{
		"service_sid": {nil, "", "VA" + strings.Repeat("0", 32), 7}, "identity": {nil, "somebodyelse", strings.ToUpper(identity)},
		"factor_type": {nil, "", "push", "TOTP"}, "status": {nil, "", "new", "Verified", true},
	}
	ofFactor := map[string][]any{
		"sid": {nil, "", other + "\n", factor[:33], "YE" + hex32}, "entity_sid": {"x", factor}, "date_created": {"Thu, 01 Jan 2026 12:00:09 +0000"},
		"config": {"sha1", []int{}, fields{"alg": "md5"}, fields{"skew": 3}, fields{"skew": -1}, fields{"code_length": 9}, fields{"code_length": 2},
			fields{"time_step": 0}, fields{"time_step": 61}, fields{"time_step": 30.5}, fields{"alg": 1}},
	}
	uri := func(rest string) string { return "otpauth://totp/ACME:alice?" + rest }
	ofNew := map[string][]any{
		"binding": {nil, "x", fields{}, []int{}}, "status": {"verified"},
		"binding.secret": {nil, "", "not base32", "JBSWY3DPEHPK3PX1", "========", 5, strings.ToLower(totpSecret)},
		"binding.uri": {nil, "", "https://totp/x?secret=" + totpSecret, "otpauth://hotp/x?secret=" + totpSecret, uri(""), uri("secret=JBSWY3DPEHPK3PXX"),
			uri("secret=%zz"), "otpauth://totp/%zz?secret=" + totpSecret, uri("secret=" + totpSecret + "&digits=8"),
			uri("secret=" + totpSecret + "&period=60"), uri("secret=" + totpSecret + "&algorithm=SHA256")},
	}
	ofChallenge := map[string][]any{"sid": {nil, "", factor}, "factor_sid": {nil, "", other}, "status": {"verified", "Approved"}}
	ofVerification := map[string][]any{
		"service_sid": {nil, "", "VA" + strings.Repeat("0", 32), 7}, "account_sid": {nil, "", "AC" + strings.Repeat("0", 32)},
		"sid": {nil, "", factor, verif + "\n", verif[:33]}, "to": {nil, "", "+447700900124", number[1:], number + " ", 447700900123},
		"status": {nil, "", "verified", "Approved", true},
	}
	none := map[string][]any{}
	for _, op := range operations() {
		base, lies := fields{}, []map[string][]any{about}
		switch op.name {
		case "fetch", "verify":
			base, lies = factorJSON(factor, "verified"), append(lies, ofFactor, map[string][]any{"sid": {other}})
		case "create":
			base, lies = newFactorJSON(), append(lies, ofFactor, ofNew)
		case "challenge":
			base, lies = challengeJSON("approved"), append(lies, ofChallenge)
		case "list":
			base = listJSON(nil, factorJSON(factor, "verified"))
			lies = []map[string][]any{{"factors": {nil, "x", fields{}, []int{1}}, "meta": {nil, "x", fields{}}, "meta.key": {nil, "", "services"}}}
			for _, m := range []map[string][]any{about, ofFactor} {
				for field, values := range m {
					for _, v := range values {
						if field == "factor_type" && v != nil { // a factor of another type is not ours, and left out
							continue
						}
						lies = append(lies, map[string][]any{"factors": {[]fields{with(factorJSON(factor, "verified"), fields{field: v})}}})
					}
				}
			}
		case "service", "create-service":
			base, lies = serviceJSON(), []map[string][]any{{"sid": {nil, ""}, "totp": {"x", fields{"issuer": 1}, fields{"skew": "1"}},
				"code_length": {"6"}, "psd2_enabled": {"no"}}}
			if op.name == "service" {
				lies = append(lies, map[string][]any{"sid": {"VA" + strings.Repeat("0", 32)}})
			} else {
				lies = append(lies, map[string][]any{"sid": {account, service + "\n"}, "account_sid": {nil, "AC" + strings.Repeat("0", 32)}})
			}
		case "send":
			base, lies = sendJSON(1), []map[string][]any{ofVerification, {"status": {"approved"}, "send_code_attempts": {"x"}}}
		case "check":
			base, lies = checkJSON("approved"), []map[string][]any{ofVerification, {"valid": {false, "yes"}}}
		default:
			lies = []map[string][]any{none}
		}
		for _, m := range lies {
			for field, values := range m {
				for _, v := range values {
					t.Run(fmt.Sprint(op.name, " ", field, " ", v), func(t *testing.T) {
						s := start(t)
						s.play(op.request, change(base, field, v))
						err := op.run(s.Client, t.Context())
						kind := errs.Unavailable
						// A service that is another one stays so: running it again does not help.
						if elsewhere := fmt.Sprint(v); op.isGet() && strings.Contains(elsewhere, "VA"+strings.Repeat("0", 32)) {
							kind = errs.Config
							if hint := errs.HintOf(err).Text; !strings.Contains(hint, "TWILIO_SERVICE_SID") || strings.Contains(hint, "again") {
								t.Errorf("hint %q", hint)
							}
						}
						wantError(t, err, kind, op.isPost())
						if got := s.count(op.request); got != 1 {
							t.Errorf("sent %d times", got)
						}
					})
				}
			}
		}
	}
}

// Nothing is sent with a bad parameter, because twilio-go would paste it into a path or Twilio would refuse it.
func TestBadParameters(t *testing.T) {
	s := start(t)
	ctx := t.Context()
	for _, bad := range []string{"", "short", "a/b?x=1#f", "../../../v2/Services", "double--dash", "-leading-", "trailing-", "under_score1",
		"umläut-umläut", identity + "\n", strings.Repeat("a", 65), "%2e%2e%2f%2e%2e"} {
		for _, err := range []error{
			second(s.FetchFactor(ctx, bad, factor)), second(s.ListFactors(ctx, bad)), second(s.CreateFactor(ctx, bad, "x")),
			second(s.VerifyFactor(ctx, bad, factor, code)), second(s.Challenge(ctx, bad, factor, code)), s.DeleteFactor(ctx, bad, factor),
		} {
			wantError(t, err, errs.Failure, false)
		}
	}
	for _, bad := range []string{"", "YF", factor + "/", factor + "\n", "YE" + hex32, "../" + factor} {
		for _, err := range []error{
			second(s.FetchFactor(ctx, identity, bad)), second(s.VerifyFactor(ctx, identity, bad, code)),
			second(s.Challenge(ctx, identity, bad, code)), s.DeleteFactor(ctx, identity, bad),
		} {
			wantError(t, err, errs.Failure, false)
		}
	}
	for _, bad := range []string{"", "12", "123456789", "12345a", "123 456", code + "\n", "٣٤٥٦٧٨"} {
		wantError(t, second(s.VerifyFactor(ctx, identity, factor, bad)), errs.Failure, false)
		wantError(t, second(s.Challenge(ctx, identity, factor, bad)), errs.Failure, false)
	}
	for _, bad := range []string{"", strings.Repeat("ä", 65), "a\nb", "a\u202eb", "\xff"} {
		wantError(t, second(s.CreateFactor(ctx, identity, bad)), errs.Failure, false)
	}
	if len(s.calls) != 0 {
		t.Errorf("called %v", s.calls)
	}
}

func second[T any](_ T, err error) error { return err }

// FuzzAnswer checks that no JSON makes the checks panic, and that an answer which passes them has what they promise.
func FuzzAnswer(f *testing.F) {
	for _, v := range []any{
		sendJSON(2), checkJSON("approved"), newFactorJSON(), factorJSON(factor, "verified"), challengeJSON("approved"),
		listJSON(nil, factorJSON(factor, "unverified")), challengeListJSON(nil, challengeJSON("expired")), nil,
	} {
		b, _ := json.Marshal(v)
		f.Add(b)
	}
	w := owner{service, identity}
	c := &Client{service: service, account: account}
	f.Fuzz(func(t *testing.T, b []byte) {
		var n verify.VerifyV2NewFactor
		if json.Unmarshal(b, &n) == nil {
			if got, err := w.newFactor(&n); err == nil {
				u, err := url.Parse(got.URI.Reveal())
				if err != nil || u.Scheme != "otpauth" || !got.Secret.IsSet() || !mfa.ValidFactorSID(got.SID) || got.TOTP.Step < 20*time.Second {
					t.Errorf("accepted %s", b)
				}
			}
		}
		var l verify.ListFactorResponse
		if json.Unmarshal(b, &l) == nil {
			_, _ = w.factors(&l)
		}
		var many verify.ListChallengeResponse
		if json.Unmarshal(b, &many) == nil {
			l := challengeList{owner: w, latest: time.Now(), seen: map[string]bool{}}
			all, _ := l.page(&many)
			for _, got := range all {
				if got.Created.Before(firstChallenge) || !mfa.ValidFactorSID(got.FactorSID) || got.Status == "" {
					t.Errorf("accepted %s", b)
				}
			}
		}
		var ch verify.VerifyV2Challenge
		if json.Unmarshal(b, &ch) == nil {
			got, err := w.challenge(&ch, factor)
			if approved := got.Status == mfa.ChallengeApproved; approved && (err != nil || *ch.Status != "approved" || *ch.FactorSid != factor) {
				t.Errorf("approved %s", b)
			}
		}
		var v verify.VerifyV2VerificationCheck
		if json.Unmarshal(b, &v) == nil {
			status, err := c.verification(v.Sid, v.ServiceSid, v.AccountSid, v.To, v.Status, number)
			if err == nil && (*v.To != number || *v.Status != string(status) || *v.ServiceSid != service || *v.AccountSid != account) {
				t.Errorf("accepted %s", b)
			}
		}
	})
}
