package db_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"uzerp-mfa/internal/db"
	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/pgtemp/dbtest"
)

// After it no user has an identity or a factor of the live system's: what is done with the copy can't reach them.
func TestDetach(t *testing.T) {
	d, url := sample(t)
	dbtest.Exec(t, url, "update users set mfa_sid = 'YF1', mfa_enrolled = true, mfa_enabled = true where username in ('alice', 'bob')")
	live := make(map[string]bool)
	for _, u := range list(t, d, db.ByUsername) {
		live[u.Identity()] = true
	}
	place, err := d.TargetDatabase(t.Context())
	if err != nil || place.Users != len(list(t, d, db.ByUsername)) || place.Enrolled < 2 || place.Database != database(url) {
		t.Fatalf("%+v, %v", place, err)
	}
	made := 0
	newUUID := func() string { made++; return fmt.Sprintf("dddddddd-0000-4000-8000-%012d", made) }

	before := dbtest.Snapshot(t, url)
	for _, counted := range []int{place.Users - 1, place.Users + 1, 0} {
		err := d.Detach(t.Context(), counted, newUUID)
		wantError(t, err, errs.Refused, "changed meanwhile")
		if !errors.Is(err, errs.ErrChanged) {
			t.Error(err)
		}
	}
	if diff := cmp.Diff(before, dbtest.Snapshot(t, url)); diff != "" {
		t.Error("users who were not counted are detached:", diff)
	}

	if err := d.Detach(t.Context(), place.Users, newUUID); err != nil {
		t.Fatal(err)
	}
	own := make(map[string]bool)
	for _, u := range list(t, d, db.ByUsername) {
		own[u.Identity()] = true
		if live[u.Identity()] || u.SID != nil || u.Enrolled == nil || *u.Enrolled || u.Enabled == nil || *u.Enabled {
			t.Errorf("%s is not detached: %+v", u.Username, u.Row)
		}
	}
	if len(own) != place.Users {
		t.Errorf("%d users have %d uuids", place.Users, len(own))
	}
}
