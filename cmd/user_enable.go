package cmd

import (
	"context"

	"github.com/spf13/cobra"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/mfa"
)

// bypass is the difference between user enable and user disable-next-login.
type bypass struct {
	plan      func(mfa.User) mfa.RowChange
	changed   string
	unchanged string
	caller    *callerFlags // nil if nobody is helped, so that no caller need be verified
}

func newUserEnableCmd(app *App) *cobra.Command {
	b := bypass{mfa.PlanEnable, "the next login asks for the code", "the next login asks for the code already", nil}
	return newBypassCmd(app, b, &cobra.Command{
		Use:   "enable USER...",
		Short: "Ask users for their code again at the next login",
		Long: `Takes back disable-next-login: the next login asks for the one-time code again. Only for users who are enrolled; for
others it changes nothing, says why and what to do instead.

` + exitCodes(errs.Partial, errs.Config, errs.NotFound, errs.Refused, errs.Unavailable),
		Example: "  uzerp-mfa user enable alice\n  uzerp-mfa user enable alice bob -o json",
	})
}

func newBypassCmd(app *App, b bypass, c *cobra.Command) *cobra.Command {
	w, names := &writeFlags{}, &nameList{}
	w.register(c)
	names.register(c)
	if b.caller != nil {
		b.caller.registerCaller(c)
	}
	c.ValidArgsFunction = app.completeUsers(0)
	c.RunE = app.run(listFormats, func(ctx context.Context, args []string) error {
		if b.caller != nil {
			if err := b.caller.readCaller(app, c, w); err != nil {
				return err
			}
		}
		return runBypass(ctx, app, b, *w, names, args)
	})
	return c
}

// verifyCaller verifies the caller, if there is something to do for them.
func (b bypass) verifyCaller(ctx context.Context, app *App, ch *changes, w writeFlags, u mfa.User) error {
	if change := b.plan(u); b.caller == nil || change.Refusal != nil || !change.Needed() {
		return nil //nolint:nilerr // applying it says the refusal
	}
	return app.verifyCaller(ctx, ch, w, *b.caller, u, "nothing was changed")
}

func runBypass(ctx context.Context, app *App, b bypass, w writeFlags, list *nameList, args []string) error {
	names, err := list.read(ctx, app, args)
	if err == nil && b.caller != nil {
		err = b.caller.oneCaller(names)
	}
	if err != nil {
		return err
	}
	ch, err := app.changes(w)
	if err != nil {
		return err
	}
	store, err := ch.Users(ctx)
	if err != nil {
		return err
	}
	users, err := list.lookup(ctx, store, names)
	if err != nil {
		return err
	}
	for _, u := range users {
		app.warnLookalike(u.Username)
	}
	if err := b.verifyCaller(ctx, app, ch, w, users[0]); err != nil {
		return err
	}
	for _, u := range users {
		if change := b.plan(u); w.dryRun && b.caller != nil && change.Needed() {
			app.noteRecipients(ctx, ch, u.Username)
		}
	}
	results := make([]outcome, len(users))
	progress := app.streams.NewProgress("users", len(users))
	failures := mfa.Batch(ctx, users, func(ctx context.Context, i int, u mfa.User) error {
		change := b.plan(u)
		results[i] = outcome{status: statusChanged, message: b.changed}
		switch {
		case change.Refusal != nil:
			return change.Refusal
		case !change.Needed():
			results[i] = outcome{status: statusUnchanged, message: b.unchanged}
			return nil
		case w.dryRun:
			results[i].status = statusPlanned
			return nil
		}
		return change.Apply(ctx, store)
	}, progress.Step)
	progress.Done()
	for i, u := range users {
		results[i].username = u.Username
		if failures[i] != nil {
			results[i].fail(failures[i])
		}
	}
	app.noteIfOff(ctx)
	return app.writeResults(ch, results, w.dryRun)
}
