package cmd

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"uzerp-mfa/internal/caller"
	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/mfa"
)

type userResetOptions struct {
	writeFlags
	regionFlag
	names      nameList
	skipTwilio bool
	identify   string

	prove   bool           // identify was given: an empty one is a mistake, and never a reset without a proof
	channel caller.Channel // what identify means
}

func newUserResetCmd(app *App) *cobra.Command {
	opts := &userResetOptions{}
	c := &cobra.Command{
		Use:   "reset USER...",
		Short: "Forget the second factor of users who lost their phone",
		Long: `Makes users enroll again at their next login: uzERP forgets their factor, and it is deleted at Twilio. A user without a
uuid, who could not enroll, gets one. Several users are reset only after their number was typed.

Make sure first that the caller is who they say they are: --identify sends a code to the phone that uzERP has for the
user, asks you for what the caller reads out, and resets nothing unless Twilio accepts it: a caller who is not proved is
10, an outage 7, a setting 4. It needs a terminal; scripts use identity send and identity check.

If Twilio does not answer nothing is changed; --skip-twilio resets uzERP all the same, and leaves the old factor at
Twilio: it can't be used to log in any more, and running reset again deletes it.

` + exitCodes(errs.Partial, errs.Config, errs.NotFound, errs.Refused, errs.Unavailable, errs.Declined, errs.CodeRejected),
		Example: "  uzerp-mfa user reset alice --identify sms --ticket 4711\n  uzerp-mfa user reset alice\n  uzerp-mfa user reset alice bob --dry-run\n  uzerp-mfa user reset alice --yes -o json",
	}
	c.Flags().BoolVar(&opts.skipTwilio, "skip-twilio", false, "reset uzERP only, for when Twilio is down")
	c.Flags().StringVar(&opts.identify, "identify", "", "prove the caller first, by a code to the phone in uzERP: sms or call")
	c.Flags().StringVar(&opts.self, "self", "", "your own uzERP user name, for the audit log (also: UZERP_MFA_SELF)")
	opts.registerRegion(c)
	opts.register(c)
	opts.names.register(c)
	completeValues(c, "identify", string(caller.ChannelSMS), string(caller.ChannelCall))
	c.ValidArgsFunction = app.completeUsers(0)
	c.RunE = app.run(listFormats, func(ctx context.Context, args []string) error {
		opts.prove = c.Flags().Changed("identify")
		return runUserReset(ctx, app, opts, args)
	})
	return c
}

// validate refuses what could not be carried to its end.
func (o *userResetOptions) validate(app *App) (err error) {
	switch {
	case !o.prove && o.region != "":
		return usageError("--region is for --identify, which is missing", "")
	case !o.prove:
		return app.requireConfirmation(o.writeFlags)
	case o.skipTwilio:
		return usageError("--identify and --skip-twilio contradict each other: it is Twilio that sends the code", "while Twilio is down, prove the caller in another way")
	}
	if o.channel, err = parseChannel("--identify", o.identify); err != nil {
		return err
	}
	if !o.dryRun && !app.streams.CanAsk() {
		return usageError("--identify asks for the code that the caller reads out, and there is no terminal to ask on",
			"scripts use uzerp-mfa identity send and identity check; --yes does not replace the code")
	}
	return nil
}

func runUserReset(ctx context.Context, app *App, opts *userResetOptions, args []string) error {
	if err := opts.validate(app); err != nil {
		return err
	}
	names, err := opts.names.read(ctx, app, args)
	if err != nil {
		return err
	}
	if opts.prove && slices.ContainsFunc(names, func(n string) bool { return n != names[0] }) {
		return usageError("--identify is for one user: a code proves one caller", "")
	}
	if err := app.recordChanges(opts.writeFlags); err != nil {
		return err
	}
	r := &resets{app: app, opts: opts}
	if r.store, err = app.store(ctx); err != nil {
		return err
	}
	if !opts.skipTwilio {
		if r.factors, err = app.factors(); err != nil {
			return err
		}
	}
	users, err := mfa.Lookup(ctx, r.store, names)
	if err != nil {
		return err
	}
	r.plan(ctx, users)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	needed := r.needed()
	if opts.prove && len(needed) > 0 {
		if err := app.identifyForReset(ctx, opts, users[0]); err != nil {
			return err
		}
	}
	r.warnSelf(needed)
	if len(needed) > 0 && !opts.yes && !opts.dryRun {
		r.show(ctx, needed)
		if err := r.confirm(ctx, needed); err != nil {
			return err
		}
	}
	if !opts.dryRun {
		r.apply(ctx, needed)
	}
	app.noteIfOff(ctx)
	if err := app.writeResults(r.outcomes, opts.dryRun); err != nil {
		return err
	}
	if len(needed) > 0 && !opts.dryRun {
		app.streams.Notef("Tell the user: delete the old uzERP account from the authenticator app, then log in; uzERP shows a new QR code.")
	}
	return nil
}

