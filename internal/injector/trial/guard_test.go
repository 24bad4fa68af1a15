package trial_test

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/injector"
	"uzerp-mfa/internal/injector/trial"
)

// memory is a database in memory.
type memory struct {
	lock      sync.Mutex
	classes   []injector.Class
	holdError error
	failing   int // how many of the next calls fail
	hanging   int // how many of the next calls get no answer
	held      int // how many trials are marked
	limit     time.Duration
	applied   []injector.SwitchPlan
	confirmed bool
	notSeen   error // of looking for a confirmation
	signed    int   // how often the guard has signed that the switch stays
	signs     int   // that stand now
}

var errRestarting = errors.New("the database is restarting")

// answer returns the error of a call.
func (m *memory) answer(ctx context.Context) error {
	m.lock.Lock()
	defer m.lock.Unlock()
	switch {
	case m.hanging > 0:
		m.hanging--
		m.lock.Unlock()
		<-ctx.Done()
		m.lock.Lock()
		return ctx.Err()
	case m.failing > 0:
		m.failing--
		return errRestarting
	}
	return nil
}

func (m *memory) InjectorClasses(ctx context.Context, _ []string) ([]injector.Class, error) {
	err := m.answer(ctx)
	m.lock.Lock()
	defer m.lock.Unlock()
	return slices.Clone(m.classes), err
}

// SettledClasses implements trial.GuardStore.
func (m *memory) SettledClasses(ctx context.Context, names []string) ([]injector.Class, error) {
	return m.InjectorClasses(ctx, names)
}

func (m *memory) ApplySwitch(ctx context.Context, _ []string, plan injector.SwitchPlan) error {
	if err := m.answer(ctx); err != nil {
		return err
	}
	m.lock.Lock()
	defer m.lock.Unlock()
	m.classes = apply(m.classes, plan)
	m.applied = append(m.applied, plan)
	return nil
}

func (m *memory) HoldTrial(_ context.Context, limit time.Duration) (int64, func(), error) {
	if m.holdError != nil {
		return 0, nil, m.holdError
	}
	m.limit = limit
	m.hold(1)
	return 4711, sync.OnceFunc(func() { m.hold(-1) }), nil
}

// Confirmed reports whether somebody has confirmed the switch; meanwhile the database may be away.
func (m *memory) Confirmed(_ context.Context, key int64) (bool, error) {
	m.lock.Lock()
	defer m.lock.Unlock()
	return m.confirmed && key == 4711, m.notSeen
}

// SignKept implements trial.GuardStore.
func (m *memory) SignKept(context.Context, int64) (func(), error) {
	m.lock.Lock()
	defer m.lock.Unlock()
	m.signed, m.signs = m.signed+1, m.signs+1
	return func() {
		m.lock.Lock()
		defer m.lock.Unlock()
		m.signs--
	}, nil
}

// confirm begins, or ends, to confirm the switch.
func (m *memory) confirm(yes bool) {
	m.lock.Lock()
	defer m.lock.Unlock()
	m.confirmed = yes
}

// hasSigned returns how often the guard has signed, and how many signs stand.
func (m *memory) hasSigned() (signed, signs int) {
	m.lock.Lock()
	defer m.lock.Unlock()
	return m.signed, m.signs
}

func (m *memory) hold(n int) {
	m.lock.Lock()
	defer m.lock.Unlock()
	m.held += n
}

// set makes the login handler another class, as another session does.
func (m *memory) set(name, class string) {
	m.lock.Lock()
	defer m.lock.Unlock()
	for i := range m.classes {
		if m.classes[i].Name == name {
			m.classes[i].ClassName = class
		}
	}
}

// state returns the class, the number of marked trials, and the number of switches.
func (m *memory) state() (class string, held, applied int) {
	m.lock.Lock()
	defer m.lock.Unlock()
	return m.classes[0].ClassName, m.held, len(m.applied)
}

func apply(classes []injector.Class, plan injector.SwitchPlan) []injector.Class {
	classes = slices.Clone(classes)
	for _, change := range plan.Changes {
		for i := range classes {
			if classes[i].ID == change.ID {
				classes[i].ClassName = change.After
			}
		}
	}
	return classes
}

func handler(class string) []injector.Class {
	return []injector.Class{
		{ID: 6, Name: injector.LoginHandler, Category: "SY", ClassName: class, CompanyID: -1},
		{ID: 5, Name: injector.AuthenticationGateway, Category: "SY", ClassName: injector.DatabaseGateway, CompanyID: -1},
	}
}

