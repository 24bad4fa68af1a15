package cmd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/mfa"
	"uzerp-mfa/internal/onetime"
	"uzerp-mfa/internal/output"
	"uzerp-mfa/internal/shell"
)

type enrollOptions struct {
	writeFlags
	callerFlags
	names     nameList
	replace   bool
	ifMissing bool
	another   bool
	noWait    bool
	reveal    bool
	qr        string
	png       newFile
	html      newFile
	htmlDir   newDir
	attempts  int
	sure      bool // of the user: assist has asked

	qrMode   output.QRMode
	standing mfa.Standing // the user's, once it was looked up
}

func newEnrollCmd(app *App) *cobra.Command {
	opts := &enrollOptions{}
	c := &cobra.Command{
		Use:   "enroll USER...",
		Short: "Put a user's authenticator app on their uzERP account",
		Long: `Has Twilio make a new TOTP factor, shows it as a QR code and as a secret to type, asks for the code that the user's app
then shows, and writes the factor into uzERP only when Twilio has accepted the code. Until then the user's account is as it was.

On a terminal that has an alternate screen both are shown there, so that they are not in the scrollback afterwards. For a
user who is not in the room --html writes a page with the QR code, the secret and what to do with them.

For many users --html-dir makes a page for each in one directory, and a list of what was made. If it is run again it goes
on: a user who has a page that works gets no second one. --from-file takes what user list -o jsonl prints.

It warns if the person can't get into uzERP all the same, and asks first if the person has left. With --html-dir nobody who has left
gets a page, unless --yes says that it is meant.

If somebody asks for it by phone, verify the caller first: with --identify nothing is made before the caller has read out
the code that went to the phone in uzERP; --verified-by says how else you did.

Scripts use --no-wait: it prints the material and ends; verify finishes later. With -o json, or when stdout is no
terminal, the secret is printed only with --reveal.`,
		Annotations: exitCodes(errs.Partial, errs.Config, errs.NotFound, errs.Refused, errs.Unavailable, errs.Declined, errs.CodeRejected),
		Example: "  uzerp-mfa enroll alice\n  uzerp-mfa enroll alice --no-wait --reveal -o json\n  uzerp-mfa enroll alice --no-wait --html alice.html\n" +
			"  uzerp-mfa user list --state not-enrolled -o jsonl | uzerp-mfa enroll --no-wait --html-dir pages --from-file -",
	}
	f := c.Flags()
	f.BoolVar(&opts.replace, "replace", false, "enroll a new phone in place of one that still works, until the new one is verified")
	f.BoolVar(&opts.ifMissing, "if-missing", false, "do nothing, successfully, if the user is enrolled or a QR code was made within the last hour")
	f.BoolVar(&opts.another, "new", false, "with --if-missing or --html-dir: make another QR code although there is one that works")
	f.BoolVar(&opts.noWait, "no-wait", false, "do not ask for the code: verify finishes later")
	f.BoolVar(&opts.reveal, "reveal", false, "print secret and URI in JSON, or when stdout is no terminal")
	f.StringVar(&opts.qr, "qr", string(output.QRAuto), "QR code in the terminal: auto, half, ascii or none")
	f.Var(&opts.png, "png", "write the QR code to this new file, readable by you alone")
	f.Var(&opts.html, "html", "write a page for the user to this new file, readable by you alone")
	f.Var(&opts.htmlDir, "html-dir", "write a page for each user into this directory, which is made if it is missing; needs --no-wait")
	f.IntVar(&opts.attempts, "attempts", 5, "how many codes may be typed")
	opts.register(c)
	opts.registerCaller(c)
	opts.names.register(c)
	many := c.Args
	c.Args = func(c *cobra.Command, args []string) error {
		if opts.htmlDir != "" || opts.names.file != "" {
			return many(c, args)
		}
		return usernames(1)(c, args)
	}
	c.ValidArgsFunction = app.completeUsers(0)
	completeValues(c, "qr", "auto", "half", "ascii", "none")
	one := app.run(oneFormats, func(ctx context.Context, args []string) error {
		if err := opts.readCaller(app, c, &opts.writeFlags); err != nil {
			return err
		}
		return runEnroll(ctx, app, opts, args)
	})
	list := app.run(listFormats, func(ctx context.Context, args []string) error {
		if err := opts.readCaller(app, c, &opts.writeFlags); err != nil {
			return err
		}
		return runEnrollPages(ctx, app, opts, args)
	})
	c.RunE = func(c *cobra.Command, args []string) error {
		if opts.htmlDir != "" {
			return list(c, args)
		}
		return one(c, args)
	}
	return c
}

