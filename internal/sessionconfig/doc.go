// Package sessionconfig holds the rules of uzERP's session settings: settings in, findings out, and what a choice of
// limits means in logins and money.
//
// Its law: it reads no file and prints nothing; a finding says what is wrong, why that matters in one sentence, and the
// exact line to write instead; no finding holds a secret, for a value is only repeated if it is a number or a word that
// can't be one; what can't be known is told as such and never passes for good. The rules and their measurements are
// docs/facts/uzerp.md §5.
package sessionconfig
