// Package shell quotes text for command lines that people copy: into a hint, or into a line to be run as it is.
//
// Its law: what it returns means the same text to every POSIX shell, whatever the text is.
package shell

import (
	"regexp"
	"strings"
)

var safe = regexp.MustCompile(`^[A-Za-z0-9_@%+=:,./][A-Za-z0-9_@%+=:,./-]*$`)

// Quote returns s as the last argument of a command line: flags must come before it.
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
