package doctor

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"uzerp-mfa/internal/mfa"
)

// Tally counts users, who come in any order. However many there are, it keeps only a few names; but everybody who skips the next code.
type Tally struct {
	Users  Users
	Shared mfa.Shared

	broken, brokenNoAccess, noUUID     named
	left, noCompany, errorPage, closed named
	closedUnknown                      bool       // of somebody it is not known whether their company is closed
	skip                               []mfa.User // as far as Skips asks
}

// Add counts a user.
func (t *Tally) Add(u mfa.User) {
	state := u.State()
	switch state {
	case mfa.StateEnrolled:
		t.Users.Enrolled++
	case mfa.StateNotEnrolled:
		t.Users.NotEnrolled++
	case mfa.StateSkipNextLogin:
		t.Users.SkipNextLogin++
		s := mfa.User{Username: strings.Clone(u.Username), Row: mfa.Row{Enrolled: u.Enrolled, Enabled: u.Enabled}} // name and time may be parts of something bigger
		if u.LastLogin != nil {
			s.LastLogin = new(*u.LastLogin)
		}
		t.skip = append(t.skip, s)
	case mfa.StateBroken:
		t.Users.Broken++
	}
	switch {
	case u.UUID == nil:
		t.noUUID.add(u.Username)
	case state == mfa.StateBroken && u.Access():
		t.broken.add(u.Username)
	case state == mfa.StateBroken:
		t.brokenNoAccess.add(u.Username)
	}
}

// AddPerson counts the person behind a user. A person whose last day is today has not left yet.
func (t *Tally) AddPerson(p mfa.Person, now time.Time) {
	if p.Enrolled && p.Left(now) {
		t.left.add(p.Username)
	}
	switch {
	case !p.Access:
		return
	case !p.CompanyAccess:
		t.noCompany.add(p.Username)
		return
	case p.NoCompany:
		t.errorPage.add(p.Username)
	}
	switch {
	case p.Closed == nil:
		t.closedUnknown = true
	case *p.Closed:
		t.closed.add(p.Username)
	}
}

// named are users of whom only the number and the first names count, in byte order.
type named struct {
	n     int
	first []string
}

func (g *named) add(name string) {
	g.n++
	at, _ := slices.BinarySearch(g.first, name)
	if at == maxNames {
		return
	}
	g.first = slices.Insert(g.first[:min(len(g.first), maxNames-1)], at, strings.Clone(name))
}

// String names them: "alice", "bob" and 3 more.
func (g *named) String() string { return mfa.FirstNames(g.first, g.n) }

// maxNames is how many users a message names.
const maxNames = 3

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
