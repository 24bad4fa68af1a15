package onetime

import (
	"errors"
	"fmt"
	"strings"
	"unicode"

	"uzerp-mfa/internal/errs"
)

// Form is how many digits a code may have.
type Form struct{ Min, Max int }

// The forms of codes (docs/facts/twilio-verify.md §1.1, §1.2). How many digits it must be is known only with the service or the factor.
var (
	App  = Form{3, 8}  // that an app shows
	Sent = Form{4, 10} // that Twilio sends
)

// Read returns the digits of a code as a person types, pastes or dictates it: apps and messages show it in groups, and
// phones in many countries have digits of their own. The error is of errs.Usage.
func (f Form) Read(typed string) (string, error) {
	var code strings.Builder
	for _, r := range typed {
		digit, ok := digitOf(r)
		switch {
		case ok:
			code.WriteByte('0' + digit)
		case !isBetween(r):
			return "", errNoCode
		}
		if code.Len() > f.Max {
			return "", errNoCode
		}
	}
	if code.Len() < f.Min {
		return "", errNoCode
	}
	return code.String(), nil
}

var errNoCode = errs.New(errs.Usage, "this is not a one-time code: it must be digits, usually six", "")

// digitOf returns the value of a decimal digit of any script. In Unicode the ten digits of a script follow each other, from
// zero on, and each range of them begins with a zero.
func digitOf(r rune) (byte, bool) {
	for _, digits := range unicode.Nd.R16 {
		if rune(digits.Lo) <= r && r <= rune(digits.Hi) {
			return byte((r - rune(digits.Lo)) % 10), true
		}
	}
	for _, digits := range unicode.Nd.R32 {
		if rune(digits.Lo) <= r && r <= rune(digits.Hi) {
			return byte((r - rune(digits.Lo)) % 10), true
		}
	}
	return 0, false
}

// isBetween reports whether r may stand beside the digits of a code and means nothing there: blanks, dashes, and the
// characters without a width that come along when a message is copied.
func isBetween(r rune) bool {
	return unicode.IsSpace(r) || unicode.In(r, unicode.Zs, unicode.Pd, unicode.Cf) || r == '\u2212' // the sign for minus
}

// ErrLength is in the chain of the error for a code with more or fewer digits than it must have. Nobody was asked about
// such a code.
var ErrLength = errors.New("no try was used")

// CheckLength returns an error with ErrLength if code has not as many digits as the codes of whose must have. If that is not
// known, digits is 0, and any code will do.
func CheckLength(code string, digits int, whose string) error {
	if digits == 0 || len(code) == digits {
		return nil
	}
	return fmt.Errorf("it has %d digits, and %s codes have %d; %w", len(code), whose, digits, ErrLength)
}
