package cmd

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/output"
)

type grantsView struct {
	// the name of the role
	Role    string `json:"role"`
	History bool   `json:"history"` // whether the role may read logins too
	// what to run in the database
	SQL string `json:"sql"`
}

type grantsDocument struct {
	SchemaVersion int `json:"schema_version"`
	// what to give the role
	Grants grantsView `json:"grants"`
}

func newGrantsCmd(app *App) *cobra.Command {
	role, withHistory, ofTwilio := "", false, false
	c := &cobra.Command{
		Use:   "grants [--twilio [SET]]",
		Short: "Print which rights this program needs, as SQL or as a list",
		Long: `Prints the SQL that makes a PostgreSQL role which can do what this tool does, column by column, and nothing else. It
can't read passwords. Nothing is executed, and no connection is opened.

With --history it also gives the right to read what uzERP's table audit_lines says about logins, through a view without
session ids and without what people typed. The role can't read those in the table either.

With --twilio it prints which permissions a restricted API key of Twilio's needs, and for which commands. Tick them when you
make the key in Twilio's console. SET is monitoring (only looks), helpdesk (resets, verifies callers), enrollment (also enrolls)
or all, which is the default. With -o json, policy is what Twilio's API takes to make such a key.`,
		Annotations: exitCodes(errs.Config, errs.Refused),
		Example:     "  uzerp-mfa grants | psql uzerp\n  uzerp-mfa grants --role helpdesk --history\n  uzerp-mfa grants --twilio helpdesk",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			if !slices.Contains(twilioSets(), args[0]) {
				return usageError(fmt.Sprintf("unexpected argument %q", args[0]), "after --twilio the sets are "+strings.Join(twilioSets(), ", "))
			}
			return noArgs(c, args[1:])
		},
		ValidArgsFunction: func(_ *cobra.Command, args []string, toComplete string) ([]string, cobra.ShellCompDirective) {
			if !ofTwilio || len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return beginning(toComplete, twilioSets()), cobra.ShellCompDirectiveNoFileComp
		},
	}
	c.Flags().StringVar(&role, "role", "uzerp_mfa", "name of the role")
	c.Flags().BoolVar(&withHistory, "history", false, "add the right to read logins in audit_lines")
	c.Flags().BoolVar(&ofTwilio, "twilio", false, "print the permissions of a restricted API key of Twilio's instead")
	c.RunE = app.run(oneFormats, func(_ context.Context, args []string) error {
		if ofTwilio {
			if c.Flags().Changed("role") || withHistory {
				return usageError("--twilio is about Twilio's key: --role and --history contradict it", "")
			}
			set := setAll
			if len(args) > 0 {
				set = twilioSet(args[0])
			}
			return writeTwilioGrants(app, set)
		}
		if err := noArgs(c, args); err != nil {
			return err
		}
		if role == "" || output.Escape(role) != role || strings.ContainsRune(role, 0) {
			return usageError("--role: not a name for a role", "")
		}
		sql := grantsSQL(role, withHistory)
		if app.flags.output == formatJSON {
			return output.WriteJSON(app.streams.Out, grantsDocument{SchemaVersion: schemaVersion, Grants: grantsView{role, withHistory, sql}})
		}
		_, err := io.WriteString(app.streams.Out, sql)
		return err
	})
	return c
}
