package cmd_test

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
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
	expires bool // nothing comes, until --timeout ends the program
}

// Whatever becomes of the connection at whatever statement, the same holds.
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
				c := faultCase{name: fmt.Sprintf("%s interaction %d, %s", f.name, at.N, at.Name), sc: sc, want: f.want(sc, seen, at), expires: f.expires}
				c.half = c.want != 0 && f.half(sc, seen, at)
				c.run = func(t *testing.T, s *stage, program string, args []string) (ending, bool) {
					var reached atomic.Bool
					hook := func(i crashtest.Interaction, phase crashtest.Phase) crashtest.Action {
						if i.N != at.N || phase != f.phase {
							return crashtest.Pass
						}
						reached.Store(true)
						if f.end {
							s.exec(t, "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()")
							for n := 1; n > 0; time.Sleep(time.Millisecond) {
								if err := s.db.QueryRow(t.Context(), "select count(*) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()").Scan(&n); err != nil {
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
	}
	all = append(all, serverFaults(t)...)
	cases(t, program, all)
}

// written tells whether an interaction comes after the commit of the last change that recording saw.
func written(seen []crashtest.Interaction, at crashtest.Interaction) bool {
	return slices.ContainsFunc(seen, func(i crashtest.Interaction) bool { return i.Name == "commit" && i.N < at.N })
}

// courtesy tells whether a statement only serves a note: what becomes of it does not matter.
func courtesy(sc scenario, at crashtest.Interaction) bool {
	return !sc.site && strings.HasSuffix(at.Name, "injector_classes")
}

// want is 7, but for a courtesy and for a commit whose reply is lost: where one row tells the outcome it is looked at.
func (f dbFault) want(sc scenario, seen []crashtest.Interaction, at crashtest.Interaction) int {
	last := at.N == len(seen)
	switch {
	case courtesy(sc, at) && !f.expires:
		return 0
	case courtesy(sc, at) && (last || seen[len(seen)-1].Name == at.Name || written(seen, at)): // nothing comes after it that the deadline could end
		return 0
	case at.Name == "commit" && f.phase == crashtest.After && !sc.site, at.Name == "rollback" && !f.expires: // of what only read
		return 0
	}
	return 7
}

// half tells whether a command that fails there may have done half of its work: the row of a reset is written, the new
// factor is verified, or the new factor is in the row and the old one not deleted.
func (f dbFault) half(sc scenario, seen []crashtest.Interaction, at crashtest.Interaction) bool {
	proved := slices.ContainsFunc(seen, func(i crashtest.Interaction) bool {
		return i.N < at.N && i.System == "twilio" && strings.HasPrefix(i.Name, "POST")
	})
	return written(seen, at) || proved || at.Name == "commit" && f.phase == crashtest.After
}

// serverFaults are those of the whole server.
func serverFaults(t *testing.T) (all []faultCase) {
	t.Helper()
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
	for _, sc := range faulty(t) {
		writes := !strings.Contains(sc.name, "--no-wait") || strings.Contains(sc.name, "NULL")
		proves := strings.HasPrefix(sc.name, "verify")
		for _, f := range []struct {
			name string
			want int
			run  func(*testing.T, *stage, string, []string) (ending, bool)
		}{{"a lock that others hold", 7, locked}, {"read-only", 6, with("-c default_transaction_read_only=on")}} {
			c := faultCase{name: f.name, sc: sc, half: proves, run: f.run}
			if writes {
				c.want = f.want
			}
			all = append(all, c)
		}
		all = append(all, faultCase{name: "unreachable", sc: sc, want: 7, run: unreachable})
	}
	return all
}

// Where the network to the database is gone, and not even a CancelRequest is answered, --timeout is the end all the same.
func TestFrozenDatabase(t *testing.T) {
	t.Parallel()
	program, s := shipped(t), newStage(t)
	// On a busy machine everything takes longer, so the quickest of some runs counts: a program that waits for the server is late each time.
	const limit, goes = 5 * time.Second, 8
	quickest := hangs
	for range goes {
		s.reset(t)
		began := time.Now()
		e := s.run(t, invocation{program: program, args: []string{"user", "enable", victim, "--timeout", "1s"}}, func(crashtest.Interaction, crashtest.Phase) crashtest.Action {
			return crashtest.Freeze
		}, nil)
		if e.code != 7 {
			t.Fatalf("want exit 7: %v", e)
		}
		if quickest = min(quickest, time.Since(began)); quickest <= limit {
			return
		}
	}
	t.Errorf("it took %v at least", quickest.Round(time.Second/10))
}
