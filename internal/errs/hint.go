package errs

import (
	"fmt"
	"strings"
)

// Reason says why a command or a flag of this program helps. Each package declares the reasons that arise in it or behind
// its ports. cmd/hints.go has a text for each, with the command line.
type Reason string

// With returns the hint for this reason. Its text needs the parts: a user name, a factor's SID, a number, or another Hint. Which
// ones, and in which order, stands beside each reason.
func (r Reason) With(parts ...any) Hint { return Hint{Reason: r, Parts: parts} }

// Hint is the useful next step. It is a text or a reason. The zero Hint is none.
type Hint struct {
	Text   string // plain advice, which names no command and no flag of this program
	Reason Reason
	Parts  []any
}

// Plain returns the hint with this text.
func Plain(text string) Hint { return Hint{Text: text} }

// Empty reports whether there is no hint.
func (h Hint) Empty() bool { return h.Text == "" && h.Reason == "" }

// Or returns h, or the other hint if h is empty.
func (h Hint) Or(other Hint) Hint {
	if h.Empty() {
		return other
	}
	return h
}

// String returns the text, or the reason with its parts as in "row-not-written(alice, YF…)". Tests compare it; what people
// read is made in cmd.
func (h Hint) String() string {
	if h.Reason == "" {
		return h.Text
	}
	parts := make([]string, len(h.Parts))
	for i, p := range h.Parts {
		parts[i] = fmt.Sprint(p)
	}
	return string(h.Reason) + "(" + strings.Join(parts, ", ") + ")"
}
