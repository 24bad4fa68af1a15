package cmd_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"uzerp-mfa/internal/crashtest"
	"uzerp-mfa/internal/emulator"
	"uzerp-mfa/internal/handout"
)

// This file has the commands of the matrices: the state that each starts from, how it ends, and how it is run again.

// scenario is a command and the state that it starts from.
type scenario struct {
	name     string
	terminal bool
	setUp    func(t *testing.T, s *stage)
	args     func(t *testing.T, s *stage) []string
	// allowed are the logins that are possible after an interruption. The first is that of the start.
	allowed []login
	// done complains unless the command has done all its work.
	done func(t *testing.T, s *stage) string
	// again runs the command again, or the command that its message names, and complains unless all is well then. It
	// returns how many verified factors are left that only reset or reconcile removes.
	again func(t *testing.T, s *stage, program string) (complaint string, left int)
	// site says that the case is about the injector classes.
	site bool
}

// finished complains unless the user logs in with a code and there is no other verified factor.
func (s *stage) finished(t *testing.T) string {
	t.Helper()
	if complaint := s.wantLogin(t, asksForCode); complaint != "" {
		return complaint
	}
	if o := s.orphans(t, s.row(t, victim)); len(o) > 0 {
		return fmt.Sprintf("verified factors that nobody names: %v", o)
	}
	return ""
}

// without complains unless the state is that after a reset, without any factor.
func (s *stage) without(t *testing.T) string {
	t.Helper()
	if complaint := s.wantLogin(t, asksToEnroll); complaint != "" {
		return complaint
	}
	r := s.row(t, victim)
	if r.SID != nil || r.Enrolled == nil || r.Enabled == nil || *r.Enabled {
		return "not the row of a reset: " + r.String()
	}
	if f := s.verify.Factors(*r.UUID); len(f) > 0 {
		return fmt.Sprintf("factors are left: %v", f)
	}
	return ""
}

// must runs the program and complains unless it ends with one of the codes.
func (s *stage) must(t *testing.T, v invocation, codes ...int) (ending, string) {
	t.Helper()
	e := s.run(t, v, nil, nil)
	command := v.args[0]
	if command == "user" {
		command = v.args[1]
	}
	s.again = append(s.again, fmt.Sprintf("%s %d", command, e.code))
	if !slices.Contains(codes, e.code) {
		return e, fmt.Sprintf("again: want %v: %v", codes, e)
	}
	return e, ""
}

// cleanUp runs a reset to remove what the command left, and complains if that fails.
func (s *stage) cleanUp(t *testing.T, program string) (complaint string, left int) {
	t.Helper()
	left = len(s.orphans(t, s.row(t, victim)))
	if left == 0 {
		return s.finished(t), 0
	}
	if complaint = s.wantLogin(t, asksForCode); complaint != "" {
		return complaint, left
	}
	if _, complaint = s.must(t, invocation{program: program, args: []string{"user", "reset", victim, "--yes"}}, 0); complaint != "" {
		return complaint, left
	}
	return s.without(t), left
}

// noWait is the scenario of a script that enrols. To run it again means the same command, and then verify.
func noWait(name string, start login, setUp func(t *testing.T, s *stage)) scenario {
	args := []string{"enroll", victim, "--no-wait", "--reveal", "-o", "json"}
	allowed := []login{start}
	if start == lockedOut {
		allowed = append(allowed, asksToEnroll) // if it got a uuid
	}
	return scenario{
		name: "enroll --no-wait, " + name, setUp: setUp, allowed: allowed,
		args: func(*testing.T, *stage) []string { return args },
		done: func(t *testing.T, s *stage) string {
			r := s.row(t, victim)
			if r.UUID == nil || len(s.verify.Factors(*r.UUID)) != 1 || !s.hasSeen(s.verify.Factors(*r.UUID)[0].SID) {
				return "there is not one factor whose secret was shown"
			}
			return ""
		},
		again: func(t *testing.T, s *stage, program string) (string, int) {
			e, complaint := s.must(t, invocation{program: program, args: args}, 0)
			if complaint != "" {
				return complaint, 0
			}
			sid, err := enrollmentSID(e.stdout)
			if err != nil {
				return err.Error(), 0
			}
			if _, complaint = s.must(t, invocation{program: program, args: []string{"verify", victim, s.code(t, sid)}}, 0); complaint != "" {
				return complaint, 0
			}
			return s.finished(t), 0
		},
	}
}

