// Package finding has the one type for "a check found something", and the one scale of how much that matters.
//
// Its law: the words for a severity in a command's JSON belong to that command's view, not here. The zero severity is
// Skipped, so a check that forgot to set one never passes.
package finding

import (
	"cmp"
	"slices"

	"uzerp-mfa/internal/errs"
)

// Severity says how much a finding matters. A greater one matters more.
type Severity int

// The severities.
const (
	Skipped Severity = iota // not judged, because something that the check needs is missing
	Pass                    // looked at, and as it should be
	Info                    // good to know, or something that could not be looked at
	Warning                 // likely not meant, or it will hurt later
	Error                   // it hurts the site now, or a protection that the site counts on is missing
)

// String returns skipped, pass, info, warning or error.
func (s Severity) String() string {
	switch s {
	case Error:
		return "error"
	case Warning:
		return "warning"
	case Info:
		return "info"
	case Pass:
		return "pass"
	default:
		return "skipped"
	}
}

// Finding is one thing that a check found. It holds no secret.
type Finding struct {
	ID       string // stable, for scripts
	Severity Severity
	Setting  string    // "" if it is about no setting
	Value    string    // "" if it is missing, empty or must not be shown
	File     string    // "" if it is about no file
	Line     int       // 0 if it is about no line
	Message  string    // what is wrong and why it matters
	Fix      errs.Hint // what to write, run or do; several lines are separated by line feeds; empty if there is nothing to do
	NoAnswer bool      // a server did not answer, so running it again may be enough
}

// Sort puts the most severe findings first. Findings of the same severity keep their order.
func Sort(findings []Finding) {
	slices.SortStableFunc(findings, func(a, b Finding) int { return cmp.Compare(b.Severity, a.Severity) })
}

// Count returns the number of findings with this severity.
func Count(findings []Finding, s Severity) int {
	n := 0
	for _, f := range findings {
		if f.Severity == s {
			n++
		}
	}
	return n
}
