package cmd_test

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/rogpeppe/go-internal/testscript"

	"uzerp-mfa/internal/pgtemp/dbtest"
	"uzerp-mfa/internal/pgtemp/pooltest"
)

// The commands of scripts that reach the database. testdata/script/README.md explains them.

func cmdPsql(ts *testscript.TestScript, args []string) {
	out := ts.Stdout() // also if nothing is printed: the output of the command before must not stay
	for _, sql := range args {
		runSQL(ts, out, sql)
	}
}

func runSQL(ts *testscript.TestScript, out io.Writer, sql string) { ts.Check(querySQL(ts, out, sql)) }

// querySQL is runSQL where the database, or what is asked of it, may not be there.
func querySQL(ts *testscript.TestScript, out io.Writer, sql string) error {
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, sceneOf(ts).database)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	results, err := conn.PgConn().Exec(ctx, sql).ReadAll()
	if err != nil {
		return err
	}
	for _, r := range results {
		for _, row := range r.Rows {
			cells := make([]string, len(row))
			for i, v := range row {
				cells[i] = string(v)
				if v == nil {
					cells[i] = "NULL"
				}
			}
			_, _ = fmt.Fprintln(out, strings.Join(cells, "|"))
		}
	}
	return nil
}

// cmdPooler puts a PgBouncer in front of the database for all that the script runs from now on.
func cmdPooler(ts *testscript.TestScript, args []string) {
	p := pooltest.Start(ts.Value("tb").(testing.TB), sceneOf(ts).database, pooltest.Mode(args[0]), nil, args[1:]...)
	ts.Setenv("DATABASE_URL", strings.Replace(p.URL(), "postgres@", "postgres:"+dbPassword+"@", 1))
}

// cmdStandby starts a hot standby, and all that the script runs from now on uses that.
func cmdStandby(ts *testscript.TestScript, _ []string) {
	url := dbtest.Standby(ts.Value("tb").(testing.TB), sceneOf(ts).database)
	ts.Setenv("DATABASE_URL", strings.Replace(url, "postgres@", "postgres:"+dbPassword+"@", 1))
}

func cmdAwait(ts *testscript.TestScript, args []string) {
	var got strings.Builder
	for began := time.Now(); time.Since(began) < hangs; time.Sleep(100 * time.Millisecond) {
		got.Reset()
		runSQL(ts, &got, args[0])
		if strings.TrimSpace(got.String()) == args[1] {
			return
		}
	}
	ts.Fatalf("still %q, want %q", got.String(), args[1])
}

func cmdSnapshot(ts *testscript.TestScript, args []string) {
	sceneOf(ts).snapshot = snapshot(ts, args)
}

func cmdUntouched(ts *testscript.TestScript, args []string) {
	was, now := sceneOf(ts).snapshot, snapshot(ts, args)
	for table, rows := range now {
		if !slices.Equal(rows, was[table]) {
			ts.Fatalf("%s was changed:\n%s\nwas\n%s", table, strings.Join(rows, "\n"), strings.Join(was[table], "\n"))
		}
	}
	if len(now) != len(was) || len(now) == 0 {
		ts.Fatalf("tables came or went")
	}
}

func snapshot(ts *testscript.TestScript, except []string) map[string][]string {
	for i := range except {
		except[i] = "public." + except[i]
	}
	all := dbtest.Snapshot(ts.Value("tb").(testing.TB), sceneOf(ts).database, except...)
	for _, table := range except {
		delete(all, table)
	}
	return all
}

func uuidOf(ts *testscript.TestScript, username string) string {
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, sceneOf(ts).database)
	ts.Check(err)
	defer func() { _ = conn.Close(ctx) }()
	var uuid string
	ts.Check(conn.QueryRow(ctx, "select uuid::text from users where username = $1", username).Scan(&uuid))
	return uuid
}

func cmdLockRow(ts *testscript.TestScript, args []string) {
	holdLock(ts, "select 1 from users where username = $1 for update", args[0])
}

func cmdLockTable(ts *testscript.TestScript, args []string) {
	holdLock(ts, "lock table "+pgx.Identifier{args[0]}.Sanitize())
}

func holdLock(ts *testscript.TestScript, sql string, args ...any) {
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, sceneOf(ts).database)
	ts.Check(err)
	ts.Defer(func() { _ = conn.Close(ctx) })
	_, err = conn.Exec(ctx, "begin")
	ts.Check(err)
	_, err = conn.Exec(ctx, sql, args...)
	ts.Check(err)
}
