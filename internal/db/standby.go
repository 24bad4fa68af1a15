package db

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"uzerp-mfa/internal/errs"
)

// This file is about databases that take no changes: standbys, and those that an administrator has set to read-only.

// The SQLSTATEs for a change in a read-only transaction, and for a query that a standby has ended, too.
const (
	readOnlyTransaction  = "25006"
	serializationFailure = "40001"
)

const usePrimary = "use the primary server: name it in the database settings, or name all servers and target_session_attrs=read-write"

// TakesChanges returns the error that keeps every change out of this database: it is read-only. It changes nothing, and asks the server
// only if that was not asked on this connection before.
func (db *DB) TakesChanges(ctx context.Context) error {
	op, readOnly := "look whether the database can be changed", false
	err := db.runOnTables(ctx, op, func(conn *pgx.Conn) error {
		readOnly = seen(conn).ReadOnly
		return nil
	})
	if err != nil || !readOnly {
		return err
	}
	if why := db.whyReadOnly(ctx); !why.Standby && why.Source == "" {
		return nil // it was a standby when the connection was made, and is the primary now
	}
	return db.readOnly(ctx, "", nil)
}

// whyReadOnly is the row of queries/why_read_only.sql.
type whyReadOnly struct {
	Standby bool   `db:"standby"`
	Source  string `db:"source"`
}

// whyReadOnly asks why nothing can be changed. If the server does not answer, it is not known.
func (db *DB) whyReadOnly(ctx context.Context) (why whyReadOnly) {
	_ = db.pool.lend(ctx, func(conn *pgx.Conn) error {
		rows, err := collect(ctx, db, conn, "why_read_only", nil, pgx.RowToStructByName[whyReadOnly])
		if err == nil {
			why = rows[0]
		}
		return err
	})
	return why
}

// readOnly returns the error for a change in a database that takes none. cause is the server's error, if it has answered with one.
func (db *DB) readOnly(ctx context.Context, op string, cause *pgconn.PgError) error {
	at, why := db.Address(), db.whyReadOnly(ctx)
	text, hint := "the database is read-only", usePrimary+", or switch default_transaction_read_only off"
	switch {
	case why.Standby:
		text, hint = "the database is read-only: the server at "+address(at.Host, uint16(at.Port))+" is a standby", "this is a standby: "+usePrimary
	case why.Source != "":
		text, hint = text+": default_transaction_read_only is on, set "+setWhere(why.Source),
			"switch it off there, or connect as a role, and to a database, that may be changed"
	}
	e := &errs.Error{Kind: errs.Refused, Op: op, Err: errors.New(text), Hint: errs.Plain(hint)}
	if cause != nil {
		e.Err = because{text, cause}
	}
	return e
}

// setWhere says where a setting comes from, by the source that the server tells.
func setWhere(source string) string {
	switch source {
	case "database":
		return "for this database (alter database)"
	case "user":
		return "for this role (alter role)"
	case "database user":
		return "for this role in this database (alter role … in database)"
	case "client":
		return "in the database URL or PGOPTIONS"
	default:
		return "in the server's configuration"
	}
}

// conflictsWithRecovery returns the error for a query that a standby has ended, so that it can apply a change of the primary's.
func conflictsWithRecovery(op string, e *pgconn.PgError) error {
	return &errs.Error{Kind: errs.Unavailable, Op: op, Err: because{"the server is a standby, and ended the query to apply a change of the primary server's", e},
		Hint: errs.Plain("run it again; or use the primary server, or raise max_standby_streaming_delay on the standby")}
}
