package cmd

import (
	"context"

	"github.com/spf13/cobra"

	"uzerp-mfa/internal/mfa"
)

// bypass is what tells user enable and user disable-next-login apart.
type bypass struct {
	plan      func(mfa.User) mfa.Change
	changed   string
	unchanged string
}

func newUserEnableCmd(app *App) *cobra.Command {
	b := bypass{mfa.PlanEnable, "the next login asks for the code", "the next login asks for the code already"}
	return newBypassCmd(app, b, &cobra.Command{
		Use:   "enable USER...",
		Short: "Ask users for their code again at the next login",
		Long: `Takes back disable-next-login: the next login asks for the one-time code again. Only for users who are enrolled; for
others it changes nothing, says why and what to do instead.

` + exitCodes(mfa.KindPartial, mfa.KindConfig, mfa.KindNotFound, mfa.KindRefused, mfa.KindUnavailable),
		Example: "  uzerp-mfa user enable alice\n  uzerp-mfa user enable alice bob -o json",
	})
}

func newUserDisableNextLoginCmd(app *App) *cobra.Command {
	b := bypass{mfa.PlanDisableNextLogin, "the next login asks for the password only, once", "the next login skips the code already"}
	return newBypassCmd(app, b, &cobra.Command{
		Use:   "disable-next-login USER...",
		Short: "Let users log in once without a code",
		Long: `Lets users who are enrolled log in once with their password alone, for example with the phone left at home; uzERP then
asks for the code again by itself. It needs no Twilio, so it also helps when Twilio is down.

` + exitCodes(mfa.KindPartial, mfa.KindConfig, mfa.KindNotFound, mfa.KindRefused, mfa.KindUnavailable),
		Example: "  uzerp-mfa user disable-next-login alice\n  uzerp-mfa user disable-next-login alice bob --dry-run",
	})
}

func newBypassCmd(app *App, b bypass, c *cobra.Command) *cobra.Command {
	w := writeFlags{}
	w.register(c)
	c.Args = usernames(0)
	c.ValidArgsFunction = app.completeUsers(0)
	c.RunE = app.run(listFormats, func(ctx context.Context, args []string) error { return runBypass(ctx, app, b, w, args) })
	return c
}

func runBypass(ctx context.Context, app *App, b bypass, w writeFlags, names []string) error {
	store, err := app.store(ctx)
	if err != nil {
		return err
	}
	users, err := mfa.Lookup(ctx, store, names)
	if err != nil {
		return err
	}
	var results []outcome
	for _, u := range users {
		change := b.plan(u)
		r := outcome{username: u.Username, message: b.changed, status: statusChanged}
		switch {
		case change.Refusal != nil:
			r.fail(change.Refusal)
		case !change.Needed():
			r.status, r.message = statusUnchanged, b.unchanged
		case w.dryRun:
			r.status = statusPlanned
		default:
			if err := change.Apply(ctx, store); err != nil {
				r.fail(err)
			}
		}
		results = append(results, r)
	}
	app.noteIfOff(ctx)
	return app.writeResults(results, w.dryRun)
}

// outcome is what became of one user.
type outcome struct {
	username string
	status   string
	message  string
	err      error
}

// fail makes the outcome that of an error.
func (o *outcome) fail(err error) {
	o.err, o.status, o.message = err, statusFailed, err.Error()
	if mfa.KindOf(err) == mfa.KindRefused {
		o.status = statusRefused
	}
}

func (o outcome) view() resultView {
	return resultView{Username: o.username, Status: o.status, Message: o.message}
}
