// Package crashtest stands between a program under test and the two systems that it changes, PostgreSQL and an HTTP API,
// counts what the program asks of them, and lets a test act just before or just after any single interaction: kill the
// program, cut its connection, or let it wait for ever.
//
// Its laws: all interactions have one order, whichever system they are with; Before means that the interaction has had no
// effect, After that it has had all of it and that the program does not know yet; and what no hook asks for is passed on
// byte by byte.
package crashtest
