package cmd

import (
	"context"

	"github.com/spf13/cobra"

	"uzerp-mfa/internal/audit"
)

func newAuditLogCmd(app *App) *cobra.Command {
	c := &cobra.Command{
		Use:   "audit-log",
		Short: "Show and verify the log of all changes",
		Long: `Commands for the audit log: one line for every change that this program made, was refused, or began and did not end.
uzerp-mfa help audit-log describes the format.`,
		Annotations: exitCodes(),
		Example:     "  uzerp-mfa audit-log show --since 24h\n  uzerp-mfa audit-log verify",
		Args:        cobra.ArbitraryArgs,
		RunE:        runGroup,
	}
	c.AddCommand(newAuditLogShowCmd(app), newAuditLogVerifyCmd(app))
	return c
}

// openAuditLog opens the log for reading, and warns if somebody else may have written it.
func openAuditLog(ctx context.Context, app *App, path string) (*audit.Files, error) {
	log, err := audit.OpenFiles(ctx, path)
	if err == nil && log.Doubt != "" {
		app.streams.Warnf("another user may have written this log: %s", log.Doubt)
	}
	return log, err
}
