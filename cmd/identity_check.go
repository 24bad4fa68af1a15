package cmd

import (
	"cmp"
	"context"

	"github.com/spf13/cobra"

	"uzerp-mfa/internal/caller"
	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/onetime"
)

type identityCheckOptions struct {
	identityFlags
	verifiedByFlag
}

func newIdentityCheckCmd(app *App) *cobra.Command {
	opts := &identityCheckOptions{}
	c := &cobra.Command{
		Use:   "check USER [CODE|-]",
		Short: "Check the code that a caller reads out",
		Long: `Asks Twilio whether the code is the one that identity send sent to this user's number. Only exit code 0 means that the
caller has that phone. If the code was sent with --to, give the same number here.

Without CODE it is asked for; - reads it from stdin. Twilio takes five codes for one that it sent, and each works once.`,
		Annotations: exitCodes(errs.Config, errs.NotFound, errs.Refused, errs.Unavailable, errs.Declined, errs.CodeRejected),
		Example:     "  uzerp-mfa identity check alice 123456\n  uzerp-mfa identity check alice - -o json <code.txt",
		Args:        userAndCode,
	}
	opts.register(c)
	opts.registerVerifiedBy(c)
	c.ValidArgsFunction = app.completeUsers(1)
	c.RunE = app.run(oneFormats, func(ctx context.Context, args []string) error {
		opts.identityFlags.given = c.Flags().Changed("to")
		if err := opts.read(c, &opts.writeFlags); err != nil {
			return err
		}
		return runIdentityCheck(ctx, app, opts, args)
	})
	return c
}

func runIdentityCheck(ctx context.Context, app *App, opts *identityCheckOptions, args []string) error {
	if err := opts.validate(); err != nil {
		return err
	}
	code, err := app.codeArgument(ctx, onetime.Sent, opts.dryRun, args)
	if err != nil {
		return err
	}
	ch, err := app.changes(opts.writeFlags)
	if err != nil {
		return err
	}
	if !opts.dryRun && !ch.Recorded() {
		return caller.ErrNoRecord()
	}
	p, err := app.planCheck(ctx, ch, opts.identityFlags, args[0])
	if err != nil {
		return err
	}
	if opts.dryRun {
		return showIdentity(app, viewIdentity(p, identityWouldCheck))
	}
	if code == "" {
		if code, err = askCode(ctx, app.streams, onetime.Sent, "Code that the caller reads out:"); err != nil {
			return err
		}
	}
	answer, err := p.Confirm(ctx, code)
	if !answer.Asked {
		err = ch.Refused(args[0], err) // what Twilio was asked is recorded already
	}
	if answer.Status == "" {
		return err
	}
	if err == nil {
		app.noteApproved(p)
	}
	return cmp.Or(err, showIdentity(app, viewIdentity(p, "").answered(answer)))
}
