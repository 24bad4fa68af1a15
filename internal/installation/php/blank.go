package php

import "bytes"

// Blank is what PHP's trim takes away. Form feed, NBSP and U+FEFF are not in it (docs/facts/phpdotenv.md §1.4).
const Blank = " \t\n\r\x00\v"

// IsSpace reports whether PHP's ctype_space accepts c. In the C locale that is the \s of a regular expression
// (docs/facts/phpdotenv.md §1.7).
func IsSpace(c byte) bool { return c == ' ' || '\t' <= c && c <= '\r' }

// LineEnd returns the line end at the beginning of rest, or "" at the end of the file.
func LineEnd(rest []byte) string {
	if bytes.HasPrefix(rest, []byte("\r\n")) {
		return "\r\n"
	}
	return string(rest[:min(1, len(rest))])
}
