package emulator_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"uzerp-mfa/internal/emulator"
)

// act does what a step says, with the newest factor and challenge.
func (f *fixture) act(what string) reply {
	f.t.Helper()
	entity := "/Entities/" + identity
	switch what {
	case "create entity":
		return f.post("/Entities", "Identity", identity)
	case "fetch entity":
		return f.get(entity)
	case "delete entity":
		return f.do(http.MethodDelete, entity, nil)
	case "create factor":
		got := f.post(entity+"/Factors", "FriendlyName", account, "FactorType", "totp")
		if got.status == http.StatusCreated {
			f.factor = got.text("sid")
		}
		return got
	case "create factor again": // with the same secret
		return f.post(entity+"/Factors", "FriendlyName", account, "FactorType", "totp", "Binding.Secret", f.Secret(f.factor))
	case "fetch factor":
		return f.get(entity + "/Factors/" + f.factor)
	case "list factors":
		return f.get(entity + "/Factors")
	case "delete factor":
		return f.do(http.MethodDelete, entity+"/Factors/"+f.factor, nil)
	case "verify right":
		return f.post(entity+"/Factors/"+f.factor, "AuthPayload", f.code())
	case "verify wrong":
		return f.post(entity+"/Factors/"+f.factor, "AuthPayload", f.wrongCode())
	case "challenge", "challenge right", "challenge wrong":
		form := values("FactorSid", f.factor)
		switch what {
		case "challenge right":
			form.Set("AuthPayload", f.code())
		case "challenge wrong":
			form.Set("AuthPayload", f.wrongCode())
		}
		got := f.do(http.MethodPost, entity+"/Challenges", form)
		if got.status == http.StatusCreated {
			f.challenge = got.text("sid")
		}
		return got
	case "fetch challenge":
		return f.get(entity + "/Challenges/" + f.challenge)
	case "list challenges":
		return f.get(entity+"/Challenges", "Order", "desc")
	case "respond right":
		return f.post(entity+"/Challenges/"+f.challenge, "AuthPayload", f.code())
	case "respond wrong":
		return f.post(entity+"/Challenges/"+f.challenge, "AuthPayload", f.wrongCode())
	}
	if got, ok := f.actOnVerification(what); ok {
		return got
	}
	d, err := time.ParseDuration(what)
	if err != nil {
		f.t.Fatalf("no such step: %q", what)
	}
	f.Advance(d)
	return reply{}
}

// step is something that is done a number of times, and the result of each time: an error code, a status, or nothing to
// check.
type step struct {
	what   string
	times  int
	status int
	says   any
}

// verified is how most rules begin. The clock is advanced because the code is used up.
var verified = []step{{"create factor", 1, 201, "unverified"}, {"verify right", 1, 200, "verified"}, {"90s", 1, 0, nil}}

func after(begin []step, steps ...step) []step {
	return append(append([]step(nil), begin...), steps...)
}

