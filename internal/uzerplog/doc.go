// Package uzerplog reads from uzERP's own log why logins failed. Sections without a page are of docs/facts/uzerp.md.
//
// Its laws: A line counts only if it is whole, from its first to its last character, a line that uzERP writes, so nothing
// that somebody types into a form can look like one. What was typed as a user name is returned only if it is a user's name:
// people type passwords there. Time and memory are bounded, whatever the files hold. No error and no message has a line's
// text.
package uzerplog
