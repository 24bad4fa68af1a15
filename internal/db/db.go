package db

import (
	"cmp"
	"context"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/injector"
	"uzerp-mfa/internal/mfa"
)

// DB is uzERP's database. It is safe for concurrent use.
type DB struct {
	pool    *pool
	timeout time.Duration // for each call to the server
	bound   time.Duration // for the begin and the end of a transaction, also with a statement that is meant to be long
	local   pgx.StrictNamedArgs
	long    pgx.StrictNamedArgs // local for a statement that is meant to be long
	log     *slog.Logger

	expected *expected // shared with patient
}

var (
	_ mfa.Writer      = (*DB)(nil)
	_ injector.Writer = (*DB)(nil)
)

// Open connects to the database at once, so that wrong settings fail here and not in the first query. It doesn't look
// at the tables: CheckSchema does. It fails with errs.Config (the settings are wrong or rejected) or errs.Unavailable.
func Open(ctx context.Context, c Config) (*DB, error) {
	s, err := c.parse()
	if err != nil {
		return nil, err
	}
	p, err := newPool(s)
	if err != nil {
		return nil, errs.New(errs.Failure, "make the pool of connections", "") // pgxpool's own error would show the settings
	}
	db := &DB{pool: p, timeout: s.queryTimeout, bound: s.queryTimeout, local: settingArgs(s.local), long: settingArgs(s.unlimited()),
		log: cmp.Or(c.Logger, slog.New(slog.DiscardHandler)), expected: new(expected)}
	err = db.run(ctx, connecting, func(conn *pgx.Conn) error {
		if !s.chosen {
			return nil
		}
		return db.sendAlone(ctx, conn)
	})
	if err != nil {
		db.Close()
		return nil, err
	}
	return db, nil
}

// settingArgs returns settings as the query takes them.
func settingArgs(settings map[string]string) pgx.StrictNamedArgs {
	names := slices.Sorted(maps.Keys(settings))
	values := make([]string, len(names))
	for i, name := range names {
		values[i] = settings[name]
	}
	return pgx.StrictNamedArgs{"names": names, "values": values}
}

// patient returns db for statements that are meant to be long, because they are about every user. They have no limit of their own:
// only the command's --timeout, and a statement_timeout that the user chose. How long they wait for a lock stays limited.
func (db *DB) patient() *DB {
	p := *db
	p.timeout, p.local = endless, db.long
	return &p
}

// endless is the limit of a call that has none.
const endless = 365 * 24 * time.Hour

// Close closes the connections. It waits for those in use, but not for long: after a query that was given up, pgx waits
// up to 15 seconds for the server to hang up, and the one who pressed Ctrl-C would wait with it.
func (db *DB) Close() {
	closed := make(chan struct{})
	go func() {
		db.pool.Close()
		close(closed)
	}()
	select {
	case <-closed:
	case <-time.After(closing):
	}
}

// closing is how long Close waits. The server gets the request to end the query in this time.
const closing = 2 * time.Second

// run calls fn with a connection of the pool, and translates its error. op says in the error what was being done.
func (db *DB) run(ctx context.Context, op string, fn func(*pgx.Conn) error) error {
	return db.translate(ctx, op, db.pool.lend(ctx, fn))
}

// change runs fn in a transaction, and commits it if fn returns no error. A single UPDATE gets a transaction too.
// Without one, an UPDATE that is waiting for a lock when we are interrupted would still happen once the lock is free.
func (db *DB) change(ctx context.Context, op string, fn func(*transaction) error) error {
	return db.runOnTables(ctx, op, func(conn *pgx.Conn) error {
		tx := &transaction{conn: conn, start: beginChange}
		defer db.rollback(ctx, tx)
		if db.timeout > db.bound { // with a statement that has no limit it would have none either
			if err := db.sendAlone(ctx, tx); err != nil {
				return err
			}
		}
		if err := fn(tx); err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if conn.IsClosed() {
			return pgconn.ErrConnClosed // certainly before the commit
		}
		// From here on an interrupt is ignored: it would only hide whether the commit took effect.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), db.bound)
		defer cancel()
		return commitError(tx.commit(ctx))
	})
}

// rollback ends a transaction that isn't committed. If that fails, the pool throws the connection away.
func (db *DB) rollback(ctx context.Context, tx *transaction) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), db.bound)
	defer cancel()
	tx.rollback(ctx)
}

// collect runs a named query and returns its rows, each converted by row.
func collect[T any](ctx context.Context, db *DB, s session, name string, args pgx.StrictNamedArgs, row pgx.RowToFunc[T]) ([]T, error) {
	ctx, cancel := context.WithTimeout(ctx, db.timeout)
	defer cancel()
	var result []T
	err := db.send(ctx, s, name, args, func(results pgx.BatchResults) error {
		var err error
		result, err = collectNext(results, row)
		return err
	})
	if err != nil {
		return nil, err
	}
	return result, nil
}

// execute runs a named statement and returns the number of rows that it changed.
func (db *DB) execute(ctx context.Context, tx *transaction, name string, args pgx.StrictNamedArgs) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, db.timeout)
	defer cancel()
	var n int64
	err := db.send(ctx, tx, name, args, func(results pgx.BatchResults) error {
		tag, err := results.Exec()
		n = tag.RowsAffected()
		return err
	})
	return n, err
}

// read is collect on a connection of the pool.
func read[T any](ctx context.Context, db *DB, op, name string, args pgx.StrictNamedArgs, row pgx.RowToFunc[T]) ([]T, error) {
	var result []T
	err := db.runOnTables(ctx, op, func(conn *pgx.Conn) error {
		var err error
		result, err = collect(ctx, db, conn, name, args, row)
		return err
	})
	return result, err
}
