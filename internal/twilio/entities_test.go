package twilio

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"uzerp-mfa/internal/emulator"
	"uzerp-mfa/internal/errs"
)

const entitiesPath = servicePath + "/Entities"

func entityJSON(n int) fields {
	return fields{"sid": fmt.Sprintf("YE%032x", n), "identity": fmt.Sprintf("10000000-0000-4000-8000-%012d", n), "account_sid": account,
		"service_sid": service, "date_created": "2026-01-01T00:00:00Z", "date_updated": "2026-01-01T00:00:00Z", "url": "x", "links": fields{}}
}

func entityListJSON(next any, entities ...fields) fields {
	if entities == nil {
		entities = []fields{}
	}
	return fields{"entities": entities, "meta": fields{"page": 0, "page_size": 500, "key": "entities", "next_page_url": next}}
}

func TestListEntitiesPages(t *testing.T) {
	s := start(t)
	var queries []string
	next := "https://verify.twilio.com" + entitiesPath + "?PageSize=500&Page=1&PageToken=PT1"
	pages := []http.HandlerFunc{
		ok(200, entityListJSON(next, entityJSON(3), with(entityJSON(1), fields{"identity": "Another--Application", "date_created": nil}))),
		ok(200, entityListJSON(nil, entityJSON(3), entityJSON(2))),
	}
	for i, p := range pages {
		pages[i] = func(w http.ResponseWriter, r *http.Request) { queries = append(queries, r.URL.RawQuery); p(w, r) }
	}
	s.play("GET "+entitiesPath, pages...)
	got, err := s.ListEntities(t.Context())
	if err != nil || len(got) != 3 {
		t.Fatalf("%+v, %v", got, err)
	}
	if got[0].Identity != "10000000-0000-4000-8000-000000000003" || !got[0].Created.Equal(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("%+v", got[0])
	}
	if got[1].Identity != "Another--Application" || !got[1].Created.IsZero() {
		t.Errorf("%+v", got[1])
	}
	if strings.Join(queries, " ") != "PageSize=500 Page=1&PageSize=500&PageToken=PT1" {
		t.Error(queries)
	}
}

// If a list can't be read to its end, no entity is returned.
func TestListEntitiesWholeOrNotAtAll(t *testing.T) {
	here := "https://verify.twilio.com" + entitiesPath
	for name, answers := range map[string][]http.HandlerFunc{
		"empty object":    {ok(200, fields{})},
		"no list":         {ok(200, fields{"meta": fields{"key": "entities"}})},
		"null list":       {ok(200, fields{"entities": nil, "meta": fields{"key": "entities"}})},
		"other list":      {ok(200, listJSON(nil))},
		"other key":       {ok(200, fields{"entities": []fields{}, "meta": fields{"key": "factors"}})},
		"html":            {page(200, "text/html", "<p>maintenance</p>")},
		"404":             {apiError(404, 20404, "x")},
		"404 html":        {page(404, "text/html", "<p>gone</p>")},
		"foreign service": {ok(200, entityListJSON(nil, with(entityJSON(1), fields{"service_sid": "VA" + strings.Repeat("f", 32)})))},
		"no service":      {ok(200, entityListJSON(nil, with(entityJSON(1), fields{"service_sid": nil})))},
		"no SID":          {ok(200, entityListJSON(nil, with(entityJSON(1), fields{"sid": nil})))},
		"no identity":     {ok(200, entityListJSON(nil, with(entityJSON(1), fields{"identity": ""})))},
		"second page 404": {ok(200, entityListJSON(here+"?Page=1", entityJSON(1))), apiError(404, 20404, "x")},
		"second page 500": {ok(200, entityListJSON(here+"?Page=1", entityJSON(1))), apiError(500, 0, "x")},
		"second page {}":  {ok(200, entityListJSON(here+"?Page=1", entityJSON(1))), ok(200, fields{})},
		"circle":          {ok(200, entityListJSON(here+"?Page=1", entityJSON(1)))},
		"foreign host":    {ok(200, entityListJSON("https://evil.example.com"+entitiesPath+"?Page=1", entityJSON(1)))},
		"other path":      {ok(200, entityListJSON("https://verify.twilio.com"+factorsPath+"?Page=1", entityJSON(1)))},
		"hang up":         {reset},
		"truncated":       {truncated},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t)
			s.play("GET "+entitiesPath, answers...)
			got, err := s.ListEntities(t.Context())
			kind := errs.Unavailable
			if name == "foreign service" { // it stays so: running it again does not help
				kind = errs.Config
			}
			wantError(t, err, kind, false)
			if got != nil {
				t.Errorf("%+v", got)
			}
		})
	}
	s := start(t)
	s.play("GET "+servicePath, apiError(404, 20404, "x"))
	_, err := s.ListEntities(t.Context())
	wantError(t, err, errs.NotFound, false) // no such service
	s.play("GET "+entitiesPath, apiError(401, 20003, "Authenticate"))
	_, err = s.ListEntities(t.Context())
	wantError(t, err, errs.Config, false)
	if errors.Is(err, errs.ErrLostReply) {
		t.Error(err)
	}
}

func TestListEntitiesOfTheEmulator(t *testing.T) {
	for _, quirks := range []emulator.Quirks{{}, {NewestFirst: true}} {
		c, run := emulated(t, quirks)
		none, err := c.ListEntities(t.Context())
		if err != nil || len(none) != 0 {
			t.Fatal(none, err)
		}
		const n = 1203
		for i := range n {
			run.AddFactor(fmt.Sprintf("10000000-0000-4000-8000-%012d", i), "u", emulator.Verified)
		}
		all, err := c.ListEntities(t.Context())
		seen := map[string]bool{}
		for _, e := range all {
			seen[e.Identity] = true
		}
		if err != nil || len(all) != n || len(seen) != n {
			t.Errorf("%d entities, %d identities, %v", len(all), len(seen), err)
		}
	}
}
