package db_test

import (
	"bytes"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"testing"

	"uzerp-mfa/internal/db"
	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/mfa"
	"uzerp-mfa/internal/pgtemp/dbtest"
)

func TestNotUzERPs(t *testing.T) {
	url := dbtest.New(t, dbtest.Empty)
	d := open(t, db.Config{ConnString: url})
	_, err := d.FindUsers(t.Context(), []string{"alice"})
	wantError(t, err, errs.Config, `database "`+database(url)+`" (from the settings) is not uzERP's: no table users`)
	_, err = d.InjectorClasses(t.Context(), switchNames())
	wantError(t, err, errs.Config, "is not uzERP's")
	for _, err := range d.Users(t.Context(), db.ByUsername) {
		wantError(t, err, errs.Config, "is not uzERP's")
	}
	// Another application may have a table users, too.
	dbtest.Exec(t, url, "create table users (id int)")
	_, err = d.FindUsers(t.Context(), []string{"alice"})
	wantError(t, err, errs.Config, "no table person, injector_classes")
}

func TestBeforeUzERP131(t *testing.T) {
	url := dbtest.New(t, dbtest.Old)
	d := open(t, db.Config{ConnString: url, MaxConns: 1})
	check := func(err error) {
		t.Helper()
		wantError(t, err, errs.Refused, "table users lacks mfa_enabled, mfa_enrolled, mfa_sid, uuid")
	}
	_, err := d.FindUsers(t.Context(), []string{"alice"})
	check(err)
	check(d.CompareAndSet(t.Context(), "alice", mfa.Row{}, mfa.Row{}))
	_, err = d.UsersWithoutUUID(t.Context())
	check(err)
	for _, err := range d.Users(t.Context(), db.ByLastLogin) {
		check(err)
	}
	schema, err := d.CheckSchema(t.Context())
	if err != nil || len(schema.MissingColumns) != 4 || len(schema.MissingTables) != 0 || schema.ServerVersion == "" {
		t.Errorf("%+v, %v", schema, err)
	}
	check(schema.Problem())
	if _, err := d.InjectorClasses(t.Context(), switchNames()); err != nil {
		t.Error("injector classes are there:", err)
	}
	dbtest.Exec(t, url, "alter table users add column uuid uuid, add column mfa_enrolled boolean, add column mfa_sid varchar")
	schema, err = d.CheckSchema(t.Context())
	if err != nil || !slices.Equal(schema.MissingColumns, []string{"mfa_enabled"}) {
		t.Errorf("%+v, %v", schema, err)
	}
}

var literals = regexp.MustCompile(`'[^']*'`)

func TestQueriesKeepTheHouseRules(t *testing.T) {
	statements, err := db.Statements()
	if err != nil || len(statements) < 10 {
		t.Fatal(statements, err)
	}
	for name, text := range statements {
		if !strings.HasPrefix(text, "-- name: "+name+"\n") || strings.Count(text, "--") != 1 {
			t.Errorf("%s is sent as %s", name, text)
		}
		text = literals.ReplaceAllString(text, "''") // a column is never in quotes
		if strings.Contains(text, "*") || strings.Contains(text, "password") || strings.Contains(text, "gen_random_uuid") {
			t.Errorf("%s breaks a rule: %s", name, text)
		}
		lines := strings.Split(db.QueryFile(name), "\n")
		if lines[0] != "-- name: "+name || !strings.HasPrefix(lines[1], "-- ") || strings.HasPrefix(lines[1], "-- with: ") {
			t.Errorf("%s.sql has no head with name and reason", name)
		}
	}
}

func TestVerboseLogHasNamesAndDurationsOnly(t *testing.T) {
	url := dbtest.New(t, dbtest.Sample)
	var log bytes.Buffer
	d := open(t, db.Config{ConnString: url, Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	alice := find(t, d, "alice")
	if err := d.CompareAndSet(t.Context(), "alice", alice.Row, mfa.Row{SID: ptr("YFsecretsid")}); err != nil {
		t.Fatal(err)
	}
	list(t, d, db.ByUsername)
	line := regexp.MustCompile(`^time=\S+ level=DEBUG msg="database query" name=(\w+) duration=\S+ ok=true$`)
	var seen []string
	for text := range strings.Lines(log.String()) {
		m := line.FindStringSubmatch(strings.TrimSpace(text))
		if m == nil {
			t.Fatalf("log has %s", text)
		}
		seen = append(seen, m[1])
	}
	if want := []string{"connect", "schema", "owners", "find_users", "compare_and_set", "commit", "list_by_username"}; !slices.Equal(seen, want) {
		t.Errorf("log has %q, want %q", seen, want)
	}
}
