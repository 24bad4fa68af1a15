package cmd_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"uzerp-mfa/internal/crashtest"
	"uzerp-mfa/internal/mfa"
	"uzerp-mfa/internal/secret"
	"uzerp-mfa/internal/totp"
)

// These functions run the program on a stage: to its end, or until a signal at a chosen interaction.

// ending is the result of a run of the program.
type ending struct {
	code   int // -1: killed
	stdout string
	stderr string // with a terminal: everything on the screen
	fired  bool   // the interruption happened
}

func (e ending) String() string {
	return fmt.Sprintf("exit %d\n[stdout]\n%s[stderr]\n%s", e.code, e.stdout, e.stderr)
}

// interruption is what happens to a run of the program, and when.
type interruption struct {
	signal syscall.Signal
	n      int
	phase  crashtest.Phase
}

func (i interruption) String() string {
	name := map[syscall.Signal]string{syscall.SIGKILL: "KILL", syscall.SIGTERM: "TERM", syscall.SIGINT: "INT"}[i.signal]
	return fmt.Sprintf("SIG%s %s interaction %d", name, i.phase, i.n)
}

const (
	hangs    = 5 * time.Minute        // after this a program counts as hung, also on a busy machine
	reaction = 150 * time.Millisecond // how long a program may take to close connections after a signal, unless it goes on
)

// invocation is how the program is run.
type invocation struct {
	program  string
	args     []string
	terminal bool
	env      []string // nil: that of the stage
}

// run runs the program, with a hook, an interruption, or neither.
func (s *stage) run(t *testing.T, v invocation, hook crashtest.Hook, stop *interruption) ending {
	t.Helper()
	e, p := ending{}, &process{s: s, exited: make(chan struct{})}
	var fired atomic.Bool
	if stop != nil {
		hook = func(i crashtest.Interaction, phase crashtest.Phase) crashtest.Action {
			if fired.Load() && stop.signal == syscall.SIGKILL { // a program that does not wait for its end can't go on
				return crashtest.Hang
			}
			if i.N != stop.n || phase != stop.phase {
				return crashtest.Pass
			}
			fired.Store(true)
			p.signal(stop.signal)
			limit := reaction
			if stop.signal == syscall.SIGKILL {
				limit = hangs
			}
			select {
			case <-i.Gone:
				return crashtest.Cut
			case <-time.After(limit):
				return crashtest.Pass
			}
		}
	}
	s.tap.Arm(hook)
	c := exec.Command(v.program, v.args...)
	c.Dir, c.Env = s.dir, v.env
	if c.Env == nil {
		c.Env = s.env
	}
	p.cmd = c
	e.code, e.stdout, e.stderr = p.run(t, v.terminal)
	s.settled(t, v.args)
	s.tap.Arm(nil)
	e.fired = fired.Load()
	s.shown.WriteString(e.stdout + e.stderr)
	return e
}

// process is a run of the program.
type process struct {
	s      *stage
	cmd    *exec.Cmd
	exited chan struct{}

	started  sync.RWMutex // held until the program has started
	terminal *os.File
	screen   bytes.Buffer
	answered int
}

func (p *process) run(t *testing.T, terminal bool) (code int, stdout, stderr string) {
	t.Helper()
	var out, messages bytes.Buffer
	drawn := make(chan struct{})
	p.started.Lock()
	var err error
	if terminal {
		p.terminal, err = startOnTerminal(p.cmd)
		go func() {
			defer close(drawn)
			p.watch(t)
		}()
	} else {
		p.cmd.Stdout, p.cmd.Stderr, p.cmd.WaitDelay = &out, &messages, hangs
		err = p.cmd.Start()
		close(drawn)
	}
	p.started.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	hung := time.AfterFunc(hangs, func() {
		t.Errorf("hung: %q after %v", p.cmd.Args[1:], p.s.tap.Seen())
		_ = p.cmd.Process.Kill()
	})
	defer hung.Stop()
	err = p.cmd.Wait()
	close(p.exited)
	<-drawn
	if terminal {
		_ = p.terminal.Close()
		messages = p.screen
	}
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.ExitCode(), out.String(), messages.String()
	} else if err != nil {
		t.Fatal(err)
	}
	return 0, out.String(), messages.String()
}

// signal sends a signal. On a terminal SIGINT is sent as Ctrl-C from the keyboard.
func (p *process) signal(signal syscall.Signal) {
	p.started.RLock()
	defer p.started.RUnlock()
	if signal == syscall.SIGINT && p.terminal != nil {
		_, _ = io.WriteString(p.terminal, "\x03")
		return
	}
	_ = p.cmd.Process.Signal(signal)
}

// watch reads the screen, and types a code when one is asked for.
func (p *process) watch(t *testing.T) {
	chunk := make([]byte, 4096)
	for {
		n, err := p.terminal.Read(chunk)
		p.screen.Write(chunk[:n])
		if err != nil { // EIO when the program ends
			return
		}
		if strings.Count(p.screen.String(), "Code that the app shows:") <= p.answered {
			continue
		}
		p.answered++
		p.s.tap.Step("terminal", typeCode, p.exited, func() {
			_, _ = io.WriteString(p.terminal, p.typed(t))
		})
	}
}

// typeCode is the step in which the user types a code.
const typeCode = "type the code"

// typed returns what the user types: the code of an app with the secret on the screen. After three refused codes the
// user gives up.
func (p *process) typed(t *testing.T) string {
	if p.answered > 3 {
		return "\x04"
	}
	m := regexp.MustCompile(`(?m)^Secret +([A-Z2-7 ]+)`).FindStringSubmatch(p.screen.String())
	if m == nil {
		t.Error("no secret on the screen")
		return "\x04"
	}
	code, err := totp.Code(secret.New(strings.ReplaceAll(strings.TrimSpace(m[1]), " ", "")),
		mfa.TOTPConfig{Algorithm: "sha1", Digits: 6, Step: 30 * time.Second}, p.s.verify.Now())
	if err != nil {
		t.Error(err)
	}
	return code + "\n"
}

// plain runs the program to its end, without interruption. Any number may run at a time.
func (s *stage) plain(t *testing.T, program string, env []string, args ...string) ending {
	t.Helper()
	var out, stderr bytes.Buffer
	c := exec.Command(program, args...)
	c.Dir, c.Env, c.Stdout, c.Stderr, c.WaitDelay = s.dir, env, &out, &stderr, hangs
	if err := c.Start(); err != nil {
		t.Error(err)
		return ending{code: -1}
	}
	hung := time.AfterFunc(hangs, func() {
		t.Errorf("hung: %q", args)
		_ = c.Process.Kill()
	})
	defer hung.Stop()
	err := c.Wait()
	e := ending{stdout: out.String(), stderr: stderr.String()}
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		e.code = exit.ExitCode()
	} else if err != nil {
		t.Error(err)
	}
	return e
}
