package uzerp

import "strings"

// phpBlank is what PHP's trim takes away. Form feed, NBSP and U+FEFF are not in it (docs/facts/phpdotenv.md §1.4).
const phpBlank = " \t\n\r\x00\v"

// isSpace is PHP's ctype_space and the lexer's \s in the C locale (docs/facts/phpdotenv.md §1.7).
func isSpace(c byte) bool { return c == ' ' || '\t' <= c && c <= '\r' }

// NotEmpty is phpdotenv's notEmpty for a value that is set: something is left after PHP's trim.
func NotEmpty(value string) bool { return strings.Trim(value, phpBlank) != "" }
