package cmd

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/mfa"
	"uzerp-mfa/internal/output"
)

type userResetOptions struct {
	writeFlags
	callerFlags
	names      nameList
	skipTwilio bool
}

func newUserResetCmd(app *App) *cobra.Command {
	opts := &userResetOptions{}
	c := &cobra.Command{
		Use:   "reset USER...",
		Short: "Forget the second factor of users who lost their phone",
		Long: `Makes users enroll again at their next login: uzERP forgets their factor, and it is deleted at Twilio. A user without a
uuid, who could not enroll, gets one. Several users are reset only after their number was typed.

Verify the caller first: --identify sends a code to the phone that uzERP has for the
user, asks you for what the caller reads out, and resets nothing unless Twilio accepts it. If the caller is not verified it ends
with 10, for an outage with 7, for a setting with 4. It needs a terminal; scripts use identity send and identity check.

If Twilio does not answer nothing is changed; --skip-twilio resets uzERP all the same, and leaves the old factor at
Twilio: it can't be used to log in any more, and running reset again deletes it.

` + exitCodes(errs.Partial, errs.Config, errs.NotFound, errs.Refused, errs.Unavailable, errs.Declined, errs.CodeRejected),
		Example: `  uzerp-mfa user reset alice --identify sms --ticket 4711
  uzerp-mfa user reset alice
  uzerp-mfa user reset alice bob --dry-run
  uzerp-mfa user reset alice --yes -o json`,
	}
	c.Flags().BoolVar(&opts.skipTwilio, "skip-twilio", false, "reset uzERP only, for when Twilio is down")
	c.Flags().StringVar(&opts.self, "self", "", "your own uzERP user name, for the audit log (also: UZERP_MFA_SELF)")
	opts.registerCaller(c)
	opts.register(c)
	opts.names.register(c)
	c.ValidArgsFunction = app.completeUsers(0)
	c.RunE = app.run(listFormats, func(ctx context.Context, args []string) error {
		if err := opts.readCaller(app, c, &opts.writeFlags); err != nil {
			return err
		}
		return runUserReset(ctx, app, opts, args)
	})
	return c
}

// validate reads the names, and refuses what could not be carried to its end.
func (o *userResetOptions) validate(ctx context.Context, app *App, args []string) (names []string, err error) {
	if err := o.validateFlags(app); err != nil {
		return nil, err
	}
	names, err = o.names.read(ctx, app, args)
	if err != nil {
		return nil, err
	}
	return names, o.oneCaller(names)
}

func (o *userResetOptions) validateFlags(app *App) error {
	switch {
	case !o.verify:
		return app.requireConfirmation(o.writeFlags)
	case o.skipTwilio:
		return usageError("--identify and --skip-twilio contradict each other: it is Twilio that sends the code",
			"while Twilio is down, verify the caller in another way")
	}
	return nil
}

func runUserReset(ctx context.Context, app *App, opts *userResetOptions, args []string) error {
	names, err := opts.validate(ctx, app, args)
	if err != nil {
		return err
	}
	ch, err := app.changes(opts.writeFlags)
	if err != nil {
		return err
	}
	r, err := planResets(ctx, app, ch, opts, names)
	if err != nil {
		return err
	}
	for _, reset := range r.needed {
		app.warnLookalike(reset.User.Username)
	}
	if err := r.verifyCaller(ctx); err != nil {
		return err
	}
	r.warnSelf()
	if opts.dryRun {
		for _, reset := range r.needed {
			app.noteRecipients(ctx, ch, reset.User.Username)
		}
	}
	r.show(ctx)
	if err := r.confirm(ctx); err != nil {
		return err
	}
	r.apply(ctx)
	app.noteIfOff(ctx)
	return r.report()
}

// resets are the users of one call and what becomes of them.
type resets struct {
	app     *App
	ch      *changes
	opts    *userResetOptions
	store   mfa.Writer
	factors mfa.Factors // nil with --skip-twilio
	all     []mfa.Reset
	needed  []*mfa.Reset // those of all that would change something
}

