package cmd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/mfa"
	"uzerp-mfa/internal/output"
)

type verifyOptions struct {
	writeFlags
	factor string
	check  bool
}

func newVerifyCmd(app *App) *cobra.Command {
	opts := &verifyOptions{}
	c := &cobra.Command{
		Use:   "verify USER [CODE|-]",
		Short: "Finish an enrollment, or check that a user's app works",
		Long: `Sends a one-time code from the user's app to Twilio. If it is right the user's pending enrollment is finished and uzERP
asks for a code from the next login on. With --check an enrolled user's app is tried and nothing is changed; Twilio
bills each approved check.

Without CODE it is asked for; - reads it from stdin. A wrong code changes nothing: try the next one.

` + exitCodes(errs.Config, errs.NotFound, errs.Refused, errs.Unavailable, errs.Declined, errs.CodeRejected),
		Example: "  uzerp-mfa verify alice\n  uzerp-mfa verify alice 123456\n  uzerp-mfa verify alice --check",
		Args:    userAndCode,
	}
	f := c.Flags()
	f.StringVar(&opts.factor, "factor", "", "the factor to verify (YF...), if not the newest pending one")
	f.BoolVar(&opts.check, "check", false, "try an enrolled user's app; changes nothing, billed by Twilio if approved")
	opts.register(c)
	c.ValidArgsFunction = app.completeUsers(1)
	c.RunE = app.run(oneFormats, func(ctx context.Context, args []string) error { return runVerify(ctx, app, opts, args) })
	return c
}

func runVerify(ctx context.Context, app *App, opts *verifyOptions, args []string) error {
	if opts.factor != "" && !mfa.ValidFactorSID(opts.factor) {
		return usageError("--factor: not a factor SID (YF and 32 hexadecimal digits)", "")
	}
	code, err := app.codeArgument(ctx, appCode, opts.dryRun, args)
	if err != nil {
		return err
	}
	if opts.check {
		return checkApp(ctx, app, opts, args[0], code)
	}
	return endEnrollment(ctx, app, opts, args[0], code)
}

// endEnrollment verifies a pending factor.
func endEnrollment(ctx context.Context, app *App, opts *verifyOptions, name, code string) error {
	ch, err := app.changes(opts.writeFlags)
	if err != nil {
		return err
	}
	store, err := ch.Users(ctx)
	if err != nil {
		return err
	}
	factors, err := ch.Factors()
	if err != nil {
		return err
	}
	users, err := mfa.Lookup(ctx, store, []string{name})
	if err != nil {
		return err
	}
	v, err := mfa.PlanVerification(ctx, store, factors, users[0], opts.factor)
	if err != nil {
		return ch.Refused(name, err)
	}
	if v.Billed() {
		noteBilled(app)
	}
	view := verificationView{Username: name, FactorSID: v.Factor.SID, Kind: "enrollment", Status: "would-send"}
	if opts.dryRun {
		app.noteRecipients(ctx, ch, name)
		return showVerification(app, view)
	}
	if code, err = codeOrAsk(ctx, app, code, name); err != nil {
		return err
	}
	err = v.Submit(ctx, store, factors, code)
	if err != nil && !errors.Is(err, mfa.ErrOldFactorLeft) {
		return err
	}
	view.Status = string(mfa.FactorVerified)
	return cmp.Or(err, showVerification(app, view))
}

// checkApp tries an enrolled user's app. It changes nothing, so it has reading ports only and is not recorded.
func checkApp(ctx context.Context, app *App, opts *verifyOptions, name, code string) error {
	store, err := app.reader.Users(ctx)
	if err != nil {
		return err
	}
	factors, err := app.reader.Challenger()
	if err != nil {
		return err
	}
	users, err := mfa.Lookup(ctx, store, []string{name})
	if err != nil {
		return err
	}
	check, err := mfa.PlanCheck(users[0], opts.factor)
	if err != nil {
		return err
	}
	noteBilled(app)
	view := verificationView{Username: name, FactorSID: check.SID, Kind: "check", Status: "would-send"}
	if opts.dryRun {
		return showVerification(app, view)
	}
	if code, err = codeOrAsk(ctx, app, code, name); err != nil {
		return err
	}
	if err := check.Submit(ctx, factors, code); err != nil {
		return err
	}
	view.Status = "approved" // as Twilio calls it
	return showVerification(app, view)
}

