package cmd_test

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"uzerp-mfa/internal/crashtest"
)

// dbFault is what happens to a statement.
type dbFault struct {
	name    string
	phase   crashtest.Phase
	action  crashtest.Action
	end     bool // the server ends the session
	expires bool // no answer comes, until --timeout ends the program
}

// The database or the connection fails at each statement, in every way.
func TestFaultMatrixDatabase(t *testing.T) {
	t.Parallel()
	program := shipped(t)
	recorder := newStage(t)
	faults := []dbFault{
		{name: "cut before", phase: crashtest.Before, action: crashtest.Cut},
		{name: "cut after", phase: crashtest.After, action: crashtest.Cut},
		{name: "session ended before", phase: crashtest.Before, end: true},
		{name: "hang before", phase: crashtest.Before, action: crashtest.Hang, expires: true},
	}
	var all []faultCase
	for _, sc := range faulty(t) {
		seen, _ := sc.record(t, recorder, program)
		for _, at := range seen {
			if at.System != "database" {
				continue
			}
			for _, f := range faults {
				c := faultCase{sc: sc, where: place(seen, at), fault: f.name, expires: f.expires}
				c.run = func(t *testing.T, s *stage, program string, args []string) (ending, bool) {
					var reached atomic.Bool
					hook := func(i crashtest.Interaction, phase crashtest.Phase) crashtest.Action {
						if i.N != at.N || phase != f.phase {
							return crashtest.Pass
						}
						reached.Store(true)
						if f.end {
							const others = " from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
							s.exec(t, "select pg_terminate_backend(pid)"+others)
							for n := 1; n > 0; time.Sleep(time.Millisecond) {
								if err := s.db.QueryRow(t.Context(), "select count(*)"+others).Scan(&n); err != nil {
									t.Error(err)
								}
							}
						}
						return f.action
					}
					e := s.run(t, invocation{program: program, args: args}, hook, nil)
					return e, reached.Load()
				}
				all = append(all, c)
			}
		}
		all = append(all, serverFaults(sc)...)
	}
	const about = `Each changing command, with something wrong about each statement that it sends to the database (where; "(2)" is the second
of a name), and with something wrong about the whole database.
`
	faultMatrix(t, program, "testdata/fault_matrix_database.golden", about, all)
}

// place returns a name for an interaction. It stays the same if the command makes more interactions.
func place(seen []crashtest.Interaction, at crashtest.Interaction) string {
	n := 0
	for _, i := range seen[:at.N] {
		if i.Name == at.Name {
			n++
		}
	}
	if n > 1 {
		return fmt.Sprintf("%s (%d)", at.Name, n)
	}
	return at.Name
}

// serverFaults returns the cases in which the whole database fails.
func serverFaults(sc scenario) []faultCase {
	with := func(option string) func(t *testing.T, s *stage, program string, args []string) (ending, bool) {
		return func(t *testing.T, s *stage, program string, args []string) (ending, bool) {
			database := s.database + "?options=" + strings.ReplaceAll(url.QueryEscape(option), "+", "%20")
			return s.run(t, invocation{program: program, args: args, env: s.environment(database, s.verify.URL)}, nil, nil), true
		}
	}
	locked := func(t *testing.T, s *stage, program string, args []string) (ending, bool) {
		conn, err := pgx.ConnectConfig(t.Context(), s.db.Config())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close(t.Context()) }()
		for _, sql := range []string{"begin", "select from users where username = '" + victim + "' for update", "select from injector_classes for update"} {
			if _, err := conn.Exec(t.Context(), sql); err != nil {
				t.Fatal(err)
			}
		}
		return with("-c lock_timeout=200ms")(t, s, program, args)
	}
	unreachable := func(t *testing.T, s *stage, program string, args []string) (ending, bool) {
		database := regexp.MustCompile(`127\.0\.0\.1:\d+`).ReplaceAllString(s.database, "127.0.0.1:1")
		return s.run(t, invocation{program: program, args: args, env: s.environment(database, s.verify.URL)}, nil, nil), true
	}
	return []faultCase{
		{sc: sc, where: "everywhere", fault: "a lock that others hold", run: locked},
		{sc: sc, where: "everywhere", fault: "read-only", run: with("-c default_transaction_read_only=on")},
		{sc: sc, where: "everywhere", fault: "unreachable", run: unreachable},
	}
}

// If the network to the database is gone, so that not even a CancelRequest is answered, --timeout still ends the
// program.
func TestFrozenDatabase(t *testing.T) {
	t.Parallel()
	program, s := shipped(t), newStage(t)
	// On a busy machine everything takes longer, so the quickest of several runs counts. A program that waits for the
	// server is late in every run.
	const limit, goes = 5 * time.Second, 8
	quickest := hangs
	for range goes {
		s.reset(t)
		began := time.Now()
		frozen := func(crashtest.Interaction, crashtest.Phase) crashtest.Action { return crashtest.Freeze }
		e := s.run(t, invocation{program: program, args: []string{"user", "enable", victim, "--timeout", "1s"}}, frozen, nil)
		if e.code != 7 {
			t.Fatalf("want exit 7: %v", e)
		}
		if quickest = min(quickest, time.Since(began)); quickest <= limit {
			return
		}
	}
	t.Errorf("it took %v at least", quickest.Round(time.Second/10))
}
