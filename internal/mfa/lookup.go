package mfa

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"uzerp-mfa/internal/errs"
)

// Lookup returns every named user, in the order of the names, each once. If a name is unknown, it returns an error of
// errs.NotFound that lists all unknown names (UnknownUsersError): so a typing error shows before anything is changed.
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
			unknown = append(unknown, name)
		}
	}
	if len(unknown) > 0 {
		return nil, &errs.Error{Kind: errs.NotFound, Err: &UnknownUsersError{Names: unknown}, Hint: ReasonUnknownUser.With()}
	}
	return users, nil
}

// UnknownUsersError is in the chain of the error for names that no user has.
type UnknownUsersError struct {
	Names []string
}

func (e *UnknownUsersError) Error() string {
	what := "no such user"
	if len(e.Names) > 1 {
		what = "no such users"
	}
	return what + ": " + Names(e.Names, maxNames)
}

const (
	maxNames    = 50  // how many names a message lists
	longestName = 100 // how many bytes of a name it shows
)

// Names returns user names in quotes as a message lists them: at most so many, how many more there are, and of a long
// name the beginning.
func Names(names []string, most int) string {
	return FirstNames(names[:min(len(names), most)], len(names))
}

// FirstNames is Names for so many names in all, of which only the first are known.
func FirstNames(first []string, all int) string {
	quoted := make([]string, len(first))
	for i := range quoted {
		name, rest := cutName(first[i])
		quoted[i] = strconv.Quote(name) + rest
	}
	text := strings.Join(quoted, ", ")
	if more := all - len(first); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// Brief returns a name, or of a long one the beginning and how long it is: what is said after it must stay on the screen.
func Brief(name string) string {
	name, rest := cutName(name)
	return name + rest
}

func cutName(name string) (begin, rest string) {
	if len(name) <= longestName {
		return name, ""
	}
	return strings.ToValidUTF8(name[:longestName], ""), fmt.Sprintf("… (%d bytes)", len(name))
}

// SetRow writes a row; every row is written here. If the reply was lost, or the row has changed meanwhile, it reads
// the row again, and a row that is as wanted is a success. After any other error nothing was written, and the row is
// not read: somebody may just be changing it in a transaction that is not committed yet.
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