func noteBilled(app *App) { app.streams.Notef("Twilio bills each approved check.") }

// codeOrAsk returns the code, and asks for it if it was not given.
func codeOrAsk(ctx context.Context, app *App, code, name string) (string, error) {
	if code != "" {
		return code, nil
	}
	return askCode(ctx, app.streams, appCode, fmt.Sprintf("Code from the app of %q:", name))
}

// userAndCode is the Args function of USER [CODE|-]. The code is judged when it is read.
func userAndCode(c *cobra.Command, args []string) error {
	if len(args) > 2 {
		return usageError("too many arguments: at most a user and a code", "")
	}
	return usernames(1)(c, args[:min(1, len(args))])
}

// codeArgument returns the code from the command line or stdin. It is empty if the command must ask for it.
func (a *App) codeArgument(ctx context.Context, form *regexp.Regexp, dryRun bool, args []string) (string, error) {
	switch {
	case len(args) == 2 && args[1] == "-":
		line, err := a.streams.ReadLine(ctx)
		if err != nil && !errors.Is(err, io.EOF) {
			return "", err
		}
		return parseCode(form, line)
	case len(args) == 2:
		return parseCode(form, args[1])
	case dryRun || a.streams.CanAsk():
		return "", nil
	}
	return "", usageError("a code is needed, and there is no terminal to ask on", "give it as an argument, or - to read it from stdin")
}

// The forms of one-time codes: those of apps, and those that Twilio sends (docs/facts/twilio-verify.md §1.1, §1.2).
var (
	appCode  = regexp.MustCompile(`^[0-9]{3,8}$`)
	sentCode = regexp.MustCompile(`^[0-9]{4,10}$`)
)

// parseCode reads a code as people type it: apps show it in groups.
func parseCode(form *regexp.Regexp, typed string) (string, error) {
	code := strings.Map(func(r rune) rune {
		if r == ' ' || r == '\u00a0' || r == '-' {
			return -1
		}
		return r
	}, strings.TrimSpace(typed))
	if !form.MatchString(code) {
		return "", usageError("this is not a one-time code: it must be digits, usually six", "")
	}
	return code, nil
}

// dialogue is where a question is asked: on the normal screen or on the alternate one.
type dialogue interface {
	Sayf(format string, args ...any)
	Ask(ctx context.Context, question string) (string, error)
}

// askCode asks until what is typed has the form of a code.
func askCode(ctx context.Context, on dialogue, form *regexp.Regexp, question string) (string, error) {
	for {
		typed, err := askLine(ctx, on, question)
		if err != nil {
			return "", err
		}
		code, err := parseCode(form, typed)
		if err == nil {
			return code, nil
		}
		on.Sayf("%s", err)
	}
}

// askLine asks for a line. The end of input is an error of errs.Declined.
func askLine(ctx context.Context, on dialogue, question string) (string, error) {
	typed, err := on.Ask(ctx, question)
	switch {
	case errors.Is(err, io.EOF):
		return "", errs.New(errs.Declined, "nothing was typed; nothing was changed in uzERP", "")
	case errors.Is(err, output.ErrLineTooLong):
		return "", nil // no answer that any question takes
	}
	return typed, err
}

func showVerification(app *App, v verificationView) error {
	if app.flags.output == formatJSON {
		return output.WriteJSON(app.streams.Out, verificationDocument{SchemaVersion: schemaVersion, Verification: v})
	}
	return output.Table(app.streams.Out, []string{"username", "status", "kind", "factor"}, [][]string{{v.Username, v.Status, v.Kind, v.FactorSID}})
}
