package db_test

import (
	"bytes"
	"log/slog"
	"maps"
	"regexp"
	"slices"
	"testing"

	"uzerp-mfa/internal/db"
	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/mfa"
	"uzerp-mfa/internal/pgtemp/dbtest"
)

// openLogged returns a database, and a function that returns the names of the round trips since its last call.
func openLogged(t *testing.T, url string) (*db.DB, func() []string) {
	t.Helper()
	var log bytes.Buffer
	d := open(t, db.Config{ConnString: url, MaxConns: 1, Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	find(t, d, "alice")
	sent := func() (names []string) {
		for _, m := range regexp.MustCompile(`name=(\w+)`).FindAllStringSubmatch(log.String(), -1) {
			names = append(names, m[1])
		}
		log.Reset()
		return names
	}
	sent()
	return d, sent
}

func wantSent(t *testing.T, sent func() []string, want ...string) {
	t.Helper()
	if got := sent(); !slices.Equal(got, want) {
		t.Errorf("sent %q, want %q", got, want)
	}
}

// What is expected comes with the first question, and says the same as if it was asked alone.
func TestExpected(t *testing.T) {
	url := dbtest.New(t, dbtest.Sample)
	d, sent := openLogged(t, url)
	names := []string{"bob", "alice"}
	ask := func() (map[string]mfa.User, map[string]mfa.Details, int) {
		t.Helper()
		classes, err := d.InjectorClasses(t.Context(), switchNames())
		if err != nil {
			t.Fatal(err)
		}
		users, err := d.FindUsers(t.Context(), names)
		if err != nil {
			t.Fatal(err)
		}
		byName := map[string]mfa.User{}
		for _, u := range users {
			byName[u.Username] = u
		}
		details, err := d.Details(t.Context(), names)
		if err != nil {
			t.Fatal(err)
		}
		return byName, details, len(classes)
	}
	users, details, classes := ask()
	wantSent(t, sent, "injector_classes", "find_users", "details")
	if len(users) != 2 || len(details) != 2 || classes == 0 {
		t.Fatal(users, details, classes)
	}
	d.Expect(names, switchNames())
	usersToo, detailsToo, classesToo := ask()
	wantSent(t, sent, "find_users")
	sameRow := func(a, b mfa.User) bool { return a.Username == b.Username && a.Person == b.Person && a.Equal(b.Row) }
	sameDetails := func(a, b mfa.Details) bool {
		return a.Company == b.Company && a.CompanyAccess == b.CompanyAccess && *a.Closed == *b.Closed
	}
	if !maps.EqualFunc(users, usersToo, sameRow) || !maps.EqualFunc(details, detailsToo, sameDetails) || classes != classesToo {
		t.Errorf("alone %+v, %+v, %d, together %+v, %+v, %d", users, details, classes, usersToo, detailsToo, classesToo)
	}
	// Each answer is given once.
	ask()
	wantSent(t, sent, "injector_classes", "find_users", "details")
	// A name that the database can't hold is nobody's, and hides no other.
	names = []string{"not\x00storable"}
	d.Expect(names, switchNames())
	if users, details, classesToo = ask(); len(users) != 0 || len(details) != 0 || classesToo != classes {
		t.Error(users, details, classesToo)
	}
	// Other names are another question.
	names = []string{"alice"}
	d.Expect(names, nil)
	if other := find(t, d, "bob"); other.Username != "bob" {
		t.Error(other)
	}
	if users, _, _ = ask(); users["alice"].Username != "alice" {
		t.Error(users)
	}
}

// An answer that came with another one is not given any more once something else was sent, or after half a minute.
func TestExpectedIsForgotten(t *testing.T) {
	url := dbtest.New(t, dbtest.Sample)
	d, _ := openLogged(t, url)
	bob := find(t, d, "bob")
	for name, between := range map[string]func() error{
		"a change": func() error { return d.CompareAndSet(t.Context(), "bob", bob.Row, bob.Row) },
		"a while":  func() error { d.Age(); return nil },
		"a question": func() error {
			_, err := d.UUIDOwners(t.Context(), []string{"10000000-0000-4000-8000-000000000000"})
			return err
		},
	} {
		d.Expect([]string{"alice"}, switchNames())
		if _, err := d.InjectorClasses(t.Context(), switchNames()); err != nil { // brings alice too
			t.Fatal(err)
		}
		dbtest.Exec(t, url, "update users set email = $1 where username = 'alice'", name)
		if err := between(); err != nil {
			t.Fatal(err)
		}
		if alice := find(t, d, "alice"); alice.Email == nil || *alice.Email != name {
			t.Errorf("after %s alice is as she was before", name)
		}
	}
}

// What the role may not read fails alone, and what is not known without a right is not known. An error asks for the schema once more.
func TestExpectedAndRefused(t *testing.T) {
	url := dbtest.New(t, dbtest.Sample)
	least := roleFor(t, url)
	role := "role_of_" + database(url)
	for name, tt := range map[string]struct {
		take  string // a right
		fails string // of the three questions
		sent  []string
	}{
		"all may be read": {take: "", sent: []string{"find_users"}},
		"no classes": {take: "select (name) on injector_classes", fails: "classes",
			sent: []string{"find_users", "schema", "elsewhere", "find_users", "details"}},
		"no persons": {take: "select (end_date) on person", fails: "details", sent: []string{"find_users", "details", "schema", "elsewhere"}},
		"no users": {take: "select (email) on users", fails: "users",
			sent: []string{"find_users", "injector_classes", "find_users", "schema", "elsewhere", "details"}},
		"closed is not known": {take: "select (access_enabled) on system_companies", sent: []string{"find_users"}},
	} {
		t.Run(name, func(t *testing.T) {
			d, sent := openLogged(t, least)
			if tt.take != "" {
				dbtest.Exec(t, url, "revoke "+tt.take+" from "+role)
				t.Cleanup(func() { dbtest.Exec(t, url, "grant "+tt.take+" to "+role) })
			}
			d.Expect([]string{"alice"}, switchNames())
			check := func(what string, n int, err error) {
				t.Helper()
				switch {
				case what == tt.fails:
					wantError(t, err, errs.Config, "permission denied")
				case err != nil || n == 0:
					t.Errorf("%s: %d, %v", what, n, err)
				}
			}
			classes, err := d.InjectorClasses(t.Context(), switchNames())
			check("classes", len(classes), err)
			users, err := d.FindUsers(t.Context(), []string{"alice"})
			check("users", len(users), err)
			details, err := d.Details(t.Context(), []string{"alice"})
			check("details", len(details), err)
			if err == nil && (details["alice"].Closed == nil) != (name == "closed is not known") {
				t.Errorf("%+v", details["alice"])
			}
			wantSent(t, sent, tt.sent...)
		})
	}
}
