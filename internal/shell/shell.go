// Package shell quotes text for command lines that people copy from a hint or from a message.
//
// Its law: for any text, every POSIX shell reads back exactly this text.
package shell

import (
	"regexp"
	"strings"
)

var safe = regexp.MustCompile(`^[A-Za-z0-9_@%+=:,./][A-Za-z0-9_@%+=:,./-]*$`)

// Quote returns s as the last argument of a command line. Flags must stand before it, because it puts "--" before a
// text that begins with a dash.
func Quote(s string) string {
	if strings.HasPrefix(s, "-") {
		return "-- " + Word(s)
	}
	return Word(s)
}

// Word returns s as one word.
func Word(s string) string {
	if safe.MatchString(s) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