// validate refuses what can't work, before a factor is made: above all a factor that nobody would see.
func (o *enrollOptions) validate(app *App) error {
	mode, err := output.ParseQRMode(o.qr)
	if err != nil {
		return usageError("--qr "+err.Error(), "")
	}
	o.qrMode = mode
	if o.names.file != "" {
		return usageError("--from-file is for --html-dir, which is missing", "enroll USER enrolls one user; --no-wait --html-dir DIR makes pages for many")
	}
	if err := o.validateFiles(app); err != nil {
		return err
	}
	switch {
	case o.replace && o.ifMissing:
		return usageError("--replace and --if-missing contradict each other", "")
	case o.another && !o.ifMissing:
		return usageError("--new is for --if-missing, which is missing", "without it a new QR code is made anyway")
	case o.attempts < 1:
		return usageError("--attempts must be at least 1", "")
	case o.dryRun:
		return nil
	case o.unseenBy(app):
		return usageError("nobody would see the secret: stdout is closed, or leads to "+os.DevNull, "let stdout lead somewhere, or give --png FILE or --html FILE")
	case o.noWait:
		return nil
	case !app.streams.CanAsk():
		return usageError("there is no terminal to ask for the code on", "--no-wait --reveal prints the secret and ends; uzerp-mfa verify finishes later")
	case len(o.files()) == 0 && o.screen(app) == nil:
		return usageError("nobody would see the QR code: stdout is no terminal, or the output is JSON", "give --reveal, --png FILE or --html FILE")
	}
	return nil
}

// unseenBy reports whether the command is to print the secret, and only where nobody sees it.
func (o *enrollOptions) unseenBy(app *App) bool {
	to := o.screen(app)
	elsewhere := to != nil && to.w != io.Writer(app.streams.Out)
	return o.reveal && app.streams.OutNull && !elsewhere && len(o.files()) == 0
}

// open reads the names, opens what enrolling needs, and looks the users up.
func (o *enrollOptions) open(ctx context.Context, app *App, args []string) (ch *changes, enroller *mfa.Enroller, users []mfa.User, err error) {
	names, err := o.names.read(ctx, app, args)
	if err == nil {
		err = o.oneCaller(names)
	}
	if err == nil {
		ch, err = app.changes(o.writeFlags)
	}
	if err == nil {
		enroller, err = app.enroller(ctx, ch)
	}
	if err == nil {
		app.reader.Expect(names, siteClasses())
		users, err = o.names.lookup(ctx, enroller.Store, names)
	}
	return ch, enroller, users, err
}

