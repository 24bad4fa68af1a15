// Package sessionconfig holds the rules of uzERP's session settings: settings in, findings out, and what a choice of
// limits means in logins and money.
//
// Its law: only Read and ReadEnv read files, with package installation, and the rules judge what they return; nothing is
// printed here. A finding says what is wrong, why that matters in one sentence, and the exact line to write instead. No
// finding holds a secret: a value is repeated only if it is a number or a word that can't be one. What can't be known is
// said as such and never passes. The rules and their measurements are docs/facts/uzerp.md §5.
package sessionconfig
