package errs

import (
	"fmt"
	"strings"
)

// Reason says why a command or a flag of this program helps. Each package declares the reasons that arise in it or in
// its adapters. cmd/hints.go has a text for each reason, with the command line.
type Reason string

// With returns the hint for this reason. The text in cmd/hints.go needs the parts: a user name, a factor's SID, a
// number, or another Hint. The comment beside each reason names its parts, in their order.
func (r Reason) With(parts ...any) Hint { return Hint{Reason: r, Parts: parts} }

// Hint says what to do next. It is a text or a reason. The zero Hint is empty.
type Hint struct {
	Text   string // plain advice that names no command and no flag of this program
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

// String returns the text, or the reason with its parts as in "row-not-written(alice, YF…)". It is for tests; cmd makes
// the text that people read.
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
