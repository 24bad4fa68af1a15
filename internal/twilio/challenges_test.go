package twilio

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"uzerp-mfa/internal/emulator"
	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/mfa"
)

// numbered is a challenge whose SID has this number, made so many minutes before the others.
func numbered(n, minutesAgo int, status string) fields {
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Add(-time.Duration(minutesAgo) * time.Minute).Format(time.RFC3339)
	ch := with(challengeJSON(status), fields{"sid": fmt.Sprintf("YC%032x", n), "date_created": at})
	if status == "approved" {
		ch["date_responded"] = at
	}
	return ch
}

func challengeListJSON(next any, challenges ...fields) fields {
	if challenges == nil {
		challenges = []fields{}
	}
	return fields{"challenges": challenges, "meta": fields{"page": 0, "page_size": 100, "key": "challenges", "next_page_url": next}}
}

// collectChallenges reads a list until an error, or until stop reports true.
func collectChallenges(c *Client, ctx context.Context, sid string, stop func(mfa.Challenge) bool) ([]mfa.Challenge, error) {
	var all []mfa.Challenge
	for ch, err := range c.Challenges(ctx, identity, sid) {
		if err != nil {
			return all, err
		}
		all = append(all, ch)
		if stop != nil && stop(ch) {
			break
		}
	}
	return all, nil
}

func TestChallengesAreReadLazily(t *testing.T) {
	s := start(t)
	next := "https://verify.twilio.com" + challengesPath + "?Order=desc&PageSize=100&Page=1&PageToken=PT1"
	var queries []string
	pages := []http.HandlerFunc{
		ok(200, challengeListJSON(next, numbered(5, 0, "pending"), numbered(4, 1, "expired"),
			with(numbered(9, 2, "denied"), fields{"factor_type": "push", "factor_sid": nil}))),
		ok(200, challengeListJSON(nil, numbered(4, 1, "expired"), numbered(3, 60, "approved"))),
	}
	for i, p := range pages {
		pages[i] = func(w http.ResponseWriter, r *http.Request) { queries = append(queries, r.URL.RawQuery); p(w, r) }
	}
	s.play("GET "+challengesPath, pages...)
	all, err := collectChallenges(s.Client, t.Context(), factor, nil)
	if err != nil || len(all) != 3 {
		t.Fatal(all, err)
	}
	want := mfa.Challenge{SID: fmt.Sprintf("YC%032x", 3), FactorSID: factor, Status: mfa.ChallengeApproved,
		Created: time.Date(2025, 12, 31, 23, 0, 0, 0, time.UTC), Responded: time.Date(2025, 12, 31, 23, 0, 0, 0, time.UTC)}
	if all[2] != want || all[0].Status != mfa.ChallengePending || !all[0].Responded.IsZero() {
		t.Errorf("%+v", all)
	}
	if !slices.Equal(queries, []string{"FactorSid=" + factor + "&Order=desc&PageSize=100", "Order=desc&Page=1&PageSize=100&PageToken=PT1"}) {
		t.Error(queries)
	}

	// A loop that ends on the first page asks for no second one.
	queries = nil
	s.play("GET "+challengesPath, pages...)
	all, err = collectChallenges(s.Client, t.Context(), "", func(ch mfa.Challenge) bool { return ch.Status == mfa.ChallengeExpired })
	if err != nil || len(all) != 2 || !slices.Equal(queries, []string{"Order=desc&PageSize=100"}) {
		t.Error(all, err, queries)
	}
}

