package cmd_test

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"uzerp-mfa/internal/emulator"
	"uzerp-mfa/internal/output"
)

// These tests let each request and each statement of each changing command fail, in every way that the emulator and
// the proxy know. Tables in testdata have the exit code and the changes of each case. What must never happen,
// whatever a table says, is tested here (docs/contract.md §1).

// faulty returns the scenarios for the matrices of faults: every changing command.
func faulty(t *testing.T) []scenario {
	t.Helper()
	names := []string{
		"set-injector", "user enable", "user disable-next-login", "user reset", "enroll --no-wait, with a uuid", "enroll --no-wait, all columns NULL",
		"verify", "verify --factor, resuming", "enroll --replace --no-wait", "verify --factor, replacing",
		"enroll --html-dir", "enroll --html-dir, all columns NULL", "enroll --html-dir --replace", "enroll --html-dir --new",
	}
	all := slices.DeleteFunc(scenarios(), func(sc scenario) bool { return !slices.Contains(names, sc.name) })
	if len(all) != len(names) {
		t.Fatal("a scenario has another name")
	}
	return all
}

// faultCase is one run with something wrong.
type faultCase struct {
	sc           scenario
	where, fault string
	// run runs the program with args, which end with a --timeout if the case expires, and reports whether the fault was
	// reached.
	run func(t *testing.T, s *stage, program string, args []string) (ending, bool)
	// expires says that the program waits in vain until its --timeout ends it.
	expires bool
	// after returns what else is wrong, judged by the requests, or "". It may be nil.
	after func(requests []emulator.Request) string
}

func (c faultCase) String() string { return c.sc.name + ", " + c.where + ", " + c.fault }

// meet starts a case and runs the program until it meets the fault. A --timeout that is meant to expire must not expire
// before that: on a busy machine a second may be too short. Such a run is repeated with twice the time.
func (c faultCase) meet(t *testing.T, s *stage, program string) (e ending, was condition, args []string) {
	t.Helper()
	for limit := time.Second; ; limit *= 2 {
		c.sc.start(t, s)
		was, args = s.condition(t), c.sc.args(t, s)
		if c.expires {
			args = append(args, "--timeout", limit.String())
		}
		e, reached := c.run(t, s, program, args)
		if reached || !c.expires {
			return e, was, args
		}
		if limit > hangs/2 {
			t.Errorf("%s: the fault was not reached within %v: %v", c, limit, e)
			return e, was, args
		}
	}
}

// check runs a case. It returns the exit code and the changes, and what is wrong whatever the table says. A program
// that ignores its --timeout is found by the number of its tries, and by the limit of every run (hangs).
func (c faultCase) check(t *testing.T, s *stage, program string) (results []string, complaint string) {
	t.Helper()
	e, was, args := c.meet(t, s, program)
	requests := s.verify.Requests() // read before this test makes its own
	s.verify.ClearFaults()
	now := s.condition(t)
	login := now.site
	if !c.sc.site {
		r := s.row(t, victim)
		got := s.tryLogin(t, r)
		login = shortly[got]
		if !slices.Contains(c.sc.allowed, got) {
			complaint = fmt.Sprintf("the user %s, want one of %q: %v: %v", got, c.sc.allowed, r, e)
		}
	}
	results = []string{strconv.Itoa(e.code), was.changedRow(now), was.changedFactors(now), login}
	all := e.stdout + e.stderr
	switch {
	case complaint != "":
	case !slices.Contains(documented(t, s, program, args), e.code):
		complaint = fmt.Sprintf("the command's help does not know this exit code: %v", e)
	case strings.Contains(all, "context canceled"), strings.Contains(all, "context deadline"), strings.Contains(all, "panic"):
		complaint = fmt.Sprintf("words of Go's: %v", e)
	case strings.Contains(e.stderr, "uzERP does not know it yet") && !strings.Contains(e.stderr, "verify --factor"):
		complaint = fmt.Sprintf("the hint does not help: %v", e)
	case strings.Contains(all, authToken), strings.Contains(all, dbPassword), s.showsFactorIn(e, args):
		complaint = fmt.Sprintf("a secret: %v", e)
	case count(requests, "CreateNewFactor") > 1, count(requests, "CreateChallenge") > 1, count(requests, "UpdateFactor") > 1:
		complaint = fmt.Sprintf("a POST was repeated: %v", requests)
	case s.otherUsers(t) != s.others && !c.sc.site:
		complaint = "another user was changed"
	case c.sc.site && now.site != was.site && c.sc.done(t, s) != "":
		complaint = fmt.Sprintf("half switched: %s: %v", now.site, e)
	case e.code == 0 && c.sc.done(t, s) != "":
		complaint = fmt.Sprintf("exit 0, but %s: %v", c.sc.done(t, s), e)
	case c.after != nil:
		if complaint = c.after(requests); complaint != "" {
			complaint = fmt.Sprintf("%s: %v", complaint, e)
		}
	}
	return results, complaint
}

