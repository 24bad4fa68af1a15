package cmd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"uzerp-mfa/internal/caller"
	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/output"
)

func newSandboxCmd(app *App) *cobra.Command {
	c := &cobra.Command{
		Use:   "sandbox [-- COMMAND [ARG...]]",
		Short: "Start a throwaway uzERP database and Twilio emulator",
		Long: `Starts a PostgreSQL with uzERP's two-factor tables and a few users, and an emulator of Twilio Verify with real codes, both
on this machine only. With a command it runs that command with the settings for them, and ends with its exit code;
without one it prints the settings to export and runs until Ctrl-C. Everything is gone afterwards.

The installation is sound but for users who are locked out, as doctor tells, and two-factor login is still off. sandbox
code reads the users' phones.

` + exitCodes(errs.Config, errs.NotFound),
		Example: "  uzerp-mfa sandbox -- uzerp-mfa user list\n  uzerp-mfa sandbox -- sh\n  uzerp-mfa sandbox code alice",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) > 0 && c.ArgsLenAtDash() != 0 {
				return runGroup(c, args)
			}
			return nil
		},
	}
	c.RunE = app.run([]string{formatTable}, func(ctx context.Context, args []string) error { return runSandbox(ctx, app, args) })
	c.AddCommand(newSandboxCodeCmd(app))
	return c
}

func runSandbox(ctx context.Context, app *App, command []string) (err error) {
	s, err := app.startSandbox(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Stop()) }()
	if len(command) == 0 {
		for _, setting := range s.Env() {
			name, value, _ := strings.Cut(setting, "=")
			if err := output.Fprintf(app.streams.Out, "export %s=%s\n", name, errs.ShellQuote(value)); err != nil {
				return err
			}
		}
		if err := app.streams.Out.Flush(); err != nil {
			return err
		}
		app.streams.Notef("the sandbox runs until Ctrl-C")
		<-ctx.Done()
		return nil
	}
	child := exec.CommandContext(ctx, command[0], command[1:]...)
	child.Stdin, child.Stdout, child.Stderr = app.process.In, app.process.Out, app.process.Err
	child.Env = sandboxEnv(s.Env())
	child.Cancel = func() error { return child.Process.Signal(syscall.SIGTERM) }
	child.WaitDelay = 10 * time.Second
	err = child.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && ctx.Err() == nil {
		if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
			return childExit(128 + int(status.Signal())) // as a shell tells it
		}
		return childExit(exit.ExitCode())
	}
	if err != nil && ctx.Err() == nil {
		return &errs.Error{Kind: errs.Usage, Err: fmt.Errorf("run the command: %w", err)}
	}
	return ctx.Err()
}

// sandboxEnv is the caller's environment without what would lead to a real database or account.
func sandboxEnv(settings []string) []string {
	var env []string
	for _, variable := range os.Environ() {
		if name, _, _ := strings.Cut(variable, "="); !shadowsSandbox(name) {
			env = append(env, variable)
		}
	}
	return append(env, settings...)
}

// childExit is the exit code of a command that was run in a sandbox, to be passed on.
type childExit int

func (e childExit) Error() string { return fmt.Sprintf("the command ended with %d", int(e)) }

type sandboxCodeOptions struct {
	sms bool
}

func newSandboxCodeCmd(app *App) *cobra.Command {
	opts := &sandboxCodeOptions{}
	c := &cobra.Command{
		Use:   "code USER|NUMBER",
		Short: "Print the code that a user's emulated phone shows",
		Long: `Prints the present one-time code of the user's newest factor in the sandbox. With --sms it prints the code that identity
send or user reset --identify sent last, by text message or call, to the number that uzERP has for the user, or to a
number that begins with +.

` + exitCodes(errs.Config, errs.NotFound, errs.Refused, errs.Unavailable),
		Example: `  uzerp-mfa verify alice $(uzerp-mfa sandbox code alice)
  uzerp-mfa identity check alice $(uzerp-mfa sandbox code alice --sms)
  uzerp-mfa sandbox code --sms +447700900456`,
		Args: usernames(1),
	}
	c.Flags().BoolVar(&opts.sms, "sms", false, "the code that was sent by text message or call, instead of the app's")
	c.ValidArgsFunction = app.completeUsers(1)
	c.RunE = app.run([]string{formatTable}, func(ctx context.Context, args []string) error { return runSandboxCode(ctx, app, opts, args[0]) })
	return c
}

func runSandboxCode(ctx context.Context, app *App, opts *sandboxCodeOptions, whose string) error {
	phones, err := app.sandboxPhones()
	if err != nil {
		return err
	}
	var code string
	if opts.sms {
		var to caller.Phone
		if to, err = app.phoneOf(ctx, whose); err != nil {
			return err
		}
		code, err = phones.Message(ctx, to)
	} else {
		code, err = phones.Code(ctx, whose)
	}
	if err != nil {
		return err
	}
	return output.Fprintf(app.streams.Out, "%s\n", code)
}

// phoneOf gives the number that identity send would send a user's code to; a number is its own.
func (a *App) phoneOf(ctx context.Context, whose string) (caller.Phone, error) {
	if strings.HasPrefix(whose, "+") {
		return a.parsePhone("")(whose)
	}
	ch, err := a.changes(writeFlags{dryRun: true}) // nothing is sent
	if err != nil {
		return caller.Phone{}, err
	}
	p, err := a.planCheck(ctx, ch, identityFlags{}, whose)
	return p.Recipient.Phone, err
}