// What can't be believed ends the list with an error, after what could be believed.
func TestChallengesThatCannotBeBelieved(t *testing.T) {
	here := "https://verify.twilio.com" + challengesPath
	good := numbered(1, 0, "expired")
	for name, tc := range map[string]struct {
		answers []http.HandlerFunc
		read    int
		words   string
	}{
		"empty object":    {[]http.HandlerFunc{ok(200, fields{})}, 0, "is not a list"},
		"null list":       {[]http.HandlerFunc{ok(200, fields{"challenges": nil, "meta": fields{"key": "challenges"}})}, 0, "is not a list"},
		"other list":      {[]http.HandlerFunc{ok(200, listJSON(nil))}, 0, "is not a list"},
		"html":            {[]http.HandlerFunc{page(200, "text/html", "<p>maintenance</p>")}, 0, "not JSON"},
		"404 html":        {[]http.HandlerFunc{page(404, "text/html", "<p>gone</p>")}, 0, "not the API's"},
		"foreign service": {[]http.HandlerFunc{ok(200, challengeListJSON(nil, with(good, fields{"service_sid": "VA" + strings.Repeat("f", 32)})))}, 0, "service"},
		"another user":    {[]http.HandlerFunc{ok(200, challengeListJSON(nil, good, with(good, fields{"identity": "someone-else"})))}, 1, "identity"},
		"another factor":  {[]http.HandlerFunc{ok(200, challengeListJSON(nil, with(good, fields{"factor_sid": other})))}, 0, "another factor"},
		"no SID":          {[]http.HandlerFunc{ok(200, challengeListJSON(nil, with(good, fields{"sid": nil})))}, 0, "SID"},
		"unknown status":  {[]http.HandlerFunc{ok(200, challengeListJSON(nil, with(good, fields{"status": "verified"})))}, 0, "status"},
		"no date":         {[]http.HandlerFunc{ok(200, challengeListJSON(nil, with(good, fields{"date_created": nil})))}, 0, "time of its creation"},
		"date of no form": {[]http.HandlerFunc{ok(200, challengeListJSON(nil, with(good, fields{"date_created": "yesterday"})))}, 0, "documented shape"},
		"year 1": {[]http.HandlerFunc{ok(200, challengeListJSON(nil, with(good, fields{"date_created": "0001-01-01T00:00:00Z"})))},
			0, "time of its creation"},
		"year 9999": {[]http.HandlerFunc{ok(200, challengeListJSON(nil, with(good, fields{"date_created": "9999-01-01T00:00:00Z"})))}, 0, "future"},
		"answered before it was made": {[]http.HandlerFunc{ok(200, challengeListJSON(nil,
			with(numbered(1, 0, "approved"), fields{"date_responded": "2020-01-01T00:00:00Z"})))}, 0, "impossible"},
		"ascending":       {[]http.HandlerFunc{ok(200, challengeListJSON(nil, numbered(1, 60, "expired"), numbered(2, 0, "expired")))}, 1, "order"},
		"second page 500": {[]http.HandlerFunc{ok(200, challengeListJSON(here+"?Page=1", good)), apiError(500, 0, "x")}, 1, ""},
		"second page 404": {[]http.HandlerFunc{ok(200, challengeListJSON(here+"?Page=1", good)), apiError(404, 20404, "x")}, 1, "does not exist"},
		"circle":          {[]http.HandlerFunc{ok(200, challengeListJSON(here+"?Page=1", good))}, 1, "circle"},
		"foreign host":    {[]http.HandlerFunc{ok(200, challengeListJSON("https://evil.example.com"+challengesPath+"?Page=1", good))}, 1, "not part of the list"},
		"other path":      {[]http.HandlerFunc{ok(200, challengeListJSON("https://verify.twilio.com"+factorsPath+"?Page=1", good))}, 1, "not part of the list"},
		"hang up":         {[]http.HandlerFunc{reset}, 0, ""},
		"truncated":       {[]http.HandlerFunc{truncated}, 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t)
			s.play("GET "+challengesPath, tc.answers...)
			all, err := collectChallenges(s.Client, t.Context(), factor, nil)
			kind := errs.Unavailable
			if name == "foreign service" { // it stays so: running it again does not help
				kind = errs.Config
			}
			wantError(t, err, kind, false)
			if len(all) != tc.read || !strings.Contains(err.Error(), tc.words) {
				t.Errorf("%d challenges, %v", len(all), err)
			}
		})
	}
}

// A list without an end costs a limited number of calls.
func TestChallengesWithoutEnd(t *testing.T) {
	s := start(t)
	n := 0
	s.play("GET "+challengesPath, func(w http.ResponseWriter, r *http.Request) {
		n++
		ok(200, challengeListJSON(fmt.Sprintf("https://verify.twilio.com%s?Page=%d", challengesPath, n), numbered(n, n, "expired")))(w, r)
	})
	all, err := collectChallenges(s.Client, t.Context(), "", nil)
	wantError(t, err, errs.Unavailable, false)
	if n != maxChallengePages+1 || len(all) != n {
		t.Errorf("%d calls, %d challenges", n, len(all))
	}
}

