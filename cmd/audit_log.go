package cmd

import "github.com/spf13/cobra"

func newAuditLogCmd(app *App) *cobra.Command {
	c := &cobra.Command{
		Use:   "audit-log",
		Short: "Show and verify the log of all changes",
		Long: `Commands for the audit log: one line for every change that this program made, was refused, or began and did not end.
docs/audit-log.md describes the format.

` + exitCodes(),
		Example: "  uzerp-mfa audit-log show --since 24h\n  uzerp-mfa audit-log verify",
		Args:    cobra.ArbitraryArgs,
		RunE:    runGroup,
	}
	c.AddCommand(newAuditLogShowCmd(app), newAuditLogVerifyCmd(app))
	return c
}
