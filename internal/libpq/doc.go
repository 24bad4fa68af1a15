// Package libpq finds the settings of a database connection as psql does: in a URL or keyword=value string, in a service
// file, in the PG* variables and in the password file.
//
// Its laws: each setting knows where it came from. A parameter of libpq is obeyed, or it is refused by its name before
// anything is connected, or it is one of those that docs/settings.md names as ignored. No error holds a value: it can be a
// part of a password.
package libpq
