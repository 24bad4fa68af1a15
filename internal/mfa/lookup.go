package mfa

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"uzerp-mfa/internal/errs"
)

// Lookup finds every named user, in the order of the names, each once. An unknown name ends it with errs.NotFound and
// the list of the unknown ones, so that nothing is changed for some before a typing error shows in another.
func Lookup(ctx context.Context, store Reader, usernames []string) ([]User, error) {
	found, err := store.FindUsers(ctx, usernames)
	if err != nil {
		return nil, err
	}
	byName := make(map[string]User, len(found))
	for _, u := range found {
		byName[u.Username] = u
	}
	var users []User
	var unknown []string
	seen := make(map[string]bool, len(usernames))
	for _, name := range usernames {
		if seen[name] {
			continue
		}
		seen[name] = true
		if u, ok := byName[name]; ok {
			users = append(users, u)
		} else {
			unknown = append(unknown, strconv.Quote(name))
		}
	}
	if len(unknown) > 0 {
		what := "no such user"
		if len(unknown) > 1 {
			what = "no such users"
		}
		return nil, errs.NewWith(errs.NotFound, fmt.Sprintf("%s: %s", what, strings.Join(unknown, ", ")), ReasonUnknownUser.With())
	}
	return users, nil
}

// SetRow is the one way a row is written. A lost reply, or a row that somebody else made as wanted meanwhile, is settled
// by reading the row again. No other failure is: nothing was written then, and a row that looks as wanted may be one that
// somebody is just changing in a transaction that nobody sees yet.
func SetRow(ctx context.Context, store Writer, username string, was, becomes Row) error {
	err := store.CompareAndSet(ctx, username, was, becomes)
	unclear := errors.Is(err, errs.ErrLostReply) || errors.Is(err, errs.ErrChanged)
	if err == nil || !unclear || was.Equal(becomes) {
		return err
	}
	users, readErr := store.FindUsers(ctx, []string{username})
	if readErr == nil && len(users) == 1 && users[0].Equal(becomes) {
		return nil
	}
	return err
}