// TestRules checks the table of docs/facts/twilio-verify.md §1.3, and the switches of Quirks.
func TestRules(t *testing.T) {
	created := []step{{"create factor", 1, 201, "unverified"}}
	wrongFive := after(created, step{"verify wrong", 5, 200, "unverified"})
	pending := after(verified, step{"challenge", 1, 201, "pending"})
	for _, tt := range []struct {
		name   string
		quirks emulator.Quirks
		totp   emulator.ServiceTOTP
		steps  []step
	}{
		{name: "creating a factor makes the entity", steps: []step{
			{"fetch entity", 1, 404, 20404}, {"create factor", 1, 201, "unverified"}, {"fetch entity", 1, 200, nil}}},
		{name: "an entity exists once", steps: []step{{"create entity", 1, 201, nil}, {"create entity", 1, 409, 60301}}},
		{name: "a right code verifies", steps: verified},
		{name: "a wrong code is no error", steps: after(created,
			step{"verify wrong", 4, 200, "unverified"}, step{"verify right", 1, 200, "verified"})},
		{name: "a factor takes five wrong codes", steps: after(wrongFive,
			step{"verify right", 2, 429, 60310}, step{"fetch factor", 1, 200, "unverified"})},
		{name: "wrong codes are remembered", steps: after(wrongFive, step{"23h", 1, 0, nil}, step{"verify right", 1, 429, 60310})},
		{name: "wrong codes are forgotten", quirks: emulator.Quirks{AttemptsResetAfter: time.Hour},
			steps: after(wrongFive, step{"59m", 1, 0, nil}, step{"verify right", 1, 429, 60310},
				step{"1m", 1, 0, nil}, step{"verify right", 1, 200, "verified"})},
		{name: "other limit of wrong codes", quirks: emulator.Quirks{MaxAttempts: 2}, steps: after(created,
			step{"verify wrong", 2, 200, "unverified"}, step{"verify right", 1, 429, 60310})},
		{name: "wrong code, legacy", quirks: emulator.Quirks{LegacyWrongCode: true}, steps: after(created,
			step{"verify wrong", 5, 403, 60311}, step{"verify wrong", 1, 429, 60310})},
		{name: "a code on a verified factor", steps: after(verified,
			step{"verify wrong", 7, 200, "verified"}, step{"verify right", 1, 200, "verified"})},
		{name: "a code on a verified factor, refused", quirks: emulator.Quirks{VerifiedRefusesCode: true},
			steps: after(verified, step{"verify right", 1, 403, 60383})},
		{name: "other status of an undocumented one",
			quirks: emulator.Quirks{VerifiedRefusesCode: true, Status: map[int]int{60383: 409}},
			steps:  after(verified, step{"verify right", 1, 409, 60383})},

		{name: "an unverified factor expires", steps: after(created, step{"23h59m59s", 1, 0, nil},
			step{"fetch factor", 1, 200, "unverified"}, step{"1s", 1, 0, nil}, step{"fetch factor", 1, 404, 20404},
			step{"verify right", 1, 404, 20404}, step{"challenge", 1, 404, 20404}, step{"fetch entity", 1, 200, nil})},
		{name: "a verified factor doesn't expire", steps: after(verified, step{"9000h", 1, 0, nil}, step{"fetch factor", 1, 200, "verified"})},
		{name: "an unverified factor expires sooner", quirks: emulator.Quirks{UnverifiedTTL: time.Hour},
			steps: after(created, step{"1h", 1, 0, nil}, step{"verify right", 1, 404, 20404})},
		{name: "an expired factor is kept", quirks: emulator.Quirks{KeepExpired: true}, steps: after(created,
			step{"24h", 1, 0, nil}, step{"fetch factor", 1, 200, "unverified"}, step{"verify right", 1, 403, 60383})},

		{name: "an unverified factor takes no challenge", steps: after(created, step{"challenge right", 1, 403, 60318})},
		{name: "a right code approves", steps: after(verified, step{"challenge right", 1, 201, "approved"}, step{"fetch challenge", 1, 200, "approved"})},
		{name: "a wrong code leaves pending", steps: after(verified, step{"challenge wrong", 1, 201, "pending"},
			step{"respond wrong", 1, 200, "pending"}, step{"respond right", 1, 200, "approved"})},
		{name: "wrong code in a challenge, legacy", quirks: emulator.Quirks{LegacyWrongCode: true}, steps: after(verified,
			step{"challenge wrong", 1, 403, 60324}, step{"challenge", 1, 201, "pending"},
			step{"respond wrong", 5, 403, 60324}, step{"respond right", 1, 429, 60308})},
		{name: "a challenge takes five wrong codes", steps: after(pending,
			step{"respond wrong", 5, 200, "pending"}, step{"respond right", 2, 429, 60308}, step{"fetch challenge", 1, 200, "pending"})},
		{name: "the first wrong code doesn't count", steps: after(verified, step{"challenge wrong", 1, 201, "pending"},
			step{"respond wrong", 5, 200, "pending"}, step{"respond right", 1, 429, 60308})},
		{name: "the first wrong code counts", quirks: emulator.Quirks{CreateCountsAttempt: true}, steps: after(verified,
			step{"challenge wrong", 1, 201, "pending"}, step{"respond wrong", 4, 200, "pending"}, step{"respond right", 1, 429, 60308})},
		{name: "an approved challenge takes no code", steps: after(verified, step{"challenge right", 1, 201, "approved"},
			step{"respond right", 1, 403, 60322}, step{"1h", 1, 0, nil}, step{"respond right", 1, 403, 60322})},
		{name: "a challenge expires", steps: after(pending, step{"299s", 1, 0, nil}, step{"fetch challenge", 1, 200, "pending"},
			step{"1s", 1, 0, nil}, step{"fetch challenge", 1, 200, "expired"}, step{"respond right", 1, 403, 60323})},
		{name: "a challenge without its factor", steps: after(pending,
			step{"delete factor", 1, 204, nil}, step{"respond wrong", 1, 404, 20404})},

		{name: "50 challenges an hour", steps: after(verified, step{"challenge", 50, 201, "pending"},
			step{"challenge", 1, 429, 60312}, step{"59m59s", 1, 0, nil}, step{"challenge", 1, 429, 60312},
			step{"1s", 1, 0, nil}, step{"challenge", 1, 201, "pending"})},
		{name: "100 challenges a day", steps: after(verified, step{"challenge", 50, 201, "pending"}, step{"1h", 1, 0, nil},
			step{"challenge", 50, 201, "pending"}, step{"1h", 1, 0, nil}, step{"challenge", 1, 429, 60312},
			step{"22h", 1, 0, nil}, step{"challenge", 50, 201, "pending"}, step{"challenge", 1, 429, 60312})},
		{name: "10 challenges a day with short codes", totp: emulator.ServiceTOTP{CodeLength: 4}, steps: after(verified,
			step{"challenge", 10, 201, "pending"}, step{"23h59m59s", 1, 0, nil}, step{"challenge", 1, 429, 60312},
			step{"1s", 1, 0, nil}, step{"challenge", 1, 201, "pending"})},

		{name: "a code works once", steps: after(verified, step{"challenge right", 1, 201, "approved"},
			step{"challenge right", 1, 201, "pending"}, step{"30s", 1, 0, nil}, step{"challenge right", 1, 201, "approved"})},
		{name: "the code that verified is used up", steps: after(created,
			step{"verify right", 1, 200, "verified"}, step{"challenge right", 1, 201, "pending"})},
		{name: "a code works again", quirks: emulator.Quirks{AllowReplay: true}, steps: after(created,
			step{"verify right", 1, 200, "verified"}, step{"challenge right", 3, 201, "approved"})},

		{name: "same secret", steps: after(created, step{"create factor again", 1, 409, 60317})},
		{name: "deleting a factor", steps: after(verified, step{"delete factor", 1, 204, nil}, step{"delete factor", 1, 404, 20404},
			step{"fetch factor", 1, 404, 20404}, step{"fetch entity", 1, 200, nil}, step{"create factor again", 1, 201, "unverified"})},
		{name: "deleting an entity takes all with it", steps: after(pending,
			step{"delete entity", 1, 204, nil}, step{"delete entity", 1, 404, 20404}, step{"fetch factor", 1, 404, 20404},
			step{"list factors", 1, 404, 20404}, step{"fetch challenge", 1, 404, 20404}, step{"challenge", 1, 404, 20404},
			step{"create entity", 1, 201, nil}, step{"fetch factor", 1, 404, 20404})},
		{name: "deleting an entity leaves its factors", quirks: emulator.Quirks{NoCascade: true}, steps: after(pending,
			step{"delete entity", 1, 204, nil}, step{"fetch entity", 1, 404, 20404}, step{"fetch factor", 1, 200, "verified"},
			step{"challenge right", 1, 201, "approved"}, step{"create entity", 1, 201, nil}, step{"fetch factor", 1, 200, "verified"})},
		{name: "deleting an entity deletes its challenges", steps: after(pending, step{"list challenges", 1, 200, 1},
			step{"delete entity", 1, 204, nil}, step{"list challenges", 1, 404, 20404}, step{"create entity", 1, 201, nil}, step{"list challenges", 1, 200, 0})},
		{name: "challenges outlive their entity", quirks: emulator.Quirks{ChallengesStay: true}, steps: after(pending,
			step{"delete entity", 1, 204, nil}, step{"fetch entity", 1, 404, 20404}, step{"list factors", 1, 404, 20404},
			step{"challenge", 1, 404, 20404}, step{"list challenges", 1, 200, 1}, step{"fetch challenge", 1, 200, "pending"},
			step{"respond right", 1, 404, 20404}, step{"create factor", 1, 201, "unverified"}, step{"list challenges", 1, 200, 1})},
		{name: "challenges outlive their factor", steps: after(pending, step{"delete factor", 1, 204, nil}, step{"list challenges", 1, 200, 1})},
		{name: "challenges go with their factor", quirks: emulator.Quirks{ChallengesGoWithFactor: true},
			steps: after(pending, step{"delete factor", 1, 204, nil}, step{"list challenges", 1, 200, 0}, step{"fetch challenge", 1, 404, 20404})},
		{name: "challenges are kept for a while", quirks: emulator.Quirks{ChallengeRetention: 24 * time.Hour}, steps: after(pending,
			step{"23h59m59s", 1, 0, nil}, step{"list challenges", 1, 200, 1}, step{"1s", 1, 0, nil}, step{"list challenges", 1, 200, 0})},
		{name: "codes of their own for what isn't there", quirks: emulator.Quirks{SpecificNotFound: true}, steps: after(pending,
			step{"delete factor", 1, 204, nil}, step{"fetch factor", 1, 404, 60390}, step{"challenge", 1, 404, 60390},
			step{"delete entity", 1, 204, nil}, step{"fetch entity", 1, 404, 60392}, step{"fetch challenge", 1, 404, 60391})},
	} {
		t.Run(tt.name, func(t *testing.T) {
			start(t, emulator.Options{Quirks: tt.quirks, TOTP: tt.totp}).follows(tt.steps)
		})
	}
}

