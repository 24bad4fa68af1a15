package dbtest

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	code := Run(m)
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func TestTemplates(t *testing.T) {
	for template, want := range map[Template]struct{ tables, users int }{
		Empty: {0, -1}, Sandbox: {11, 0}, Sample: {11, 8}, Old: {11, 8}, Uzerp: {16, 1}, Real: {266, 1},
	} {
		t.Run(string(template), func(t *testing.T) {
			start := time.Now()
			url := New(t, template)
			first := time.Since(start)
			start = time.Now()
			New(t, template)
			t.Logf("first %v, next %v", first, time.Since(start))
			snapshot := Snapshot(t, url)
			users, ok := snapshot["public.users"]
			if !ok {
				users = append(users, "")
			}
			if len(snapshot) != want.tables || ok && len(users) != want.users || !ok && want.users != -1 {
				t.Errorf("%d tables, %d users, want %v", len(snapshot), len(users), want)
			}
		})
	}
}

func TestSnapshotSeesEveryChangeButTheExcepted(t *testing.T) {
	url := New(t, Sample)
	all, but := Snapshot(t, url), Snapshot(t, url, "public.users.uuid", "public.users.mfa_sid")
	Exec(t, url, "update users set mfa_sid = 'x' where username = 'alice'")
	if cmp.Equal(all, Snapshot(t, url)) {
		t.Error("a change was not seen")
	}
	if diff := cmp.Diff(but, Snapshot(t, url, "public.users.uuid", "public.users.mfa_sid")); diff != "" {
		t.Error("an excepted column was looked at", diff)
	}
	Exec(t, url, "update injector_classes set class_name = 'x' where id = 6")
	if cmp.Equal(but, Snapshot(t, url, "public.users.uuid", "public.users.mfa_sid")) {
		t.Error("a change of another table was not seen")
	}
}

func TestDatabasesAreDroppedWithTheirConnections(t *testing.T) {
	var guest *pgx.Conn
	t.Run("user", func(t *testing.T) {
		var err error
		if guest, err = pgx.Connect(t.Context(), New(t, Empty)); err != nil {
			t.Fatal(err)
		}
	})
	defer func() { _ = guest.Close(t.Context()) }()
	name := guest.Config().Database
	conn := Connect(t, shared.pg.ConnString("postgres"))
	var n int
	if err := conn.QueryRow(t.Context(), "select count(*) from pg_database where datname = $1", name).Scan(&n); err != nil || n != 0 {
		t.Errorf("%d databases, %v", n, err)
	}
}
