package mfa

import (
	"iter"
	"slices"
	"strings"
)

// Filter selects users of a list. Its zero value selects all.
type Filter struct {
	States []State // users in one of these states; empty for every state
	Access *bool   // users who can log in at all (true) or can't (false); nil for both
	Match  string  // users whose name, person or email contains it, in any case
	Limit  int     // at most so many; 0 for all
}

// Matches reports whether the user passes the filter.
func (f Filter) Matches(u User) bool {
	if len(f.States) > 0 && !slices.Contains(f.States, u.State()) || f.Access != nil && *f.Access != u.Access() {
		return false
	}
	if f.Match == "" {
		return true
	}
	want := strings.ToLower(f.Match)
	return slices.ContainsFunc([]string{u.Username, u.Person, deref(u.Email)}, func(s string) bool {
		return strings.Contains(strings.ToLower(s), want)
	})
}

// Select returns the users that pass the filter, in their order. It reads no more of all than it needs.
func (f Filter) Select(all iter.Seq2[User, error]) iter.Seq2[User, error] {
	return func(yield func(User, error) bool) {
		n := 0
		for u, err := range all {
			if err != nil {
				yield(User{}, err)
				return
			}
			if !f.Matches(u) {
				continue
			}
			if n++; !yield(u, nil) || n == f.Limit {
				return
			}
		}
	}
}
