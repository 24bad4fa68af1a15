// Package policy has what the administrator allows on this machine: a file that only root can write
// (docs/contract.md §2), and what holds without one.
//
// Its laws: no flag and no variable overrides the file. A file that somebody else could have written, or that is not
// understood to its last line, ends the command. What is forbidden is decided here and nowhere else; package connect
// asks before it changes anything, and records a refusal.
package policy
