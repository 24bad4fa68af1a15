package doctor

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"uzerp-mfa/internal/mfa"
)

// Tally counts users. It keeps no more of a user than the name and the uuid.
type Tally struct {
	Users Users

	broken, brokenNoAccess, noUUID     []string
	skip                               []mfa.User
	owners                             map[uuid.UUID]string // the first user with each uuid
	odd                                map[string]string    // and with each that is not written as uzERP writes one
	shared                             map[string][]string  // the users of each uuid that several users have
	asked                              map[string]member    // the users whose persons AddPersons needs
	left, noCompany, errorPage, closed []string
	closedUnknown                      bool // of somebody it is not known whether their company is closed
}

// member is what AddPersons needs to know of a user.
type member struct{ enrolled, access bool }

// NewTally returns an empty Tally.
func NewTally() *Tally {
	return &Tally{owners: map[uuid.UUID]string{}, odd: map[string]string{}, shared: map[string][]string{}, asked: map[string]member{}}
}

// Add counts a user.
func (t *Tally) Add(u mfa.User) {
	u.Username = strings.Clone(u.Username) // a part of a longer text, which need not stay
	state := u.State()
	switch state {
	case mfa.StateEnrolled:
		t.Users.Enrolled++
	case mfa.StateNotEnrolled:
		t.Users.NotEnrolled++
	case mfa.StateSkipNextLogin:
		t.Users.SkipNextLogin++
		t.skip = append(t.skip, u)
	case mfa.StateBroken:
		t.Users.Broken++
	}
	switch {
	case u.UUID == nil:
		t.noUUID = append(t.noUUID, u.Username)
	case state == mfa.StateBroken && u.Access():
		t.broken = append(t.broken, u.Username)
	case state == mfa.StateBroken:
		t.brokenNoAccess = append(t.brokenNoAccess, u.Username)
	}
	if u.UUID != nil {
		t.own(*u.UUID, u.Username)
	}
	if m := (member{enrolled: u.Enrolled != nil && *u.Enrolled, access: u.Access()}); m != (member{}) {
		t.asked[u.Username] = m
	}
}

func (t *Tally) own(text, username string) {
	first, taken := t.odd[text]
	id, err := uuid.Parse(text)
	usual := err == nil && id.String() == text
	if usual {
		first, taken = t.owners[id]
	}
	switch {
	case !taken && usual:
		t.owners[id] = username
	case !taken:
		t.odd[text] = username
	case len(t.shared[text]) == 0:
		t.shared[text] = []string{first, username}
	default:
		t.shared[text] = append(t.shared[text], username)
	}
}

// Asked returns the users whose persons AddPersons needs.
func (t *Tally) Asked() []string {
	return slices.Sorted(maps.Keys(t.asked))
}

// AddPersons adds the persons of some users. A person whose last day is today has not left yet.
func (t *Tally) AddPersons(persons map[string]mfa.Details, now time.Time) {
	today := now.Format(time.DateOnly)
	for name, d := range persons {
		if t.asked[name].enrolled && d.EndDate != nil && d.EndDate.Format(time.DateOnly) < today {
			t.left = append(t.left, name)
		}
		if !t.asked[name].access {
			continue
		}
		if !d.CompanyAccess {
			t.noCompany = append(t.noCompany, name)
			continue
		}
		if d.NoCompany {
			t.errorPage = append(t.errorPage, name)
		}
		switch {
		case d.Closed == nil:
			t.closedUnknown = true
		case *d.Closed:
			t.closed = append(t.closed, name)
		}
	}
	for _, names := range [][]string{t.left, t.noCompany, t.errorPage, t.closed} {
		slices.Sort(names)
	}
}

// duplicates returns the users of each uuid that several users have, in the order of their names.
func (t *Tally) duplicates() [][]string {
	var all [][]string
	for _, names := range t.shared {
		slices.Sort(names)
		all = append(all, names)
	}
	slices.SortFunc(all, slices.Compare)
	return all
}

// maxNames is how many users a message names.
const maxNames = 3

// who returns the names of some users: "alice", "bob" and 3 more.
func who(names []string) string { return mfa.Names(names, maxNames) }

// number returns "1 user", "2 users".
func number(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// verb returns the form of a verb for so many things.
func verb(n int, one, several string) string {
	if n == 1 {
		return one
	}
	return several
}