// withPage is the scenario of a roll-out. To run it again means the same command, twice, the second time without --new: it finds
// what the first made. Then the code of the factor on the page is read out.
func withPage(name string, start login, setUp func(t *testing.T, s *stage), flags ...string) scenario {
	args := func(s *stage, flags ...string) []string {
		return append([]string{"enroll", victim, "--no-wait", "--html-dir", s.pages()}, flags...)
	}
	sc := scenario{
		name: "enroll --html-dir" + name, allowed: []login{start}, setUp: setUp,
		args: func(_ *testing.T, s *stage) []string { return args(s, flags...) },
		done: func(t *testing.T, s *stage) string {
			if sid := s.onPage(t); sid == "" || s.phone[sid] {
				return "there is no new factor on a page"
			}
			return ""
		},
		again: func(t *testing.T, s *stage, program string) (string, int) {
			had := s.onPage(t)
			for i := range 2 {
				same := args(s, flags...)
				if i > 0 {
					same = slices.DeleteFunc(same, func(flag string) bool { return flag == "--new" })
				}
				if _, complaint := s.must(t, invocation{program: program, args: same}, 0); complaint != "" {
					return complaint, 0
				}
				sid := s.onPage(t)
				switch {
				case sid == "":
					return "there is no page with a factor", 0
				case had != "" && sid != had && !slices.Contains(same, "--new"):
					return "a page that worked was made anew", 0
				}
				had = sid
			}
			if left := len(s.halfPages()); left > 0 {
				return fmt.Sprintf("%d halves of pages are left", left), 0
			}
			if _, complaint := s.must(t, invocation{program: program, args: []string{"verify", victim, s.code(t, had), "--factor", had}}, 0); complaint != "" {
				return complaint, 0
			}
			return s.finished(t), 0
		},
	}
	if start == lockedOut {
		sc.allowed = append(sc.allowed, asksToEnroll) // if it got a uuid
	}
	return sc
}

// onPage returns the factor whose secret and command are on the victim's page, if it is at Twilio and the list names it too;
// else "".
func (s *stage) onPage(t *testing.T) (sid string) {
	t.Helper()
	r := s.row(t, victim)
	if r.UUID == nil {
		return ""
	}
	list, _ := os.ReadFile(filepath.Join(s.pages(), handout.ListName))
	for _, f := range s.verify.Factors(*r.UUID) {
		if s.pageOf() == f.SID && s.hasSeen(f.SID) && strings.Contains(string(list), f.SID) {
			sid = f.SID
		}
	}
	return sid
}

// halfPages returns what a run that was killed has left of pages.
func (s *stage) halfPages() []string {
	names, _ := filepath.Glob(filepath.Join(s.pages(), ".page-*"))
	return names
}

func enrollmentSID(stdout string) (string, error) {
	var document struct {
		Enrollments []struct {
			SID string `json:"factor_sid"`
		}
	}
	err := json.Unmarshal([]byte(stdout), &document)
	if err == nil && len(document.Enrollments) != 1 {
		err = fmt.Errorf("%d enrollments", len(document.Enrollments))
	}
	if err != nil {
		return "", err
	}
	return document.Enrollments[0].SID, nil
}

