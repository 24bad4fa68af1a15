// Package pgtemp starts a throwaway PostgreSQL, with uzERP's two-factor tables in it if asked for: for the sandbox, the
// demo and the tests.
//
// Its laws: nothing outside one temporary directory is written; nobody but the person who started it gets in (the
// socket lies in a directory of mode 0700, and TCP, where asked for, is loopback with a password); and the server and
// its directory are gone when this process is, however it ended.
package pgtemp
