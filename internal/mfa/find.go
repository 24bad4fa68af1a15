package mfa

import (
	"context"
	"fmt"
	"iter"
	"strings"

	"uzerp-mfa/internal/alike"
	"uzerp-mfa/internal/errs"
)

// Match says how well a user fits what somebody said of them.
type Match int

// The matches, from the worst to the best.
const (
	MatchNone      Match = iota
	MatchPart            // each word stands somewhere in user name, person or the e-mail address before the @
	MatchBeginning       // each word begins a word there
	MatchWhole           // each word is a word there; or the user name looks the same, but is not
	MatchEmail           // the e-mail address is the same
	MatchName            // the user name is the same, byte by byte
)

// mostCandidates is how many users of each match are kept.
const mostCandidates = 20

// Candidate is a user who may be meant.
type Candidate struct {
	User
	Match Match
}

// Found says who may be meant by a text.
type Found struct {
	Text       string
	Candidates []Candidate // the best first, then by name; of each match mostCandidates at most
	Best       int         // how many users fit as well as the first
}

// User returns the user whom the text means: the one who fits best, if nobody else fits as well.
func (f Found) User() (User, bool) {
	if f.Best != 1 {
		return User{}, false
	}
	return f.Candidates[0].User, true
}

// BestCandidates returns the users who fit as well as the first, mostCandidates at most.
func (f Found) BestCandidates() []User {
	var best []User
	for _, c := range f.Candidates {
		if c.Match == f.Candidates[0].Match {
			best = append(best, c.User)
		}
	}
	return best
}

// Find returns, for each of the texts, who may be meant: by a user name, an e-mail address, or words of a person's name in
// any order, without letter case and accents (alike.Fold). An exact user name always wins, and then nobody else is a
// candidate. All is read only if a text is no user name.
func Find(ctx context.Context, store Reader, all iter.Seq2[User, error], texts []string) ([]Found, error) {
	exact, err := store.FindUsers(ctx, texts)
	if err != nil {
		return nil, err
	}
	byName := make(map[string]User, len(exact))
	for _, u := range exact {
		byName[u.Username] = u
	}
	found := make([]Found, len(texts))
	var searches []*search
	for i, text := range texts {
		if found[i].Text = text; text == "" {
			continue
		}
		if u, ok := byName[text]; ok {
			found[i].Candidates, found[i].Best = []Candidate{{u, MatchName}}, 1
			continue
		}
		searches = append(searches, newSearch(&found[i]))
	}
	return found, searchAll(all, searches)
}

// Propose returns, for each of the names that no user has, who may be meant. A name that has a user by now is one too. An
// e-mail address means the user who has it no more than one whose user name looks like it: the command changes somebody.
func Propose(all iter.Seq2[User, error], names []string) ([]Found, error) {
	found := make([]Found, len(names))
	searches := make([]*search, len(names))
	for i, name := range names {
		found[i].Text = name
		searches[i] = newSearch(&found[i])
		searches[i].cautious = true
	}
	return found, searchAll(all, searches)
}

func searchAll(all iter.Seq2[User, error], searches []*search) error {
	if len(searches) == 0 {
		return nil
	}
	for u, err := range all {
		if err != nil {
			return err
		}
		for _, s := range searches {
			s.see(u)
		}
	}
	for _, s := range searches {
		s.finish()
	}
	return nil
}

// search is one text that is looked for.
type search struct {
	found *Found
	text  string
	email string // the text as an e-mail address, or ""
	shape string
	query alike.Query
	// cautious means that a user name which looks like an e-mail address fits it as well as the address.
	cautious bool
	kept     [MatchName + 1][]Candidate
	count    [MatchName + 1]int
}

func newSearch(f *Found) *search {
	s := &search{found: f, text: f.Text, shape: alike.Shape(f.Text), query: alike.NewQuery(f.Text)}
	if strings.Contains(f.Text, "@") {
		s.email = strings.TrimSpace(alike.Fold(f.Text))
	}
	return s
}

func (s *search) see(u User) {
	m := s.match(u)
	if m == MatchNone {
		return
	}
	if s.count[m]++; len(s.kept[m]) < mostCandidates {
		s.kept[m] = append(s.kept[m], Candidate{u, m})
	}
}

func (s *search) match(u User) Match {
	email := deref(u.Email)
	switch {
	case u.Username == s.text:
		return MatchName
	case s.email != "" && strings.TrimSpace(alike.Fold(email)) == s.email:
		return MatchEmail
	case s.shape != "" && alike.Shape(u.Username) == s.shape:
		if s.cautious && s.email != "" {
			return MatchEmail
		}
		return MatchWhole
	}
	before, _, _ := strings.Cut(email, "@")
	switch s.query.Fit(u.Username, u.Person, before) {
	case alike.Whole:
		return MatchWhole
	case alike.Beginning:
		return MatchBeginning
	case alike.Part:
		return MatchPart
	}
	if s.email != "" && s.query.Fit(u.Username, u.Person, email) != alike.None { // the beginning of an address, with the @
		return MatchPart
	}
	return MatchNone
}

func (s *search) finish() {
	for m := MatchName; m > MatchNone; m-- {
		if s.found.Best == 0 {
			s.found.Best = s.count[m]
		}
		s.found.Candidates = append(s.found.Candidates, s.kept[m]...)
	}
}

// Namesakes returns who else may be meant by the user name of u: by whole words of a person's name, or by an e-mail address.
func Namesakes(all iter.Seq2[User, error], u User) ([]User, error) {
	found, err := Propose(all, []string{u.Username})
	if err != nil {
		return nil, err
	}
	var others []User
	for _, c := range found[0].Candidates {
		if c.Username != u.Username && c.Match >= MatchWhole {
			others = append(others, c.User)
		}
	}
	return others, nil
}

// Take returns the user of each text, as Find finds them. If a text means nobody, or several, it returns an error of
// errs.NotFound with an UnclearError in its chain. Each user is returned once.
func Take(ctx context.Context, store Reader, all iter.Seq2[User, error], texts []string) (users []User, taken []Found, err error) {
	found, err := Find(ctx, store, all, texts)
	if err != nil {
		return nil, nil, err
	}
	unclear := &UnclearError{}
	seen := make(map[string]bool, len(found))
	for _, f := range found {
		u, ok := f.User()
		switch {
		case !ok:
			unclear.Found = append(unclear.Found, f)
		case !seen[u.Username]:
			seen[u.Username] = true
			users, taken = append(users, u), append(taken, f)
		}
	}
	if len(unclear.Found) > 0 {
		return nil, nil, &errs.Error{Kind: errs.NotFound, Err: unclear, Hint: ReasonNobodyFound.With()}
	}
	return users, taken, nil
}

// UnclearError is in the chain of the error for texts that mean nobody, or several users.
type UnclearError struct {
	Found []Found
}

func (e *UnclearError) Error() string {
	var nobody []string
	var parts []string
	for _, f := range e.Found {
		if f.Best == 0 {
			nobody = append(nobody, f.Text)
		} else if len(parts) < maxNames {
			parts = append(parts, fmt.Sprintf("%s fits %d users", Names([]string{f.Text}, 1), f.Best))
		}
	}
	if len(nobody) > 0 {
		parts = append([]string{"no user matches " + Names(nobody, maxNames)}, parts...)
	}
	return strings.Join(parts, "; ")
}
