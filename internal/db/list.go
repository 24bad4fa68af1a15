package db

import (
	"context"
	"iter"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"uzerp-mfa/internal/mfa"
)

// Order is the order in which Users returns its users.
type Order int

const (
	ByUsername  Order = iota // by the bytes of the name, so that it doesn't depend on the server's locale
	ByLastLogin              // the most recent login first, users who never logged in last; then by name
)

// Users returns every user, as the database was at one moment. Rows come through a cursor, some hundreds at a time, so
// that memory doesn't grow with their number. An error ends the listing and comes last. While the loop runs it holds
// a connection with a read-only transaction: another query inside the loop needs a second connection.
func (db *DB) Users(ctx context.Context, order Order) iter.Seq2[mfa.User, error] {
	return func(yield func(mfa.User, error) bool) {
		err := db.pool.lendFor(ctx, func(conn *pgxpool.Conn) (keep bool, err error) {
			if err := db.findTables(ctx, conn.Conn()); err != nil {
				return false, err
			}
			tx, err := db.begin(ctx, conn.Conn(), "begin read only")
			if err != nil {
				return false, err
			}
			defer db.rollback(ctx, tx) // nothing was written
			return false, db.stream(ctx, tx, order, func(u mfa.User) bool { return yield(u, nil) })
		})
		if err != nil {
			yield(mfa.User{}, db.translate(ctx, "list users", err))
		}
	}
}

func (db *DB) stream(ctx context.Context, tx pgx.Tx, order Order, yield func(mfa.User) bool) error {
	query := "list_by_username"
	if order == ByLastLogin {
		query = "list_by_last_login"
	}
	if _, err := db.execute(ctx, tx, query, nil); err != nil {
		return err
	}
	for {
		users, err := collect(ctx, db, tx, "list_fetch", nil, toUser)
		if err != nil || len(users) == 0 {
			return err
		}
		for _, u := range users {
			if !yield(u) {
				return nil
			}
		}
	}
}
