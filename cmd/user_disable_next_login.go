package cmd

import (
	"github.com/spf13/cobra"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/mfa"
)

// skipCommand is proposed to nobody who has typed less of it: it lets somebody in without a code, and "disable" sounds like
// keeping somebody out.
const skipCommand = "disable-next-login"

func newUserDisableNextLoginCmd(app *App) *cobra.Command {
	return newRemedyCmd(app, &remedyOptions{remedy: mfa.RemedySkip}, &cobra.Command{
		Use:   "disable-next-login USER...",
		Short: "Let users log in once without a code",
		Long: `Lets users who are enrolled log in once with their password alone, for example with the phone left at home; uzERP then
asks for the code again by itself. It needs no Twilio, so it also helps when Twilio is down. It shows the person and asks;
for several users their number must be typed.

Verify the caller first: --identify sends a code to the phone that uzERP has for the user, asks you for what the caller
reads out, and changes nothing unless Twilio accepts it: 10. If the phone is at home, verify the caller in another way, and
say so with --verified-by.

A skip that nobody uses stays: user list --state skip-next-login shows such users, and user enable takes it back. Open
sessions go on.`,
		Annotations: exitCodes(errs.Partial, errs.Config, errs.NotFound, errs.Refused, errs.Unavailable, errs.Declined, errs.CodeRejected),
		Example: "  uzerp-mfa user disable-next-login alice --verified-by in-person\n" +
			"  uzerp-mfa user disable-next-login alice --identify call\n" +
			"  uzerp-mfa user disable-next-login alice bob --dry-run",
	})
}
