// Package db is uzERP's PostgreSQL database: it implements the ports mfa.Writer, mfa.Directory and
// injector.Writer.
//
// Its laws: every statement is a named file in queries/, asks for explicit columns, never for a password, and runs on
// PostgreSQL 12 to 18 under a role with nothing but the rights it needs; what changes something runs in a transaction,
// so that a lost connection or an interrupt leaves nothing half done; every call to the server has its own deadline;
// and every error leaves the package as an *errs.Error that holds no secret and no text of a connection string. Only a
// cancelled context passes through as it is.
package db
