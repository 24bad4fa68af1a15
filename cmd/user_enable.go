package cmd

import (
	"github.com/spf13/cobra"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/mfa"
)

func newUserEnableCmd(app *App) *cobra.Command {
	return newRemedyCmd(app, &remedyOptions{remedy: mfa.RemedyEnable}, &cobra.Command{
		Use:   "enable USER...",
		Short: "Ask users for their code again at the next login",
		Long: `Takes back disable-next-login: the next login asks for the one-time code again. Only for users who are enrolled; for
others it changes nothing, says why and what to do instead. It gives nobody access to uzERP who has none, and asks nothing.`,
		Annotations: exitCodes(errs.Partial, errs.Config, errs.NotFound, errs.Refused, errs.Unavailable),
		Example:     "  uzerp-mfa user enable alice\n  uzerp-mfa user enable alice bob -o json",
	})
}
