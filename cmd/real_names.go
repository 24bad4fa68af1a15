package cmd

import (
	"context"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"uzerp-mfa/internal/mfa"
	"uzerp-mfa/internal/output"
)

// realNames returns user names as the database has them, if they are written as this program shows them. It opens the
// database only if one could be.
func (a *App) realNames(ctx context.Context, names []string) ([]string, error) {
	if !slices.ContainsFunc(names, func(name string) bool { return output.ReadName(name) != nil }) {
		return names, nil
	}
	store, err := a.reader.Users(ctx)
	if err != nil {
		return nil, err
	}
	return mfa.RealNames(ctx, store, names, output.ReadName)
}

// realArgs is realNames for the arguments of a command that are user names: USER... or USER, as its usage line says.
func (a *App) realArgs(ctx context.Context, c *cobra.Command, args []string) ([]string, error) {
	n := 0
	switch {
	case strings.Contains(c.Use, "USER..."):
		n = len(args)
	case strings.Contains(c.Use, " USER"):
		n = min(1, len(args))
	}
	names, err := a.realNames(ctx, args[:n])
	return slices.Concat(names, args[n:]), err
}