// scenarios returns the scenarios of the matrices.
func scenarios() []scenario {
	pending := func(_ *testing.T, s *stage) { s.factor(emulator.Unverified, true) }
	newest := func(s *stage) emulator.Factor {
		all := s.verify.Factors(s.uuid)
		return all[len(all)-1]
	}
	fixed := func(args ...string) func(*testing.T, *stage) []string {
		return func(*testing.T, *stage) []string { return args }
	}
	same := func(args []string, codes ...int) func(*testing.T, *stage, string) (string, int) {
		return func(t *testing.T, s *stage, program string) (string, int) {
			_, complaint := s.must(t, invocation{program: program, args: args}, codes...)
			return complaint, 0
		}
	}
	then := func(first func(*testing.T, *stage, string) (string, int), done func(*testing.T, *stage) string) func(*testing.T, *stage, string) (string, int) {
		return func(t *testing.T, s *stage, program string) (string, int) {
			if complaint, left := first(t, s, program); complaint != "" {
				return complaint, left
			}
			return done(t, s), 0
		}
	}
	finished := func(t *testing.T, s *stage) string { return s.finished(t) }
	without := func(t *testing.T, s *stage) string { return s.without(t) }
	skips := func(t *testing.T, s *stage) string { return s.wantLogin(t, skipsCode) }
	resetArgs := []string{"user", "reset", victim, "--yes"}
	all := []scenario{
		noWait("with a uuid", asksToEnroll, func(*testing.T, *stage) {}),
		noWait("all columns NULL", lockedOut, func(t *testing.T, s *stage) {
			s.exec(t, "update users set uuid = null, mfa_sid = null, mfa_enrolled = null, mfa_enabled = null where $user")
		}),
		noWait("broken row", lockedOut, func(t *testing.T, s *stage) {
			s.exec(t, "update users set mfa_sid = '', mfa_enrolled = true, mfa_enabled = true where $user")
		}),
		withPage("", asksToEnroll, func(*testing.T, *stage) {}),
		withPage(", all columns NULL", lockedOut, func(t *testing.T, s *stage) {
			s.exec(t, "update users set uuid = null, mfa_sid = null, mfa_enrolled = null, mfa_enabled = null where $user")
		}),
		withPage(" --replace", asksForCode, func(t *testing.T, s *stage) { s.enrolled(t) }, "--replace"),
		withPage(" --new", asksToEnroll, func(t *testing.T, s *stage) {
			args := []string{"enroll", victim, "--no-wait", "--html-dir", s.pages()}
			if e := s.run(t, invocation{program: shipped(t), args: args}, nil, nil); e.code != 0 {
				t.Error(e)
			}
			s.phone[s.pageOf()] = true
			s.verify.Advance(time.Minute) // surely older than what is made now
			s.verify.ResetLog()
		}, "--new"),
		{
			// Again: verify with the next code. After a crash between Twilio's yes and the row, nothing is pending (exit
			// code 5), and verify --factor finishes.
			name: "verify", setUp: pending, allowed: []login{asksToEnroll, asksForCode}, done: finished,
			args: func(t *testing.T, s *stage) []string { return []string{"verify", victim, s.code(t, newest(s).SID)} },
			again: func(t *testing.T, s *stage, program string) (string, int) {
				sid := newest(s).SID
				e, complaint := s.must(t, invocation{program: program, args: []string{"verify", victim, s.code(t, sid)}}, 0, 5, 6)
				if complaint == "" && e.code == 5 {
					_, complaint = s.must(t, invocation{program: program, args: []string{"verify", "--factor", sid, victim, s.code(t, sid)}}, 0)
				}
				if complaint != "" {
					return complaint, 0
				}
				return s.finished(t), 0
			},
		},
		{
			// Again: enroll anew, unless the user is enrolled (exit code 6). A verified factor that no row names stays.
			name: "enroll on a terminal", terminal: true, setUp: func(*testing.T, *stage) {}, done: finished,
			allowed: []login{asksToEnroll, asksForCode}, args: fixed("enroll", victim, "--yes", "--qr", "none"),
			again: func(t *testing.T, s *stage, program string) (string, int) {
				args := []string{"enroll", victim, "--yes", "--qr", "none"}
				if _, complaint := s.must(t, invocation{program: program, args: args, terminal: true}, 0, 6); complaint != "" {
					return complaint, 0
				}
				return s.cleanUp(t, program)
			},
		},
		{
			name: "enroll on a terminal, without a uuid", terminal: true, done: finished,
			setUp: func(t *testing.T, s *stage) {
				s.exec(t, "update users set uuid = null, mfa_enabled = null where $user")
			},
			allowed: []login{lockedOut, asksToEnroll, asksForCode}, args: fixed("enroll", victim, "--yes", "--qr", "none"),
			again: func(t *testing.T, s *stage, program string) (string, int) {
				args := []string{"enroll", victim, "--yes", "--qr", "none"}
				if _, complaint := s.must(t, invocation{program: program, args: args, terminal: true}, 0, 6); complaint != "" {
					return complaint, 0
				}
				return s.cleanUp(t, program)
			},
		},
		{
			// Again: replace anew. Factors that the first run verified but did not write to the row, or did not delete,
			// stay.
			name: "enroll --replace on a terminal", terminal: true, done: finished, allowed: []login{asksForCode},
			setUp: func(t *testing.T, s *stage) { s.enrolled(t) }, args: fixed("enroll", victim, "--replace", "--yes", "--qr", "none"),
			again: func(t *testing.T, s *stage, program string) (string, int) {
				args := []string{"enroll", victim, "--replace", "--yes", "--qr", "none"}
				if _, complaint := s.must(t, invocation{program: program, args: args, terminal: true}, 0); complaint != "" {
					return complaint, 0
				}
				return s.cleanUp(t, program)
			},
		},
		{
			name: "enroll --replace --no-wait", allowed: []login{asksForCode},
			setUp: func(t *testing.T, s *stage) { s.enrolled(t) }, args: fixed("enroll", victim, "--replace", "--no-wait", "--reveal", "-o", "json"),
			done: func(t *testing.T, s *stage) string {
				if n := len(s.verify.Factors(s.uuid)); n != 2 {
					return fmt.Sprintf("%d factors", n)
				}
				return ""
			},
			again: func(t *testing.T, s *stage, program string) (string, int) {
				e, complaint := s.must(t, invocation{program: program, args: []string{"enroll", victim, "--replace", "--no-wait", "--reveal", "-o", "json"}}, 0)
				if complaint != "" {
					return complaint, 0
				}
				sid, err := enrollmentSID(e.stdout)
				if err != nil {
					return err.Error(), 0
				}
				if _, complaint = s.must(t, invocation{program: program, args: []string{"verify", "--factor", sid, victim, s.code(t, sid)}}, 0); complaint != "" {
					return complaint, 0
				}
				return s.finished(t), 0
			},
		},
		{
			// Again: the same with the next code, unless it is done (exit code 6). Then the old factor may still exist.
			name: "verify --factor, replacing", done: finished, allowed: []login{asksForCode},
			setUp: func(t *testing.T, s *stage) {
				s.enrolled(t)
				args := []string{"enroll", victim, "--replace", "--no-wait", "--reveal", "-o", "json"} // the audit log must say so
				if e := s.run(t, invocation{program: shipped(t), args: args}, nil, nil); e.code != 0 {
					t.Error(e)
				}
				s.phone[newest(s).SID] = true
				s.verify.ResetLog()
			},
			args: func(t *testing.T, s *stage) []string {
				return []string{"verify", "--factor", newest(s).SID, victim, s.code(t, newest(s).SID)}
			},
			again: func(t *testing.T, s *stage, program string) (string, int) {
				sid := newest(s).SID
				if _, complaint := s.must(t, invocation{program: program, args: []string{"verify", "--factor", sid, victim, s.code(t, sid)}}, 0, 6); complaint != "" {
					return complaint, 0
				}
				return s.cleanUp(t, program)
			},
		},
		{
			// A factor is verified, and no row names it. A challenge finishes the enrolment.
			name: "verify --factor, resuming", done: finished, allowed: []login{asksToEnroll, asksForCode},
			setUp: func(_ *testing.T, s *stage) { s.factor(emulator.Verified, true) },
			args: func(t *testing.T, s *stage) []string {
				return []string{"verify", "--factor", newest(s).SID, victim, s.code(t, newest(s).SID)}
			},
			again: func(t *testing.T, s *stage, program string) (string, int) {
				sid := newest(s).SID
				if _, complaint := s.must(t, invocation{program: program, args: []string{"verify", "--factor", sid, victim, s.code(t, sid)}}, 0, 6); complaint != "" {
					return complaint, 0
				}
				return s.finished(t), 0
			},
		},
		{
			name: "user reset", args: fixed(resetArgs...), done: without, again: then(same(resetArgs, 0), without),
			allowed: []login{asksForCode, asksToEnroll},
			setUp: func(t *testing.T, s *stage) {
				s.factor(emulator.Verified, false) // stale
				s.enrolled(t)
				s.factor(emulator.Unverified, false)
			},
		},
		{
			name: "user reset, without a uuid", args: fixed(resetArgs...), done: without, again: then(same(resetArgs, 0), without),
			allowed: []login{lockedOut, asksToEnroll},
			setUp: func(t *testing.T, s *stage) {
				s.exec(t, "update users set uuid = null, mfa_sid = 'x', mfa_enrolled = true, mfa_enabled = null where $user")
			},
		},
		{
			name: "user disable-next-login", args: fixed("user", "disable-next-login", victim, "--yes"), done: skips,
			again:   then(same([]string{"user", "disable-next-login", victim, "--yes"}, 0), skips),
			allowed: []login{asksForCode, skipsCode}, setUp: func(t *testing.T, s *stage) { s.enrolled(t) },
		},
		{
			name: "user enable", args: fixed("user", "enable", victim), done: finished,
			again:   then(same([]string{"user", "enable", victim}, 0), finished),
			allowed: []login{skipsCode, asksForCode},
			setUp: func(t *testing.T, s *stage) {
				s.enrolled(t)
				s.exec(t, "update users set mfa_enabled = false where $user")
			},
		},
	}
	const plain = `delete from injector_classes where name in ('LoginHandler', 'MFAValidator');
		insert into injector_classes (name, category, class_name, usercompanyid) values ('LoginHandler', 'SY', 'HTMLFormLoginHandler', -1);
		update users set uuid = null where username in ('erin', 'bob')`
	site := func(name, start, want string, args ...string) scenario {
		done := func(t *testing.T, s *stage) string {
			if got := s.site(t); got != want {
				return got + ", want " + want
			}
			return ""
		}
		return scenario{
			name: name, site: true, args: fixed(args...), setUp: func(t *testing.T, s *stage) { s.exec(t, start) },
			done: done, again: then(same(args, 0), done),
		}
	}
	return append(all,
		site("set-injector", plain, siteOn, "set-injector", "--yes"),
		site("set-injector --off", "update users set uuid = null where username in ('erin', 'bob')", siteOffWithValidator, "set-injector", "--off", "--yes"),
	)
}

