package trial_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"uzerp-mfa/internal/injector"
	"uzerp-mfa/internal/injector/trial"
)

// memory is a database in memory.
type memory struct {
	lock      sync.Mutex
	classes   []injector.Class
	holdError error
	failing   int // how many of the next calls fail
	held      int // how many trials are marked
	applied   []injector.SwitchPlan
}

var errRestarting = errors.New("the database is restarting")

func (m *memory) InjectorClasses(context.Context, []string) ([]injector.Class, error) {
	m.lock.Lock()
	defer m.lock.Unlock()
	if m.failing > 0 {
		m.failing--
		return nil, errRestarting
	}
	return slices.Clone(m.classes), nil
}

func (m *memory) ApplySwitch(_ context.Context, _ []string, plan injector.SwitchPlan) error {
	m.lock.Lock()
	defer m.lock.Unlock()
	if m.failing > 0 {
		m.failing--
		return errRestarting
	}
	m.classes = apply(m.classes, plan)
	m.applied = append(m.applied, plan)
	return nil
}

func (m *memory) HoldTrial(context.Context) (func(), error) {
	if m.holdError != nil {
		return nil, m.holdError
	}
	m.hold(1)
	return func() { m.hold(-1) }, nil
}

func (m *memory) hold(n int) {
	m.lock.Lock()
	defer m.lock.Unlock()
	m.held += n
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
	return []injector.Class{{ID: 6, Name: injector.LoginHandler, Category: "SY", ClassName: class, CompanyID: -1}}
}

const fiveMinutes = `{"changes":[{"id":6,"name":"LoginHandler","before":"HTMLFormLoginHandler","after":"HTMLFormLoginHandlerMFA"}],"seconds":300}` + "\n"

// The guard runs with a fake clock, and gets an order for five minutes.
func TestGuard(t *testing.T) {
	for _, test := range []struct {
		name  string
		m     *memory
		stop  func(cancel func(), in *io.PipeWriter)
		says  string // after ready
		after time.Duration
		class string
	}{
		{name: "keep", stop: func(_ func(), in *io.PipeWriter) { _, _ = io.WriteString(in, "keep\n") }, says: "kept", class: injector.MFAHandler},
		{name: "another word", stop: func(_ func(), in *io.PipeWriter) { _, _ = io.WriteString(in, "kee\n") }, says: "undone", class: injector.PlainHandler},
		{name: "the end of its input", stop: func(_ func(), in *io.PipeWriter) { _ = in.Close() }, says: "undone", class: injector.PlainHandler},
		{name: "half a word", stop: func(_ func(), in *io.PipeWriter) {
			_, _ = io.WriteString(in, "ke")
			_ = in.Close()
		}, says: "undone", class: injector.PlainHandler},
		{name: "the time is over", stop: func(func(), *io.PipeWriter) {}, says: "undone", after: 5 * time.Minute, class: injector.PlainHandler},
		{name: "a signal", stop: func(cancel func(), _ *io.PipeWriter) { cancel() }, says: "undone", class: injector.PlainHandler},
		{name: "a database that restarts", m: &memory{classes: handler(injector.MFAHandler), failing: 100},
			stop: func(_ func(), in *io.PipeWriter) { _ = in.Close() }, says: "undone", after: 200 * time.Second, class: injector.PlainHandler},
		{name: "what somebody else has switched", m: &memory{classes: handler("Another")}, stop: func(_ func(), in *io.PipeWriter) { _ = in.Close() },
			says: "undone", class: "Another"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := test.m
				if m == nil {
					m = &memory{classes: handler(injector.MFAHandler)}
				}
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				toGuard, in := io.Pipe()
				out, fromGuard := io.Pipe()
				defer func() { _ = in.Close() }()
				ended := make(chan error, 1)
				go func() {
					ended <- trial.Guard(ctx, toGuard, fromGuard, func(context.Context) (trial.GuardStore, error) { return m, nil })
				}()
				_, _ = io.WriteString(in, fiveMinutes)
				words := bufio.NewScanner(out)
				if !words.Scan() || words.Text() != "ready" {
					t.Fatalf("it says %q before ready", words.Text())
				}
				synctest.Wait()
				if _, held, applied := m.state(); held != 1 || applied > 0 {
					t.Errorf("waiting, it holds %d trials and has switched %d times", held, applied)
				}
				begin := time.Now()
				test.stop(cancel, in)
				if !words.Scan() || words.Text() != test.says {
					t.Errorf("it says %q, want %q", words.Text(), test.says)
				}
				if took := time.Since(begin); took != test.after {
					t.Errorf("after %s, want %s", took, test.after)
				}
				if err := <-ended; err != nil {
					t.Error(err)
				}
				if class, held, _ := m.state(); class != test.class || held != 0 {
					t.Errorf("the class is %s, want %s; %d trials are marked", class, test.class, held)
				}
			})
		})
	}
}

// The process that started the guard may be gone, with its end of the pipe.
func TestGuardWithoutAListener(t *testing.T) {
	m := memory{classes: handler(injector.MFAHandler)}
	in, order := io.Pipe()
	go func() { _, _ = io.WriteString(order, fiveMinutes); _ = order.Close() }()
	out, fromGuard := io.Pipe()
	_ = out.Close()
	err := trial.Guard(t.Context(), in, fromGuard, func(context.Context) (trial.GuardStore, error) { return &m, nil })
	if err != nil || m.classes[0].ClassName != injector.PlainHandler {
		t.Errorf("%v, %v", err, m.classes)
	}
}

// Without a database, or while another switch is on trial, the guard does not say that it is ready.
func TestGuardIsNotReady(t *testing.T) {
	broken := errors.New("x")
	for name, test := range map[string]struct {
		order string
		open  func(context.Context) (trial.GuardStore, error)
		want  error
	}{
		"no order":      {"", nil, trial.ErrNoOrder},
		"another order": {"hello\n", nil, trial.ErrNoOrder},
		"half an order": {fiveMinutes[:30], nil, trial.ErrNoOrder},
		"no database":   {fiveMinutes, func(context.Context) (trial.GuardStore, error) { return nil, broken }, broken},
		"another trial": {fiveMinutes, func(context.Context) (trial.GuardStore, error) { return &memory{holdError: broken}, nil }, broken},
	} {
		in, order := io.Pipe()
		go func() { _, _ = io.WriteString(order, test.order); _ = order.Close() }()
		var said heard
		if err := trial.Guard(t.Context(), in, &said, test.open); !errors.Is(err, test.want) || said != "" {
			t.Errorf("%s: %v, and it says %q", name, err, said)
		}
	}
}

type heard string

func (b *heard) Write(p []byte) (int, error) { *b += heard(p); return len(p), nil }