func request() injector.Request {
	return injector.Request{Handler: injector.MFAHandler, Validator: injector.TwilioValidator}
}

// run is a guard that runs, and what the test says to it and hears.
type run struct {
	in    *io.PipeWriter
	words *bufio.Scanner
	ended chan error
}

func startGuard(ctx context.Context, m *memory, r injector.Request) *run {
	toGuard, in := io.Pipe()
	out, fromGuard := io.Pipe()
	g := &run{in: in, words: bufio.NewScanner(out), ended: make(chan error, 1)}
	go func() {
		err := trial.Guard(ctx, toGuard, fromGuard, r, 5*time.Minute, func(context.Context) (trial.GuardStore, error) { return m, nil })
		_, _ = fromGuard.Close(), toGuard.Close()
		g.ended <- err
	}()
	return g
}

func (g *run) say(text string) { _, _ = io.WriteString(g.in, text) }

func (g *run) hear(t *testing.T, want string) {
	t.Helper()
	g.words.Scan()
	if got := g.words.Text(); got != want {
		t.Errorf("it says %q, want %q", got, want)
	}
}

// The guard runs with a fake clock, for five minutes.
func TestGuard(t *testing.T) {
	const on, off = injector.MFAHandler, injector.PlainHandler
	hangUp := func(_ func(), g *run) { _ = g.in.Close() }
	for _, test := range []struct {
		name  string
		m     *memory
		was   string // the class that it finds at its start; empty for the plain one
		now   string // the class after the switch; empty for the one for two-factor login
		mute  bool   // it is not told that the switch is being made
		stop  func(cancel func(), g *run)
		says  string // after ready
		after time.Duration
		class string
	}{
		{name: "keep", stop: func(_ func(), g *run) { g.say("keep\n") }, says: "kept", class: on},
		{name: "another word", stop: func(_ func(), g *run) { g.say("kee\n") }, says: "undone", class: off},
		{name: "the end of its input", stop: hangUp, says: "undone", class: off},
		{name: "half a word", stop: func(_ func(), g *run) {
			g.say("ke")
			_ = g.in.Close()
		}, says: "undone", class: off},
		{name: "the time is over", stop: func(func(), *run) {}, says: "undone", after: 5 * time.Minute, class: off},
		{name: "a signal", stop: func(cancel func(), _ *run) { cancel() }, says: "undone", class: off},
		{name: "a database that restarts", stop: func(_ func(), g *run) { _ = g.in.Close() }, m: &memory{failing: 100},
			says: "undone", after: 200 * time.Second, class: off},
		{name: "connections that broke in silence", stop: hangUp, m: &memory{hanging: 2}, says: "undone", after: 64 * time.Second, class: off},
		{name: "what somebody else has switched", now: "Another", stop: hangUp, says: "undone", class: "Another"},
		{name: "what was so before", was: on, stop: hangUp, says: "undone", class: on},
		{name: "a class that is nowhere in the program", was: "Own", stop: hangUp, says: "undone", class: "Own"},

		{name: "the end of its input before the switch", mute: true, stop: hangUp, class: on},
		{name: "keep before the switch", mute: true, stop: func(_ func(), g *run) { g.say("keep\n") }, class: on},
		{name: "an old order before the switch", mute: true, stop: func(_ func(), g *run) {
			g.say(`{"changes":[{"id":5,"name":"AuthenticationGateway","before":"LDAPDBAuthenticator","after":"DatabaseAuthenticator"}],"seconds":1}` + "\n")
		}, class: on},
		{name: "the time is over before the switch", mute: true, stop: func(func(), *run) {}, after: 5 * time.Minute, class: on},
		{name: "a signal before the switch", mute: true, stop: func(cancel func(), _ *run) { cancel() }, class: on},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m, failing, hanging := &memory{}, 0, 0
				if test.m != nil {
					m, failing, hanging = test.m, test.m.failing, test.m.hanging
					m.failing, m.hanging = 0, 0
				}
				m.classes = handler(cmp.Or(test.was, off))
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				g := startGuard(ctx, m, request())
				defer func() { _ = g.in.Close() }()
				g.hear(t, "ready 4711")
				if !test.mute {
					g.say("switching\n")
				}
				m.set(injector.LoginHandler, cmp.Or(test.now, on))
				synctest.Wait()
				if _, held, applied := m.state(); held != 1 || applied > 0 || m.limit != 5*time.Minute {
					t.Errorf("waiting, it holds %d trials for %s and has switched %d times", held, m.limit, applied)
				}
				m.lock.Lock()
				m.failing, m.hanging = failing, hanging
				m.lock.Unlock()
				begin := time.Now()
				test.stop(cancel, g)
				g.hear(t, test.says)
				if took := time.Since(begin); took != test.after {
					t.Errorf("after %s, want %s", took, test.after)
				}
				if err := <-g.ended; err != nil {
					t.Error(err)
				}
				if class, held, _ := m.state(); class != test.class || held != 0 {
					t.Errorf("the class is %s, want %s; %d trials are marked", class, test.class, held)
				}
			})
		})
	}
}

