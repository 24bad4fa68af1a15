// Package phpsession reads what a session file of PHP's says about a login to uzERP (docs/facts/uzerp.md §7).
//
// Its laws:
//
//   - A file is parsed as PHP parses it, and never searched: a visitor can have any text written into a session. What is
//     not understood, or could be understood in two ways, is an error, and the session is nobody's.
//   - A result holds the user's name, the company's number, two times and the login handler, and nothing else; an error
//     holds no text of the file. Such files have secrets in them: the one of a second factor, and passwords.
//   - Whatever the bytes are, parsing takes time and memory in proportion to their number, and depth costs no stack.
//
// It is our own code because no library that we know holds these laws: they build all values in memory, secrets included,
// follow no references, and read the data of a session without its three outer forms.
package phpsession