// count returns how many requests for the operation were not refused by a rate limit.
func count(requests []emulator.Request, operation string) (n int) {
	for _, r := range requests {
		if r.Operation == operation && r.Status != http.StatusTooManyRequests {
			n++
		}
	}
	return n
}

// showsFactorIn reports whether a run shows the secret of a factor: on stderr, or on stdout without --reveal.
func (s *stage) showsFactorIn(e ending, args []string) bool {
	shown := e.stderr
	if !slices.Contains(args, "--reveal") {
		shown += e.stdout
	}
	return slices.ContainsFunc(s.verify.Secrets(), func(secret string) bool {
		return strings.Contains(shown, secret) || strings.Contains(shown, output.Groups(secret))
	})
}

var (
	exitCodesInHelp = regexp.MustCompile(`(?s)\nExit codes:\n(.*?)(?:\n\n|$)`)
	documentedCodes sync.Map // the exit codes of a command, by the first line of its help
)

// documented returns the exit codes that the help of a command lists.
func documented(t *testing.T, s *stage, program string, args []string) []int {
	t.Helper()
	words := args[:len(args):len(args)]
	if i := slices.IndexFunc(words, func(w string) bool { return strings.HasPrefix(w, "-") || w == victim }); i >= 0 {
		words = words[:i:i]
	}
	command := strings.Join(words, " ")
	if codes, ok := documentedCodes.Load(command); ok {
		return codes.([]int)
	}
	help := s.plain(t, program, s.env, append(words, "--help")...)
	var codes []int
	if m := exitCodesInHelp.FindStringSubmatch(help.stdout); m != nil {
		for line := range strings.Lines(m[1]) {
			code, _, _ := strings.Cut(strings.TrimSpace(line), " ")
			if n, err := strconv.Atoi(code); err == nil {
				codes = append(codes, n)
			}
		}
	}
	if len(codes) < 4 {
		t.Errorf("the help of %q lists no exit codes: %v", command, help)
	}
	documentedCodes.Store(command, codes)
	return codes
}

const aboutFaults = `
The next login is one without the fault. Written by go test ./cmd -run FaultMatrix -update. Read what has changed: each line is
something that an operator meets.
`

// faultMatrix runs the cases, some at a time, each on its own stage, and compares the results with the table.
func faultMatrix(t *testing.T, program, file, about string, all []faultCase) {
	t.Helper()
	const workers = 10 // most of them wait
	began := time.Now()
	stages := make(chan *stage, workers)
	for range workers {
		stages <- newStage(t)
	}
	byCommand := make(map[string]int)
	rows := make([][]string, len(all))
	var running sync.WaitGroup
	for i, c := range all {
		byCommand[c.sc.name]++
		s := <-stages
		running.Go(func() {
			results, complaint := c.check(t, s, program)
			stages <- s
			rows[i] = append([]string{c.sc.name, c.where, c.fault}, results...)
			if complaint != "" {
				t.Errorf("%s: %s", c, complaint)
			}
		})
	}
	running.Wait()
	table{
		file: file, about: about + "\n" + aboutConditions + aboutFaults,
		columns: []string{"command", "where", "fault", "exit", "row", "factors", "login"}, cases: 3,
	}.hold(t, rows)
	t.Logf("the matrix: %d cases, in %v: %v", len(all), time.Since(began).Round(time.Second/10), byCommand)
}