// An unknown entity has no challenges, but only if the service exists.
func TestChallengesOfNobody(t *testing.T) {
	s := start(t)
	if all, err := collectChallenges(s.Client, t.Context(), "", nil); err != nil || len(all) != 0 {
		t.Error(all, err)
	}
	s = start(t)
	s.play("GET "+servicePath, apiError(404, 20404, "x"))
	_, err := collectChallenges(s.Client, t.Context(), "", nil)
	wantError(t, err, errs.NotFound, false)
	for _, bad := range []string{"", "short", "with/slash/in-it", "aaaaaaaa/../bbbbbbbb"} {
		for _, err := range s.Challenges(t.Context(), bad, "") {
			wantError(t, err, errs.Failure, false)
		}
	}
	_, err = collectChallenges(s.Client, t.Context(), "YF1", nil)
	wantError(t, err, errs.Failure, false)
}

// A key that lacks the permission is told as that, by name, and is not repeated. Wrong credentials are told as wrong.
func TestChallengesNotPermitted(t *testing.T) {
	for name, tc := range map[string]struct {
		answer    http.HandlerFunc
		permitted bool
	}{
		"401 70051": {apiError(401, 70051, "Authorization Failed"), false},
		"403 70051": {apiError(403, 70051, "Authorization Failed"), false},
		"403":       {apiError(403, 20403, "Forbidden"), false},
		"401 20003": {apiError(401, 20003, "Authenticate"), true},
		"proxy":     {page(403, "text/html", "no"), true},
	} {
		s := start(t)
		s.play("GET "+challengesPath, tc.answer)
		_, err := collectChallenges(s.Client, t.Context(), factor, nil)
		wantError(t, err, errs.Config, false)
		hint := errs.HintOf(err).String()
		if errors.Is(err, mfa.ErrNotPermitted) == tc.permitted || strings.Contains(hint, "/twilio/verify/challenge/list") == tc.permitted {
			t.Errorf("%s: %v, hint %s", name, err, hint)
		}
		if n := s.count("GET " + challengesPath); n != 1 {
			t.Errorf("%s: %d calls", name, n)
		}
	}
}

// The list is the record of what was typed at the login, also after the factor is gone.
func TestChallengesOfTheEmulator(t *testing.T) {
	c, run := emulated(t, emulator.Quirks{})
	ctx := t.Context()
	made := run.AddFactor(identity, "alice", emulator.Verified)
	code, err := run.CodeFor(made.SID, run.Now())
	must(t, err)
	for _, typed := range []string{"000000", code, code} { // the second time it is used up
		_, err := c.Challenge(ctx, identity, made.SID, typed)
		must(t, err)
	}
	all, err := collectChallenges(c, ctx, made.SID, nil)
	must(t, err)
	var got []mfa.ChallengeStatus
	for _, ch := range all {
		got = append(got, ch.Status)
	}
	if !slices.Equal(got, []mfa.ChallengeStatus{"pending", "approved", "pending"}) || all[1].Responded.IsZero() {
		t.Errorf("%+v", all)
	}
	run.Advance(5 * time.Minute)
	for i := range 250 {
		run.AddChallenge(made.SID, run.Now().Add(time.Duration(i)*time.Second), false)
	}
	must(t, c.DeleteFactor(ctx, identity, made.SID))
	all, err = collectChallenges(c, ctx, "", nil)
	if err != nil || len(all) != 253 || all[252].Status != mfa.ChallengeExpired || !all[0].Created.After(all[249].Created) {
		t.Error(len(all), err)
	}
	// While the list is read, more codes are typed.
	n := 0
	again, err := collectChallenges(c, ctx, "", func(mfa.Challenge) bool {
		if n++; n == 50 {
			f := run.AddFactor(identity, "alice", emulator.Verified)
			for range 3 {
				run.AddChallenge(f.SID, run.Now().Add(time.Hour), true)
			}
		}
		return false
	})
	if err != nil || !slices.Equal(again, all) {
		t.Error(len(again), err)
	}
}
