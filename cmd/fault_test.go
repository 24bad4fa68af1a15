package cmd_test

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"uzerp-mfa/internal/crashtest"
	"uzerp-mfa/internal/emulator"
)

// This file lets everything go wrong that the emulator and the proxy can do, once for each request and each statement of
// each changing command, and holds exit code and state against docs/contract.md §1.

// faulty are the scenarios of crash_test.go that the matrices of faults are about: every changing command.
func faulty(t *testing.T) []scenario {
	t.Helper()
	names := []string{
		"set-injector", "user enable", "user disable-next-login", "user reset", "enroll --no-wait, with a uuid", "enroll --no-wait, all columns NULL",
		"verify", "verify --factor, resuming", "enroll --replace --no-wait", "verify --factor, replacing",
	}
	all := slices.DeleteFunc(scenarios(), func(sc scenario) bool { return !slices.Contains(names, sc.name) })
	if len(all) != len(names) {
		t.Fatal("a scenario has another name")
	}
	return all
}

// twilioFault is a fault and the exit code that it leads to, by what the request was to do.
type twilioFault struct {
	name                           string
	fault                          emulator.Fault
	read, create, prove, challenge int
	remove                         int
	serviceToo                     bool   // the service is gone with it
	only                           string // operation; empty for all
}

// The codes: 4 for credentials, 5 for a service that is gone, 6 for a limit that repeating does not help against, 7 for
// what may work another time. A factor that was verified although the answer was lost is looked at again, so the command
// goes on; a challenge can't be looked at.
func twilioFaults() []twilioFault {
	another := func(body map[string]any) {
		body["identity"], body["sid"] = "somebody-else", "YF0000000000000000000000000000dead"
		delete(body, "factors")
	}
	return []twilioFault{
		{name: "401", fault: emulator.Fault{Code: 20003}, read: 4, create: 4, prove: 4, challenge: 4, remove: 4},
		{name: "403 of a proxy", fault: emulator.Fault{Status: http.StatusForbidden, Body: "<html>no</html>"}, read: 4, create: 4, prove: 4, challenge: 4, remove: 4},
		{name: "404, the service is gone", fault: emulator.Fault{Code: 20404}, serviceToo: true, read: 5, create: 5, prove: 5, challenge: 5, remove: 5},
		{name: "429 once", fault: emulator.Fault{Code: 20429, Times: 1}},
		{name: "429 with Retry-After once", fault: emulator.Fault{Code: 20429, Times: 1, RetryAfter: "1"}},
		{name: "429 for ever", fault: emulator.Fault{Code: 20429}, read: 7, create: 7, prove: 7, challenge: 7, remove: 7},
		{name: "429 to be retried in an hour", fault: emulator.Fault{Code: 20429, RetryAfter: "3600"}, read: 7, create: 7, prove: 7, challenge: 7, remove: 7},
		{name: "60310", fault: emulator.Fault{Code: 60310}, only: "UpdateFactor", prove: 6},
		{name: "60312", fault: emulator.Fault{Code: 60312}, only: "CreateChallenge", challenge: 6},
		{name: "60315", fault: emulator.Fault{Code: 60315}, only: "CreateNewFactor", create: 6},
		{name: "60326", fault: emulator.Fault{Code: 60326}, only: "CreateNewFactor", create: 6},
		{name: "500", fault: emulator.Fault{Code: 20500}, read: 7, create: 7, prove: 7, challenge: 7, remove: 7},
		{name: "500 once", fault: emulator.Fault{Code: 20500, Times: 1}, create: 7, prove: 7, challenge: 7},
		{name: "500 after the effect", fault: emulator.Fault{Code: 20500, AfterEffect: true}, read: 7, create: 7, challenge: 7, remove: 7},
		{name: "503", fault: emulator.Fault{Status: http.StatusServiceUnavailable, Body: "<html>busy</html>"}, read: 7, create: 7, prove: 7, challenge: 7, remove: 7},
		{name: "hang", fault: emulator.Fault{Hang: true}, read: 7, create: 7, prove: 7, challenge: 7, remove: 7},
		{name: "hang after the effect", fault: emulator.Fault{Hang: true, AfterEffect: true}, read: 7, create: 7, prove: 7, challenge: 7, remove: 7},
		{name: "reset before", fault: emulator.Fault{ResetBefore: true}, read: 7, create: 7, prove: 7, challenge: 7, remove: 7},
		{name: "reset before, once", fault: emulator.Fault{ResetBefore: true, Times: 1}, create: 7, prove: 7, challenge: 7},
		{name: "reset after", fault: emulator.Fault{ResetAfter: true}, read: 7, create: 7, challenge: 7, remove: 7},
		{name: "reset after, once", fault: emulator.Fault{ResetAfter: true, Times: 1}, create: 7, challenge: 7},
		{name: "garbage", fault: emulator.Fault{Garbage: true, Body: "<html>log in to the hotel's network</html>"}, read: 7, create: 7, challenge: 7, remove: 7},
		{name: "nothing", fault: emulator.Fault{Garbage: true}, read: 7, create: 7, challenge: 7},
		{name: "truncated", fault: emulator.Fault{Truncated: true}, read: 7, create: 7, challenge: 7, remove: 7},
		{name: "oversized", fault: emulator.Fault{Oversized: true}, read: 7, create: 7, challenge: 7, remove: 7},
		{name: "lie", fault: emulator.Fault{Lie: another}, read: 7, create: 7, challenge: 7},
	}
}