// follows does the steps of a rule and checks their results.
func (f *fixture) follows(steps []step) {
	f.t.Helper()
	for i, s := range steps {
		for n := range s.times {
			got := f.act(s.what)
			if got.status != s.status || s.says != nil && got.says() != s.says {
				f.t.Fatalf("step %d, %q, time %d: %d %v, want %d %v\n%s", i+1, s.what, n+1, got.status, got.says(), s.status, s.says, got.raw)
			}
		}
	}
}

// TestSkew checks from which time steps a code is accepted.
func TestSkew(t *testing.T) {
	zero, two := 0, 2
	for _, tt := range []struct {
		skew *int
		far  int // the farthest step that is accepted
	}{{nil, 1}, {&zero, 0}, {&two, 2}} {
		for off := -3; off <= 3; off++ {
			t.Run(fmt.Sprintf("skew %d, %d steps off", tt.far, off), func(t *testing.T) {
				f := start(t, emulator.Options{TOTP: emulator.ServiceTOTP{Skew: tt.skew}})
				f.factor = f.AddFactor(identity, account, emulator.Verified).SID
				code, err := f.CodeFor(f.factor, f.Now().Add(time.Duration(off)*30*time.Second))
				if err != nil {
					t.Fatal(err)
				}
				want := "pending"
				if max(off, -off) <= tt.far {
					want = "approved"
				}
				got := f.post("/Entities/"+identity+"/Challenges", "FactorSid", f.factor, "AuthPayload", code)
				if got.says() != want {
					t.Errorf("%v, want %v", got.says(), want)
				}
			})
		}
	}
}

