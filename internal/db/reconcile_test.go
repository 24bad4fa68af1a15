package db_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

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

// Whose many uuids are is found out by hashes, and not by comparing each user with each uuid.
func TestOwnersOfMany(t *testing.T) {
	const users = 30_000
	url := dbtest.New(t, dbtest.Sample)
	dbtest.Exec(t, url, fmt.Sprintf("insert into users (username, password, uuid) select 'u' || n, '*', md5(n::text)::uuid from generate_series(1, %d) n", users))
	dbtest.Exec(t, url, "analyze users")
	uuids := make([]string, users)
	for i := range uuids {
		uuids[i] = fmt.Sprintf("10000000-0000-4000-8000-%012d", i)
	}
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(t.Context()) }()
	statements, err := db.Statements()
	if err != nil {
		t.Fatal(err)
	}
	rows, _ := conn.Query(t.Context(), "explain "+statements["uuid_owners"], pgx.StrictNamedArgs{"names": uuids})
	plan, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || !strings.Contains(strings.Join(plan, "\n"), "Hash") {
		t.Error(err, strings.Join(plan, "\n"))
	}
}