// resets are the users of one call and what becomes of them.
type resets struct {
	app      *App
	opts     *userResetOptions
	store    mfa.Store
	factors  mfa.Factors
	plans    []mfa.ResetPlan
	outcomes []outcome
}

// plan reads what there is to reset; nothing is changed yet.
func (r *resets) plan(ctx context.Context, users []mfa.User) {
	r.plans, r.outcomes = make([]mfa.ResetPlan, len(users)), make([]outcome, len(users))
	progress := r.app.streams.NewProgress("users looked at", len(users))
	failures := mfa.Batch(ctx, users, func(ctx context.Context, i int, u mfa.User) error {
		var err error
		r.plans[i], err = mfa.PlanReset(ctx, r.store, r.factors, u, r.opts.skipTwilio, r.app.newUUID)
		return err
	}, progress.Step)
	progress.Done()
	for i, u := range users {
		p := r.plans[i]
		o := &r.outcomes[i]
		*o = outcome{username: u.Username, status: statusPlanned, message: resetMessage(p, nil)}
		switch {
		case failures[i] != nil:
			r.plans[i].User = u // that of one not tried is empty
			o.fail(skipTwilioHint(failures[i], r.opts.prove))
		case !p.Needed():
			o.status, o.message = statusUnchanged, "nothing to reset: the next login asks to enroll"
		}
	}
}

// needed gives the indices of the users whom a reset would change.
func (r *resets) needed() []int {
	var needed []int
	for i := range r.plans {
		if r.outcomes[i].status == statusPlanned {
			needed = append(needed, i)
		}
	}
	return needed
}

func (r *resets) apply(ctx context.Context, needed []int) {
	progress := r.app.streams.NewProgress("users reset", len(needed))
	failures := mfa.Batch(ctx, needed, func(ctx context.Context, _, i int) error {
		p := r.plans[i]
		result, err := p.Apply(ctx, r.store, r.factors)
		r.outcomes[i].status = statusChanged
		r.outcomes[i].message = resetMessage(p, &result)
		return err
	}, progress.Step)
	progress.Done()
	for n, i := range needed {
		if failures[n] != nil {
			r.outcomes[i].fail(failures[n])
		}
	}
}

// skipTwilioHint names the way on while Twilio is down: where the caller was to be proved, none that forgets about it.
func skipTwilioHint(err error, prove bool) error {
	if errs.KindOf(err) != errs.Unavailable {
		return err
	}
	hint := "nothing was changed; if it stays so, --skip-twilio resets uzERP now, and a later reset cleans up at Twilio"
	if prove {
		hint = "nothing was changed; if it stays so, prove the caller in another way, and only then reset with --skip-twilio instead of --identify"
	}
	return &errs.Error{Kind: errs.Unavailable, Err: err, Hint: hint}
}

// resetMessage tells what a reset does, or did, for the user and at Twilio. done is nil before.
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

// confirm asks. Of several users the number must be typed, so that a y typed too fast, or a list that is longer than
// meant, resets nobody.
func (r *resets) confirm(ctx context.Context, needed []int) error {
	if len(needed) == 1 {
		return r.app.confirm(ctx, r.opts.writeFlags, fmt.Sprintf("Reset the second factor of %q?", r.plans[needed[0]].User.Username))
	}
	number := strconv.Itoa(len(needed))
	typed, err := r.app.streams.AskExact(ctx, fmt.Sprintf("Type %s to reset the second factor of these %s users:", number, number), number)
	if err == nil && !typed {
		err = errs.New(errs.Declined, "the number was not typed; nothing was changed", "")
	}
	return err
}