// start brings a stage to the state at the start of a scenario.
func (sc scenario) start(t *testing.T, s *stage) {
	t.Helper()
	s.reset(t)
	sc.setUp(t, s)
	s.others = s.otherUsers(t)
}

// record runs a scenario without interruption. It returns the interactions, and Twilio's names of the operations,
// each once.
func (sc scenario) record(t *testing.T, s *stage, program string) (steps []crashtest.Interaction, operations []string) {
	t.Helper()
	sc.start(t, s)
	if !sc.site {
		if complaint := s.wantLogin(t, sc.allowed[0]); complaint != "" {
			t.Fatalf("%s, in the beginning: %s", sc.name, complaint)
		}
		sc.start(t, s)
	}
	hook := func(i crashtest.Interaction, phase crashtest.Phase) crashtest.Action {
		if phase == crashtest.Before {
			steps = append(steps, i) // one at a time: the program waits
		}
		return crashtest.Pass
	}
	if e := s.run(t, invocation{program: program, args: sc.args(t, s), terminal: sc.terminal}, hook, nil); e.code != 0 {
		t.Fatalf("%s, undisturbed: %v", sc.name, e)
	}
	for _, r := range s.verify.Requests() {
		if !slices.Contains(operations, r.Operation) {
			operations = append(operations, r.Operation)
		}
	}
	if complaint := sc.done(t, s); complaint != "" {
		t.Fatalf("%s, undisturbed: %s", sc.name, complaint)
	}
	return steps, operations
}

func stepNames(all []crashtest.Interaction) string {
	var names []string
	for _, i := range all {
		names = append(names, i.Name)
	}
	return strings.Join(names, " > ")
}
