// Package pgtemp starts a throwaway PostgreSQL, with uzERP's two-factor tables in it if asked for: for the sandbox, the
// demo and the tests.
//
// Its laws: nothing outside one temporary directory is written; only the user who started the server can connect (the
// socket is in a directory of mode 0700, and TCP, if asked for, is loopback with a password); and the server and its
// directory are removed when this process ends, however it ends.
package pgtemp
