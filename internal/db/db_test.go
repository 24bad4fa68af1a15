package db_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"uzerp-mfa/internal/db"
	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/mfa"
	"uzerp-mfa/internal/pgtemp/dbtest"
)

func TestMain(m *testing.M) {
	code := dbtest.Run(m)
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// open opens a database for the length of a test.
func open(t *testing.T, c db.Config) *db.DB {
	t.Helper()
	d, err := db.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	return d
}

// sample opens a new database with the sample users.
func sample(t *testing.T) (*db.DB, string) {
	t.Helper()
	url := dbtest.New(t, dbtest.Sample)
	return open(t, db.Config{ConnString: url}), url
}

func find(t *testing.T, d *db.DB, username string) mfa.User {
	t.Helper()
	users, err := d.FindUsers(t.Context(), []string{username})
	if err != nil || len(users) != 1 {
		t.Fatalf("find %q: %d users, %v", username, len(users), err)
	}
	return users[0]
}

// wantError checks an error's kind and some words of its text, and what holds for all errors: lower case, no full stop,
// a hint, no password.
func wantError(t *testing.T, err error, kind errs.Kind, words string) {
	t.Helper()
	e, ok := errors.AsType[*errs.Error](err)
	if !ok {
		t.Fatalf("got %v (%T), want an *errs.Error with %q", err, err, words)
	}
	if e.Kind != kind || !strings.Contains(err.Error(), words) {
		t.Errorf("got kind %d: %v\nwant kind %d with %q", e.Kind, err, kind, words)
	}
	if strings.HasSuffix(err.Error(), ".") || strings.Contains(err.Error(), "failed to") {
		t.Errorf("bad manners: %v", err)
	}
	if kind != errs.Failure && e.Hint.Empty() {
		t.Errorf("no hint for %v", err)
	}
	if all := fmt.Sprintf("%v %+v %#v %s", err, err, err, e.Hint); strings.Contains(all, "s3cr3t") {
		t.Errorf("the password is in the error: %s", all)
	}
}

func ptr[T any](v T) *T { return &v }

// roleFor makes a role with only the rights of grants.sql, and returns its URL.
func roleFor(t *testing.T, url string) string {
	t.Helper()
	role := "role_of_" + database(url)
	dbtest.Exec(t, url, "revoke all on schema public from public; "+db.Grants(role))
	return dbtest.As(t, url, role)
}

func background() context.Context { return context.Background() }
