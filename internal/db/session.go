package db

import (
	"cmp"
	"context"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// This file sends statements. What a statement needs travels with it, in one round trip and in one transaction, because
// a pooler may give each transaction another session of the server.

// session is a connection, or a transaction on one.
type session interface {
	SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults
}

// transaction is a transaction that the first statement begins which is sent in it: to begin one alone would be a round trip more.
type transaction struct {
	conn  *pgx.Conn
	start []string // what begins it; nil once that was sent
}

// What begins a transaction. Compare-and-set must see what others have committed, whatever isolation level the server has as its
// default. Between two statements of a change no time passes: if this machine vanishes then, the server must not hold its locks until it
// notices that, which can take hours.
var (
	begin       = []string{"begin isolation level read committed"}
	beginChange = []string{begin[0], "set local idle_in_transaction_session_timeout = '1min'"}
)

// SendBatch implements session.
func (tx *transaction) SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults {
	return tx.conn.SendBatch(ctx, b)
}

func (tx *transaction) commit(ctx context.Context) error {
	tag, err := tx.end(ctx, "commit")
	if err == nil && tag.String() == "ROLLBACK" {
		return pgx.ErrTxCommitRollback
	}
	return err
}

func (tx *transaction) rollback(ctx context.Context) {
	if tx.conn.IsClosed() || tx.conn.PgConn().TxStatus() == 'I' {
		return
	}
	if _, err := tx.end(ctx, "rollback"); err != nil {
		_ = tx.conn.Close(ctx)
	}
}

// end sends a statement as a batch: poolers may forbid the way in which pgx sends one alone (disable_pqexec).
func (tx *transaction) end(ctx context.Context, how string) (tag pgconn.CommandTag, err error) {
	batch := &pgx.Batch{}
	batch.Queue(how)
	results := tx.conn.SendBatch(ctx, batch)
	tag, err = results.Exec()
	if closed := results.Close(); err == nil {
		err = closed
	}
	return tag, err
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

// findTables finds out where uzERP's tables are, and whether the role may be used there. It does so once for each
// connection: the next one may reach another server, or another database of the same name.
func (db *DB) findTables(ctx context.Context, conn *pgx.Conn) error {
	s, err := db.looked(ctx, conn)
	return cmp.Or(err, s.refusal())
}

// lookedKey is where a connection keeps the Schema that was seen, if all was well.
const lookedKey = "the last look at the schema"

// looked returns what was seen of the schema on this connection, or looks now.
func (db *DB) looked(ctx context.Context, conn *pgx.Conn) (Schema, error) {
	if s := seen(conn); s.Name != "" {
		return s, nil
	}
	return db.lookAtSchema(ctx, conn)
}

// seen returns what was seen of the schema, or the zero value before all was well.
func seen(s session) Schema {
	conn, alone := s.(*pgx.Conn)
	if !alone {
		conn = s.(*transaction).conn
	}
	looked, _ := conn.PgConn().CustomData()[lookedKey].(Schema)
	return looked
}

// schemaOf returns the name of the schema that has uzERP's tables, or "" before findTables has found it.
func schemaOf(s session) string { return seen(s).Name }

// send sends the named query with what must come before it, and calls fn to read its results.
func (db *DB) send(ctx context.Context, s session, name string, args pgx.StrictNamedArgs, fn func(pgx.BatchResults) error) error {
	return db.exchange(ctx, s, func(batch *pgx.Batch) { batch.Queue(sql(name, schemaOf(s)), args) }, fn)
}

// exchange sends statements in one round trip, and before them what begins the transaction, if nothing was sent in it yet, and the
// settings. It calls fn to read the results of the statements.
func (db *DB) exchange(ctx context.Context, s session, queue func(*pgx.Batch), fn func(pgx.BatchResults) error) (err error) {
	db.expected.forget()
	defer db.expected.forget()
	batch, first := &pgx.Batch{}, 0
	if tx, ok := s.(*transaction); ok {
		for _, text := range tx.start {
			batch.Queue(text)
		}
		first, tx.start = len(tx.start), nil
	}
	batch.Queue(sql("settings", ""), db.local)
	queue(batch)
	results := s.SendBatch(ctx, batch)
	defer func() {
		if closed := results.Close(); err == nil {
			err = closed
		}
	}()
	for range first {
		if _, err := results.Exec(); err != nil {
			return err
		}
	}
	if _, err := results.Exec(); err != nil {
		return settingsError{err}
	}
	return fn(results)
}

// collectNext returns the rows of the next statement, each converted by row.
func collectNext[T any](results pgx.BatchResults, row pgx.RowToFunc[T]) ([]T, error) {
	rows, err := results.Query()
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, row)
}

// together is exchange within the limit of one call to the server.
func (db *DB) together(ctx context.Context, s session, queue func(*pgx.Batch), fn func(pgx.BatchResults) error) error {
	ctx, cancel := context.WithTimeout(ctx, db.timeout)
	defer cancel()
	return db.exchange(ctx, s, queue, fn)
}

// sendAlone sends alone what must come before a statement.
func (db *DB) sendAlone(ctx context.Context, s session) error {
	ctx, cancel := context.WithTimeout(ctx, db.bound)
	defer cancel()
	return db.exchange(ctx, s, func(*pgx.Batch) {}, func(pgx.BatchResults) error { return nil })
}

// settingsError is the server's error for the settings: it does not know one, or not its value.
type settingsError struct{ error }

func (e settingsError) Unwrap() error { return e.error }

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