// What somebody else confirms in the database stays if the process that started the guard agrees. Only then, and when that process
// has been told, the guard signs. A database that is away confirms nothing, and before the switch there is nothing to confirm.
func TestGuardIsConfirmed(t *testing.T) {
	for name, test := range map[string]struct {
		early   bool // confirmed before the switch
		notSeen error
		answer  string // to the word confirmed; empty for the end of the input, and a blank for nothing
		says    []string
		class   string
		took    time.Duration
	}{
		"agreed":                        {answer: "keep\n", says: []string{"confirmed", "kept"}, class: injector.MFAHandler},
		"the operator has said no":      {says: []string{"confirmed", "undone"}, class: injector.PlainHandler},
		"half a word":                   {answer: "kee\n", says: []string{"confirmed", "undone"}, class: injector.PlainHandler},
		"no answer until the time ends": {answer: " ", says: []string{"confirmed", "undone"}, class: injector.PlainHandler, took: 5 * time.Minute},
		"not seen":                      {answer: " ", notSeen: errRestarting, says: []string{"undone"}, class: injector.PlainHandler, took: 5 * time.Minute},
		"before a switch":               {early: true, says: []string{""}, class: injector.PlainHandler},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := &memory{classes: handler(injector.PlainHandler), notSeen: test.notSeen, confirmed: test.early}
				begin := time.Now()
				g := startGuard(t.Context(), m, request())
				defer func() { _ = g.in.Close() }()
				g.hear(t, "ready 4711")
				if !test.early {
					g.say("switching\n")
					m.set(injector.LoginHandler, injector.MFAHandler)
				}
				time.Sleep(10 * time.Second)
				m.confirm(true)
				for _, word := range test.says {
					last := word != "confirmed"
					if last && test.answer == "" {
						_ = g.in.Close()
					} else if last && test.answer != " " {
						g.say(test.answer)
					}
					synctest.Wait()
					if signed, _ := m.hasSigned(); signed > 0 {
						t.Errorf("it has signed before it says %q", word)
					}
					g.hear(t, word)
				}
				if took := time.Since(begin); took < test.took || took > test.took+12*time.Second {
					t.Errorf("after %s", took)
				}
				want := 0
				if test.class == injector.MFAHandler {
					want = 1
				}
				time.Sleep(3 * time.Second)
				if signed, signs := m.hasSigned(); signed != want || signs != want {
					t.Errorf("it has signed %d times, and %d signs stand while somebody waits for one", signed, signs)
				}
				m.confirm(false)
				if err := <-g.ended; err != nil {
					t.Error(err)
				}
				class, held, _ := m.state()
				if _, signs := m.hasSigned(); class != test.class || held != 0 || signs != 0 {
					t.Errorf("the class is %s; %d trials are marked, and %d signs stand", class, held, signs)
				}
			})
		})
	}
}

// A yes at the first terminal is signed too, for somebody who is about to confirm. A sign stands for a while at most.
func TestGuardSignsAYes(t *testing.T) {
	for _, waits := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			m := &memory{classes: handler(injector.PlainHandler)}
			g := startGuard(t.Context(), m, request())
			defer func() { _ = g.in.Close() }()
			g.hear(t, "ready 4711")
			g.say("switching\n")
			m.set(injector.LoginHandler, injector.MFAHandler)
			synctest.Wait()
			m.confirm(waits)
			begin := time.Now()
			g.say("keep\n")
			g.hear(t, "kept")
			if err := <-g.ended; err != nil {
				t.Error(err)
			}
			signed, signs := m.hasSigned()
			if took := time.Since(begin); signed > 0 != waits || signs != 0 || took > time.Minute || !waits && took > 0 {
				t.Errorf("somebody waits: %v. It has signed %d times, ended after %s, and %d signs stand", waits, signed, took, signs)
			}
		})
	}
}

