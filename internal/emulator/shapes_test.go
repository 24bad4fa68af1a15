package emulator_test

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"uzerp-mfa/internal/emulator"
)

func TestService(t *testing.T) {
	f := start(t, emulator.Options{ServiceFriendlyName: "Acme"})
	want := map[string]any{"issuer": nil, "time_step": nil, "code_length": nil, "skew": nil}
	got := f.get("")
	if diff := cmp.Diff(want, got.object("totp")); diff != "" || got.text("friendly_name") != "Acme" {
		t.Errorf("%s\n%s", diff, got.raw)
	}
	zero := 0
	f = start(t, emulator.Options{Issuer: "Acme", TOTP: emulator.ServiceTOTP{TimeStep: 60, CodeLength: 8, Skew: &zero}})
	want = map[string]any{"issuer": "Acme", "time_step": 60.0, "code_length": 8.0, "skew": 0.0}
	if diff := cmp.Diff(want, f.get("").object("totp")); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]any{"alg": "sha1", "time_step": 60.0, "code_length": 8.0, "skew": 0.0}, f.act("create factor").object("config")); diff != "" {
		t.Errorf("a factor with the service's defaults: %s", diff)
	}
}

// TestFactorShape compares a new factor with all of docs/facts/twilio-verify.md §1.1.
func TestFactorShape(t *testing.T) {
	f := start(t, emulator.Options{Issuer: "test-issuer"})
	got := f.post("/Entities/"+identity+"/Factors", "FriendlyName", "John’s Account Name", "FactorType", "totp",
		"Binding.Secret", "gezdgnbvgy3tqojqgezdgnbvgy3tqojq", "Metadata", `{"os":"any"}`)
	entity := f.get("/Entities/" + identity)
	want := map[string]any{
		"sid": got.text("sid"), "account_sid": emulator.DefaultAccountSID, "service_sid": emulator.DefaultServiceSID,
		"entity_sid": entity.text("sid"), "identity": identity,
		"binding": map[string]any{
			"secret": "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ",
			"uri": "otpauth://totp/test-issuer:John%E2%80%99s%20Account%20Name?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ" +
				"&issuer=test-issuer&algorithm=SHA1&digits=6&period=30", // the spec's sample
		},
		"options": nil, "date_created": "2026-01-01T00:00:00Z", "date_updated": "2026-01-01T00:00:00Z",
		"friendly_name": "John’s Account Name", "status": "unverified", "factor_type": "totp",
		"config":   map[string]any{"alg": "sha1", "skew": 1.0, "code_length": 6.0, "time_step": 30.0},
		"metadata": map[string]any{"os": "any"},
		"url": "https://verify.twilio.com/v2/Services/" + emulator.DefaultServiceSID + "/Entities/" + identity +
			"/Factors/" + got.text("sid"),
	}
	if diff := cmp.Diff(want, got.body); diff != "" {
		t.Error(diff)
	}
	delete(want, "binding")
	delete(want, "options")
	if diff := cmp.Diff(want, f.get("/Entities/"+identity+"/Factors/"+got.text("sid")).body); diff != "" {
		t.Errorf("fetched: %s", diff)
	}
}

func TestURI(t *testing.T) {
	for _, tt := range []struct{ issuer, name, label, query string }{
		{"", "alice", "Verify%20Emulator:alice", "Verify%20Emulator"},
		{"A & B: Co", "a/b?c", "A%20&%20B%3A%20Co:a%2Fb%3Fc", "A%20%26%20B%3A%20Co"},
	} {
		f := start(t, emulator.Options{Issuer: tt.issuer})
		got := f.post("/Entities/"+identity+"/Factors", "FriendlyName", tt.name, "FactorType", "totp",
			"Config.Alg", "sha512", "Config.CodeLength", "8", "Config.TimeStep", "60", "Config.Skew", "0")
		binding := got.object("binding")
		want := fmt.Sprintf("otpauth://totp/%s?secret=%s&issuer=%s&algorithm=SHA512&digits=8&period=60", tt.label, binding["secret"], tt.query)
		if binding["uri"] != want {
			t.Errorf("%v, want %v", binding["uri"], want)
		}
		u, err := url.Parse(want)
		if err != nil || !strings.HasSuffix(u.Path, ":"+tt.name) || tt.issuer != "" && u.Query().Get("issuer") != tt.issuer {
			t.Errorf("%s reads as %v, %v", want, u, err)
		}
	}
}

