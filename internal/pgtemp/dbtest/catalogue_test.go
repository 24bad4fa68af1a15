package dbtest

import (
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
)

// Our own copy of uzERP's tables is like the real database: each table has every column, with type, nullability and
// default, and every constraint except foreign keys to tables that are not in the copy.
func TestUzerpIsLikeTheRealDatabase(t *testing.T) {
	ours, theirs := catalogueOf(t, New(t, Uzerp)), catalogueOf(t, New(t, Real))
	for _, table := range slices.Sorted(maps.Keys(ours.columns)) {
		if diff := cmp.Diff(theirs.columns[table], ours.columns[table]); diff != "" {
			t.Errorf("columns of %s, the real ones (-) and ours (+): %s", table, diff)
		}
		want := make(map[string]string)
		for name, c := range theirs.constraints[table] {
			if _, known := ours.columns[c.To]; known || c.To == "" {
				want[name] = c.Definition
			}
		}
		got := make(map[string]string)
		for name, c := range ours.constraints[table] {
			got[name] = c.Definition
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("constraints of %s, the real ones (-) and ours (+): %s", table, diff)
		}
		if ours.triggers[table] != theirs.triggers[table] {
			t.Errorf("%s has %d triggers, ours %d", table, theirs.triggers[table], ours.triggers[table])
		}
	}
}

// The sandbox has fewer tables and columns than uzERP, but those that it has are the same.
func TestSandboxIsLikeUzerp(t *testing.T) {
	sandbox, uzerp := catalogueOf(t, New(t, Sandbox)), catalogueOf(t, New(t, Uzerp))
	for table, columns := range sandbox.columns {
		for name, column := range columns {
			if diff := cmp.Diff(uzerp.columns[table][name], column); diff != "" {
				t.Errorf("%s.%s, uzERP's (-) and the sandbox's (+): %s", table, name, diff)
			}
		}
	}
	if len(sandbox.columns) < 9 || len(sandbox.columns["users"]) != len(uzerp.columns["users"]) {
		t.Errorf("the sandbox has %d tables, and users %d columns", len(sandbox.columns), len(sandbox.columns["users"]))
	}
}

type column struct {
	Table, Name, Type, Default string
	NotNull                    bool
}

type constraint struct {
	Table, Name, Definition string
	To                      string // the table that a foreign key refers to
}

// catalogue has the columns and constraints of a database's tables in the schema public, by table and name.
type catalogue struct {
	columns     map[string]map[string]column
	constraints map[string]map[string]constraint
	triggers    map[string]int
}

func catalogueOf(t *testing.T, url string) catalogue {
	t.Helper()
	c := catalogue{map[string]map[string]column{}, map[string]map[string]constraint{}, map[string]int{}}
	conn := Connect(t, url)
	for _, col := range collect[column](t, conn, `
		select r.relname as "table", a.attname as name, format_type(a.atttypid, a.atttypmod) as type,
			coalesce(pg_get_expr(d.adbin, d.adrelid), '') as "default", a.attnotnull as not_null
		from pg_class r
		join pg_attribute a on a.attrelid = r.oid and a.attnum > 0 and not a.attisdropped
		left join pg_attrdef d on d.adrelid = r.oid and d.adnum = a.attnum
		where r.relkind = 'r' and r.relnamespace = 'public'::regnamespace`) {
		if c.columns[col.Table] == nil {
			c.columns[col.Table] = make(map[string]column)
		}
		c.columns[col.Table][col.Name] = col
	}
	// Since PostgreSQL 18 NOT NULL is a constraint, too. It is left out: the columns have it already.
	for _, con := range collect[constraint](t, conn, `
		select r.relname as "table", k.conname as name, pg_get_constraintdef(k.oid) as definition, coalesce(f.relname, '') as "to"
		from pg_constraint k
		join pg_class r on r.oid = k.conrelid
		left join pg_class f on f.oid = k.confrelid
		where r.relkind = 'r' and r.relnamespace = 'public'::regnamespace and k.contype <> 'n'`) {
		if c.constraints[con.Table] == nil {
			c.constraints[con.Table] = make(map[string]constraint)
		}
		c.constraints[con.Table][con.Name] = con
	}
	for _, table := range collect[struct{ Name string }](t, conn, `
		select r.relname as name from pg_trigger g join pg_class r on r.oid = g.tgrelid where not g.tgisinternal`) {
		c.triggers[table.Name]++
	}
	return c
}

func collect[T any](t *testing.T, conn *pgx.Conn, sql string) []T {
	t.Helper()
	rows, err := conn.Query(t.Context(), sql)
	if err != nil {
		t.Fatal(err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByName[T])
	if err != nil {
		t.Fatal(err)
	}
	return all
}
