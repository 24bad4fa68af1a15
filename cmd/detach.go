package cmd

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/mfa"
	"uzerp-mfa/internal/output"
)

type detachOptions struct {
	writeFlags
	confirm string
}

func newDetachCmd(app *App) *cobra.Command {
	opts := &detachOptions{}
	c := &cobra.Command{
		Use:   "detach",
		Short: "Cut a copy of the database off from the live users' factors",
		Long: `For a test system whose database was restored from the live one: both then hold the same uuids, and resetting a user in
the copy would delete the live user's factor at Twilio. This gives every user of the copy a new uuid and forgets every
enrollment, all of them or nobody, and does not touch Twilio.

On the live database it would un-enroll everybody. So the database's name must be typed, or given with --confirm.`,
		Annotations: exitCodes(errs.Config, errs.Refused, errs.Unavailable, errs.Declined),
		Example: `  uzerp-mfa detach --database-url postgres://db/uzerp_test --dry-run
  uzerp-mfa detach --database-url postgres://db/uzerp_test --confirm uzerp_test`,
		Args: noArgs,
	}
	c.Flags().StringVar(&opts.confirm, "confirm", "", "name of the database, instead of typing it")
	opts.register(c)
	c.RunE = app.run(oneFormats, func(ctx context.Context, _ []string) error { return runDetach(ctx, app, opts) })
	return c
}

func runDetach(ctx context.Context, app *App, opts *detachOptions) error {
	switch {
	case opts.yes && opts.confirm == "":
		return usageError("--yes is not enough here: this un-enrolls every user of the database", "name the database with --confirm")
	case opts.confirm == "" && !opts.dryRun && !app.streams.CanAsk():
		return usageError("this needs the database's name, and there is no terminal to ask on",
			"name the database with --confirm; --dry-run shows what would be done")
	}
	ch, err := app.changes(opts.writeFlags)
	if err != nil {
		return err
	}
	store, err := ch.Copy(ctx)
	if err != nil {
		return err
	}
	target, err := store.TargetDatabase(ctx)
	if err != nil {
		return err
	}
	if opts.dryRun {
		return showTarget(app, target, detachWouldChange)
	}
	typed := opts.confirm
	if typed == "" {
		app.streams.Sayf("host      %s\ndatabase  %s\nusers     %d, of them %d enrolled: each gets a new uuid and must enroll again",
			target.Host, target.Database, target.Users, target.Enrolled)
		if typed, err = askLine(ctx, app.streams, "Type the name of the database to detach all its users:"); err != nil {
			return err
		}
	}
	if err := mfa.ConfirmDatabase(target, typed); err != nil {
		if opts.confirm == "" {
			return &errs.Error{Kind: errs.Declined, Err: err}
		}
		return ch.Refused(target.Database, err)
	}
	done := app.waiting(fmt.Sprintf("detaching %d users", target.Users))
	err = store.Detach(ctx, target.Users, app.newUUID)
	if done(); err != nil {
		return err
	}
	return showTarget(app, target, detachChanged)
}

func showTarget(app *App, d mfa.TargetDatabase, status detachStatus) error {
	if app.flags.output == formatJSON {
		return output.WriteJSON(app.streams.Out, detachDocument{SchemaVersion: schemaVersion,
			Changed: status == detachChanged, DryRun: status == detachWouldChange,
			Detach: detachView{Host: d.Host, Database: d.Database, Users: d.Users, Enrolled: d.Enrolled, Status: status}})
	}
	return app.writeTable(nil, columnsNamed("host", "database", "users", "were enrolled", "status"),
		[][]string{{d.Host, d.Database, fmt.Sprint(d.Users), fmt.Sprint(d.Enrolled), string(status)}})
}
