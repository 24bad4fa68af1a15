package cmd

import (
	"context"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/output"
)

func newGrantsCmd(app *App) *cobra.Command {
	role, withHistory := "", false
	c := &cobra.Command{
		Use:   "grants",
		Short: "Print the SQL for a database role with just the needed rights",
		Long: `Prints the SQL that makes a PostgreSQL role which can do what this tool does, column by column, and nothing else. It
can't read passwords. Nothing is executed, and no connection is opened.

With --history it also gives the right to read what uzERP's table audit_lines says about logins, through a view without
session ids and without what people typed. The role can't read those in the table either.

` + exitCodes(errs.Config, errs.Refused),
		Example: "  uzerp-mfa grants | psql uzerp\n  uzerp-mfa grants --role helpdesk --history",
		Args:    noArgs,
	}
	c.Flags().StringVar(&role, "role", "uzerp_mfa", "name of the role")
	c.Flags().BoolVar(&withHistory, "history", false, "add the right to read logins in audit_lines")
	c.RunE = app.run([]string{formatTable}, func(context.Context, []string) error {
		if role == "" || output.Escape(role) != role || strings.ContainsRune(role, 0) {
			return usageError("--role: not a name for a role", "")
		}
		_, err := io.WriteString(app.streams.Out, grantsSQL(role, withHistory))
		return err
	})
	return c
}
