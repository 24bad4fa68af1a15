package cmd_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"uzerp-mfa/internal/crashtest"
	"uzerp-mfa/internal/mutant"
)

// These tests kill the program at every interaction with the database and with Twilio, before and after it takes
// effect. Then they check how uzERP treats the user (docs/facts/uzerp.md §3 and §6).

// violation is a case that went wrong.
type violation struct {
	scenario string
	stop     interruption
	at       string
	text     string
}

func (v violation) String() string {
	return fmt.Sprintf("%s, %s (%s): %s", v.scenario, v.stop, v.at, v.text)
}

// verdict is the result of a matrix of interruptions for one scenario.
type verdict struct {
	steps      []crashtest.Interaction
	killed     [][]string // the results of SIGKILL, before and after each step; those of other signals depend on time
	cases      int
	left       int // cases after which the command alone could not remove a verified factor
	violations []violation
}

func (v verdict) shows(text string) bool {
	return slices.ContainsFunc(v.violations, func(v violation) bool { return strings.Contains(v.text, text) })
}

// interrupt runs one case of the matrix. It returns the state after the interruption and after the command was run
// again, how many verified factors that did not remove, and what is wrong with the case.
func (sc scenario) interrupt(t *testing.T, s *stage, program string, stop interruption) (results []string, left int, complaint string) {
	t.Helper()
	sc.start(t, s)
	was := s.condition(t)
	e := s.run(t, invocation{program: program, args: sc.args(t, s), terminal: sc.terminal}, nil, &stop)
	now := s.condition(t)
	switch {
	case !e.fired:
		return nil, 0, fmt.Sprintf("never got there: %v", e)
	case stop.signal == syscall.SIGKILL && e.code != -1:
		return nil, 0, fmt.Sprintf("not killed: %v", e)
	case stop.signal != syscall.SIGKILL:
		if complaint := sc.told(t, s, e, was, now); complaint != "" {
			return nil, 0, complaint
		}
	}
	login := now.site
	if sc.site {
		if now.site != was.site && sc.done(t, s) != "" {
			return nil, 0, "half switched: " + now.site
		}
	} else {
		if others := s.otherUsers(t); others != s.others {
			return nil, 0, "another user was changed"
		}
		got := s.tryLogin(t, now.row)
		if !slices.Contains(sc.allowed, got) {
			return nil, 0, fmt.Sprintf("the user %s, want one of %q; %v", got, sc.allowed, now.row)
		}
		login = shortly[got]
	}
	complaint, left = sc.again(t, s, program)
	return []string{was.changedRow(now), was.changedFactors(now), login, strings.Join(s.again, ", ")}, left, complaint
}

// told checks what a program said after a signal. The exit code is 130, or 0 if all was done before. No message of Go
// is shown. The program says what is left to do, and says "nothing was changed" only if that is true, in its report too.
func (sc scenario) told(t *testing.T, s *stage, e ending, before, after condition) string {
	t.Helper()
	switch {
	case e.code == 0:
		if complaint := sc.done(t, s); complaint != "" {
			return fmt.Sprintf("exit 0, but %s\n%v", complaint, e)
		}
		return ""
	case e.code != 130:
		return fmt.Sprintf("want exit 130: %v", e)
	case !strings.Contains(e.stderr, "interrupted"):
		return fmt.Sprintf("it does not say that it was interrupted: %v", e)
	case strings.Contains(e.stderr, "context canceled"), strings.Contains(e.stderr, "context deadline"):
		return fmt.Sprintf("words of Go's: %v", e)
	}
	was, now, said := before.row, after.row, e.stdout+e.stderr
	changed := was.String() != now.String() || len(s.verify.Changing()) > 0 || before.page != after.page || sc.site && sc.done(t, s) == ""
	switch {
	case changed && (strings.Contains(said, "nothing was changed") || strings.Contains(said, "nothing was written")),
		was.String() != now.String() && strings.Contains(e.stderr, "uzERP was not changed"):
		return fmt.Sprintf("it says that nothing was changed; %v, then %v: %v", was, now, e)
	case changed && !strings.Contains(e.stderr, "hint: ") && (!strings.Contains(e.stderr, `"hint":"`) || strings.Contains(e.stderr, `"hint":""`)):
		return fmt.Sprintf("something was changed, and no word about what to do: %v", e)
	}
	if isTrue(was.Enrolled) != isTrue(now.Enrolled) && !strings.Contains(e.stderr, "reset in uzERP") && !strings.Contains(e.stderr, "enrolled") {
		return fmt.Sprintf("it does not say that uzERP was changed; %v, then %v: %v", was, now, e)
	}
	return ""
}

// signals returns what ends a program at a moment. TERM and INT take turns: the program does the same for both.
func signals(n int, phase crashtest.Phase) []syscall.Signal {
	gentle := []syscall.Signal{syscall.SIGTERM, syscall.SIGINT}
	return []syscall.Signal{syscall.SIGKILL, gentle[(n+int(phase))%2]}
}

func onlyKill(int, crashtest.Phase) []syscall.Signal { return []syscall.Signal{syscall.SIGKILL} }

