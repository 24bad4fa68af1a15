package cmd_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"uzerp-mfa/internal/crashtest"
	"uzerp-mfa/internal/emulator"
)

// In these tests two operators, and then many, work on the same users.

// meddler is what the second operator does to the victim while the first one's program waits.
type meddler struct {
	name string
	do   func(t *testing.T, s *stage, program string) []ending
}

func meddlers() []meddler {
	single := func(args ...string) func(t *testing.T, s *stage, program string) []ending {
		return func(t *testing.T, s *stage, program string) []ending {
			return []ending{s.plain(t, program, s.aside, args...)}
		}
	}
	enrolls := func(args ...string) func(t *testing.T, s *stage, program string) []ending {
		return func(t *testing.T, s *stage, program string) []ending {
			first := s.plain(t, program, s.aside, append([]string{"enroll", victim, "--no-wait", "--reveal", "-o", "json"}, args...)...)
			if first.code != 0 {
				return []ending{first}
			}
			sid, err := enrollmentSID(first.stdout)
			if err != nil {
				t.Error(err)
			}
			return []ending{first, s.plain(t, program, s.aside, "verify", "--factor", sid, victim, s.unused(t, sid))}
		}
	}
	return []meddler{
		{"user reset", single("user", "reset", victim, "--yes")},
		{"user disable-next-login", single("user", "disable-next-login", victim, "--yes")},
		{"user enable", single("user", "enable", victim)},
		{"enroll and verify", enrolls()},
		{"enroll --replace and verify", enrolls("--replace")},
		{"verify what is pending", func(t *testing.T, s *stage, program string) []ending {
			r := s.row(t, victim)
			if r.UUID == nil {
				return nil
			}
			for _, f := range slices.Backward(s.verify.Factors(*r.UUID)) {
				if f.Status == emulator.Unverified {
					s.phone[f.SID] = true // otherwise there would be no code
					return []ending{s.plain(t, program, s.aside, "verify", victim, s.unused(t, f.SID))}
				}
			}
			return nil
		}},
	}
}

// meet has the second operator run all their commands just before interaction n of the first one's command.
func (sc scenario) meet(t *testing.T, s *stage, program string, n int, m meddler) string {
	t.Helper()
	sc.start(t, s)
	started, stale := s.tryLogin(t, s.row(t, victim)), s.orphans(t, s.row(t, victim))
	var theirs []ending
	e := s.run(t, invocation{program: program, args: sc.args(t, s), terminal: sc.terminal}, func(i crashtest.Interaction, phase crashtest.Phase) crashtest.Action {
		if i.N == n && phase == crashtest.Before {
			theirs = m.do(t, s, program) // the first program waits meanwhile
		}
		return crashtest.Pass
	}, nil)
	all := []ending{e}
	for _, their := range theirs {
		s.shown.WriteString(their.stdout + their.stderr)
		all = append(all, their)
	}
	for i, ended := range all {
		locked := i > 0 && ended.code == 7 && strings.Contains(ended.stderr, "(lock_timeout)") // by the first one
		if !locked && !slices.Contains([]int{0, 5, 6, 10}, ended.code) {
			return fmt.Sprintf("operator %d: %v", min(i, 1)+1, ended)
		}
		if strings.Contains(ended.stderr, "changed meanwhile") && ended.code != 6 {
			return fmt.Sprintf("a conflict that is not exit 6: %v", ended)
		}
	}
	r := s.row(t, victim)
	if got := s.tryLogin(t, r); got == lockedOut && started != lockedOut || got == skipThenStuck {
		return fmt.Sprintf("the user %s, %v: %v", got, r, all)
	}
	for _, sid := range s.orphans(t, r) {
		told := slices.ContainsFunc(all, func(e ending) bool {
			return strings.Contains(e.stderr, sid) || strings.Contains(e.stdout+e.stderr, "kept because it is in use")
		})
		if !told && !slices.Contains(stale, sid) {
			return fmt.Sprintf("the verified factor %s is in no row, and nobody was told: %v: %v", sid, r, all)
		}
	}
	return ""
}

