// Package sessionconfig holds the rules for uzERP's session settings. It checks settings and returns findings, and it
// works out how many logins a choice of limits takes and what they cost.
//
// Its law: only Read and ReadEnv read files, by package installation. The rules judge what these return, and nothing is
// printed here. A finding says in one sentence what is wrong and why that matters, and has the exact line to write
// instead. No finding holds a secret: it repeats a value only if that is a number or a word that can't be a secret. If
// something can't be known, a finding says so; it never passes. The rules and the measurements behind them are in
// docs/facts/uzerp.md §5.
package sessionconfig
