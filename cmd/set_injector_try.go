package cmd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"

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
			return app.streams.Confirm(ctx, fmt.Sprintf("Did the login work? Without a yes within %s it is switched back.", opts.try))
		},
	}.Run(ctx, plan, opts.try)
	interrupted, ok := errors.AsType[*trial.Interrupted](err)
	switch {
	case !ok:
		return err
	case interrupted.Undo != nil:
		told := &interruption{done: "the switch could not be taken back", hint: hintOf(interrupted.Undo)}
		return errors.Join(told, interrupted.Undo)
	}
	return &interruption{done: "the switch is taken back", hint: "uzerp-mfa set-injector --dry-run shows how it is"}
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
		Use:   guardCommand,
		Short: "Switch back what set-injector --try has switched",
		Long: "Started by set-injector --try, not by people. It makes the same checks, and takes back only what it has read itself.\n\n" +
			exitCodes(errs.Config, errs.Refused, errs.Unavailable),
		Example: "  uzerp-mfa set-injector --try 5m",
		Hidden:  true,
		Args:    noArgs,
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