// Two operators work at once: the second one runs a command between any two steps of the first one's command. Nobody is
// locked out, no working factor is left without a message, and the slower operator gets an error.
func TestTwoOperators(t *testing.T) {
	t.Parallel()
	program := patient(t)
	const workers = 4
	stages := make(chan *stage, workers)
	for range workers {
		stages <- newStage(t)
	}
	began := time.Now()
	n := 0
	var running sync.WaitGroup
	for _, sc := range scenarios() {
		if sc.site {
			continue
		}
		s := <-stages
		seen, _ := sc.record(t, s, program)
		stages <- s
		for _, at := range seen {
			for _, m := range meddlers() {
				n++
				s := <-stages
				running.Go(func() {
					complaint := sc.meet(t, s, program, at.N, m)
					stages <- s
					if complaint != "" {
						t.Errorf("%s, and before its interaction %d (%s) %s: %s", sc.name, at.N, at.Name, m.name, complaint)
					}
				})
			}
		}
	}
	running.Wait()
	t.Logf("the matrix: %d meetings of two operators, in %v", n, time.Since(began).Round(time.Second/10))
}

// A hundred processes change ten users at the same time.
func TestManyOperators(t *testing.T) {
	t.Parallel()
	program := shipped(t)
	s := newStage(t)
	s.reset(t)
	const users, jobs, atATime = 10, 100, 20
	var names []string
	for i := range users {
		name, id := fmt.Sprintf("user%d", i), uuid.NewString()
		names = append(names, name)
		s.exec(t, "insert into users (username, password, uuid) values ('"+name+"', '*', '"+id+"')")
		if i%2 == 0 {
			f := s.verify.AddFactor(id, name, emulator.Verified)
			s.phone[f.SID] = true
			s.exec(t, "update users set mfa_sid = '"+f.SID+"', mfa_enrolled = true, mfa_enabled = true where username = '"+name+"'")
		}
	}
	var mu sync.Mutex
	codes := make(map[string]int)
	var stderr strings.Builder
	processes := 0
	run := func(allowed []int, args ...string) ending {
		e := s.plain(t, program, s.env, args...)
		mu.Lock()
		defer mu.Unlock()
		s.shown.WriteString(e.stdout + e.stderr)
		stderr.WriteString(e.stderr)
		if strings.Contains(e.stdout, "kept because it is in use") {
			stderr.WriteString(e.stdout)
		}
		processes++
		codes[fmt.Sprintf("%s exit %d", map[bool]string{true: args[1], false: args[0]}[args[0] == "user"], e.code)]++
		if !slices.Contains(allowed, e.code) {
			t.Errorf("%q: want %v: %v", args, allowed, e)
		}
		return e
	}
	enroll := func(name string, more ...string) {
		e := run([]int{0, 6}, append([]string{"enroll", name, "--no-wait", "--reveal", "-o", "json"}, more...)...)
		if e.code != 0 {
			return
		}
		sid, err := enrollmentSID(e.stdout)
		if err != nil {
			t.Error(err)
			return
		}
		run([]int{0, 5, 6}, "verify", "--factor", sid, name, s.unused(t, sid))
	}
	random := rand.New(rand.NewPCG(1, 2))
	slots := make(chan struct{}, atATime)
	began := time.Now()
	var running sync.WaitGroup
	for range jobs {
		name, other, what := names[random.IntN(users)], names[random.IntN(users)], random.IntN(6)
		slots <- struct{}{}
		running.Go(func() {
			defer func() { <-slots }()
			switch what {
			case 0:
				run([]int{0, 6}, "user", "enable", name)
			case 1:
				run([]int{0, 6}, "user", "disable-next-login", name, "--yes")
			case 2:
				run([]int{0, 6}, "user", "reset", name, "--yes")
			case 3: // several users: some may be refused
				run([]int{0, 3, 6}, "user", "reset", name, other, "--yes")
			case 4:
				enroll(name)
			case 5:
				enroll(name, "--replace")
			}
		})
	}
	running.Wait()
	states := make(map[login]int)
	for _, name := range names {
		r := s.row(t, name)
		got := s.tryLogin(t, r)
		states[got]++
		if got == lockedOut || got == skipThenStuck {
			t.Errorf("%s %s: %v, %v", name, got, r, s.verify.Factors(*r.UUID))
		}
		meant := isTrue(r.Enrolled) && r.Enabled != nil && r.SID != nil || // an enrolment, whether it skips or not
			r.Enrolled != nil && r.Enabled != nil && !*r.Enabled && r.SID == nil // a reset
		if !meant {
			t.Errorf("%s has a row that nobody meant: %v", name, r)
		}
		for _, sid := range s.orphans(t, r) {
			if !strings.Contains(stderr.String(), sid) && !strings.Contains(stderr.String(), "kept because it is in use") {
				t.Errorf("%s: the verified factor %s is in no row, and nobody was told", name, sid)
			}
		}
	}
	t.Logf("%d processes, %d at a time, on %d users in %v: %v; in the end %v", processes, atATime, users, time.Since(began).Round(time.Second/10), codes, states)
}
