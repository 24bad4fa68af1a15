// Package onetime reads one-time codes as people type them.
//
// Its laws: every typed code goes through here, and no error has what was typed.
package onetime
