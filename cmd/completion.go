package cmd

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
)

func newCompletionCmd(app *App) *cobra.Command {
	shells := []string{"bash", "zsh", "fish", "powershell"}
	c := &cobra.Command{
		Use:   "completion bash|zsh|fish|powershell",
		Short: "Print the completion script of a shell",
		Long: "Prints a script that lets the shell complete commands, flags and user names.\n" +
			"User names that the shell would have to quote are left out.\n\n" + exitCodes(),
		Example:   "  source <(uzerp-mfa completion bash)\n  uzerp-mfa completion zsh > \"${fpath[1]}/_uzerp-mfa\"",
		ValidArgs: shells,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usageError("one shell is needed: bash, zsh, fish or powershell", "")
			}
			return nil
		},
	}
	c.RunE = app.run([]string{formatTable}, func(_ context.Context, args []string) error {
		root, out := c.Root(), app.streams.Out
		switch args[0] {
		case "bash":
			return root.GenBashCompletionV2(out, true)
		case "zsh":
			return root.GenZshCompletion(out)
		case "fish":
			return root.GenFishCompletion(out, true)
		case "powershell":
			return root.GenPowerShellCompletionWithDesc(out)
		}
		return usageError(fmt.Sprintf("no completion for the shell %q", args[0]), "the shells are bash, zsh, fish and powershell")
	})
	return c
}

// completeUsers completes up to limit user names (0: any number).
func (a *App) completeUsers(limit int) cobra.CompletionFunc {
	return func(c *cobra.Command, args []string, toComplete string) ([]string, cobra.ShellCompDirective) {
		if limit > 0 && len(args) >= limit {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return a.completeUsernames(c, toComplete), cobra.ShellCompDirectiveNoFileComp
	}
}

// completeValues completes a flag that takes one of a few words.
func completeValues(c *cobra.Command, flag string, values ...string) {
	if err := c.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)); err != nil {
		panic(err) // a misspelled flag
	}
}