// TestAlgorithms verifies a factor of every algorithm and length. Only pquerna/otp makes the codes.
func TestAlgorithms(t *testing.T) {
	f := start(t, emulator.Options{})
	for _, alg := range []string{"sha1", "sha256", "sha512"} {
		for digits := 3; digits <= 8; digits++ {
			got := f.post("/Entities/"+identity+"/Factors", "FriendlyName", account, "FactorType", "totp",
				"Config.Alg", alg, "Config.CodeLength", fmt.Sprint(digits), "Config.TimeStep", "20")
			f.factor = got.text("sid")
			if code := f.code(); len(code) != digits {
				t.Errorf("%s, %d digits: a code of %d", alg, digits, len(code))
			}
			if got := f.act("verify right"); got.says() != "verified" {
				t.Errorf("%s, %d digits: %s", alg, digits, got.raw)
			}
		}
	}
}

// TestRFC6238 checks codes against the vectors of RFC 6238, appendix B.
func TestRFC6238(t *testing.T) {
	f := start(t, emulator.Options{})
	got := f.post("/Entities/"+identity+"/Factors", "FriendlyName", account, "FactorType", "totp",
		"Binding.Secret", "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", "Config.CodeLength", "8")
	for at, want := range map[int64]string{
		59: "94287082", 1111111109: "07081804", 1111111111: "14050471", 1234567890: "89005924", 2000000000: "69279037", 20000000000: "65353130",
	} {
		if code, err := f.CodeFor(got.text("sid"), time.Unix(at, 0)); err != nil || code != want {
			t.Errorf("%d: %s, %v, want %s", at, code, err, want)
		}
	}
}

func TestUpdateFactorEdits(t *testing.T) {
	f := start(t, emulator.Options{})
	f.act("create factor")
	f.Advance(time.Minute)
	path := "/Entities/" + identity + "/Factors/" + f.factor
	got := f.post(path, "FriendlyName", "bob", "Config.Skew", "0", "Config.CodeLength", "8")
	want := map[string]any{"alg": "sha1", "skew": 0.0, "code_length": 8.0, "time_step": 30.0}
	if diff := cmp.Diff(want, got.object("config")); diff != "" || got.text("friendly_name") != "bob" || got.text("date_updated") != "2026-01-01T00:01:00Z" {
		t.Errorf("%s\n%s", diff, got.raw)
	}
	f.ResetLog()
	if f.post(path); len(f.Changing()) != 0 {
		t.Error("an empty update changed something")
	}
}

func TestChallengeShape(t *testing.T) {
	f := start(t, emulator.Options{})
	f.factor = f.AddFactor(identity, account, emulator.Verified).SID
	path := "/Entities/" + identity + "/Challenges"
	got := f.post(path, "FactorSid", f.factor, "ExpirationDate", "2026-01-01T01:00:00Z", "HiddenDetails", `{"ip":"::1"}`)
	f.challenge = got.text("sid")
	if got.body["date_responded"] != nil || got.text("expiration_date") != "2026-01-01T01:00:00Z" || got.object("hidden_details")["ip"] != "::1" {
		t.Error(got.raw)
	}
	f.Advance(time.Minute)
	got = f.post(path+"/"+f.challenge, "Metadata", `{"os":"any"}`)
	if got.object("metadata")["os"] != "any" || got.says() != "pending" {
		t.Error(got.raw)
	}
	if got = f.act("respond right"); got.text("date_responded") != "2026-01-01T00:01:00Z" || got.text("date_created") != "2026-01-01T00:00:00Z" {
		t.Error(got.raw)
	}
	if e := f.Entities(); len(e) != 1 || e[0].Approved != 1 || e[0].Factors != 1 {
		t.Errorf("%+v", e)
	}
}

// sids returns the SIDs of a list's answer, in its order.
func sids(r reply, key string) (all []string) {
	items, _ := r.body[key].([]any)
	for _, item := range items {
		all = append(all, item.(map[string]any)["sid"].(string))
	}
	return all
}

// follow reads the pages of a list from r on, by the named link, and returns their SIDs.
func (f *fixture) follow(r reply, key, link string) [][]string {
	f.t.Helper()
	pages := [][]string{sids(r, key)}
	for {
		next, ok := r.object("meta")[link].(string)
		if !ok {
			return pages
		}
		path, ok := strings.CutPrefix(next, "https://verify.twilio.com")
		if !ok {
			f.t.Fatalf("link to %s", next)
		}
		r = f.get(path)
		pages = append(pages, sids(r, key))
	}
}

