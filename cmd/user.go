package cmd

import (
	"github.com/spf13/cobra"
)

func newUserCmd(app *App) *cobra.Command {
	c := &cobra.Command{
		Use:         "user",
		Short:       "List users and change their two-factor state",
		Example:     "  uzerp-mfa user list",
		Long:        "Commands for users and their second factor.",
		Annotations: exitCodes(),
		Args:        cobra.ArbitraryArgs,
		RunE:        runGroup,
	}
	c.AddCommand(newUserListCmd(app), newUserShowCmd(app), newUserHistoryCmd(app), newUserEnableCmd(app), newUserDisableNextLoginCmd(app), newUserResetCmd(app))
	return c
}
