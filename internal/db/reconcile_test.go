package db_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"uzerp-mfa/internal/db"
	"uzerp-mfa/internal/pgtemp/dbtest"
)

func TestUUIDOwners(t *testing.T) {
	url := dbtest.New(t, dbtest.Sample)
	dbtest.Exec(t, url, `insert into users (username, password, uuid) values ('zoe', '*', 'AAAAAAAA-BBBB-4CCC-8DDD-EEEEEEEEEEEE'),
		('Zed', '*', 'aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee')`)
	for _, conn := range []string{url, roleFor(t, url)} {
		d := open(t, db.Config{ConnString: conn})
		got, err := d.UUIDOwners(t.Context(), []string{"AAAAAAAA-bbbb-4ccc-8ddd-eeeeeeeeeeee", "22222222-2222-4222-8222-222222222222",
			"99999999-9999-4999-8999-999999999999", "no-uuid-at-all", "", "nul\x00", "\xff"})
		want := map[string][]string{"aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee": {"Zed", "zoe"}, "22222222-2222-4222-8222-222222222222": {"alice"}}
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Error(err, diff)
		}
		if got, err := d.UUIDOwners(t.Context(), nil); err != nil || len(got) != 0 {
			t.Error(got, err)
		}
	}
}
