package db

import (
	"cmp"
	"context"
	"slices"

	"github.com/jackc/pgx/v5"
)

// This file sends statements. What a statement needs travels with it, in one round trip and in one transaction, because
// a pooler may give each transaction another session of the server.

// session is a connection, or a transaction on one.
type session interface {
	SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults
}

// runOnTables is run for an fn that uses uzERP's tables: it finds out first where they are.
func (db *DB) runOnTables(ctx context.Context, op string, fn func(*pgx.Conn) error) error {
	return db.run(ctx, op, func(conn *pgx.Conn) error {
		if err := db.findTables(ctx, conn); err != nil {
			return err
		}
		return fn(conn)
	})
}

// schemaKey is where a connection keeps the name of the schema that has uzERP's tables.
const schemaKey = "uzERP's schema"

// findTables finds out where uzERP's tables are, and whether the role may be used there. It does so once for each
// connection: the next one may reach another server, or another database of the same name.
func (db *DB) findTables(ctx context.Context, conn *pgx.Conn) error {
	if schemaOf(conn) != "" {
		return nil
	}
	s, err := db.lookAtSchema(ctx, conn)
	if err == nil {
		err = cmp.Or(s.unusable(), s.tooPowerful())
	}
	if err == nil {
		conn.PgConn().CustomData()[schemaKey], conn.PgConn().CustomData()[readOnlyKey] = s.Name, s.ReadOnly
		conn.PgConn().CustomData()[encodingKey] = s.Encoding
	}
	return err
}

// schemaOf returns the name of the schema that has uzERP's tables, or "" before findTables has found it.
func schemaOf(s session) string { return noted(s, schemaKey) }

// noted returns what findTables has noted for the connection.
func noted(s session, key string) string {
	conn, alone := s.(*pgx.Conn)
	if tx, ok := s.(pgx.Tx); ok && !alone {
		conn = tx.Conn()
	}
	value, _ := conn.PgConn().CustomData()[key].(string)
	return value
}

// send sends the named query with the settings for its transaction before it, and calls fn to read its results.
func (db *DB) send(ctx context.Context, s session, name string, args pgx.StrictNamedArgs, fn func(pgx.BatchResults) error) error {
	batch := &pgx.Batch{}
	batch.Queue(sql("settings", ""), db.local)
	batch.Queue(sql(name, schemaOf(s)), args)
	return receive(s.SendBatch(ctx, batch), fn)
}

// trySettings sends the settings alone.
func (db *DB) trySettings(ctx context.Context, conn *pgx.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, db.timeout)
	defer cancel()
	batch := &pgx.Batch{}
	batch.Queue(sql("settings", ""), db.local)
	return receive(conn.SendBatch(ctx, batch), func(pgx.BatchResults) error { return nil })
}

// settingsError is the server's error for the settings: it does not know one, or not its value.
type settingsError struct{ error }

func (e settingsError) Unwrap() error { return e.error }

// receive reads the results of a batch: those of the settings, and with fn those of the query.
func receive(results pgx.BatchResults, fn func(pgx.BatchResults) error) (err error) {
	defer func() {
		if closed := results.Close(); err == nil {
			err = closed
		}
	}()
	if _, err := results.Exec(); err != nil {
		return settingsError{err}
	}
	return fn(results)
}

// usedTables returns all of uzERP's tables that the queries use.
func usedTables() []string { return tablesWith(func(right) bool { return true }) }

// writtenTables returns those that are changed, too.
func writtenTables() []string {
	return tablesWith(func(r right) bool { return r.privilege != "select" })
}

func tablesWith(which func(right) bool) []string {
	var tables []string
	for _, r := range rights() {
		if r.kind == "column" && which(r) && !slices.Contains(tables, r.object) {
			tables = append(tables, r.object)
		}
	}
	return tables
}
