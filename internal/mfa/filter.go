package mfa

import (
	"iter"
	"slices"

	"uzerp-mfa/internal/alike"
)

// Filter selects users of a list. Its zero value selects all.
type Filter struct {
	States []State // users in one of these states; empty for every state
	Access *bool   // users who can log in at all (true) or can't (false); nil for both
	Match  string  // users whose name, person and email have all of its words, without letter case and accents
	Limit  int     // at most so many; 0 for all
}

// Selection is what a filter selects of a list.
type Selection struct {
	Shown int  // how many users passed, as far as was read
	More  bool // the limit has cut the list: there is at least one more
}

// Needed returns how many users of a list Select needs at most, or 0 if it may need all.
func (f Filter) Needed() int {
	if f.Limit == 0 || len(f.States) > 0 || f.Access != nil || f.Match != "" {
		return 0
	}
	return f.Limit + 1 // one more, to know whether the limit cuts
}

// Select returns the users that pass the filter, in their order. It reads no more of all than it needs to know whether the
// limit cuts. The selection is right once the users were read.
func (f Filter) Select(all iter.Seq2[User, error]) (*Selection, iter.Seq2[User, error]) {
	s, query := &Selection{}, alike.NewQuery(f.Match)
	return s, func(yield func(User, error) bool) {
		for u, err := range all {
			if err != nil {
				yield(User{}, err)
				return
			}
			if !f.matches(u, query) {
				continue
			}
			if s.More = f.Limit > 0 && s.Shown == f.Limit; s.More {
				return
			}
			if s.Shown++; !yield(u, nil) {
				return
			}
		}
	}
}

func (f Filter) matches(u User, query alike.Query) bool {
	if len(f.States) > 0 && !slices.Contains(f.States, u.State()) || f.Access != nil && *f.Access != u.Access() {
		return false
	}
	return f.Match == "" || query.Fit(u.Username, u.Person, deref(u.Email)) != alike.None
}