func runEnroll(ctx context.Context, app *App, opts *enrollOptions, args []string) error {
	if err := opts.validate(app); err != nil {
		return err
	}
	ch, enroller, users, err := opts.open(ctx, app, args)
	if err != nil {
		return err
	}
	user := users[0]
	plan := mfa.PlanEnroll(user, opts.replace)
	if plan.Refusal != nil && !opts.ifMissing {
		return ch.Refused(user.Username, plan.Refusal)
	}
	standings, err := app.standings(ctx, users)
	if err != nil {
		return err
	}
	opts.standing = standings[0]
	if plan.Refusal != nil {
		app.streams.Notef("%s: nothing to do", plan.Refusal)
		return showEnrollment(app, opts, enrollmentView{Username: user.Username, UUID: user.UUID, FactorSID: user.SID, Status: enrollmentUnchanged,
			Message: optional(opts.standing.Message())})
	}
	if opts.ifMissing && !opts.another {
		waiting, ok, err := enroller.Waiting(ctx, user)
		if err != nil {
			return err
		}
		if ok {
			app.streams.Notef("a QR code was made for %q at %s, which still works: nothing to do. Its secret can't be shown again; --new makes another",
				user.Username, moment(waiting.Created))
			return showEnrollment(app, opts, enrollmentView{Username: user.Username, UUID: user.UUID, FactorSID: &waiting.SID, Status: enrollmentUnchanged,
				FriendlyName: &waiting.FriendlyName, Message: optional(opts.standing.Message())})
		}
	}
	if !opts.sure {
		if err := app.warnNamesakesOf(ctx, opts.writeFlags, users); err != nil {
			return err
		}
	}
	if !opts.verify && !opts.sure {
		app.warnRejected(ctx, user)
	}
	mayBegin := func() error { return enroller.MayBegin(ctx, user) }
	if err := app.verifyCaller(ctx, ch, opts.writeFlags, opts.callerFlags, user, "nothing was changed", mayBegin); err != nil {
		return refusedEnrollment(app, opts, user, err)
	}
	for _, w := range opts.standing.Warnings() {
		app.streams.Warnf("%s", w)
	}
	if opts.dryRun {
		app.noteRecipients(ctx, ch, user.Username)
		friendly := mfa.FriendlyName(user.Username)
		return showEnrollment(app, opts, enrollmentView{Username: user.Username, UUID: user.UUID, Status: enrollmentWouldCreate, FriendlyName: &friendly,
			Message: optional(opts.standing.Message())})
	}
	if err := app.askEnroll(ctx, opts, user); err != nil {
		return err
	}
	app.noteIfOff(ctx)
	pending, err := enroller.Begin(ctx, plan)
	if err != nil {
		return err
	}
	if err := writeFiles(ctx, app, opts, pending); err != nil {
		return err
	}
	if opts.noWait {
		// The command does not wait, so there is no moment at which an alternate screen could close.
		return showPending(ctx, app, opts, pending)
	}
	switch err := showAndAsk(ctx, app, ch, opts, pending); {
	case err == nil || errors.Is(err, mfa.ErrOldFactorLeft):
		return cmp.Or(err, showEnrollment(app, opts, viewEnrollment(app, opts, pending, enrollmentVerified)))
	case errs.KindOf(err) == errs.CodeRejected && app.flags.output == formatJSON:
		return cmp.Or(err, showEnrollment(app, opts, rejectedEnrollment(app, opts, pending, err)))
	default:
		return err
	}
}

// refusedEnrollment returns why nothing was begun for a user. After a wrong code programs get the same document as after a right one.
func refusedEnrollment(app *App, opts *enrollOptions, user mfa.User, err error) error {
	if errs.KindOf(err) != errs.CodeRejected || app.flags.output == formatTable {
		return err
	}
	return cmp.Or(err, showEnrollment(app, opts, enrollmentView{Username: user.Username, UUID: user.UUID, Status: enrollmentRefused,
		Message: optional(err.Error()), Hint: optional(app.hintOfOne(err))}))
}

// rejectedEnrollment returns an enrolment for which no right code was typed: it waits, unless Twilio takes no more codes for its factor.
func rejectedEnrollment(app *App, opts *enrollOptions, p *mfa.PendingEnrollment, err error) enrollmentView {
	v := viewEnrollment(app, opts, p, enrollmentPending)
	if errors.Is(err, mfa.ErrAttemptsUsedUp) {
		v.Status, v.ValidUntil = enrollmentFailed, nil
	}
	v.Message, v.Hint = optional(err.Error()), optional(app.hintOfOne(err))
	return v
}

