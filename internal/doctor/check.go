package doctor

import (
	"fmt"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/finding"
)

// Check is the result of one check. Its severity is finding.Error if the installation is broken or unsafe, or if
// something that must be checked could not be read. A finding of session-config check or service check keeps its ID.
type Check struct {
	finding.Finding // with the place in its message
	Group           string
	Needs           string // if it is skipped: the ID of the check that it needs; empty if it needs none
}

// Groups returns the groups in the order in which they are shown.
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

// Report is the result of all checks.
type Report struct {
	Checks []Check
	Users  *Users // nil if the users could not be counted
}

// Users are the users by state.
type Users struct {
	Enrolled, NotEnrolled, SkipNextLogin, Broken int
}

// Count returns the number of checks with this severity.
func (r Report) Count(s finding.Severity) int {
	n := 0
	for _, c := range r.Checks {
		if c.Severity == s {
			n++
		}
	}
	return n
}

// Sound reports whether no check warns or fails. A skipped check doesn't count: the check that it needs does.
func (r Report) Sound() bool { return r.Count(finding.Error)+r.Count(finding.Warning) == 0 }

// Part is the answer to one question: a value or an error. The zero Part means that nobody asked; then every check that
// depends on it is skipped.
type Part[T any] struct {
	value T
	err   error
	asked bool
}

// Got returns the Part with this answer: err if it is not nil, and otherwise value.
func Got[T any](value T, err error) Part[T] { return Part[T]{value: value, err: err, asked: true} }

// OK reports whether there is a value.
func (p Part[T]) OK() bool { return p.asked && p.err == nil }

// checker collects the checks of one group.
type checker struct {
	group  string
	checks []Check
}

func (c *checker) add(id string, severity finding.Severity, hint errs.Hint, format string, args ...any) {
	c.take(finding.Finding{ID: id, Severity: severity, Message: fmt.Sprintf(format, args...), Fix: hint})
}

// take adds the finding of another check of this program.
func (c *checker) take(f finding.Finding) {
	c.checks = append(c.checks, Check{Finding: f, Group: c.group})
}

func (c *checker) pass(id, format string, args ...any) {
	c.add(id, finding.Pass, errs.Hint{}, format, args...)
}

// fail adds a check that got an error instead of an answer.
func (c *checker) fail(id string, err error) { c.add(id, finding.Error, errs.HintOf(err), "%s", err) }

// skip skips checks because of the one that they need.
func (c *checker) skip(needs string, ids ...string) {
	message := "not checked"
	if needs != "" {
		message += ": it needs " + needs
	}
	for _, id := range ids {
		f := finding.Finding{ID: id, Severity: finding.Skipped, Message: message}
		c.checks = append(c.checks, Check{Finding: f, Group: c.group, Needs: needs})
	}
}

// have reports whether p has a value. If p has an error, the check id fails with it; if nobody asked, it is skipped.
// In both cases the other checks, which depend on the same answer, are skipped.
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
