// Package session says who is logged in to uzERP, and ends sessions (docs/facts/uzerp.md §7).
//
// Its laws: a session is known by its user, its company, two times and its login handler. What is the key to one, its id,
// and all else that is in it, never gets here. Ending means that nobody is left: what was ended is looked for again, because
// a login that is under way gets a new session.
package session
