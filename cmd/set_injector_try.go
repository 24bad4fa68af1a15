package cmd

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/injector"
)

// A switch on trial is taken back by another process, the guard, which is started before the switch, has a session of its
// own and is connected to the database already: whatever happens to the terminal, the connection or this process, the
// guard notices it as the end of its standard input, or runs into the time limit, and switches back. Only the word keep
// on its standard input stops it.
const (
	guardCommand = "undo-guard"
	wordReady    = "ready"  // guard: connected, waiting
	wordKeep     = "keep"   // to the guard: a login worked
	wordKept     = "kept"   // guard: heard, and going
	wordUndone   = "undone" // guard: switched back

	guardPatience = 30 * time.Second // for a word of the guard's
	undoRetry     = 2 * time.Second
	undoLimit     = 24 * time.Hour
)

// guardOrder is what the guard is told at first.
type guardOrder struct {
	Changes []injector.Change `json:"changes"`
	Seconds float64           `json:"seconds"`
}

// errNotKept is the outcome of a trial that nobody confirmed.
var errNotKept = errs.New(errs.Declined, "the switch was not confirmed and is taken back",
	"browsers that opened uzERP meanwhile keep the login of the trial until their session ends; uzerp-mfa doctor looks for what is wrong")

// trySwitch switches, asks whether a login works, and takes the switch back unless the answer is yes.
func trySwitch(ctx context.Context, app *App, ch *changes, store injector.Writer, plan injector.Switch, limit time.Duration) error {
	g, err := startGuard(ctx, app, guardOrder{Changes: plan.Changes, Seconds: limit.Seconds()})
	if err != nil {
		return err
	}
	defer g.close()
	undo := func() error { return undoTrial(ctx, ch, store, g, plan.Changes) }
	if err := store.ApplySwitch(ctx, injector.Names(), plan); err != nil {
		// Also where the outcome is not known: the guard looks, and has nothing to take back if nothing was done.
		return errors.Join(err, undo())
	}
	app.streams.Sayf("Switched, on trial. Now log in to uzERP in another browser or a private window, with the code.")
	asking, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	stop := context.AfterFunc(g.running, cancel) // nobody is left to take it back later
	defer stop()
	kept, err := app.streams.Confirm(asking, fmt.Sprintf("Did the login work? Without a yes within %s it is switched back.", limit))
	switch {
	case err == nil && kept:
		return g.keep()
	case ctx.Err() != nil:
		return errors.Join(&interruption{done: "the switch is taken back", hint: "uzerp-mfa set-injector --dry-run shows how it is"}, undo())
	case err != nil && asking.Err() == nil:
		return errors.Join(err, undo())
	}
	if err := undo(); err != nil {
		return err
	}
	return errNotKept
}

// undoTrial has the guard switch back, and does it itself where the guard does not.
func undoTrial(ctx context.Context, ch *changes, store injector.Writer, g *guard, made []injector.Change) error {
	_ = g.in.Close()
	guardErr := g.await(context.Background(), wordUndone)
	if guardErr == nil {
		return nil
	}
	ch.BestEffort()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), guardPatience)
	defer cancel()
	if err := undoSwitch(ctx, store, made); err != nil {
		return &errs.Error{Kind: errs.KindOf(err), Op: "switch back", Err: fmt.Errorf("%w (and the process that should: %w)", err, guardErr),
			Hint: "the switch is still there: uzerp-mfa set-injector --dry-run shows how it is, and set-injector takes it back"}
	}
	return nil
}

// guard is the running guard, seen from the process that started it.
type guard struct {
	in     io.WriteCloser
	words  chan string // closed when it has ended
	child  *exec.Cmd
	stderr *bytes.Buffer // to be read when it has ended

	running context.Context // done when it has ended
}

// startGuard starts it and waits until it could switch back. Nothing is switched without.
func startGuard(ctx context.Context, app *App, order guardOrder) (*guard, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, guardError(err)
	}
	args := []string{os.Args[0], guardCommand}
	if app.loader.DatabaseURL != "" {
		args = append(args, "--database-url", app.loader.DatabaseURL)
	}
	if app.loader.UzerpRoot != "" {
		args = append(args, "--uzerp-root", app.loader.UzerpRoot)
	}
	if app.flags.auditLog != "" {
		args = append(args, "--audit-log", app.flags.auditLog)
	}
	if app.flags.noAuditLog {
		args = append(args, "--no-audit-log")
	}
	stderr := &bytes.Buffer{}
	child := &exec.Cmd{Path: program, Args: args, Stderr: stderr, SysProcAttr: &syscall.SysProcAttr{Setsid: true}}
	in, err := child.StdinPipe()
	if err != nil {
		return nil, guardError(err)
	}
	out, err := child.StdoutPipe()
	if err != nil {
		return nil, guardError(err)
	}
	if err := child.Start(); err != nil {
		return nil, guardError(err)
	}
	running, ended := context.WithCancel(context.Background())
	g := &guard{in: in, words: make(chan string, 4), child: child, stderr: stderr, running: running}
	go func() {
		defer ended()
		defer close(g.words)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			g.words <- lines.Text()
		}
	}()
	if err := json.NewEncoder(in).Encode(order); err != nil {
		g.close()
		return nil, guardError(err)
	}
	if err := g.await(ctx, wordReady); err != nil {
		g.close()
		return nil, guardError(err)
	}
	return g, nil
}