// While it can't switch back, the trial stays marked: everybody sees that it is not over.
func TestGuardHoldsItsMarkUntilItHasSwitchedBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &memory{classes: handler(injector.PlainHandler)}
		g := startGuard(t.Context(), m, request())
		g.hear(t, "ready 4711")
		g.say("switching\n")
		m.set(injector.LoginHandler, injector.MFAHandler)
		m.lock.Lock()
		m.failing = 5
		m.lock.Unlock()
		_ = g.in.Close()
		synctest.Wait()
		if class, held, _ := m.state(); class != injector.MFAHandler || held != 1 {
			t.Errorf("%s, %d trials are marked", class, held)
		}
		g.hear(t, "undone")
		if err := <-g.ended; err != nil {
			t.Error(err)
		}
	})
}

// If the gateway accepts any password now, the guard does not switch back, and says why.
func TestGuardRefusesAGatewayThatHasChanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &memory{classes: handler(injector.PlainHandler)}
		g := startGuard(t.Context(), m, request())
		g.hear(t, "ready 4711")
		g.say("switching\n")
		m.set(injector.LoginHandler, injector.MFAHandler)
		m.set(injector.AuthenticationGateway, injector.LDAPGateway)
		_ = g.in.Close()
		g.hear(t, "")
		if err := <-g.ended; errs.KindOf(err) != errs.Refused || len(m.applied) > 0 || m.held != 0 {
			t.Errorf("%v, %+v, %d", err, m.applied, m.held)
		}
	})
}

// The process that started the guard may be gone, with its end of the pipe.
func TestGuardWithoutAListener(t *testing.T) {
	m := memory{classes: handler(injector.PlainHandler)}
	in := inputThen{text: "switching\n", then: func() { m.set(injector.LoginHandler, injector.MFAHandler) }}
	out, fromGuard := io.Pipe()
	_ = out.Close()
	err := trial.Guard(t.Context(), &in, fromGuard, request(), time.Minute, func(context.Context) (trial.GuardStore, error) { return &m, nil })
	if err != nil || m.classes[0].ClassName != injector.PlainHandler || len(m.applied) != 1 {
		t.Errorf("%v, %v", err, m.classes)
	}
}

// inputThen has a text, and calls then once, before its end.
type inputThen struct {
	text string
	then func()
	once sync.Once
}

func (r *inputThen) Read(p []byte) (int, error) {
	if r.text == "" {
		r.once.Do(r.then)
		return 0, io.EOF
	}
	n := copy(p, r.text)
	r.text = r.text[n:]
	return n, nil
}

// Without a database, while another switch is on trial, or if set-injector would not make this switch, the guard does
// not say that it is ready.
func TestGuardIsNotReady(t *testing.T) {
	broken := errors.New("x")
	gateway := func(class string) *memory {
		m := &memory{classes: handler(injector.PlainHandler)}
		m.set(injector.AuthenticationGateway, class)
		return m
	}
	two := &memory{classes: append(handler(injector.PlainHandler), injector.Class{ID: 9, Name: injector.LoginHandler, Category: "SY", CompanyID: -1})}
	for name, test := range map[string]struct {
		m    *memory // nil without a database
		want errs.Kind
	}{
		"no database":                           {nil, errs.Failure},
		"another trial":                         {&memory{holdError: errs.New(errs.Refused, "on trial", "")}, errs.Refused},
		"a database that does not answer":       {&memory{failing: 1}, errs.Failure},
		"a gateway that checks nothing":         {gateway(injector.LDAPGateway), errs.Refused},
		"a gateway that nobody vouches for":     {gateway("Own"), errs.Refused},
		"two rows, so that one is of no effect": {two, errs.Refused},
	} {
		var said heard
		err := trial.Guard(t.Context(), strings.NewReader("switching\n"), &said, request(), time.Minute, func(context.Context) (trial.GuardStore, error) {
			if test.m == nil {
				return nil, broken
			}
			return test.m, nil
		})
		if err == nil || errs.KindOf(err) != test.want || said != "" || test.m != nil && (test.m.held > 0 || len(test.m.applied) > 0) {
			t.Errorf("%s: %v, and it says %q", name, err, said)
		}
	}
}

type heard string

func (b *heard) Write(p []byte) (int, error) { *b += heard(p); return len(p), nil }