// planResets reads what there is to reset; nothing is changed yet.
func planResets(ctx context.Context, app *App, ch *changes, opts *userResetOptions, names []string) (*resets, error) {
	r := &resets{app: app, ch: ch, opts: opts}
	var err error
	if r.store, err = ch.Users(ctx); err != nil {
		return nil, err
	}
	if !opts.skipTwilio {
		if r.factors, err = ch.Factors(); err != nil {
			return nil, err
		}
	}
	users, err := opts.names.lookup(ctx, r.store, names)
	if err != nil {
		return nil, err
	}
	progress := app.streams.NewProgress("users looked at", len(users))
	r.all = mfa.PlanResets(ctx, r.store, r.factors, users, opts.skipTwilio, app.newUUID, progress.Step)
	progress.Done()
	for i := range r.all {
		r.all[i].Err = skipTwilioHint(r.all[i].Err, opts.verify)
	}
	r.needed = mfa.NeededResets(r.all)
	return r, ctx.Err()
}

// verifyCaller verifies the caller if --identify was given. Without an error the caller has the phone that uzERP has
// on file.
func (r *resets) verifyCaller(ctx context.Context) error {
	if len(r.needed) == 0 {
		return nil
	}
	return r.app.verifyCaller(ctx, r.ch, r.opts.writeFlags, r.opts.callerFlags, r.needed[0].User, "nobody was reset")
}

func (r *resets) apply(ctx context.Context) {
	if r.opts.dryRun {
		return
	}
	progress := r.app.streams.NewProgress("users reset", len(r.needed))
	mfa.ApplyResets(ctx, r.store, r.factors, r.needed, progress.Step)
	progress.Done()
}

// report prints what became of each user, and returns what the command ends with.
func (r *resets) report() error {
	outcomes := make([]outcome, len(r.all))
	for i := range r.all {
		outcomes[i] = resetOutcome(&r.all[i])
	}
	if err := r.app.writeResults(r.ch, outcomes, r.opts.dryRun); err != nil {
		return err
	}
	if len(r.needed) > 0 && !r.opts.dryRun {
		r.app.streams.Notef("Tell the user: delete the old uzERP account from the authenticator app, then log in; uzERP shows a new QR code.")
	}
	return nil
}

// resetOutcome returns what became of a user, or what would.
func resetOutcome(r *mfa.Reset) outcome {
	o := outcome{username: r.User.Username}
	switch {
	case r.Err != nil:
		o.fail(r.Err)
	case !r.Needed():
		o.status, o.message = statusUnchanged, "nothing to reset: the next login asks to enroll"
	case r.Done == nil:
		o.status, o.message = statusPlanned, resetMessage(r.ResetPlan, nil)
	default:
		o.status, o.message = statusChanged, resetMessage(r.ResetPlan, r.Done)
	}
	return o
}

// skipTwilioHint adds what helps while Twilio is down. If the caller must be verified, the hint doesn't leave that out.
func skipTwilioHint(err error, verify bool) error {
	if err == nil || errs.KindOf(err) != errs.Unavailable {
		return err
	}
	hint := "nothing was changed; if it stays so, --skip-twilio resets uzERP now, and a later reset cleans up at Twilio"
	if verify {
		hint = "nothing was changed; if it stays so, verify the caller in another way, and only then reset with --skip-twilio instead of --identify"
	}
	return &errs.Error{Kind: errs.Unavailable, Err: err, Hint: errs.Plain(hint)}
}

// resetMessage returns what a reset does, or did, for the user and at Twilio. done is nil before.
func resetMessage(p mfa.ResetPlan, done *mfa.ResetResult) string {
	parts := []string{"the next login asks to enroll"}
	if !p.User.Access() {
		parts[0] = "no login, for access is disabled; once it is enabled, the login asks to enroll"
	}
	kept := len(p.Kept)
	switch {
	case p.SkipTwilio:
		parts = append(parts, "factors at Twilio are left as they are")
	case done == nil:
		parts = append(parts, count(len(p.Delete), "factor")+" to delete at Twilio")
	default:
		parts = append(parts, count(len(done.Deleted), "factor")+" deleted at Twilio")
		kept += len(done.Left)
	}
	switch {
	case kept == 1:
		parts = append(parts, "1 factor kept because it is in use")
	case kept > 1:
		parts = append(parts, count(kept, "factor")+" kept because they are in use")
	}
	if p.User.UUID == nil {
		parts = append(parts, "a uuid is assigned")
	}
	return strings.Join(parts, "; ")
}

