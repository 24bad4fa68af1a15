package db

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/mfa"
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

// findTables finds out once where uzERP's tables are.
func (db *DB) findTables(ctx context.Context, conn *pgx.Conn) error {
	if db.site.Load() != nil {
		return nil
	}
	s, err := db.lookAtSchema(ctx, conn)
	if err == nil {
		err = s.unusable()
	}
	if err == nil {
		db.site.Store(&s)
	}
	return err
}

// send sends the named query behind what must come first, and calls fn to read its results.
//
//   - Row-level security must not hide rows: with row_security off the server reports an error instead. A transaction
//     that begin has started has that already.
//   - If the role has more rights than the tables' owner, nothing on the tables may run code of the owner's or of others.
//     The tables are locked first, so that nobody can add such a thing between the check and the query. A lock on a
//     table needs a right on the whole table: a role that has fewer than the owner, except in other roles, goes without.
func (db *DB) send(ctx context.Context, s session, name string, args pgx.StrictNamedArgs, fn func(pgx.BatchResults) error) error {
	conn, alone := s.(*pgx.Conn)
	var site Schema
	if tables := tablesOf(name); len(tables) > 0 {
		site = *db.site.Load()
	} else {
		alone = false // it needs nothing first
	}
	batch := &pgx.Batch{}
	if alone && site.Privileged {
		batch.Queue("begin")
	}
	if alone {
		batch.Queue("select pg_catalog.set_config('row_security', 'off', true)")
	}
	if site.Privileged && site.MayLock {
		batch.Queue(lockTables(name, site.Name))
	}
	if site.Privileged {
		batch.Queue(sql("no_foreign_code", site.Name), foreignCodeArgs(site.Name, tablesOf(name), writes(name)))
	}
	before := batch.Len()
	batch.Queue(sql(name, site.Name), args)
	if alone && site.Privileged {
		batch.Queue("rollback") // nothing was written
	}
	err := receive(s.SendBatch(ctx, batch), before, fn)
	if alone && !conn.IsClosed() && conn.PgConn().TxStatus() != 'I' {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), db.timeout)
		defer cancel()
		_, _ = conn.Exec(ctx, "rollback") // if that fails, the pool throws the connection away
	}
	return err
}

// receive reads the results of a batch: those of the statements before the query, and with fn those of the query.
func receive(results pgx.BatchResults, before int, fn func(pgx.BatchResults) error) (err error) {
	defer func() {
		if closed := results.Close(); err == nil {
			err = closed
		}
	}()
	for range before {
		if _, err := results.Exec(); err != nil {
			return err
		}
	}
	return fn(results)
}

// lockTables returns the statement that keeps the tables of a query as they are until the end of the transaction.
// Triggers can't be added while somebody is about to write, and nothing can be renamed or replaced by a view.
func lockTables(name, schema string) string {
	var tables []string
	for _, t := range tablesOf(name) {
		tables = append(tables, pgx.Identifier{schema, t}.Sanitize())
	}
	mode := "access share"
	if writes(name) {
		mode = "row exclusive"
	}
	return "lock table " + strings.Join(tables, ", ") + " in " + mode + " mode"
}

// foreignCode is a row of queries/foreign_code.sql: something that would run with our rights.
type foreignCode struct {
	What   string `db:"what"`
	Object string `db:"object"`
	Table  string `db:"on_table"`
	Owner  string `db:"owner"`
}

// foreignCodeFound is the SQLSTATE of a division by zero. Only queries/no_foreign_code.sql divides.
const foreignCodeFound = "22012"

func foreignCodeArgs(schema string, tables []string, write bool) pgx.StrictNamedArgs {
	var on, columns, written []string
	for _, r := range rights() {
		if r.kind == "column" {
			on, columns = append(on, r.object), append(columns, r.column)
		}
		if r.privilege == "update" {
			written = append(written, r.column)
		}
	}
	return pgx.StrictNamedArgs{"schema": schema, "tables": tables, "writes": write,
		"column_tables": on, "columns": columns, "written": written}
}

// foreignCode returns what would run with our rights if every query ran.
func (db *DB) foreignCode(ctx context.Context, site Schema) ([]foreignCode, error) {
	var found []foreignCode
	err := db.run(ctx, "look for other people's code on the tables", func(conn *pgx.Conn) error {
		for write, tables := range map[bool][]string{true: writtenTables(), false: usedTables()} {
			some, err := collect(ctx, db, conn, "foreign_code", foreignCodeArgs(site.Name, tables, write), pgx.RowToStructByName[foreignCode])
			if err != nil {
				return err
			}
			found = append(found, some...)
		}
		return nil
	})
	return found, err
}

// foreignCodeError says what would have run with our rights. It may be gone by now.
func foreignCodeError(site Schema, found []foreignCode) error {
	text := "uzERP's tables would have run code of others with the rights of role " + strconv.Quote(site.Role)
	if len(found) > 0 {
		f := found[0]
		text = "the " + f.What + " " + strconv.Quote(f.Object) + " on table " + strconv.Quote(f.Table) + " would run with the rights of role " +
			strconv.Quote(site.Role) + ", and role " + strconv.Quote(f.Owner) + ", which has fewer, made it"
	}
	return errs.NewWith(errs.Config, text, mfa.ReasonRoleTooPowerful.With())
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
