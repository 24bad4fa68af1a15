package cmd_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"uzerp-mfa/internal/emulator"
)

// These functions say what a command has changed, in the words of the tables.

// condition is all that a command may change: the victim's row, factors and page, and the site's classes.
type condition struct {
	row     userRow
	factors []emulator.Factor
	page    string // the factor on it
	site    string
}

func (s *stage) condition(t *testing.T) condition {
	t.Helper()
	c := condition{row: s.row(t, victim), page: s.pageOf(), site: s.site(t)}
	if c.row.UUID != nil {
		c.factors = s.verify.Factors(*c.row.UUID)
	}
	return c
}

// changedRow returns what has changed in the row, or "-". Factors have the same names as in changedFactors.
func (c condition) changedRow(now condition) string {
	var all []string
	change := func(column, was, is string) {
		if was != is {
			all = append(all, column+"="+is)
		}
	}
	text := func(s *string, called string) string {
		if s == nil {
			return "NULL"
		}
		return called
	}
	flag := func(b *bool) string {
		if b == nil {
			return "NULL"
		}
		return fmt.Sprint(*b)[:1]
	}
	if was, is := c.row.UUID, now.row.UUID; text(was, "") != text(is, "") || was != nil && *was != *is {
		all = append(all, "uuid="+text(is, "new"))
	}
	if was, is := c.row.SID, now.row.SID; text(was, "") != text(is, "") || was != nil && *was != *is {
		called := "?"
		if is != nil {
			called = c.call(now)[*is]
		}
		all = append(all, "sid="+text(is, called))
	}
	change("enrolled", flag(c.row.Enrolled), flag(now.row.Enrolled))
	change("enabled", flag(c.row.Enabled), flag(now.row.Enabled))
	return dash(all)
}

// call returns names for the factors: f1, f2 … for old ones, and n1, n2 … for new ones.
func (c condition) call(now condition) map[string]string {
	names := make(map[string]string)
	for i, f := range c.factors {
		names[f.SID] = fmt.Sprintf("f%d", i+1)
	}
	came := 0
	for _, f := range now.factors {
		if names[f.SID] == "" {
			came++
			names[f.SID] = fmt.Sprintf("n%d", came)
		}
	}
	return names
}

// changedFactors returns what has changed at Twilio, or "-".
func (c condition) changedFactors(now condition) string {
	names := c.call(now)
	var all []string
	for _, f := range c.factors {
		i := slices.IndexFunc(now.factors, func(n emulator.Factor) bool { return n.SID == f.SID })
		if i < 0 {
			all = append(all, names[f.SID]+"=gone")
		} else if now.factors[i].Status != f.Status {
			all = append(all, names[f.SID]+"="+string(now.factors[i].Status))
		}
	}
	for _, f := range now.factors {
		if strings.HasPrefix(names[f.SID], "n") {
			all = append(all, names[f.SID]+"="+string(f.Status))
		}
	}
	switch called, known := names[now.page]; {
	case now.page == c.page:
	case now.page == "":
		all = append(all, "page=gone")
	case known:
		all = append(all, "page="+called)
	default:
		all = append(all, "page=?")
	}
	return dash(all)
}

func dash(all []string) string {
	if len(all) == 0 {
		return "-"
	}
	return strings.Join(all, " ")
}

// shortly returns a login in a word or two.
var shortly = map[login]string{asksForCode: "code", asksToEnroll: "enroll", skipsCode: "skip", lockedOut: "locked out", skipThenStuck: "skip, then locked out"}

// aboutConditions explains the columns that are filled here.
const aboutConditions = `row and factors: what has changed, in the user's row and at Twilio ("-": nothing). uuid, sid, enrolled and enabled are the
columns uuid, mfa_sid, mfa_enrolled and mfa_enabled of users. f1, f2 … are the factors that the user had, n1 is one that came;
page is the factor on the user's page.
login: what uzERP asks the user for at the next login: a code, which the phone then shows right; to enroll; or nothing once
(skip). For set-injector: what everybody's login page is.
`
