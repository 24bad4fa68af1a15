// Package sidform knows the form of Twilio's identifiers (docs/facts/twilio-verify.md §1).
//
// Its law: this is the only place that decides whether a text is an identifier, so that two commands never disagree
// about the same file.
package sidform

import "strings"

// Kind is the first two letters of an identifier, which say what it identifies.
type Kind string

// The kinds that this program uses.
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

// Valid reports whether s is an identifier of this kind: the two letters, then 32 hexadecimal digits in upper or lower
// case.
func (k Kind) Valid(s string) bool {
	rest, found := strings.CutPrefix(s, string(k))
	return found && len(rest) == digits && strings.Trim(rest, "0123456789abcdefABCDEF") == ""
}
