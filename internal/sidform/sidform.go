// Package sidform knows the form of Twilio's identifiers (docs/facts/twilio-verify.md §1).
//
// Its law: whoever asks whether a text is an identifier asks here, so that no two commands disagree about one file.
package sidform

import "strings"

// Kind is a kind of identifier: its two first letters.
type Kind string

// The kinds that this program meets.
const (
	Account      Kind = "AC"
	Key          Kind = "SK"
	Service      Kind = "VA"
	Entity       Kind = "YE"
	Factor       Kind = "YF"
	Challenge    Kind = "YC"
	Verification Kind = "VE"
)

const digits = 32

// Valid reports whether s is an identifier of this kind: the two letters and 32 hexadecimal digits in either case.
func (k Kind) Valid(s string) bool {
	rest, found := strings.CutPrefix(s, string(k))
	return found && len(rest) == digits && strings.Trim(rest, "0123456789abcdefABCDEF") == ""
}
