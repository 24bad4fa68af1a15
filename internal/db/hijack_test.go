package db_test

import (
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"uzerp-mfa/internal/db"
	"uzerp-mfa/internal/history"
	"uzerp-mfa/internal/pgtemp/dbtest"
)

const hostilePath = "&search_path=public,pg_catalog"

// Whatever stands in public, and however the search_path is, a statement means PostgreSQL's own operators, functions,
// types and collations.
func TestStatementsUseOnlyPostgreSQLsOwn(t *testing.T) {
	url := dbtest.New(t, dbtest.Sample)
	dbtest.Trojans(t, url)
	dbtest.Exec(t, url, db.GrantsHistory("pg_monitor"))
	tx := begin(t, url+hostilePath)
	missed, all := 0, statements(t)
	for name, text := range all {
		used, err := foreignObjects(t, tx, text)
		if err != nil || len(used) > 0 {
			t.Errorf("%s uses %q, %v", name, used, err)
		}
		if used, err := foreignObjects(t, tx, unqualified(text)); err == nil && len(used) == 0 {
			missed++
		}
	}
	if missed > len(all)/4 {
		t.Errorf("%d of %d statements use no trojan even if nothing is qualified: the trojans are too few", missed, len(all))
	}
}

// If uzERP's tables lack a column, PostgreSQL takes a function with the column's name instead, in u.uuid for example. So
// no statement names a column of a table in that way.
func TestAMissingColumnIsNoFunction(t *testing.T) {
	url := dbtest.New(t, dbtest.Sample)
	dbtest.Exec(t, url, db.GrantsHistory("pg_monitor"))
	all := statements(t)
	for _, right := range db.Rights() {
		table, column, ok := strings.Cut(strings.TrimPrefix(right, "select on "), ".")
		if !ok || !strings.HasPrefix(right, "select on ") {
			continue
		}
		tx := begin(t, url)
		function := "function " + pgx.Identifier{column}.Sanitize() + "(" + table + ")"
		if _, err := tx.Exec(t.Context(), "alter table "+table+" drop column "+column+" cascade; create "+function+
			" returns text language sql as 'select null::text'", pgx.QueryExecModeSimpleProtocol); err != nil {
			t.Fatal(err)
		}
		failed := 0
		for name, text := range all {
			if !regexp.MustCompile(`"public"\.` + table + `\b`).MatchString(text) {
				continue
			}
			used, err := foreignObjects(t, tx, text)
			if len(used) > 0 {
				t.Errorf("without %s.%s %s uses %q", table, column, name, used)
			}
			if err != nil {
				failed++
				if e, ok := errors.AsType[*pgconn.PgError](err); !ok || e.Code != "42703" {
					t.Errorf("without %s.%s %s: %v", table, column, name, err)
				}
			}
		}
		if failed == 0 && right != "select on user_company_access.username" { // details takes the username of users then
			t.Errorf("no statement needs %s.%s", table, column)
		}
		if err := tx.Rollback(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// statements returns the text of each query, as far as it names something.
func statements(t *testing.T) map[string]string {
	t.Helper()
	all, err := db.Statements()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func begin(t *testing.T, url string) pgx.Tx {
	t.Helper()
	tx, err := dbtest.Connect(t, url).Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return tx
}

// unqualified returns a statement as it would be without pg_catalog.
func unqualified(text string) string {
	text = regexp.MustCompile(`operator\(pg_catalog\.([^)]+)\)`).ReplaceAllString(text, "$1")
	return strings.ReplaceAll(text, "pg_catalog.", "")
}

// foreignObjects returns what a statement uses beside PostgreSQL's own objects and uzERP's tables, or the error of
// PostgreSQL's parser. PostgreSQL itself says what it understood: it records on what a rule depends that is not its own.
func foreignObjects(t *testing.T, tx pgx.Tx, text string) ([]string, error) {
	t.Helper()
	_, text, _ = strings.Cut(text, "\n")
	text = strings.TrimPrefix(text, "declare listing no scroll cursor without hold for\n")
	text = regexp.MustCompile(`@\w+`).ReplaceAllString(text, "null")
	save, err := tx.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = save.Rollback(t.Context()) }()
	if _, err := save.Exec(t.Context(), "create table public.dummy (); create rule probe as on insert to public.dummy do also ("+text+
		"); set local search_path = pg_catalog", pgx.QueryExecModeSimpleProtocol); err != nil {
		return nil, err
	}
	rows, err := save.Query(t.Context(), `
		select distinct pg_describe_object(d.refclassid, d.refobjid, 0)
		from pg_depend d join pg_rewrite r on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid
		where r.ev_class = 'public.dummy'::regclass and d.refobjid <> 'public.dummy'::regclass and not (d.refclassid = 'pg_class'::regclass
			and (d.refobjid < 16384 or d.refobjid::regclass::text in (select 'public.' || unnest($1::text[]))))`, db.NamedTables())
	if err != nil {
		t.Fatal(err)
	}
	used, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return used, nil
}

// Each method of DB works as a superuser, and no trojan runs.
func TestNoTrojanRuns(t *testing.T) {
	d, url := sample(t)
	d.Close()
	dbtest.Trojans(t, url)
	dbtest.Exec(t, url, "alter database "+database(url)+" set search_path = public, pg_catalog") // holds before the first transaction too
	d = open(t, db.Config{ConnString: url + hostilePath + "&target_session_attrs=primary"})
	if _, err := d.Logins().Read(t.Context(), history.Query{Usernames: []string{"admin"}}); err != nil {
		t.Error(err)
	}
	everything(t, d, url)
}
