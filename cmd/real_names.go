package cmd

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/mfa"
	"uzerp-mfa/internal/output"
	"uzerp-mfa/internal/shell"
)

// realNames returns user names as they are in the database, where they are written with escapes, as this program shows them:
// nobody can type a byte that is not UTF-8. A name that a user has as it stands is that user's. If both are users, neither is
// taken.
func (a *App) realNames(ctx context.Context, names []string) ([]string, error) {
	var asked []string
	for _, name := range names {
		if read := output.ReadName(name); read != nil {
			asked = append(append(asked, name), read...)
		}
	}
	if len(asked) == 0 {
		return names, nil
	}
	store, err := a.reader.Users(ctx)
	if err != nil {
		return nil, err
	}
	users, err := store.FindUsers(ctx, asked)
	if err != nil {
		return nil, err
	}
	real := slices.Clone(names)
	for i, name := range names {
		var meant []string
		for _, n := range append([]string{name}, output.ReadName(name)...) {
			if slices.ContainsFunc(users, func(u mfa.User) bool { return u.Username == n }) {
				meant = append(meant, n)
			}
		}
		switch len(meant) {
		case 0:
		case 1:
			real[i] = meant[0]
		default:
			return nil, clash(name, meant)
		}
	}
	return real, nil
}

// clash returns the error for a name that stands for more than one user, and how each of them can be named.
func clash(name string, users []string) error {
	var ways []string
	for _, u := range users {
		ways = append(ways, shell.Word(allEscaped(u)))
	}
	return &errs.Error{Kind: errs.NotFound, Err: fmt.Errorf("%q stands for %d users: one has these very characters in the name, the other those of the escapes", name, len(users)),
		Hint: errs.Plain("name one of them in full: " + strings.Join(ways, " or "))}
}

// allEscaped returns a name with each of its bytes as an escape.
func allEscaped(name string) string {
	var b strings.Builder
	for _, c := range []byte(name) {
		fmt.Fprintf(&b, `\x%02x`, c)
	}
	return b.String()
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
