// Package shell quotes text for command lines that people copy from a hint or from a message, and knows which text
// needs no quotes.
//
// Its law: for any text, every POSIX shell reads back exactly this text.
package shell

import (
	"strings"

	"uzerp-mfa/internal/pattern"
)

var safe = pattern.Lazy(`^[A-Za-z0-9_@%+=:,./][A-Za-z0-9_@%+=:,./-]*$`)

// bare leaves out the tilde, the colon, the equals sign and a leading @ too: somewhere each of them means something.
var bare = pattern.Lazy(`^[A-Za-z0-9_.+][A-Za-z0-9_.@+-]*$`)

// IsBare reports whether s needs no quotes in bash, zsh, fish and PowerShell. These shells insert the proposals of a
// completion as they are, or what several of them begin with. What a later completion finds on the line, bash runs.
func IsBare(s string) bool { return bare().MatchString(s) }

// Quote returns s as the last argument of a command line. Flags must stand before it, because it puts "--" before a
// text that begins with a dash.
func Quote(s string) string {
	if strings.HasPrefix(s, "-") {
		return "-- " + Word(s)
	}
	return Word(s)
}

// Word returns s as one word. Quotes stand between two blanks, because messages show the second of several blanks as an
// escape.
func Word(s string) string {
	if safe().MatchString(s) {
		return s
	}
	s = strings.ReplaceAll(s, "'", `'\''`)
	for strings.Contains(s, "  ") {
		s = strings.ReplaceAll(s, "  ", " '' ")
	}
	return "'" + s + "'"
}
