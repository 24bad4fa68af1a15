package doctor

import (
	"fmt"

	"uzerp-mfa/internal/errs"
)

// Status is the outcome of a check.
type Status string

// A check fails where the installation is broken, unsafe or could not be looked at although it should be; it warns of what
// will hurt or was hardly meant. Info is what one should know and nothing is wrong with. Skipped is a check that could
// not be made for want of another one's success.
const (
	Pass    Status = "pass"
	Info    Status = "info"
	Skipped Status = "skipped"
	Warn    Status = "warn"
	Fail    Status = "fail"
)

// Check is one thing looked at.
type Check struct {
	ID      string // stable; findings of session-config check and service check keep their own
	Group   string
	Status  Status
	Message string
	Hint    string // what to do; may be empty
	Needs   string // of a skipped check: the ID of the one that it needs, empty if it needs none
}

// Groups gives the groups in the order in which they are shown.
func Groups() []string {
	return []string{GroupSettings, GroupDatabase, GroupLogin, GroupUzerp, GroupTwilio, GroupSession, GroupUsers, GroupAudit}
}

// The groups of checks.
const (
	GroupSettings = "settings"
	GroupDatabase = "database"
	GroupLogin    = "login"
	GroupUzerp    = "uzerp"
	GroupTwilio   = "twilio"
	GroupSession  = "session"
	GroupUsers    = "users"
	GroupAudit    = "audit-log"
)

// Report is what came out.
type Report struct {
	Checks []Check
	Users  *Users // nil where the users could not be counted
}

// Users are the users by state.
type Users struct {
	Enrolled, NotEnrolled, SkipNextLogin, Broken int
}

// Count gives the number of checks with a status.
func (r Report) Count(s Status) int {
	n := 0
	for _, c := range r.Checks {
		if c.Status == s {
			n++
		}
	}
	return n
}

// Sound tells whether nothing was found. Checks that were skipped are no finding by themselves: what kept them from being
// made is one, or was chosen.
func (r Report) Sound() bool { return r.Count(Fail)+r.Count(Warn) == 0 }

// Part is one thing that was asked for: what came, or the error. The zero Part was never asked for, and all that
// depends on it is skipped.
type Part[T any] struct {
	value T
	err   error
	asked bool
}

// Got makes a Part of an answer.
func Got[T any](value T, err error) Part[T] { return Part[T]{value: value, err: err, asked: true} }

// OK tells whether there is a value.
func (p Part[T]) OK() bool { return p.asked && p.err == nil }

// checker collects the checks of one group.
type checker struct {
	group  string
	checks []Check
}

func (c *checker) add(id string, status Status, hint, format string, args ...any) {
	c.checks = append(c.checks, Check{ID: id, Group: c.group, Status: status, Message: fmt.Sprintf(format, args...), Hint: hint})
}

func (c *checker) pass(id, format string, args ...any) { c.add(id, Pass, "", format, args...) }

// fail tells of an error where one came instead of an answer.
func (c *checker) fail(id string, err error) { c.add(id, Fail, errs.HintOf(err), "%s", err) }

// skip leaves checks out because of the one that they need.
func (c *checker) skip(needs string, ids ...string) {
	message := "not checked"
	if needs != "" {
		message += ": it needs " + needs
	}
	for _, id := range ids {
		c.checks = append(c.checks, Check{ID: id, Group: c.group, Status: Skipped, Message: message, Needs: needs})
	}
}

// have tells whether a part is there to be judged. If it is not, the check id is: failed with the error that came, or
// skipped where nobody asked, and the others, which would be judged by the same part, are skipped.
func have[T any](c *checker, p Part[T], needs, id string, others ...string) bool {
	switch {
	case !p.asked:
		c.skip(needs, append([]string{id}, others...)...)
	case p.err != nil:
		c.fail(id, p.err)
		c.skip(id, others...)
	default:
		return true
	}
	return false
}
