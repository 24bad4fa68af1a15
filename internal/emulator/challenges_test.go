package emulator_test

import (
	"fmt"
	"net/url"
	"slices"
	"testing"
	"time"

	"uzerp-mfa/internal/emulator"
)

// challenges reads a list page by page, from a path with a query, and calls between after each page.
func (f *fixture) challenges(path string, between func()) []string {
	f.t.Helper()
	var sids []string
	for range 100 {
		page := f.get(path)
		if page.status != 200 {
			f.t.Fatal(page.raw)
		}
		list, _ := page.body["challenges"].([]any)
		for _, ch := range list {
			fields, _ := ch.(map[string]any)
			sids = append(sids, fmt.Sprint(fields["sid"]))
		}
		next, _ := page.object("meta")["next_page_url"].(string)
		if next == "" {
			return sids
		}
		u, err := url.Parse(next)
		if err != nil {
			f.t.Fatal(err)
		}
		path = u.RequestURI()
		between()
	}
	f.t.Fatal("the list has no end")
	return nil
}

// Challenges that are made while a list is read move no other from one page to the next.
func TestChallengesArePagedUnderInsertion(t *testing.T) {
	for _, order := range []string{"asc", "desc"} {
		f := start(t, emulator.Options{})
		f.factor = f.AddFactor(identity, account, emulator.Verified).SID
		list := "/Entities/" + identity + "/Challenges?FactorSid=" + f.factor + "&PageSize=3&Order=" + order
		add := func() { f.AddChallenge(f.factor, f.Now(), false) }
		for range 11 {
			add()
		}
		before := f.challenges(list, func() {})
		got := f.challenges(list, add)
		if order == "asc" { // what is new comes last
			got = got[:min(len(before), len(got))]
		}
		if len(before) != 11 || !slices.Equal(got, before) {
			t.Errorf("%s: %q, without insertions %q", order, got, before)
		}
	}
}

// However many challenges are made, an entity keeps the newest ones only.
func TestChallengesAreBounded(t *testing.T) {
	f := start(t, emulator.Options{})
	f.factor = f.AddFactor(identity, account, emulator.Verified).SID
	begin := f.Now()
	for i := range 5000 {
		f.AddChallenge(f.factor, begin.Add(time.Duration(i)*time.Hour), i%2 == 0)
	}
	f.SetTime(begin.Add(5000 * time.Hour))
	all := f.challenges("/Entities/"+identity+"/Challenges?PageSize=1000&Order=desc", func() {})
	newest := f.get("/Entities/"+identity+"/Challenges", "Order", "desc", "PageSize", "1", "Status", "expired")
	list, _ := newest.body["challenges"].([]any)
	if len(all) != 2000 || len(list) != 1 || list[0].(map[string]any)["date_created"] != "2026-07-28T07:00:00Z" {
		t.Errorf("%d challenges, the newest one is %s", len(all), newest.raw)
	}
	// The limit of 60312 still counts the last day only.
	if got := f.act("challenge"); got.says() != "pending" {
		t.Error(got.raw)
	}
}

// The control API adds challenges as they were made in the past.
func TestControlAddsChallenges(t *testing.T) {
	f := start(t, emulator.Options{Control: true})
	f.factor = f.AddFactor(identity, account, emulator.Verified).SID
	for body, want := range map[string]int{
		`{"factor":"` + f.factor + `","at":"2025-12-31T23:00:00Z","approved":true}`: 204,
		`{"factor":"YF00"}`: 404,
		`{"factor":1}`:      400,
		`{"sid":"x"}`:       400,
	} {
		if got := f.control("POST", "challenges", body); got.status != want {
			t.Errorf("%s: %d %s", body, got.status, got.raw)
		}
	}
	if got := f.control("POST", "challenges", `{"factor":"`+f.factor+`"}`); got.status != 204 {
		t.Fatal(got.raw)
	}
	list, _ := f.get("/Entities/"+identity+"/Challenges", "Order", "desc").body["challenges"].([]any)
	if len(list) != 2 {
		t.Fatal(list)
	}
	now, past := list[0].(map[string]any), list[1].(map[string]any)
	if now["status"] != "pending" || now["date_created"] != "2026-01-01T00:00:00Z" || past["status"] != "approved" ||
		past["date_responded"] != "2025-12-31T23:00:00Z" || past["expiration_date"] != "2025-12-31T23:05:00Z" {
		t.Error(list)
	}
}
