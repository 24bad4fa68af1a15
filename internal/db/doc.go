// Package db is uzERP's PostgreSQL database: it implements the ports mfa.Writer, mfa.Directory and
// injector.Writer.
//
// Its laws:
//
//   - Every statement is a named file in queries/. It names its columns, never reads a password, and runs on PostgreSQL
//     12 to 18 under a role that has only the rights of grants.sql.
//   - A statement means PostgreSQL's own operators, functions and types, whatever other roles have made, and nothing on
//     uzERP's tables runs with rights that their owner hasn't. Row-level security hides no row: it is an error.
//   - Every change runs in a transaction, so that a lost connection or an interrupt leaves nothing half done.
//   - Every call to the server has its own deadline.
//   - Every error that leaves the package is an *errs.Error without secrets and without text of a connection string.
//     Only the error of a cancelled context is returned as it is.
package db
