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
		Args:    usernames(0),
	}
	c.Flags().BoolVar(&opts.skipTwilio, "skip-twilio", false, "reset uzERP only, for when Twilio is down")
	opts.register(c)
	c.ValidArgsFunction = app.completeUsers(0)
	c.RunE = app.run(listFormats, func(ctx context.Context, args []string) error { return runUserReset(ctx, app, opts, args) })
	return c
}

func runUserReset(ctx context.Context, app *App, opts *userResetOptions, names []string) error {
	if err := app.requireConfirmation(opts.writeFlags); err != nil {
		return err
	}
	store, err := app.store(ctx)
	if err != nil {
		return err
	}
	var factors mfa.Factors
	if !opts.skipTwilio {
		if factors, err = app.factors(); err != nil {
			return err
		}
	}
	users, err := mfa.Lookup(ctx, store, names)
	if err != nil {
		return err
	}
	outcomes := make([]outcome, len(users))
	plans := make([]mfa.ResetPlan, len(users))
	needed := 0
	for i, u := range users {
		outcomes[i] = outcome{username: u.Username}
		plans[i], err = mfa.PlanReset(ctx, store, factors, u, opts.skipTwilio, app.newUUID)
		if err != nil {
			if ctx.Err() != nil {
				return err
			}
			outcomes[i].fail(skipTwilioHint(err))
			continue
		}
		if plans[i].Needed() {
			needed++
		}
	}
	if needed > 0 && !opts.yes && !opts.dryRun {
		showResetPlan(app, plans, outcomes)
		if err := app.confirm(ctx, opts.writeFlags, resetQuestion(plans, outcomes)); err != nil {
			return err
		}
	}
	for i, p := range plans {
		o := &outcomes[i]
		switch {
		case o.err != nil:
		case !p.Needed():
			o.status, o.message = statusUnchanged, "nothing to reset: the next login asks to enroll"
		case opts.dryRun:
			o.status, o.message = statusPlanned, resetMessage(p, len(p.Delete), len(p.Kept))
		case ctx.Err() != nil:
			o.fail(&interruption{done: "this user was not reset", hint: "run the command again"})
		default:
			r, err := p.Apply(ctx, store, factors)
			o.status, o.message = statusChanged, resetMessage(p, len(r.Deleted), len(p.Kept)+len(r.Left))
			if err != nil {
				o.fail(err)
			}
		}
	}
	app.noteIfOff(ctx)
	if err := app.writeResults(outcomes, opts.dryRun); err != nil {
		return err
	}
	if needed > 0 && !opts.dryRun {
		app.streams.Notef("Tell the user: delete the old uzERP account from the authenticator app, then log in; uzERP shows a new QR code.")
	}
	return nil
}

// skipTwilioHint names the way on while Twilio is down.
func skipTwilioHint(err error) error {
	if mfa.KindOf(err) != mfa.KindUnavailable {
		return err
	}
	return &mfa.Error{Kind: mfa.KindUnavailable, Err: err,
		Hint: "nothing was changed; if Twilio stays down, --skip-twilio resets uzERP now and a later reset cleans up at Twilio"}
}

func resetMessage(p mfa.ResetPlan, deleted, left int) string {
	parts := []string{"the next login asks to enroll"}
	switch {
	case p.SkipTwilio:
		parts = append(parts, "Twilio was not asked")
	default:
		parts = append(parts, count(deleted, "factor")+" deleted at Twilio")
	}
	if left > 0 {
		parts = append(parts, count(left, "factor")+" kept because it is in use")
	}
	if p.User.UUID == nil {
		parts = append(parts, "a uuid was assigned")
	}
	return strings.Join(parts, "; ")
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

func resetQuestion(plans []mfa.ResetPlan, outcomes []outcome) string {
	var names []string
	for i, p := range plans {
		if outcomes[i].err == nil && p.Needed() {
			names = append(names, p.User.Username)
		}
	}
	if len(names) == 1 {
		return fmt.Sprintf("Reset the second factor of %q?", names[0])
	}
	return fmt.Sprintf("Reset the second factor of these %d users?", len(names))
}

// showResetPlan shows who will be reset, so that it is not the wrong person.
func showResetPlan(app *App, plans []mfa.ResetPlan, outcomes []outcome) {
	s := app.streams
	for i, p := range plans {
		u := p.User
		s.Sayf("%q", u.Username)
		if err := outcomes[i].err; err != nil {
			s.Sayf("  cannot be reset: %s", err)
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