// matrix interrupts every scenario at every interaction, before and after it. If until is not empty, a scenario ends with
// the first case that is wrong in this way.
func matrix(t *testing.T, program string, all []scenario, until string, signals func(n int, phase crashtest.Phase) []syscall.Signal) []verdict {
	t.Helper()
	const workers = 4
	stages := make(chan *stage, workers)
	for range workers {
		stages <- newStage(t)
	}
	verdicts := make([]verdict, len(all))
	var mu sync.Mutex
	var running sync.WaitGroup
	for i, sc := range all {
		s := <-stages
		running.Go(func() {
			steps, _ := sc.record(t, s, program)
			stages <- s
			mu.Lock()
			verdicts[i].steps, verdicts[i].killed = steps, make([][]string, 2*len(steps))
			mu.Unlock()
		})
	}
	running.Wait()
	for i, sc := range all {
		for n := range verdicts[i].steps {
			for _, phase := range []crashtest.Phase{crashtest.Before, crashtest.After} {
				for _, signal := range signals(n, phase) {
					s, stop := <-stages, interruption{signal, n + 1, phase}
					mu.Lock()
					enough := until != "" && verdicts[i].shows(until)
					mu.Unlock()
					if enough {
						stages <- s
						continue
					}
					running.Go(func() {
						results, left, complaint := sc.interrupt(t, s, program, stop)
						stages <- s
						mu.Lock()
						defer mu.Unlock()
						v := &verdicts[i]
						v.cases++
						// Between a key that was typed and the kill the program goes on: how far is a matter of time.
						typed := v.steps[n].Name == typeCode && phase == crashtest.After
						if signal == syscall.SIGKILL && !typed {
							v.killed[2*n+int(phase)] = append([]string{sc.name, place(v.steps, v.steps[n]), phase.String()}, results...)
						}
						if left > 0 {
							v.left++
						}
						if complaint != "" {
							v.violations = append(v.violations, violation{sc.name, stop, v.steps[n].System + ": " + v.steps[n].Name, complaint})
						}
					})
				}
			}
		}
	}
	running.Wait()
	return verdicts
}

const aboutCrashes = `Each changing command, killed (SIGKILL) before and after each thing that it asks the database, Twilio or the person in front
of the terminal for; "(2)" is the second of a name. TERM and INT are tried at the same moments, in turns, and a kill after a code was typed;
what these leave behind is not here, for it depends on how far the program still gets.

` + aboutConditions + `afterwards: what was run to finish, and its exit codes. A reset behind another command removes a factor that this one left.

Written by go test ./cmd -run TestCrashMatrix -update. Read what has changed: each line is something that an operator meets.
`

// If a command is killed, terminated or interrupted at any moment, nobody is locked out, and running it again ends
// well.
func TestCrashMatrix(t *testing.T) {
	t.Parallel()
	program := shipped(t)
	all := scenarios()
	began := time.Now()
	interactions, cases := 0, 0
	var summary strings.Builder
	var rows [][]string
	for i, v := range matrix(t, program, all, "", signals) {
		for _, violation := range v.violations {
			t.Error(violation)
		}
		rows = append(rows, slices.DeleteFunc(v.killed, func(row []string) bool { return row == nil })...)
		interactions, cases = interactions+len(v.steps), cases+v.cases
		fmt.Fprintf(&summary, "%-38s %3d interactions %4d cases %3d leave a factor to reset | %s\n", all[i].name, len(v.steps), v.cases, v.left, stepNames(v.steps))
	}
	if !t.Failed() { // a case that went wrong has no results
		table{
			file: "testdata/crash_matrix.golden", about: aboutCrashes,
			columns: []string{"command", "where", "killed", "row", "factors", "login", "afterwards"}, cases: 3,
		}.hold(t, rows)
	}
	t.Logf("\n%sthe matrix: %d scenarios, %d interactions, %d interruptions (before and after each: KILL, and TERM and INT in turns), in %v",
		&summary, len(all), interactions, cases, time.Since(began).Round(time.Second/10))
}

// A matrix that can't fail is useless. Here mutants break the order of steps in docs/facts/uzerp.md §6, and the
// matrix must find that.
func TestCrashMatrixIsRedWhenStepsAreSwapped(t *testing.T) {
	t.Parallel()
	mutants, err := mutant.ReadAll("..")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range []struct {
		mutant    string
		scenarios []string
		finds     string // what at least one violation must say
	}{
		{"reset-row-first", []string{"user reset"}, string(lockedOut)},
		{"enroll-twilio-first", []string{"enroll on a terminal", "verify"}, string(lockedOut)},
		{"enroll-replace-order", []string{"enroll --replace on a terminal", "verify --factor, replacing"}, string(lockedOut)},
		{"db-switch-one-transaction", []string{"set-injector"}, errorPage},
	} {
		t.Run(m.mutant, func(t *testing.T) {
			i := slices.IndexFunc(mutants, func(known mutant.Mutant) bool { return known.Name == m.mutant })
			if i < 0 {
				t.Fatal("no such mutant in " + mutant.Dir)
			}
			program := mutantOf(t, mutants[i].Files)
			some := slices.DeleteFunc(scenarios(), func(sc scenario) bool { return !slices.Contains(m.scenarios, sc.name) })
			if len(some) != len(m.scenarios) {
				t.Fatal("a scenario has another name")
			}
			for i, v := range matrix(t, program, some, m.finds, onlyKill) {
				if !v.shows(m.finds) {
					t.Errorf("%s: %d cases, and none shows that %s: %v", some[i].name, v.cases, m.finds, v.violations)
				} else {
					t.Logf("%s: red in case %d: %s", some[i].name, v.cases, v.violations[0])
				}
			}
		})
	}
}
