// Package crashtest is a proxy between a program under test and the two systems that the program changes: PostgreSQL
// and an HTTP API. It counts the program's interactions with them. Just before or just after any interaction a test can
// kill the program, cut its connection, or let it wait for ever.
//
// Its laws: the interactions with both systems have one order; Before means that the interaction has had no effect yet;
// After means that it has had its whole effect, and that the program does not know that yet; and everything else is
// passed on without a change.
package crashtest
