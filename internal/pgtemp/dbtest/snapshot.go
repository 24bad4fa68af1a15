package dbtest

import (
	"context"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"
)

// Snapshot returns every row of every table of a database, so that a test can check that nothing else has changed. The
// key is the table ("schema.name"), the value its rows as JSON text, sorted. Columns in except, such as
// "public.users.uuid", are left out. So are sequences: even an insert that is rolled back changes them.
func Snapshot(tb testing.TB, connString string, except ...string) map[string][]string {
	tb.Helper()
	ctx := context.Background()
	conn, err := connect(ctx, connString)
	if err != nil {
		tb.Fatal("dbtest: ", err)
	}
	defer func() { _ = conn.Close(ctx) }()
	snapshot, err := read(ctx, conn, except)
	if err != nil {
		tb.Fatal("dbtest: snapshot: ", err)
	}
	return snapshot
}

func read(ctx context.Context, conn *pgx.Conn, except []string) (map[string][]string, error) {
	if except == nil {
		except = []string{}
	}
	type table struct{ Schema, Name string }
	rows, err := conn.Query(ctx, `select n.nspname as schema, c.relname as name
		from pg_class c join pg_namespace n on n.oid = c.relnamespace
		where c.relkind = 'r' and n.nspname not like 'pg\_%' and n.nspname <> 'information_schema'`)
	if err != nil {
		return nil, err
	}
	tables, err := pgx.CollectRows(rows, pgx.RowToStructByName[table])
	if err != nil {
		return nil, err
	}
	snapshot := make(map[string][]string, len(tables))
	for _, t := range tables {
		name := t.Schema + "." + t.Name
		rows, err := conn.Query(ctx, `select (to_jsonb(t) - array(
				select substr(e, length($1::text) + 2) from unnest($2::text[]) e where starts_with(e, $1::text || '.')
			))::text
			from `+pgx.Identifier{t.Schema, t.Name}.Sanitize()+` t`, name, except)
		if err != nil {
			return nil, err
		}
		if snapshot[name], err = pgx.CollectRows(rows, pgx.RowTo[string]); err != nil {
			return nil, err
		}
		slices.Sort(snapshot[name])
	}
	return snapshot, nil
}