// standings looks up what keeps users out whatever their second factor is, and says so if that could not be done.
func (a *App) standings(ctx context.Context, users []mfa.User) ([]mfa.Standing, error) {
	directory, err := a.reader.Directory(ctx)
	if err != nil {
		return nil, err
	}
	all, unread, err := mfa.Standings(ctx, directory, users, a.now())
	if unread != nil {
		a.warnUnread(unread)
	}
	return all, err
}

// askEnroll asks before somebody gets a factor who should have none any more, or whose phone works. With --identify, or in assist, the
// person was shown, and a script finishes with the code of the new phone.
func (a *App) askEnroll(ctx context.Context, opts *enrollOptions, u mfa.User) error {
	if _, asks := opts.standing.Question(); asks || !u.Whole() || opts.sure || opts.verify || opts.noWait || !a.streams.CanAsk() {
		return a.askStanding(ctx, opts.writeFlags, opts.standing)
	}
	question := fmt.Sprintf("Put another phone in place of the one that works for %q (%s)?", u.Username, quotedOr(u.Person, "no person"))
	return a.confirm(ctx, opts.writeFlags, question)
}

// askStanding asks before somebody gets a factor who should have none any more.
func (a *App) askStanding(ctx context.Context, w writeFlags, s mfa.Standing) error {
	question, asks := s.Question()
	if !asks {
		return nil
	}
	if err := a.requireConfirmation(w); err != nil {
		return err
	}
	return a.confirm(ctx, w, question)
}

// showPending shows the factor and how the enrolment is finished. It says that only when everything is written out.
func showPending(ctx context.Context, app *App, opts *enrollOptions, p *mfa.PendingEnrollment) error {
	err := showMaterial(app, opts, p)
	if err == nil && app.flags.output == formatJSON {
		err = showEnrollment(app, opts, viewEnrollment(app, opts, p, enrollmentPending))
	}
	if err == nil {
		err = app.streams.Out.Flush()
	}
	if err != nil && len(opts.files()) == 0 {
		return unseen(ctx, app, p, err)
	}
	if !opts.reveal && len(opts.files()) == 0 && opts.screen(app) == nil {
		app.streams.Warnf("the secret was not shown to anybody, and can't be shown again: with --reveal, --png or --html it is")
	}
	until := ""
	if p.User.Whole() { // the enrolment to be replaced
		until = "; until then the old phone works"
	}
	app.streams.Notef("finish with: %s%s%s", verifyCommand(app.withFlags("uzerp-mfa verify"), p), until, noteOnName(p))
	return err
}

// unseen is the end of an enrolment whose secret could not be written, and is in no file: its factor is taken back. That the
// reader of a pipe went away is a failure here, so cause is not in the chain of the error.
func unseen(ctx context.Context, app *App, p *mfa.PendingEnrollment, cause error) error {
	return errs.New(errs.Failure, fmt.Sprintf("write the output: %s; %s", cause, takeBack(ctx, p)),
		"when the output can be written: "+commandWith(app.typed, app.args, nil))
}

// takeBack deletes the factor of an enrolment whose secret nobody has seen, and says so, and what is changed nevertheless.
func takeBack(ctx context.Context, p *mfa.PendingEnrollment) string {
	left := "its factor was deleted"
	if err := p.TakeBack(ctx); err != nil {
		left = "its factor " + p.Factor.SID + " is of no use, and Twilio drops it within a day"
	}
	return fmt.Sprintf("nobody has seen the secret for %q, and %s; %s", p.User.Username, left, p.Changed())
}

// verifyCommand returns the command that finishes the enrolment later; verify is its beginning. It names the factor: uzERP
// makes one of its own when the user opens its login meanwhile.
func verifyCommand(verify string, p *mfa.PendingEnrollment) string {
	user := shell.Quote(p.User.Username)
	if !canBeCopied(user) {
		user = "USER"
	}
	return verify + " --factor " + p.Factor.SID + " " + user + " CODE"
}

// canBeCopied reports whether a command line on the screen reads as this text.
func canBeCopied(text string) bool { return output.Escape(text) == text }

