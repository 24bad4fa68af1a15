package cmd

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"uzerp-mfa/internal/mfa"
)

type userResetOptions struct {
	writeFlags
	names      nameList
	skipTwilio bool
}

func newUserResetCmd(app *App) *cobra.Command {
	opts := &userResetOptions{}
	c := &cobra.Command{
		Use:   "reset USER...",
		Short: "Forget the second factor of users who lost their phone",
		Long: `Makes users enroll again at their next login: uzERP forgets their factor, and it is deleted at Twilio. A user without a
uuid, who could not enroll, gets one. Make sure first that the caller is who they say they are.

If Twilio does not answer nothing is changed; --skip-twilio resets uzERP all the same, and leaves the old factor at
Twilio: it can't be used to log in any more, and running reset again deletes it.

` + exitCodes(mfa.KindPartial, mfa.KindConfig, mfa.KindNotFound, mfa.KindRefused, mfa.KindUnavailable, mfa.KindDeclined),
		Example: "  uzerp-mfa user reset alice\n  uzerp-mfa user reset alice bob --dry-run\n  uzerp-mfa user reset alice --yes -o json",
	}
	c.Flags().BoolVar(&opts.skipTwilio, "skip-twilio", false, "reset uzERP only, for when Twilio is down")
	opts.register(c)
	opts.names.register(c)
	c.ValidArgsFunction = app.completeUsers(0)
	c.RunE = app.run(listFormats, func(ctx context.Context, args []string) error { return runUserReset(ctx, app, opts, args) })
	return c
}

func runUserReset(ctx context.Context, app *App, opts *userResetOptions, args []string) error {
	if err := app.requireConfirmation(opts.writeFlags); err != nil {
		return err
	}
	names, err := opts.names.read(ctx, app, args)
	if err != nil {
		return err
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
	if len(needed) > 0 && !opts.yes && !opts.dryRun {
		r.show()
		if err := app.confirm(ctx, opts.writeFlags, r.question(needed)); err != nil {
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
	errs := mfa.Batch(ctx, users, func(ctx context.Context, i int, u mfa.User) error {
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
		case errs[i] != nil:
			r.plans[i].User = u // that of one not tried is empty
			o.fail(skipTwilioHint(errs[i]))
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
	errs := mfa.Batch(ctx, needed, func(ctx context.Context, _, i int) error {
		p := r.plans[i]
		result, err := p.Apply(ctx, r.store, r.factors)
		r.outcomes[i].status = statusChanged
		r.outcomes[i].message = resetMessage(p, &result)
		return err
	}, progress.Step)
	progress.Done()
	for n, i := range needed {
		if errs[n] != nil {
			r.outcomes[i].fail(errs[n])
		}
	}
}

// skipTwilioHint names the way on while Twilio is down.
func skipTwilioHint(err error) error {
	if mfa.KindOf(err) != mfa.KindUnavailable {
		return err
	}
	return &mfa.Error{Kind: mfa.KindUnavailable, Err: err,
		Hint: "nothing was changed; if it stays so, --skip-twilio resets uzERP now, and a later reset cleans up at Twilio"}
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

func (r *resets) question(needed []int) string {
	if len(needed) == 1 {
		return fmt.Sprintf("Reset the second factor of %q?", r.plans[needed[0]].User.Username)
	}
	return fmt.Sprintf("Reset the second factor of these %d users?", len(needed))
}

// show tells who will be reset, so that it is not the wrong person.
func (r *resets) show() {
	s := r.app.streams
	for i, p := range r.plans {
		u := p.User
		s.Sayf("%q", u.Username)
		if o := r.outcomes[i]; o.status != statusPlanned {
			s.Sayf("  %s: %s", o.status, o.message)
			continue
		}
		s.Sayf("  person      %s", orDash(u.Person))
		s.Sayf("  email       %s", orDash(text(u.Email)))
		s.Sayf("  last login  %s", orDash(text(lastLogin(u.LastLogin))))
		s.Sayf("  state       %s", u.State())
		if !u.Access() {
			s.Sayf("  access      disabled: the user can't log in with or without a code")
		}
		if p.SkipTwilio {
			s.Sayf("  at Twilio   not looked at; the old factor stays there")
			continue
		}
		s.Sayf("  at Twilio   %s to delete", count(len(p.Delete), "factor"))
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
