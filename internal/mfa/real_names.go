package mfa

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"uzerp-mfa/internal/errs"
)

// RealNames returns user names as the database has them, where they are written with escapes, as they are shown: nobody can
// type a byte that is not UTF-8. read returns the other names that stand as a text when they are shown. A name that a user has
// as it stands is that user's. If it stands for more than one user, none is taken: the error is of errs.NotFound. A name that
// stands for nobody is returned as it is.
func RealNames(ctx context.Context, store Reader, names []string, read func(text string) []string) ([]string, error) {
	var asked []string
	for _, name := range names {
		if others := read(name); others != nil {
			asked = append(append(asked, name), others...)
		}
	}
	if asked == nil {
		return names, nil
	}
	users, err := store.FindUsers(ctx, asked)
	if err != nil {
		return nil, err
	}
	found := slices.Clone(names)
	for i, name := range names {
		var meant []string
		for _, n := range append([]string{name}, read(name)...) {
			if slices.ContainsFunc(users, func(u User) bool { return u.Username == n }) {
				meant = append(meant, n)
			}
		}
		switch len(meant) {
		case 0:
		case 1:
			found[i] = meant[0]
		default:
			return nil, namesClash(name, meant)
		}
	}
	return found, nil
}

// namesClash returns the error for a name that stands for several users, and how each of them can be named.
func namesClash(name string, users []string) error {
	var ways []string
	for _, u := range users {
		var b strings.Builder
		for _, c := range []byte(u) {
			fmt.Fprintf(&b, `\x%02x`, c)
		}
		ways = append(ways, "'"+b.String()+"'")
	}
	return errs.New(errs.NotFound, fmt.Sprintf("%q stands for %d users: for the one with this very name, and for one that is shown so", name, len(users)),
		"give the name of one of them with each byte as an escape: "+strings.Join(ways, " or "))
}