// noteOnName says what USER is in the text of verifyCommand, or nothing.
func noteOnName(p *mfa.PendingEnrollment) string {
	if canBeCopied(shell.Quote(p.User.Username)) {
		return ""
	}
	return "; the name for USER can't be copied from here: uzerp-mfa user list -o jsonl prints it"
}

// askUntilVerified asks for codes until Twilio has accepted one, and says each time why a code was rejected.
func askUntilVerified(ctx context.Context, app *App, ch *changes, on dialogue, opts *enrollOptions, p *mfa.PendingEnrollment) error {
	err := p.SubmitUntilVerified(ctx, opts.attempts, func(rejected error) (string, error) {
		if rejected != nil {
			on.Sayf("%s", rejected)
			if hint := app.hintOf(rejected); hint != "" {
				on.Sayf("hint: %s", hint)
			}
		}
		code, err := askCode(ctx, on, onetime.App, "Code that the app shows:")
		if err != nil {
			err = leftPending(app, p, err)
		}
		return code, err
	})
	ch.SendMails(ctx)
	if errs.KindOf(err) == errs.CodeRejected {
		return leftPending(app, p, err)
	}
	return err
}

// accountWaits is in the chain of the error of an enrolment that was broken off: its factor is left at Twilio. changed says what was
// changed in uzERP, if anything was.
type accountWaits struct {
	error
	changed string
}

func (e accountWaits) Unwrap() error { return e.error }

// leftPending is the error of an enrolment that was broken off. It says what is left: an account at Twilio, and in uzERP a uuid if
// there was none.
func leftPending(app *App, p *mfa.PendingEnrollment, err error) error {
	if errors.Is(err, mfa.ErrAttemptsUsedUp) { // its hint says what to do
		return accountWaits{err, p.Stays()}
	}
	if errs.KindOf(err) == errs.Declined {
		err = errs.New(errs.Declined, "nothing was typed; "+p.Changed(), "")
	}
	hint := "the account in the app works once verified: " + verifyCommand(app.withFlags("uzerp-mfa verify"), p) +
		"; otherwise Twilio drops it within a day" + noteOnName(p)
	if errors.Is(err, context.Canceled) {
		done := fmt.Sprintf("%q is not enrolled", p.User.Username)
		if p.User.Whole() { // the enrolment to be replaced
			done = fmt.Sprintf("%q is enrolled with the old phone, as before", p.User.Username)
		}
		if p.Stays() != "" {
			done += "; " + p.Changed()
		}
		return &interruption{done: done, hint: hint}
	}
	return &errs.Error{Kind: errs.KindOf(err), Err: accountWaits{err, p.Stays()}, Hint: errs.Plain(hint)}
}

// viewEnrollment returns an enrolment whose factor this run has made.
func viewEnrollment(app *App, opts *enrollOptions, p *mfa.PendingEnrollment, status enrollmentStatus) enrollmentView {
	v := enrollmentView{Username: p.User.Username, UUID: p.User.UUID, FactorSID: &p.Factor.SID, Status: status, Changed: true,
		FriendlyName: &p.Factor.FriendlyName, Message: optional(opts.standing.Message())}
	if status == enrollmentPending {
		sure, _ := p.Lifetime(app.now())
		v.ValidUntil = new(sure.UTC())
	}
	if opts.reveal {
		uri, secret := p.Factor.URI.Reveal(), p.Factor.Secret.Reveal()
		v.URI, v.Secret = &uri, &secret
	}
	return v
}

// showEnrollment prints the outcome. The table has no secret, for showMaterial has shown it.
func showEnrollment(app *App, opts *enrollOptions, v enrollmentView) error {
	if app.flags.output == formatJSON {
		return output.WriteJSON(app.streams.Out, enrollmentsDocument{SchemaVersion: schemaVersion, Changed: v.Changed, DryRun: opts.dryRun,
			Enrollments: []enrollmentView{v}})
	}
	return app.writeTable(nil, []column{columnUsername, {name: "status"}, {name: "factor"}}, [][]string{{v.Username, string(v.Status), text(v.FactorSID)}})
}
