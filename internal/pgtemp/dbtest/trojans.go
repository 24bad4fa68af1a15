package dbtest

import (
	"context"
	_ "embed" // for the SQL
	"net/url"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

//go:embed trojans.sql
var trojansSQL string

// HostilePath is a search_path that the owner of a database can give every role that connects: public before
// PostgreSQL's own names.
const HostilePath = "public, pg_catalog"

// Trojans lays in a database what somebody lays there who wants other roles to run it. Some run with any search_path that
// has public, all with HostilePath. When the test ends, none may have run.
func Trojans(tb testing.TB, connString string) {
	tb.Helper()
	name := databaseName(tb, connString)
	attacker := "attacker_of_" + name
	conn := Connect(tb, connString)
	if _, err := conn.PgConn().Exec(context.Background(), strings.ReplaceAll(trojansSQL, "ATTACKER", attacker)).ReadAll(); err != nil {
		tb.Fatal("dbtest: ", err)
	}
	tb.Cleanup(func() {
		if ran := TrojansRun(tb, connString); len(ran) > 0 {
			tb.Errorf("trojans have run: %q", ran)
		}
	})
}

// TrojansRun returns which trojans have run, as far as no rollback has taken that back, and forgets it.
func TrojansRun(tb testing.TB, connString string) []string {
	tb.Helper()
	ctx := context.Background()
	conn, err := connect(ctx, connString)
	if err != nil {
		tb.Fatal("dbtest: ", err)
	}
	defer func() { _ = conn.Close(ctx) }()
	attacker := "attacker_of_" + databaseName(tb, connString)
	rows, err := conn.Query(ctx, `select distinct name from public.trojans_seen
		union all select 'some trojan' from public.trojans_run where is_called
		union all select 'the attacker is a superuser' from pg_roles where rolname = $1 and rolsuper`, attacker)
	if err != nil {
		tb.Fatal("dbtest: ", err)
	}
	ran, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		tb.Fatal("dbtest: ", err)
	}
	if _, err := conn.Exec(ctx, "truncate public.trojans_seen; select setval('public.trojans_run', 1, false); alter role "+attacker+" nosuperuser"); err != nil {
		tb.Fatal("dbtest: ", err)
	}
	return ran
}

// connect returns a connection in which names without a schema are PostgreSQL's own.
func connect(ctx context.Context, connString string) (*pgx.Conn, error) {
	config, err := pgx.ParseConfig(connString)
	if err != nil {
		return nil, err
	}
	config.RuntimeParams["search_path"] = "pg_catalog"
	return pgx.ConnectConfig(ctx, config)
}

func databaseName(tb testing.TB, connString string) string {
	tb.Helper()
	u, err := url.Parse(connString)
	if err != nil {
		tb.Fatal("dbtest: ", err)
	}
	return strings.TrimPrefix(u.Path, "/")
}