// confirm asks. For several users their number must be typed, so that a y typed too fast, or a list that is longer
// than meant, resets nobody.
func (r *resets) confirm(ctx context.Context) error {
	switch {
	case !r.asks():
		return nil
	case len(r.needed) == 1:
		return r.app.confirm(ctx, r.opts.writeFlags, fmt.Sprintf("Reset the second factor of %q?", r.needed[0].User.Username))
	}
	number := strconv.Itoa(len(r.needed))
	typed, err := r.app.streams.AskExact(ctx, fmt.Sprintf("Type %s to reset the second factor of these %s users:", number, number), number)
	if err == nil && !typed {
		err = errs.New(errs.Declined, "the number was not typed; nothing was changed", "")
	}
	return err
}

// asks reports whether the operator is shown what will be done and asked.
func (r *resets) asks() bool { return len(r.needed) > 0 && !r.opts.yes && !r.opts.dryRun }

// warnSelf warns operators who reset themselves.
func (r *resets) warnSelf() {
	for _, reset := range r.needed {
		switch name := reset.User.Username; {
		case !r.ch.IsSelf(name) || r.opts.dryRun:
		case !r.ch.Recorded():
			r.app.streams.Warnf("%q is your own user", name)
		default:
			r.app.streams.Warnf("%q is your own user: the audit log says that you reset it yourself", name)
		}
	}
}

// details returns what is known of the persons. It is shown and decides nothing, so a reset works without it.
func (r *resets) details(ctx context.Context) map[string]mfa.Details {
	names := make([]string, len(r.needed))
	for n, reset := range r.needed {
		names[n] = reset.User.Username
	}
	var details map[string]mfa.Details
	directory, err := r.app.reader.Directory(ctx)
	if err == nil {
		details, err = directory.Details(ctx, names)
	}
	if err != nil && ctx.Err() == nil {
		r.app.streams.Warnf("whether anybody here has left, and their company, could not be looked up: %s", err)
	}
	return details
}

// show shows the persons who will be reset, so that a wrong one is noticed.
func (r *resets) show(ctx context.Context) {
	if !r.asks() {
		return
	}
	s := r.app.streams
	details := r.details(ctx)
	for i := range r.all {
		p := &r.all[i]
		u := p.User
		s.Sayf("%q", u.Username)
		if o := resetOutcome(p); o.status != statusPlanned {
			s.Sayf("  %s: %s", o.status, o.message)
			continue
		}
		d, known := details[u.Username]
		company := orDash(d.Company)
		if !known {
			company = "unknown"
		}
		s.Sayf("  person      %s", output.Escape(orDash(mfa.Brief(u.Person))))
		s.Sayf("  company     %s", output.Escape(mfa.Brief(company)))
		s.Sayf("  email       %s", output.Escape(orDash(mfa.Brief(text(u.Email)))))
		s.Sayf("  last login  %s", orDash(text(lastLogin(u.LastLogin))))
		s.Sayf("  state       %s", u.State())
		if !u.Access() {
			s.Sayf("  access      disabled: the user can't log in with or without a code")
		}
		if p.SkipTwilio {
			s.Sayf("  at Twilio   not looked at; the old factor stays there")
		} else {
			s.Sayf("  at Twilio   %s to delete", count(len(p.Delete), "factor"))
		}
		if d.Left(r.app.now()) {
			s.Warnf("the person behind %q left on %s: the caller is somebody else, or should not get in", u.Username, d.EndDate.Format(time.DateOnly))
		}
		if len(p.Kept) > 0 {
			s.Warnf("%q shares its uuid with another user, whose %s will be kept", u.Username, count(len(p.Kept), "factor"))
		}
	}
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
