package cmd

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"uzerp-mfa/internal/caller"
	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/output"
)

// heldFlag makes a sandbox the one in the background.
const heldFlag = "held"

type sandboxOptions struct {
	detach, held bool
}

func newSandboxCmd(app *App) *cobra.Command {
	c := &cobra.Command{
		Use:   "sandbox [--detach | -- COMMAND [ARG...]]",
		Short: "Start a throwaway uzERP database and Twilio emulator",
		Long: `Starts a PostgreSQL with uzERP's two-factor tables and a few users, and an emulator of Twilio Verify with real codes, both
on this machine only. With a command it runs that command with the settings for them, and ends with its exit code;
without one it prints the settings to export and runs until Ctrl-C. Everything is gone afterwards. With --detach it prints the
settings and goes on in the background, until sandbox stop.

The installation is sound, except that some users are locked out, as doctor shows, and two-factor login is still off. sandbox
code reads the users' phones.`,
		Annotations: exitCodes(errs.Config, errs.NotFound, errs.Refused),
		Example: "  uzerp-mfa sandbox -- uzerp-mfa user list\n  uzerp-mfa sandbox -- sh\n" +
			"  eval \"$(uzerp-mfa sandbox --detach)\"\n  uzerp-mfa sandbox code alice\n  uzerp-mfa sandbox stop",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) > 0 && c.ArgsLenAtDash() != 0 {
				return runGroup(c, args)
			}
			return nil
		},
	}
	opts := &sandboxOptions{}
	c.Flags().BoolVar(&opts.detach, "detach", false, "print the settings, and go on in the background until sandbox stop")
	c.Flags().BoolVar(&opts.held, heldFlag, false, "the process that --detach leaves behind")
	_ = c.Flags().MarkHidden(heldFlag) // the flag is there
	c.RunE = app.run(oneFormats, func(ctx context.Context, args []string) error { return runSandbox(ctx, app, opts, args) })
	c.AddCommand(newSandboxCodeCmd(app), newSandboxStopCmd(app))
	return c
}

// sandboxIsLate is after how long a start says that it goes on.
const sandboxIsLate = 3 * time.Second

func runSandbox(ctx context.Context, app *App, opts *sandboxOptions, command []string) (err error) {
	switch {
	case (opts.detach || opts.held) && len(command) > 0:
		return usageError("--detach and a command contradict each other: the sandbox of a command ends with it", "")
	case opts.detach && !opts.held:
		return detachSandbox(ctx, app)
	case app.flags.output != formatTable && !opts.held:
		return usageError(fmt.Sprintf("sandbox has the output format %q only with --detach", app.flags.output), "")
	}
	patience := time.AfterFunc(sandboxIsLate, func() {
		app.streams.Notef("PostgreSQL is still starting; on a busy machine that takes up to a minute")
	})
	s, err := app.startSandbox(ctx)
	patience.Stop()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Stop()) }()
	if opts.held {
		return holdSandbox(ctx, app, s.Root(), s.Env(), s.Unset(), s.Detach)
	}
	if len(command) == 0 {
		if err := exportSettings(app, viewSandbox(s.Root(), s.Env(), s.Unset())); err != nil {
			return err
		}
		app.streams.Notef("the sandbox runs until Ctrl-C")
		<-ctx.Done()
		return nil
	}
	code, err := s.Run(ctx, command, app.process.In, app.process.Out, app.process.Err)
	if err == nil && code != 0 {
		err = childExit(code)
	}
	return err
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
number that begins with +.`,
		Annotations: exitCodes(errs.Config, errs.NotFound, errs.Refused, errs.Unavailable),
		Example: `  uzerp-mfa verify alice $(uzerp-mfa sandbox code alice)
  uzerp-mfa identity check alice $(uzerp-mfa sandbox code alice --sms)
  uzerp-mfa sandbox code --sms +447700900456`,
		Args: usernames(1),
	}
	c.Flags().BoolVar(&opts.sms, "sms", false, "the code that was sent by text message or call, instead of the app's")
	c.ValidArgsFunction = app.completeUsers(1)
	c.RunE = app.run(oneFormats, func(ctx context.Context, args []string) error { return runSandboxCode(ctx, app, opts, args[0]) })
	return c
}

// phoneCodeKind says where a code is seen.
type phoneCodeKind string

// The kinds.
const (
	codeOfApp     phoneCodeKind = "app"     // the authenticator app shows it
	codeInMessage phoneCodeKind = "message" // it came by text message or call
)

type phoneCodeView struct {
	Username *string `json:"username"` // null if a number was given
	Number   *string `json:"number"`   // null if a user was given
	// where it is seen
	Kind phoneCodeKind `json:"kind"`
	// the code
	Code string `json:"code"`
}

type phoneCodeDocument struct {
	SchemaVersion int `json:"schema_version"`
	// the code that the phone shows
	Code phoneCodeView `json:"code"`
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
	if app.flags.output == formatTable {
		return output.Fprintf(app.streams.Out, "%s\n", code)
	}
	view := phoneCodeView{Username: &whose, Kind: codeOfApp, Code: code}
	if opts.sms {
		view.Kind = codeInMessage
	}
	if isNumber(whose) && opts.sms {
		view.Username, view.Number = nil, &whose
	}
	return output.WriteJSON(app.streams.Out, phoneCodeDocument{SchemaVersion: schemaVersion, Code: view})
}

// isNumber reports whether a number is meant, and not a user.
func isNumber(whose string) bool { return strings.HasPrefix(whose, "+") }

// phoneOf returns the number to which identity send would send the user's code. A number stands for itself.
func (a *App) phoneOf(ctx context.Context, whose string) (caller.Phone, error) {
	if isNumber(whose) {
		return a.parsePhone("")(whose)
	}
	ch, err := a.changes(writeFlags{dryRun: true}) // nothing is sent
	if err != nil {
		return caller.Phone{}, err
	}
	p, err := a.planCheck(ctx, ch, identityFlags{}, whose)
	return p.Recipient.Phone, err
}