func guardError(err error) error {
	return &errs.Error{Kind: errs.KindOf(err), Op: "start the process that would switch back", Err: err, Hint: "nothing was changed; without --try the switch needs no such process"}
}

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

// ended tells why the guard has ended: it says so as every command does, by its exit code and on stderr.
func (g *guard) ended() error {
	code := 0
	if exit, ok := errors.AsType[*exec.ExitError](g.child.Wait()); ok {
		code = exit.ExitCode()
	}
	reason, _, _ := strings.Cut(strings.TrimPrefix(g.stderr.String(), "uzerp-mfa: "), "\n")
	for k := errs.Failure; k <= errs.Interrupted; k++ {
		if statusOf(k).code == code {
			return errs.New(k, "it has ended: "+reason, "")
		}
	}
	return fmt.Errorf("it has ended (%d): %s", code, reason)
}

// keep lets the switch stay. The guard's time may have just run out.
func (g *guard) keep() error {
	_, _ = io.WriteString(g.in, wordKeep+"\n") // that it has ended shows in its words
	select {
	case word, running := <-g.words:
		if running && word == wordUndone {
			return errNotKept
		}
		return nil // kept; or the guard has ended without a word, and nobody is left to take it back
	case <-time.After(guardPatience):
		return &errs.Error{Kind: errs.Failure, Op: "keep the switch", Err: errors.New("the process that would switch back does not answer"),
			Hint: "it may still be switched back: uzerp-mfa set-injector --dry-run shows how it is"}
	}
}

// close leaves the guard alone: without a keep it switches back.
func (g *guard) close() { _ = g.in.Close() }

func newUndoGuardCmd(app *App) *cobra.Command {
	c := &cobra.Command{
		Use:     guardCommand,
		Short:   "Switch back what set-injector --try has switched",
		Long:    "Started by set-injector --try, not by people.\n\n" + exitCodes(errs.Config, errs.Unavailable),
		Example: "  uzerp-mfa set-injector --try 5m",
		Hidden:  true,
		Args:    noArgs,
	}
	c.RunE = app.run([]string{formatTable}, func(ctx context.Context, _ []string) error { return runUndoGuard(ctx, app) })
	return c
}

func runUndoGuard(ctx context.Context, app *App) error {
	in := bufio.NewReader(app.process.In)
	line, err := in.ReadString('\n')
	var order guardOrder
	if err == nil {
		err = json.Unmarshal([]byte(line), &order)
	}
	if err != nil {
		return usageError(guardCommand+" is started by set-injector --try", "")
	}
	limit := time.After(time.Duration(order.Seconds * float64(time.Second)))
	ch, err := app.changes(writeFlags{})
	if err != nil {
		return err
	}
	ch.BestEffort()
	store, err := ch.Injector(ctx)
	if err != nil {
		return err
	}
	release, err := store.HoldTrial(context.WithoutCancel(ctx))
	if err != nil {
		return err
	}
	say := func(word string) {
		_, _ = io.WriteString(app.process.Out, word+"\n") // nobody may be there to hear it
	}
	say(wordReady)
	answer := make(chan string, 1)
	go func() {
		line, _ := in.ReadString('\n')
		answer <- strings.TrimSpace(line)
	}()
	select {
	case word := <-answer:
		if word == wordKeep {
			release()
			say(wordKept)
			return nil
		}
	case <-limit:
	case <-ctx.Done():
	}
	release()
	if err := undoSwitch(context.WithoutCancel(ctx), store, order.Changes); err != nil {
		return err
	}
	say(wordUndone)
	return nil
}

// undoSwitch goes on until it is done: somebody may be locked out by now, and the database may be restarting.
func undoSwitch(ctx context.Context, store injector.Writer, made []injector.Change) error {
	ctx, cancel := context.WithTimeout(ctx, undoLimit)
	defer cancel()
	for {
		classes, err := store.InjectorClasses(ctx, injector.Names())
		if err == nil {
			undo := injector.PlanUndo(classes, made)
			if !undo.Needed() {
				return nil
			}
			err = store.ApplySwitch(ctx, injector.Names(), undo)
		}
		if err == nil {
			return nil
		}
		select {
		case <-time.After(undoRetry):
		case <-ctx.Done():
			return err
		}
	}
}
