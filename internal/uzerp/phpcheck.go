package uzerp

import "strings"

// phpBlank is what PHP's trim takes away. Form feed, NBSP and U+FEFF are not in it (facts/phpdotenv.md, grammar 4).
const phpBlank = " \t\n\r\x00\v"

// isSpace is PHP's ctype_space and the lexer's \s in the C locale (facts/phpdotenv.md, grammar 7).
func isSpace(c byte) bool { return c == ' ' || '\t' <= c && c <= '\r' }

// IsOn tells whether value switches UZERP_MANAGE_USER_SESSIONS on: the word "on" in any case and nothing else, so
// neither "true" nor "1" nor "on " (facts/uzerp.md §5).
func IsOn(value string) bool {
	return len(value) == 2 && value[0]|0x20 == 'o' && value[1]|0x20 == 'n'
}

// NotEmpty is phpdotenv's notEmpty for a value that is set: something is left after PHP's trim.
func NotEmpty(value string) bool { return strings.Trim(value, phpBlank) != "" }

// IsInteger is phpdotenv's isInteger for a value that is set: ASCII digits only, at least one, no sign and no limit,
// so 20 digits pass here and overflow later (facts/uzerp.md §5, the row "beyond 64 bits").
func IsInteger(value string) bool {
	for i := range len(value) {
		if value[i] < '0' || value[i] > '9' {
			return false
		}
	}
	return value != ""
}

// CheckResult is what uzERP's required()->notEmpty()->isInteger() says of one setting.
type CheckResult string

// The results in the order in which the checks are made: the first that fails decides.
const (
	CheckOK         CheckResult = ""
	CheckMissing    CheckResult = "missing"
	CheckEmpty      CheckResult = "empty"
	CheckNotInteger CheckResult = "not an integer"
)

// CheckLimit makes the three checks that uzERP makes of a session limit; set says whether there is a value at all
// (a bare NAME without "=" is none).
func CheckLimit(value string, set bool) CheckResult {
	switch {
	case !set:
		return CheckMissing
	case !NotEmpty(value):
		return CheckEmpty
	case !IsInteger(value):
		return CheckNotInteger
	default:
		return CheckOK
	}
}
