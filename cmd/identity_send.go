package cmd

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"uzerp-mfa/internal/caller"
	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/shell"
)

type identitySendOptions struct {
	identityFlags
	channel string
}

func newIdentitySendCmd(app *App) *cobra.Command {
	opts := &identitySendOptions{}
	c := &cobra.Command{
		Use:   "send USER",
		Short: "Send a code to the phone that uzERP has for a user",
		Long: `Has Twilio send a code to the user's main mobile in uzERP, or where there is none to the main phone: as a text message,
or spoken in a call. The caller reads it out, and identity check says whether it is right. Nothing changes in uzERP.

Where the number on file is missing, unreadable or not the only one, nothing is sent. --to sends to a number that you
give: for a phone whose number you know from elsewhere, never for one that the caller dictates.`,
		Annotations: exitCodes(errs.Config, errs.NotFound, errs.Refused, errs.Unavailable, errs.Declined),
		Example: `  uzerp-mfa identity send alice --channel sms
  uzerp-mfa identity send carol --channel call -o json
  uzerp-mfa identity send alice --channel sms --to '+44 7700 900456' --reason 'new number, confirmed by her manager'`,
		Args: usernames(1),
	}
	c.Flags().StringVar(&opts.channel, "channel", "", "how the code is sent: sms or call")
	opts.register(c)
	completeValues(c, "channel", string(caller.ChannelSMS), string(caller.ChannelCall))
	c.ValidArgsFunction = app.completeUsers(1)
	c.RunE = app.run(oneFormats, func(ctx context.Context, args []string) error {
		opts.given = c.Flags().Changed("to")
		return runIdentitySend(ctx, app, opts, args[0])
	})
	return c
}

func runIdentitySend(ctx context.Context, app *App, opts *identitySendOptions, name string) error {
	channel, err := parseChannel("--channel", opts.channel)
	if err != nil {
		return err
	}
	if err := opts.validate(); err != nil {
		return err
	}
	ch, err := app.changes(opts.writeFlags)
	if err != nil {
		return err
	}
	if !opts.dryRun && !ch.Recorded() {
		return caller.ErrNoRecord()
	}
	p, err := app.planCheck(ctx, ch, opts.identityFlags, name)
	if err != nil {
		return err
	}
	if err := p.Refuses(channel); err != nil {
		return ch.Refused(name, err)
	}
	view := viewIdentity(p, identityWouldSend)
	view.Channel = &channel
	if opts.dryRun {
		return showIdentity(app, view)
	}
	if p.Fresh {
		if err := app.askFresh(ctx, p); err != nil {
			return ch.Refused(name, err)
		}
	}
	app.streams.Notef("A %s with a code goes to %s.", channelWords(channel), whom(p))
	app.warnDoNotShare(ctx, channel)
	answer, err := p.Send(ctx, channel)
	if errors.Is(err, caller.ErrForeignCode) {
		return ch.Refused(name, err)
	}
	if err != nil {
		return err
	}
	given := ""
	if p.Recipient.Given {
		given = "--to NUMBER --reason WHY "
	}
	app.streams.Notef("The caller gets a %s with a code that works %s. Let them read it to you, then run: uzerp-mfa identity check %s%s",
		channelWords(channel), p.Waits(answer), given, codeFor(name))
	view.VerificationSID = &answer.SID
	return showIdentity(app, view.answered(answer))
}

// codeFor returns the user and the code at the end of a command line.
func codeFor(name string) string { return shell.Quote(name) + " CODE" }
