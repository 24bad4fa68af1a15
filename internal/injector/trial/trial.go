package trial

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"time"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/injector"
)

// ErrNotKept is the error of a trial that nobody confirmed: the switch is taken back.
var ErrNotKept = errs.NewWith(errs.Declined, "the switch was not confirmed and is taken back", ReasonNotKept.With())

var errSwitchedMeanwhile = errors.New("the login handler was switched meanwhile by somebody else; that stays")

// Interrupted is the error of a trial whose context ended before the answer.
type Interrupted struct {
	Undo error // why the switch could not be taken back; nil if it was
}

func (e *Interrupted) Error() string { return "interrupted during the trial" }

// Unwrap returns Undo.
func (e *Interrupted) Unwrap() error { return e.Undo }

// Trial has what a trial needs.
type Trial struct {
	Store Store
	// Command returns the command whose process calls Guard. Run sets its streams and its session.
	Command func() (*exec.Cmd, error)
	// Ended returns the error of a guard's process that has ended.
	Ended func(code int, stderr string) error
	// Ask asks the operator whether a login works. It ends with ctx.
	Ask func(ctx context.Context) (bool, error)
	// Confirmed is called if somebody else has confirmed the switch in the database. It may be nil.
	Confirmed func()
	// BestEffort is called before this process switches back itself, in place of its guard: after that only an error of
	// the database may stop a change. It may be nil.
	BestEffort func()
}

// Run starts the guard, switches, and asks whether a login works. Unless the answer is yes, the switch is taken back.
// Run returns nil if the switch stays, and otherwise ErrNotKept, Interrupted or another error.
func (t Trial) Run(ctx context.Context, plan injector.SwitchPlan, limit time.Duration) error {
	g, err := t.startGuard(ctx)
	if err != nil {
		return err
	}
	defer g.close()
	plan.Trial = g.key
	g.say(wordSwitching) // if the guard has ended, its mark is gone, and the switch is not made
	if err := t.Store.ApplySwitch(ctx, injector.Names(), plan); err != nil {
		// Nothing was written. What the rows hold is another operator's switch, even if it is the same.
		if errs.KindOf(err) == errs.Refused {
			_ = g.keep() // the guard has nothing to take back, and must not wait for its time
			return err
		}
		// The switch may have been made, and only the answer was lost. If not, the guard finds nothing to take back.
		return errors.Join(err, t.undo(ctx, g, plan))
	}
	asking, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	stop := context.AfterFunc(g.running, cancel) // without a guard nothing would take it back later
	defer stop()
	kept, err := t.ask(asking, cancel, g.confirmed)
	elsewhere := err != nil && isDone(g.confirmed) // the guard waits for our word: what is said no to here, does not stay
	switch {
	case err == nil && kept || elsewhere:
		if err := g.keep(); err == nil {
			err = t.confirmKept(ctx, plan)
			if err == nil && elsewhere && t.Confirmed != nil {
				t.Confirmed()
			}
			return err
		} else if !errors.Is(err, ErrNotKept) {
			return err
		}
		if err := t.confirmUndone(ctx, plan); err != nil {
			return err
		}
		return ErrNotKept
	}
	failed := err != nil && asking.Err() == nil // asked now: once the guard has ended, nobody is asked any more
	undone := t.undo(ctx, g, plan)
	switch {
	case ctx.Err() != nil:
		return &Interrupted{Undo: undone}
	case failed:
		return errors.Join(err, undone)
	case undone != nil:
		return undone
	}
	return ErrNotKept
}

// errConfirmed says that somebody else confirms the switch.
var errConfirmed = errors.New("confirmed by somebody else")

// ask asks the operator until ctx ends. Once somebody else has confirmed the switch it calls cancel, which ends ctx. It then
// waits a moment for an answer that was given before, but not for a terminal that hangs.
func (t Trial) ask(ctx context.Context, cancel func(), confirmed <-chan struct{}) (bool, error) {
	type answer struct {
		kept bool
		err  error
	}
	answers := make(chan answer, 1)
	go func() {
		kept, err := t.Ask(ctx)
		answers <- answer{kept, err}
	}()
	select {
	case a := <-answers:
		return a.kept, a.err
	case <-confirmed:
		cancel()
	}
	select {
	case a := <-answers:
		return a.kept, a.err
	case <-time.After(askPatience):
		return false, errConfirmed
	}
}

func isDone(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// undo has the guard switch back. If the guard fails, this process switches back.
func (t Trial) undo(ctx context.Context, g *guard, made injector.SwitchPlan) error {
	g.close()
	if _, err := g.await(context.Background(), wordUndone); err != nil {
		return t.undoHere(ctx, made, err)
	}
	return t.confirmUndone(ctx, made)
}

// confirmUndone checks after the guard has switched back, and switches back what is left: if the guard's time was
// over before the switch was made, the guard found nothing to take back. If the database can't be read, the guard is
// believed.
func (t Trial) confirmUndone(ctx context.Context, made injector.SwitchPlan) error {
	left, err := t.left(ctx, made)
	if err != nil || !left {
		return nil //nolint:nilerr // then the guard is believed
	}
	return t.undoHere(ctx, made, errors.New("it ended before the switch was made"))
}

// confirmKept returns an error if somebody has switched in another way during the trial. If the database can't be read,
// the switch is believed to be there.
func (t Trial) confirmKept(ctx context.Context, made injector.SwitchPlan) error {
	left, err := t.left(ctx, made)
	if err != nil || left {
		return nil //nolint:nilerr // then the switch is believed to be there
	}
	return &errs.Error{Kind: errs.Refused, Err: errSwitchedMeanwhile, Hint: ReasonUnclear.With()}
}

// left reports whether anything of the switch could be taken back.
func (t Trial) left(ctx context.Context, made injector.SwitchPlan) (bool, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), guardPatience)
	defer cancel()
	classes, err := t.Store.InjectorClasses(ctx, injector.Names())
	if err != nil {
		return false, err
	}
	undo, err := injector.PlanUndo(classes, made)
	return err != nil || undo.Needed(), nil
}

// undoHere switches back in this process. guardErr is why the guard has not done it.
func (t Trial) undoHere(ctx context.Context, made injector.SwitchPlan, guardErr error) error {
	if t.BestEffort != nil {
		t.BestEffort()
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), guardPatience)
	defer cancel()
	if err := switchBack(ctx, t.Store.InjectorClasses, t.Store, made); err != nil {
		return &errs.Error{Kind: errs.KindOf(err), Op: "switch back", Err: fmt.Errorf("%w (and the process that should: %w)", err, guardErr),
			Hint: ReasonStillMade.With()}
	}
	return nil
}

// reading returns the rows with one of the names.
type reading func(ctx context.Context, names []string) ([]injector.Class, error)

// switchBack tries until it succeeds, or must not be done: users may be locked out by now, and the database may be restarting.
func switchBack(ctx context.Context, read reading, store Store, made injector.SwitchPlan) error {
	ctx, cancel := context.WithTimeout(ctx, undoLimit)
	defer cancel()
	for {
		var classes []injector.Class
		err := within(ctx, func(ctx context.Context) (err error) {
			classes, err = read(ctx, injector.Names())
			return err
		})
		if err == nil {
			undo, refused := injector.PlanUndo(classes, made)
			if refused != nil || !undo.Needed() {
				return refused
			}
			err = within(ctx, func(ctx context.Context) error { return store.ApplySwitch(ctx, injector.Names(), undo) })
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

// within calls one attempt with a time limit of its own.
func within(ctx context.Context, attempt func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, undoAttempt)
	defer cancel()
	return attempt(ctx)
}