func TestLists(t *testing.T) {
	for _, newestFirst := range []bool{false, true} {
		f := start(t, emulator.Options{Quirks: emulator.Quirks{NewestFirst: newestFirst}})
		var made []string
		for range 7 {
			made = append(made, f.AddFactor(identity, account, emulator.Verified).SID)
		}
		if newestFirst {
			slices.Reverse(made)
		}
		path := "/Entities/" + identity + "/Factors"
		all := f.get(path)
		base := "https://verify.twilio.com/v2/Services/" + emulator.DefaultServiceSID + path
		want := map[string]any{"page": 0.0, "page_size": 50.0, "first_page_url": base + "?PageSize=50&Page=0",
			"previous_page_url": nil, "url": base + "?PageSize=50&Page=0", "next_page_url": nil, "key": "factors"}
		if diff := cmp.Diff(want, all.object("meta")); diff != "" {
			t.Error(diff)
		}
		pages := [][]string{made[:3], made[3:6], made[6:]}
		if diff := cmp.Diff(pages, f.follow(f.get(path, "PageSize", "3"), "factors", "next_page_url")); diff != "" {
			t.Error(diff)
		}
		last := f.get(path, "PageSize", "3", "Page", "2")
		if diff := cmp.Diff([][]string{pages[2], pages[1], pages[0]}, f.follow(last, "factors", "previous_page_url")); diff != "" {
			t.Errorf("backwards: %s", diff)
		}
		if got := f.get(path, "Page", "9"); len(sids(got, "factors")) != 0 || got.object("meta")["next_page_url"] != nil {
			t.Error(got.raw)
		}
		// A record that is deleted between two pages hides no other record.
		first := f.get(path, "PageSize", "3")
		f.DeleteFactorNow(made[0])
		f.DeleteFactorNow(made[2])
		if diff := cmp.Diff(pages, f.follow(first, "factors", "next_page_url")); diff != "" {
			t.Error(diff)
		}
	}
}

func TestListEmpty(t *testing.T) {
	f := start(t, emulator.Options{})
	if got := f.get("/Entities"); !strings.Contains(got.raw, `"entities":[]`) {
		t.Error(got.raw)
	}
	f.act("create entity")
	for _, key := range []string{"Factors", "Challenges"} {
		if got := f.get("/Entities/" + identity + "/" + key); !strings.Contains(got.raw, `"`+strings.ToLower(key)+`":[]`) {
			t.Error(got.raw)
		}
	}
	if got := sids(f.get("/Entities"), "entities"); len(got) != 1 || got[0] != f.Entities()[0].SID {
		t.Error(got)
	}
}

func TestListChallenges(t *testing.T) {
	f := start(t, emulator.Options{})
	other := f.AddFactor(identity, "other", emulator.Verified).SID
	f.factor = f.AddFactor(identity, account, emulator.Verified).SID
	path := "/Entities/" + identity + "/Challenges"
	expired := f.act("challenge").text("sid")
	f.Advance(10 * time.Minute)
	pending := f.act("challenge").text("sid")
	approved := f.act("challenge right").text("sid")
	others := f.post(path, "FactorSid", other).text("sid")
	for _, tt := range []struct{ query, want []string }{
		{nil, []string{expired, pending, approved, others}},
		{[]string{"Order", "desc"}, []string{others, approved, pending, expired}},
		{[]string{"FactorSid", f.factor}, []string{expired, pending, approved}},
		{[]string{"Status", "approved"}, []string{approved}},
		{[]string{"Status", "expired"}, []string{expired}},
		{[]string{"Status", "pending", "Order", "desc"}, []string{others, pending}},
		{[]string{"Status", "pending", "FactorSid", other}, []string{others}},
		{[]string{"Status", "denied"}, nil},
	} {
		if diff := cmp.Diff(tt.want, sids(f.get(path, tt.query...), "challenges")); diff != "" {
			t.Errorf("%v: %s", tt.query, diff)
		}
		one := f.get(path, append(tt.query, "PageSize", "1")...)
		if diff := cmp.Diff(tt.want, slices.Concat(f.follow(one, "challenges", "next_page_url")...)); diff != "" {
			t.Errorf("%v by pages of one: %s", tt.query, diff)
		}
	}
}

func TestReproducible(t *testing.T) {
	made := func(seed uint64) emulator.Factor {
		s := emulator.New(emulator.Options{Seed: seed, Now: func() time.Time { return midnight }})
		return s.AddFactor(identity, account, emulator.Verified)
	}
	if diff := cmp.Diff(made(1), made(1)); diff != "" {
		t.Error(diff)
	}
	if a, b := made(1), made(2); a.SID == b.SID || a.Secret == b.Secret || len(a.Secret) != 32 {
		t.Errorf("%+v, %+v", a, b)
	}
}
