package trial

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"syscall"
	"time"

	"uzerp-mfa/internal/errs"
)

// guard is the guard's process, as the process that started it sees it.
type guard struct {
	in      io.WriteCloser
	words   chan string     // closed when it has ended
	running context.Context // done when it has ended
	child   *exec.Cmd
	stderr  *bytes.Buffer // may be read when it has ended
	why     func(code int, stderr string) error
}

// startGuard starts the guard and waits until it is ready to switch back. Without it nothing is switched.
func (t Trial) startGuard(ctx context.Context, o order) (*guard, error) {
	child, err := t.Command()
	if err != nil {
		return nil, startError(err)
	}
	stderr := &bytes.Buffer{}
	child.Stderr, child.SysProcAttr = stderr, &syscall.SysProcAttr{Setsid: true}
	in, err := child.StdinPipe()
	if err != nil {
		return nil, startError(err)
	}
	out, err := child.StdoutPipe()
	if err != nil {
		return nil, startError(err)
	}
	if err := child.Start(); err != nil {
		return nil, startError(err)
	}
	running, ended := context.WithCancel(context.Background())
	g := &guard{in: in, words: make(chan string, 4), running: running, child: child, stderr: stderr, why: t.Ended}
	go func() {
		defer ended()
		defer close(g.words)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			g.words <- lines.Text()
		}
	}()
	if err := json.NewEncoder(in).Encode(o); err != nil {
		g.close()
		return nil, startError(err)
	}
	if err := g.await(ctx, wordReady); err != nil {
		g.close()
		return nil, startError(err)
	}
	return g, nil
}

func startError(err error) error {
	return &errs.Error{Kind: errs.KindOf(err), Op: "start the process that would switch back", Err: err,
		Hint: ReasonNoGuard.With()}
}

// await waits for a word from the guard.
func (g *guard) await(ctx context.Context, want string) error {
	select {
	case word, running := <-g.words:
		switch {
		case !running:
			return g.ended()
		case word != want:
			return fmt.Errorf("it says %q and not %q", word, want)
		}
		return nil
	case <-time.After(guardPatience):
		return errors.New("it does not answer")
	case <-ctx.Done():
		return ctx.Err()
	}
}

// ended returns why the guard has ended.
func (g *guard) ended() error {
	code := 0
	if exit, ok := errors.AsType[*exec.ExitError](g.child.Wait()); ok {
		code = exit.ExitCode()
	}
	return g.why(code, g.stderr.String())
}

// keep tells the guard that the switch stays. It returns ErrNotKept if the guard's time ran out just before.
func (g *guard) keep() error {
	_, _ = io.WriteString(g.in, wordKeep+"\n") // if the guard has ended, its words show that
	select {
	case word, running := <-g.words:
		if running && word == wordUndone {
			return ErrNotKept
		}
		return nil // kept; or the guard has ended without a word, and nothing takes the switch back
	case <-time.After(guardPatience):
		return &errs.Error{Kind: errs.Failure, Op: "keep the switch", Err: errors.New("the process that would switch back does not answer"),
			Hint: ReasonUnclear.With()}
	}
}

// close ends the guard's input: without the word keep it switches back.
func (g *guard) close() { _ = g.in.Close() }