// warnSelf tells who resets themselves.
func (r *resets) warnSelf(needed []int) {
	for _, i := range needed {
		switch name := r.plans[i].User.Username; {
		case !r.app.isSelf(r.opts.writeFlags, name) || r.opts.dryRun:
		case r.app.recorder == nil:
			r.app.streams.Warnf("%q is your own user", name)
		default:
			r.app.streams.Warnf("%q is your own user: the audit log tells that you reset it yourself", name)
		}
	}
}

// details gives what is known of the persons. They are shown and decide nothing, so a reset works without them.
func (r *resets) details(ctx context.Context, needed []int) map[string]mfa.Details {
	names := make([]string, len(needed))
	for n, i := range needed {
		names[n] = r.plans[i].User.Username
	}
	var details map[string]mfa.Details
	directory, err := r.app.directory(ctx)
	if err == nil {
		details, err = directory.Details(ctx, names)
	}
	if err != nil && ctx.Err() == nil {
		r.app.streams.Warnf("whether anybody here has left, and their company, could not be looked up: %s", err)
	}
	return details
}

// show tells who will be reset, so that it is not the wrong person.
func (r *resets) show(ctx context.Context, needed []int) {
	s := r.app.streams
	details := r.details(ctx, needed)
	for i, p := range r.plans {
		u := p.User
		s.Sayf("%q", u.Username)
		if o := r.outcomes[i]; o.status != statusPlanned {
			s.Sayf("  %s: %s", o.status, o.message)
			continue
		}
		d, known := details[u.Username]
		company := orDash(d.Company)
		if !known {
			company = "unknown"
		}
		s.Sayf("  person      %s", orDash(u.Person))
		s.Sayf("  company     %s", company)
		s.Sayf("  email       %s", orDash(text(u.Email)))
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
			s.Warnf("the person behind %q left on %s: whoever asks for this is not them, or should not get in", u.Username, d.EndDate.Format(time.DateOnly))
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

// maxCodesTyped is how many codes may be typed. Twilio takes five, and a fourth is a guess.
const maxCodesTyped = 3

// identifyForReset lets Twilio prove the caller. Without an error it has; with one, nothing was reset.
func (a *App) identifyForReset(ctx context.Context, opts *userResetOptions, u mfa.User) error {
	err := a.askCaller(ctx, opts, u)
	if errors.Is(err, context.Canceled) {
		return &interruption{done: "nobody was reset", hint: "the code works for ten minutes; the same command begins again"}
	}
	err = caller.NotVerified(err)
	if a.recorder != nil && errs.KindOf(err) == errs.CodeRejected {
		a.recorder.Refused(u.Username, err)
	}
	return err
}

func (a *App) askCaller(ctx context.Context, opts *userResetOptions, u mfa.User) error {
	identifier, err := a.identifier(ctx, opts.regionFlag)
	if err != nil {
		return err
	}
	history := caller.History{Known: true}
	identifier.History = func(caller.Recipient) caller.History { return history }
	identifier.Resend = fmt.Sprintf("uzerp-mfa user reset --identify %s %s", opts.channel, errs.ShellQuote(u.Username))
	p, err := identifier.Plan(ctx, u, "")
	if err == nil {
		err = p.Refuses(opts.channel)
	}
	if err != nil {
		return err
	}
	if opts.dryRun {
		a.streams.Notef("A %s with a code would go to %s.", channelWords(opts.channel), whom(p))
		return nil
	}
	a.streams.Sayf("A %s with a code goes to %s.", channelWords(opts.channel), whom(p))
	a.warnDoNotShare(ctx, opts.channel)
	if _, err := p.Send(ctx, opts.channel); err != nil {
		return err
	}
	history.Sent = a.now()
	again := "do not help this caller unless you can prove them in another way; or begin again: " + identifier.Resend
	for n := 1; ; n++ {
		code, err := askCode(ctx, a.streams, sentCode, "Code that the caller reads out:")
		if errs.KindOf(err) == errs.Declined {
			return errs.New(errs.Declined, "no code was typed", again)
		}
		if err != nil {
			return err
		}
		_, err = p.Confirm(ctx, code)
		if err == nil {
			a.noteApproved(p)
			return nil
		}
		if !errors.Is(err, caller.ErrWrongCode) {
			return err
		}
		history.Wrong++
		if n == maxCodesTyped {
			return errs.New(errs.CodeRejected, fmt.Sprintf("%d codes were wrong", n), again)
		}
		a.streams.Sayf("%s\nhint: %s", err, errs.HintOf(err))
	}
}