// want is the exit code of a command that meets the fault at an operation.
func (f twilioFault) want(operation string) int {
	switch operation {
	case "CreateNewFactor":
		return f.create
	case "UpdateFactor":
		return f.prove
	case "CreateChallenge":
		return f.challenge
	case "DeleteFactor":
		return f.remove
	}
	return f.read
}

// faultCase is one run with something wrong.
type faultCase struct {
	name string
	sc   scenario
	want int
	// run runs the program with args, which end with a --timeout if the case expires, and reports whether the fault was
	// reached.
	run func(t *testing.T, s *stage, program string, args []string) (ending, bool)
	// expires: the program waits for what never comes until its --timeout ends it.
	expires bool
	// half: the command may have got half of the way, as documented, although it failed
	half bool
	// after looks at more
	after func(requests []emulator.Request) string
}

// meet starts a case and runs the program until it meets the fault. A --timeout that is meant to expire must not do so before: on a
// busy machine a second may be too short to get there, and what came of that says nothing. Such a run is made anew with twice the time.
func (c faultCase) meet(t *testing.T, s *stage, program string) (e ending, was userRow, wasSite string, factors int) {
	t.Helper()
	for limit := time.Second; ; limit *= 2 {
		c.sc.start(t, s)
		was, wasSite, factors = s.row(t, victim), s.site(t), len(s.verify.Factors(s.uuid))
		args := c.sc.args(t, s)
		if c.expires {
			args = append(args, "--timeout", limit.String())
		}
		e, reached := c.run(t, s, program, args)
		if reached || !c.expires {
			return e, was, wasSite, factors
		}
		if limit > hangs/2 {
			t.Errorf("%s, %s: the fault was not reached within %v: %v", c.sc.name, c.name, limit, e)
			return e, was, wasSite, factors
		}
	}
}

// check makes a case and gives what is wrong about it. A program that ignores its --timeout is found by the count of its tries, and
// by the limit on every run (hangs).
func (c faultCase) check(t *testing.T, s *stage, program string) string {
	t.Helper()
	e, was, wasSite, factors := c.meet(t, s, program)
	requests := s.verify.Requests() // before the ones that are made here
	s.verify.ClearFaults()
	now := s.row(t, victim)
	all := e.stdout + e.stderr
	switch {
	case e.code != c.want:
		return fmt.Sprintf("want exit %d: %v", c.want, e)
	case strings.Contains(all, "context canceled"), strings.Contains(all, "context deadline"), strings.Contains(all, "panic"):
		return fmt.Sprintf("words of Go's: %v", e)
	case strings.Contains(e.stderr, "uzERP does not know it yet") && !strings.Contains(e.stderr, "verify --factor"):
		return fmt.Sprintf("the hint does not help: %v", e)
	case strings.Contains(all, authToken), strings.Contains(all, dbPassword):
		return fmt.Sprintf("a secret: %v", e)
	case s.posts("CreateNewFactor") > 1, s.posts("CreateChallenge") > 1, s.posts("UpdateFactor") > 1:
		return fmt.Sprintf("a POST was repeated: %v", s.verify.Requests())
	case s.otherUsers(t) != s.others && !c.sc.site:
		return "another user was changed"
	}
	if e.code == 0 {
		if complaint := c.sc.done(t, s); complaint != "" {
			return fmt.Sprintf("exit 0, but %s: %v", complaint, e)
		}
	}
	if c.after != nil {
		if complaint := c.after(requests); complaint != "" {
			return fmt.Sprintf("%s: %v", complaint, e)
		}
	}
	if c.sc.site {
		if got := s.site(t); e.code != 0 && got != wasSite && (!c.half || c.sc.done(t, s) != "") {
			return fmt.Sprintf("the site was changed: %s: %v", got, e)
		}
		return ""
	}
	if e.code != 0 && !c.half {
		if was.String() != now.String() {
			return fmt.Sprintf("the row was changed, %v to %v: %v", was, now, e)
		}
		if n := len(s.verify.Factors(s.uuid)); n != factors && !strings.HasPrefix(c.name, "hang") {
			return fmt.Sprintf("%d factors, there were %d: %v", n, factors, e)
		}
	}
	return s.wantLogin(t, c.sc.allowed...)
}

