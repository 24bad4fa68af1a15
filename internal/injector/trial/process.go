package trial

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"uzerp-mfa/internal/errs"
)

// guard is the guard's process, as the process that started it sees it.
type guard struct {
	key       int64 // of its mark
	in        io.WriteCloser
	words     chan string     // all but confirmed; closed when it has ended
	confirmed chan struct{}   // closed once it has said confirmed
	running   context.Context // done when it has ended
	child     *exec.Cmd
	stderr    *bytes.Buffer // may be read when it has ended
	why       func(code int, stderr string) error
}

// startGuard starts the guard and waits until it is ready to switch back. Without it nothing is switched.
func (t Trial) startGuard(ctx context.Context) (*guard, error) {
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
	g := &guard{in: in, words: make(chan string, 4), confirmed: make(chan struct{}), running: running, child: child, stderr: stderr, why: t.Ended}
	go func() {
		defer ended()
		defer close(g.words)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if lines.Text() != wordConfirmed {
				g.words <- lines.Text()
			} else if !isDone(g.confirmed) {
				close(g.confirmed)
			}
		}
	}()
	key, err := g.await(ctx, wordReady)
	if err == nil {
		g.key, err = strconv.ParseInt(key, 10, 64)
	}
	if err != nil {
		g.close()
		return nil, startError(err)
	}
	return g, nil
}

func startError(err error) error {
	return &errs.Error{Kind: errs.KindOf(err), Op: "start the process that would switch back", Err: err,
		Hint: ReasonNoGuard.With()}
}

// await waits for a word from the guard, and returns what follows it on its line.
func (g *guard) await(ctx context.Context, want string) (rest string, err error) {
	select {
	case line, running := <-g.words:
		word, rest, _ := strings.Cut(line, " ")
		switch {
		case !running:
			return "", g.ended()
		case word != want:
			return "", fmt.Errorf("it says %q and not %q", line, want)
		}
		return rest, nil
	case <-time.After(guardPatience):
		return "", errors.New("it does not answer")
	case <-ctx.Done():
		return "", ctx.Err()
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
	g.say(wordKeep)
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

// say sends a word to the guard. If the guard has ended, its own words show that.
func (g *guard) say(word string) { _, _ = io.WriteString(g.in, word+"\n") }

// close ends the guard's input: without the word keep it switches back.
func (g *guard) close() { _ = g.in.Close() }
