package cmd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/mfa"
	"uzerp-mfa/internal/onetime"
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

If uzERP has made a factor too, because the user opened its login, the one that this program made last is meant; --factor
names another. Without CODE it is asked for; - reads it from stdin. A wrong code changes nothing: try the next one.`,
		Annotations: exitCodes(errs.Config, errs.NotFound, errs.Refused, errs.Unavailable, errs.Declined, errs.CodeRejected),
		Example:     "  uzerp-mfa verify alice\n  uzerp-mfa verify alice 123456\n  uzerp-mfa verify alice --check",
		Args:        userAndCode,
	}
	f := c.Flags()
	f.StringVar(&opts.factor, "factor", "", "the factor to verify (YF...), if not the pending one that this program made last")
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
	code, err := app.codeArgument(ctx, onetime.App, opts.dryRun, args)
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
	v, err := mfa.PlanVerification(ctx, store, factors, ch.PendingFactors, users[0], opts.factor)
	if err != nil {
		return ch.Refused(name, err)
	}
	app.noteSeveral(v)
	if v.Billed() {
		noteBilled(app)
	}
	if opts.dryRun {
		app.noteRecipients(ctx, ch, name)
		return showVerification(app, opts, viewVerification(v, v.Tries(), verificationWouldSend))
	}
	tries, err := submitCode(ctx, app, code, name, func(code string) (mfa.Tries, error) {
		defer ch.SendMails(ctx)
		return v.Submit(ctx, store, factors, code)
	})
	switch {
	case errs.KindOf(err) == errs.CodeRejected:
		return rejected(app, opts, err, viewVerification(v, tries, verificationPending))
	case err != nil && !errors.Is(err, mfa.ErrOldFactorLeft):
		return err
	}
	return cmp.Or(err, showVerification(app, opts, viewVerification(v, tries, verificationVerified)))
}

// noteSeveral says which of several pending factors the code is for.
func (a *App) noteSeveral(v mfa.Verification) {
	if len(v.Pending) < 2 {
		return
	}
	a.streams.Notef("%q has %d pending enrollments (uzERP makes one when the user opens its login); the code is for %s:",
		v.User.Username, len(v.Pending), v.Factor.SID)
	for _, p := range v.Pending {
		a.streams.Notef("  %s", p.Origin())
	}
}

// submitCode submits the code, and asks for it if it was not given. What is typed with too few or too many digits is asked for
// again.
func submitCode[T any](ctx context.Context, app *App, code, name string, submit func(code string) (T, error)) (answer T, err error) {
	asked := code == ""
	for {
		if asked {
			if code, err = askCode(ctx, app.streams, onetime.App, fmt.Sprintf("Code from the app of %q:", name)); err != nil {
				return answer, err
			}
		}
		if answer, err = submit(code); !asked || !errors.Is(err, onetime.ErrLength) {
			return answer, err
		}
		app.streams.Sayf("%s", err)
	}
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
	view := verificationView{Username: name, FactorSID: check.SID, Kind: kindCheck, Status: verificationWouldSend, Pending: []pendingView{}}
	if opts.dryRun {
		return showVerification(app, opts, view)
	}
	_, err = submitCode(ctx, app, code, name, func(code string) (any, error) { return nil, check.Submit(ctx, factors, code) })
	switch {
	case errs.KindOf(err) == errs.CodeRejected:
		view.Status = verificationPending
		return rejected(app, opts, err, view)
	case err != nil:
		return err
	}
	view.Status = verificationApproved
	return showVerification(app, opts, view)
}

func noteBilled(app *App) { app.streams.Notef("Twilio bills each approved check.") }

// userAndCode is the Args function of USER [CODE|-]. The code is judged when it is read.
func userAndCode(c *cobra.Command, args []string) error {
	if len(args) > 2 {
		return usageError("too many arguments: at most a user and a code", "")
	}
	return usernames(1)(c, args[:min(1, len(args))])
}

// codeArgument returns the code from the command line or stdin. It is empty if the command must ask for it.
func (a *App) codeArgument(ctx context.Context, form onetime.Form, dryRun bool, args []string) (string, error) {
	switch {
	case len(args) == 2 && args[1] == "-":
		line, err := a.streams.ReadLine(ctx)
		if err != nil && !errors.Is(err, io.EOF) {
			return "", err
		}
		return form.Read(line)
	case len(args) == 2:
		return form.Read(args[1])
	case dryRun || a.streams.CanAsk():
		return "", nil
	}
	return "", usageError("a code is needed, and there is no terminal to ask on", "give it as an argument, or - to read it from stdin")
}

// dialogue is where a question is asked: on the normal screen or on the alternate one.
type dialogue interface {
	Sayf(format string, args ...any)
	Ask(ctx context.Context, question string) (string, error)
}

// askCode asks until what is typed has the form of a code.
func askCode(ctx context.Context, on dialogue, form onetime.Form, question string) (string, error) {
	for {
		typed, err := askLine(ctx, on, question)
		if err != nil {
			return "", err
		}
		code, err := form.Read(typed)
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

// rejected returns the error for a code that was not accepted. Programs get the same document as after a right one.
func rejected(app *App, opts *verifyOptions, err error, v verificationView) error {
	if app.flags.output == formatJSON {
		return cmp.Or(err, showVerification(app, opts, v))
	}
	return err
}

// viewVerification returns the end of an enrolment, or what it may become.
func viewVerification(v mfa.Verification, tries mfa.Tries, status verificationStatus) verificationView {
	view := verificationView{Username: v.User.Username, FactorSID: v.Factor.SID, Kind: kindEnrollment, Status: status, Pending: []pendingView{}}
	for _, p := range v.Pending {
		made := pendingView{FactorSID: p.SID, Created: p.Created.UTC()}
		if p.Record != nil {
			made.MadeBy = &p.Record.By
		}
		view.Pending = append(view.Pending, made)
	}
	if status != verificationVerified && v.Factor.Status != mfa.FactorVerified {
		until := tries.Until.UTC()
		view.ValidUntil = &until
		if tries.Known {
			view.TriesLeft = &tries.Left
		}
	}
	return view
}

func showVerification(app *App, opts *verifyOptions, v verificationView) error {
	if app.flags.output == formatJSON {
		return output.WriteJSON(app.streams.Out, verificationDocument{SchemaVersion: schemaVersion, Changed: v.Status == verificationVerified,
			DryRun: opts.dryRun, Verification: v})
	}
	table := []column{columnUsername, {name: "status"}, {name: "kind"}, {name: "factor"}}
	return app.writeTable(nil, table, [][]string{{v.Username, string(v.Status), string(v.Kind), v.FactorSID}})
}