// TestLimitsOnFactors checks 60315, 60326 and 60328.
func TestLimitsOnFactors(t *testing.T) {
	t.Run("100 factors", func(t *testing.T) {
		f := start(t, emulator.Options{})
		for range 100 {
			f.AddFactor(identity, account, emulator.Verified)
		}
		if got := f.act("create factor"); got.status != 400 || got.says() != 60315 {
			t.Errorf("the 101st: %d %v", got.status, got.says())
		}
	})
	t.Run("100 creations a day", func(t *testing.T) {
		f := start(t, emulator.Options{})
		for range 100 {
			if got := f.act("create factor"); got.status != 201 {
				t.Fatal(got.raw)
			}
			f.act("delete factor")
		}
		if got := f.act("create factor"); got.status != 429 || got.says() != 60326 {
			t.Errorf("the 101st: %d %v", got.status, got.says())
		}
		f.Advance(24 * time.Hour)
		if got := f.act("create factor"); got.status != 201 {
			t.Errorf("a day later: %s", got.raw)
		}
	})
	t.Run("40 entities a second", func(t *testing.T) {
		f := start(t, emulator.Options{})
		create := func(n int) reply { return f.post("/Entities", "Identity", fmt.Sprintf("identity%04d", n)) }
		for n := range 40 {
			if got := create(n); got.status != 201 {
				t.Fatal(got.raw)
			}
		}
		if got := create(40); got.status != 429 || got.says() != 60328 {
			t.Errorf("the 41st: %d %v", got.status, got.says())
		}
		if got := f.act("create factor"); got.says() != 60328 || len(f.Entities()) != 40 {
			t.Errorf("by a factor: %v", got.says())
		}
		f.Advance(time.Second)
		if got := create(40); got.status != 201 {
			t.Errorf("a second later: %s", got.raw)
		}
	})
}

