package cmd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/injector"
	"uzerp-mfa/internal/injector/trial"
)

// guardCommand is the command whose process switches back a switch on trial (package trial).
const guardCommand = "undo-guard"

// trySwitch switches, asks whether a login works, and takes the switch back unless the answer is yes.
func trySwitch(ctx context.Context, app *App, ch *changes, store injector.Writer, plan injector.SwitchPlan, opts *setInjectorOptions) error {
	err := trial.Trial{
		Store: store, Command: func() (*exec.Cmd, error) { return app.guard(opts) }, Ended: guardEnded, BestEffort: ch.BestEffort,
		Ask: func(ctx context.Context) (bool, error) {
			app.streams.Sayf("Switched, on trial. Now log in to uzERP in another browser or a private window, with the code.")
			app.streams.Sayf("From another terminal set-injector --confirm-trial says yes.")
			return app.streams.Decide(ctx, func() (string, time.Duration) {
				left := opts.try
				if end, ok := ctx.Deadline(); ok {
					left = end.Sub(app.now())
				}
				return fmt.Sprintf("Did the login work? Without a yes it is switched back in %s.", shownLeft(left)), untilNextLook(left)
			})
		},
		Confirmed: func() { app.streams.Sayf("Somebody else has confirmed the switch: it stays.") },
	}.Run(ctx, plan, opts.try)
	interrupted, ok := errors.AsType[*trial.Interrupted](err)
	switch {
	case !ok:
		return err
	case interrupted.Undo != nil:
		told := &interruption{done: "the switch could not be taken back", hint: app.hintOf(interrupted.Undo)}
		return errors.Join(told, interrupted.Undo)
	}
	return &interruption{done: "the switch is taken back", hint: "uzerp-mfa set-injector --dry-run shows how it is"}
}

// shownLeft returns a time as it is shown: whole seconds, and at least one.
func shownLeft(left time.Duration) string {
	return max(left.Round(time.Second), time.Second).String()
}

// untilNextLook returns after how long the operator is told anew how much time is left: at each whole minute, and in the last one
// at 30 and at 10 seconds. 0 means no more.
func untilNextLook(left time.Duration) time.Duration {
	const least = time.Second // so that nothing is said twice
	for _, at := range []time.Duration{(left - least).Truncate(time.Minute), 30 * time.Second, 10 * time.Second} {
		if at > 0 && left-at >= least {
			return left - at
		}
	}
	return 0
}

// confirmTrial keeps the switch that is on trial in this database, also one that somebody else began.
func confirmTrial(ctx context.Context, app *App, opts *setInjectorOptions) error {
	r := opts.request
	if opts.try != 0 || r.Off || r.Handler != "" || r.Validator != "" || r.Gateway != "" || opts.skipEnv || opts.skipTwilio ||
		opts.ends.wanted || opts.ends.phpIni != "" {
		return usageError("--confirm-trial keeps what is switched already, so it takes no flag of a switch", "")
	}
	if err := app.requireConfirmation(opts.writeFlags); err != nil {
		return err
	}
	ch, err := app.changes(opts.writeFlags)
	if err != nil {
		return err
	}
	store, err := ch.Injector(ctx)
	if err != nil {
		return err
	}
	mark, classes, err := trial.Find(ctx, store)
	if err != nil {
		return ch.Refused(injector.LoginHandler, err)
	}
	if err := ch.Allowed(ctx, nil, injector.LoginHandler); err != nil {
		return err
	}
	app.streams.Sayf("A switch is on trial %s.", &mark)
	if !opts.dryRun {
		if err := app.confirm(ctx, opts.writeFlags, "Has a login with the code worked, so that the switch stays?"); err != nil {
			return err
		}
		if err := store.ConfirmTrial(ctx, mark.Key); err != nil {
			return err
		}
	}
	view := viewSwitch(app, injector.SwitchPlan{Was: classes}, nil, false, opts.dryRun)
	if err := showSwitch(app, view); err != nil {
		return err
	}
	if !opts.dryRun {
		app.streams.Notef("The switch stays.")
	}
	return nil
}

// guard returns the command that starts the guard, with the same switch, database and audit log as this process has.
func (a *App) guard(opts *setInjectorOptions) (*exec.Cmd, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	args := []string{os.Args[0], guardCommand, "--try", opts.try.String(),
		"--login-handler", opts.request.Handler, "--mfa-validator", opts.request.Validator}
	if opts.request.Gateway != "" {
		args = append(args, "--gateway", opts.request.Gateway)
	}
	if a.loader.DatabaseURL != "" {
		args = append(args, "--database-url", a.loader.DatabaseURL)
	}
	if a.loader.UzerpRoot != "" {
		args = append(args, "--uzerp-root", a.loader.UzerpRoot)
	}
	if a.loader.EnvFile != "" { // the record of what it does names the service
		args = append(args, "--env-file", a.loader.EnvFile)
	}
	if a.flags.auditLog != "" {
		args = append(args, "--audit-log", a.flags.auditLog)
	}
	if a.flags.noAuditLog {
		args = append(args, "--no-audit-log")
	}
	return &exec.Cmd{Path: program, Args: args}, nil
}

// guardEnded returns why the guard has ended. Like every command it says that by its exit code and on stderr.
func guardEnded(code int, stderr string) error {
	reason, _, _ := strings.Cut(strings.TrimPrefix(stderr, "uzerp-mfa: "), "\n")
	for k := errs.Failure; k <= errs.Interrupted; k++ {
		if statusOf(k).code == code {
			return errs.New(k, "it has ended: "+reason, "")
		}
	}
	return fmt.Errorf("it has ended (%d): %s", code, reason)
}

func newUndoGuardCmd(app *App) *cobra.Command {
	opts := &setInjectorOptions{}
	c := &cobra.Command{
		Use:         guardCommand,
		Short:       "Switch back what set-injector --try has switched",
		Long:        "Started by set-injector --try, not by people. It makes the same checks, and takes back only what it has read itself.",
		Annotations: exitCodes(errs.Config, errs.Refused, errs.Unavailable),
		Example:     "  uzerp-mfa set-injector --try 5m",
		Hidden:      true,
		Args:        noArgs,
	}
	opts.registerSwitch(c.Flags())
	c.RunE = app.run([]string{formatTable}, func(ctx context.Context, _ []string) error { return runUndoGuard(ctx, app, opts) })
	return c
}

func runUndoGuard(ctx context.Context, app *App, opts *setInjectorOptions) error {
	if err := opts.complete(); err != nil {
		return err
	}
	if opts.try == 0 {
		return usageError(guardCommand+" is started by set-injector --try", "")
	}
	ch, err := app.changes(writeFlags{})
	if err != nil {
		return err
	}
	ch.BestEffort()
	err = trial.Guard(ctx, app.process.In, app.process.Out, opts.request, opts.try,
		func(ctx context.Context) (trial.GuardStore, error) { return ch.Injector(ctx) })
	return ch.Refused(injector.LoginHandler, err)
}
