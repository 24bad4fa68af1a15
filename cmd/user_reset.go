package cmd

import (
	"github.com/spf13/cobra"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/mfa"
)

func newUserResetCmd(app *App) *cobra.Command {
	opts := &remedyOptions{remedy: mfa.RemedyReset}
	c := &cobra.Command{
		Use:   "reset USER...",
		Short: "Forget the second factor of users who lost their phone",
		Long: `Makes users enroll again at their next login: uzERP forgets their factor, and it is deleted at Twilio. A user without a
uuid, who could not enroll, gets one. Several users are reset only after their number was typed.

Verify the caller first: --identify sends a code to the phone that uzERP has for the
user, asks you for what the caller reads out, and resets nothing unless Twilio accepts it. If the caller is not verified it ends
with 10, for an outage with 7, for a setting with 4. It needs a terminal; scripts use identity send and identity check.

A reset ends no open session: a browser that is logged in as the user stays logged in.

If Twilio does not answer nothing is changed; --skip-twilio resets uzERP all the same, and leaves the old factor at
Twilio: it can't be used to log in any more, and running reset again deletes it.`,
		Annotations: exitCodes(errs.Partial, errs.Config, errs.NotFound, errs.Refused, errs.Unavailable, errs.Declined, errs.CodeRejected),
		Example: `  uzerp-mfa user reset alice --identify sms --ticket 4711
  uzerp-mfa user reset alice --verified-by in-person
  uzerp-mfa user reset alice bob --dry-run
  uzerp-mfa user reset alice --verified-by call-back --yes -o json`,
	}
	c.Flags().BoolVar(&opts.skipTwilio, "skip-twilio", false, "reset uzERP only, for when Twilio is down")
	return newRemedyCmd(app, opts, c)
}