// TestRefusals checks the answers to requests that are never right.
func TestRefusals(t *testing.T) {
	f := start(t, emulator.Options{})
	f.act("create factor")
	f.act("verify right")
	entity := "/Entities/" + identity
	factors, challenges := entity+"/Factors", entity+"/Challenges"
	factor := factors + "/" + f.factor
	long := strings.Repeat("é", 65)
	good := []string{"FriendlyName", account, "FactorType", "totp"}
	f.ResetLog()

	for _, tt := range []struct {
		name, method, path string
		form               []string
		status, code       int
	}{
		{"no identity", "POST", "/Entities", nil, 400, 20001},
		{"identity too short", "POST", "/Entities", []string{"Identity", "1234567"}, 400, 60306},
		{"identity too long", "POST", "/Entities", []string{"Identity", strings.Repeat("a", 65)}, 400, 60306},
		{"identity of other characters", "POST", "/Entities", []string{"Identity", "alice@example"}, 400, 60306},
		{"identity with two dashes", "POST", "/Entities", []string{"Identity", "alice--example"}, 400, 60306},
		{"identity with an escaped slash", "GET", "/Entities/aaaaaaaa%2FFactors", nil, 400, 60306},
		{"identity too short in the path", "POST", "/Entities/short/Factors", good, 400, 60306},
		{"no such entity", "GET", "/Entities/aaaaaaaa", nil, 404, 20404},
		{"no such path", "GET", "/Entities/aaaaaaaa/factors", nil, 404, 20404},
		{"no such service", "GET", "/v2/Services/VA00000000000000000000000000000000", nil, 404, 20404},
		{"no such method", "DELETE", "/Entities/", nil, 405, 20004},
		{"double slash", "GET", "/Entities//Factors", nil, 404, 20404},

		{"no friendly name", "POST", factors, []string{"FactorType", "totp"}, 400, 20001},
		{"empty friendly name", "POST", factors, []string{"FriendlyName", "", "FactorType", "totp"}, 400, 20001},
		{"no factor type", "POST", factors, []string{"FriendlyName", account}, 400, 20001},
		{"update with an empty sid is create", "POST", factors + "/", []string{"AuthPayload", "123456"}, 400, 20001},
		{"parameters in the query only", "POST", factors + "?FriendlyName=a&FactorType=totp", nil, 400, 20001},
		{"friendly name too long", "POST", factors, []string{"FriendlyName", long, "FactorType", "totp"}, 400, 60306},
		{"push", "POST", factors, []string{"FriendlyName", account, "FactorType", "push"}, 400, 60306},
		{"time step too short", "POST", factors, append(good, "Config.TimeStep", "19"), 400, 60306},
		{"time step too long", "POST", factors, append(good, "Config.TimeStep", "61"), 400, 60306},
		{"time step no number", "POST", factors, append(good, "Config.TimeStep", "x"), 400, 60306},
		{"negative skew", "POST", factors, append(good, "Config.Skew", "-1"), 400, 60306},
		{"skew too wide", "POST", factors, append(good, "Config.Skew", "3"), 400, 60306},
		{"code too short", "POST", factors, append(good, "Config.CodeLength", "2"), 400, 60306},
		{"code too long", "POST", factors, append(good, "Config.CodeLength", "9"), 400, 60306},
		{"algorithm in upper case", "POST", factors, append(good, "Config.Alg", "SHA1"), 400, 60306},
		{"secret not base32", "POST", factors, append(good, "Binding.Secret", "01890189"), 400, 60314},
		{"metadata no object", "POST", factors, append(good, "Metadata", `["a"]`), 400, 60306},
		{"metadata too long", "POST", factors, append(good, "Metadata", `{"a":"`+strings.Repeat("a", 1024)+`"}`), 400, 60306},

		{"no such factor", "GET", factors + "/YF00000000000000000000000000000000", nil, 404, 20404},
		{"no sid", "GET", factors + "/x", nil, 404, 20404},
		{"payload too short", "POST", factor, []string{"AuthPayload", "12"}, 400, 60306},
		{"payload too long", "POST", factor, []string{"AuthPayload", "123456789"}, 400, 60306},
		{"empty payload", "POST", factor, []string{"AuthPayload", ""}, 400, 60306},
		{"new friendly name too long", "POST", factor, []string{"FriendlyName", long}, 400, 60306},
		{"new skew too wide", "POST", factor, []string{"Config.Skew", "3"}, 400, 60306},

		{"challenge of no factor", "POST", challenges, []string{"AuthPayload", "123456"}, 400, 20001},
		{"challenge of no sid", "POST", challenges, []string{"FactorSid", "x"}, 400, 60306},
		{"challenge of an unknown factor", "POST", challenges, []string{"FactorSid", "YF00000000000000000000000000000000"}, 404, 20404},
		{"challenge of an unknown entity", "POST", "/Entities/aaaaaaaa/Challenges", []string{"FactorSid", f.factor}, 404, 20404},
		{"challenge with a short payload", "POST", challenges, []string{"FactorSid", f.factor, "AuthPayload", "1"}, 400, 60306},
		{"challenge that has expired", "POST", challenges, []string{"FactorSid", f.factor, "ExpirationDate", "2026-01-01T00:00:00Z"}, 400, 60306},
		{"challenge for too long", "POST", challenges, []string{"FactorSid", f.factor, "ExpirationDate", "2026-01-01T01:00:01Z"}, 400, 60306},
		{"challenge until whenever", "POST", challenges, []string{"FactorSid", f.factor, "ExpirationDate", "tomorrow"}, 400, 60306},
		{"hidden details no object", "POST", challenges, []string{"FactorSid", f.factor, "HiddenDetails", "x"}, 400, 60306},
		{"no such challenge", "GET", challenges + "/YC00000000000000000000000000000000", nil, 404, 20404},
		{"list of another status", "GET", challenges, []string{"Status", "open"}, 400, 60306},
		{"list of another order", "GET", challenges, []string{"Order", "up"}, 400, 60306},
		{"list of no factor sid", "GET", challenges, []string{"FactorSid", "x"}, 400, 60306},
		{"list for an unknown entity", "GET", "/Entities/aaaaaaaa/Challenges", nil, 404, 20404},
		{"empty page", "GET", factors, []string{"PageSize", "0"}, 400, 60306},
		{"page too long", "GET", "/Entities", []string{"PageSize", "1001"}, 400, 60306},
		{"page before the first", "GET", challenges, []string{"Page", "-1"}, 400, 60306},
		{"no page token", "GET", factors, []string{"PageToken", "x"}, 400, 60306},
		{"page token too large", "GET", factors, []string{"PageToken", "PT" + strings.Repeat("f", 32)}, 400, 60306},
		{"body too long", "POST", "/Entities", []string{"Identity", strings.Repeat("a", 1<<17)}, 400, 60300},
	} {
		t.Run(tt.name, func(t *testing.T) {
			form := values(tt.form...)
			got := f.do(tt.method, tt.path, form)
			if got.status != tt.status || got.says() != tt.code {
				t.Errorf("%d %v, want %d %d\n%s", got.status, got.says(), tt.status, tt.code, got.raw)
			}
			if int(got.body["status"].(float64)) != tt.status || got.text("more_info") != fmt.Sprintf("https://www.twilio.com/docs/errors/%d", tt.code) {
				t.Errorf("body %s", got.raw)
			}
		})
	}
	if changed := f.Changing(); len(changed) != 0 {
		t.Errorf("refused requests changed something: %+v", changed)
	}
}