// cases runs them, some at a time, on stages of their own.
func cases(t *testing.T, program string, all []faultCase) {
	t.Helper()
	const workers = 10 // most of them wait
	began := time.Now()
	stages := make(chan *stage, workers)
	for range workers {
		stages <- newStage(t)
	}
	byCommand := make(map[string]int)
	var running sync.WaitGroup
	for _, c := range all {
		byCommand[c.sc.name]++
		s := <-stages
		running.Go(func() {
			complaint := c.check(t, s, program)
			stages <- s
			if complaint != "" {
				t.Errorf("%s, %s: %s", c.sc.name, c.name, complaint)
			}
		})
	}
	running.Wait()
	t.Logf("the matrix: %d cases, in %v: %v", len(all), time.Since(began).Round(time.Second/10), byCommand)
}

// Whatever Twilio does, a command ends with the code of its contract, nothing is half done but what is documented, and
// nothing is asked for twice that Twilio may have done.
func TestFaultMatrixTwilio(t *testing.T) {
	t.Parallel()
	program := shipped(t)
	recorder := newStage(t)
	var all []faultCase
	for _, sc := range faulty(t) {
		_, operations := sc.record(t, recorder, program)
		if len(operations) == 0 {
			operations = []string{"any"} // none of Twilio's business: no fault matters
		}
		for _, f := range twilioFaults() {
			for _, operation := range operations {
				if f.only != "" && f.only != operation && operation != "any" {
					continue
				}
				all = append(all, faultCase{
					name: fmt.Sprintf("%s at %s", f.name, operation), sc: sc, want: f.expect(sc, operation),
					half:    operation == "DeleteFactor" || operation == "FetchFactor" || sc.name == "enroll --no-wait, all columns NULL" || f.fault.AfterEffect && operation == "UpdateFactor",
					expires: f.fault.Hang && operation != "any",
					run: func(t *testing.T, s *stage, program string, args []string) (ending, bool) {
						fault := f.fault
						if operation != "any" {
							fault.Operation = operation
						}
						s.verify.AddFault(fault)
						if f.serviceToo {
							s.verify.AddFault(emulator.Fault{Operation: "FetchService", Code: f.fault.Code})
						}
						e := s.run(t, invocation{program: program, args: args}, nil, nil)
						return e, slices.ContainsFunc(s.verify.Requests(), func(r emulator.Request) bool { return r.Operation == operation })
					},
					after: func(requests []emulator.Request) string {
						asked := 0
						for _, r := range requests {
							if r.Operation == operation {
								asked++
							}
						}
						switch n := len(requests); {
						case operation == "any" && n > 0:
							return fmt.Sprintf("%d requests to Twilio", n)
						case f.fault.Hang && asked > 2:
							return fmt.Sprintf("tried %d times, want 2 at most where nothing is answered", asked)
						}
						return ""
					},
				})
			}
		}
	}
	cases(t, program, all)
}

// expect is want, with what the command makes of it.
func (f twilioFault) expect(sc scenario, operation string) int {
	code := f.want(operation)
	switch {
	case operation == "any":
		return 0
	case operation == "FetchFactor" && strings.HasPrefix(sc.name, "verify"):
		return 0 // a last look at the factor: no answer says nothing
	case sc.site && code != 0 && !f.fault.Hang:
		return 6 // a check that can't be made counts as failed
	case f.name == "lie" && operation == "ListFactor" && sc.name == "enroll --no-wait, with a uuid":
		return 0 // there is no entity yet, and the emulator lies with successes only
	}
	return code
}

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
