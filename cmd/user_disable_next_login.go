package cmd

import (
	"github.com/spf13/cobra"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/mfa"
)

// newUserDisableNextLoginCmd is user enable the other way round: user_enable.go runs both.
func newUserDisableNextLoginCmd(app *App) *cobra.Command {
	b := bypass{mfa.PlanDisableNextLogin, "the next login asks for the password only, once", "the next login skips the code already", &callerFlags{}}
	return newBypassCmd(app, b, &cobra.Command{
		Use:   "disable-next-login USER...",
		Short: "Let users log in once without a code",
		Long: `Lets users who are enrolled log in once with their password alone, for example with the phone left at home; uzERP then
asks for the code again by itself. It needs no Twilio, so it also helps when Twilio is down.

Verify the caller first: --identify sends a code to the phone that uzERP has for the user, asks you for what the caller
reads out, and changes nothing unless Twilio accepts it: 10. If the phone is at home, verify the caller in another way, and
say so with --verified-by.

` + exitCodes(errs.Partial, errs.Config, errs.NotFound, errs.Refused, errs.Unavailable, errs.CodeRejected),
		Example: "  uzerp-mfa user disable-next-login alice --verified-by in-person\n" +
			"  uzerp-mfa user disable-next-login alice\n  uzerp-mfa user disable-next-login alice bob --dry-run",
	})
}