// TestNotFoundText checks the text of "not found", which quotes the path.
func TestNotFoundText(t *testing.T) {
	for without, want := range map[bool]string{
		false: "The requested resource /v2/Services/" + emulator.DefaultServiceSID + "/Entities/aaaaaaaa was not found",
		true:  "The requested resource /Services/" + emulator.DefaultServiceSID + "/Entities/aaaaaaaa was not found",
	} {
		f := start(t, emulator.Options{Quirks: emulator.Quirks{NotFoundWithoutVersion: without}})
		if got := f.get("/Entities/aaaaaaaa"); got.text("message") != want {
			t.Errorf("%q, want %q", got.text("message"), want)
		}
	}
}

// TestAuthentication checks which credentials are accepted.
func TestAuthentication(t *testing.T) {
	f := start(t, emulator.Options{Credentials: []emulator.Credential{
		{Username: emulator.DefaultAccountSID, Password: "token"}, {Username: "SK00", Password: "secret"}}})
	for _, tt := range []struct {
		username, password string
		status             int
	}{
		{emulator.DefaultAccountSID, "token", 200}, {"SK00", "secret", 200},
		{"SK00", "token", 401}, {"SK00", "", 401}, {"", "", 401}, {"SK01", "secret", 401},
	} {
		r := f.request(http.MethodGet, "", nil)
		r.SetBasicAuth(tt.username, tt.password)
		if tt.username == "" {
			r.Header.Del("Authorization")
		}
		got, err := f.send(r)
		if err != nil || got.status != tt.status {
			t.Errorf("%s:%s: %d, %v, want %d", tt.username, tt.password, got.status, err, tt.status)
		}
		if tt.status == 401 && (got.says() != 20003 || got.header.Get("WWW-Authenticate") == "") {
			t.Errorf("%s:%s: %s", tt.username, tt.password, got.raw)
		}
	}
	for _, r := range f.Requests() {
		if r.Header.Get("Authorization") != "" {
			t.Error("the log has the credentials")
		}
	}
}
