package cmd_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

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
