package db

import (
	"context"
	"iter"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"uzerp-mfa/internal/mfa"
)

// Order is the order in which Users returns its users.
type Order int

const (
	ByUsername  Order = iota // by the bytes of the name, so that it doesn't depend on the server's locale
	ByLastLogin              // the most recent login first, users who never logged in last; then by name
	Unordered                // as they come: nothing is sorted
)

// Users returns every user, as the database was at one moment. Rows come as the server sends them, so that memory doesn't grow
// with their number. An error ends the listing and comes last. While the loop runs it holds a connection: another query inside
// the loop needs a second one.
//
// The server may take as long as Config.QueryTimeout for some hundred users. How long the loop takes counts only for a
// statement_timeout that the user chose.
func (db *DB) Users(ctx context.Context, order Order) iter.Seq2[mfa.User, error] {
	return db.FirstUsers(ctx, order, 0)
}

// FirstUsers is Users for at most so many of them; 0 for all. The server sorts and sends no more than these.
func (db *DB) FirstUsers(ctx context.Context, order Order, limit int) iter.Seq2[mfa.User, error] {
	args := pgx.StrictNamedArgs{"limit": nil}
	if limit > 0 {
		args["limit"] = limit
	}
	return func(yield func(mfa.User, error) bool) {
		err := db.runOnTables(ctx, "list users", func(conn *pgx.Conn) error {
			return db.stream(ctx, conn, order, args, func(u mfa.User) bool { return yield(u, nil) })
		})
		if err != nil {
			yield(mfa.User{}, err)
		}
	}
}

// pageRows are the users that are read before the loop gets them. While it works, the server goes on and fills the buffers of the
// connection: so many users are read at once then, which costs less than to wait for each few of them.
const pageRows = 500

// stream reads users page by page, and yields them. The server has db.timeout for each page.
func (db *DB) stream(ctx context.Context, conn *pgx.Conn, order Order, args pgx.StrictNamedArgs, yield func(mfa.User) bool) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var late atomic.Bool
	limit := time.AfterFunc(db.timeout, func() { late.Store(true); stop() })
	defer limit.Stop()
	query := map[Order]string{ByUsername: "list_by_username", ByLastLogin: "list_by_last_login", Unordered: "list_unordered"}[order]
	long, stopped := db.patient(), false
	err := long.send(ctx, conn, query, args, func(results pgx.BatchResults) error {
		rows, err := results.Query()
		if err != nil {
			return err
		}
		defer rows.Close()
		var reader userReader
		page := make([]mfa.User, 0, pageRows)
		pass := func() error {
			limit.Stop()
			defer limit.Reset(db.timeout)
			for _, u := range page {
				if !yield(u) {
					stopped = true
					stop()
					return ctx.Err()
				}
			}
			page = page[:0]
			return nil
		}
		for rows.Next() {
			u, err := reader.read(rows)
			if err != nil {
				return err
			}
			if page = append(page, u); len(page) == pageRows {
				if err := pass(); err != nil {
					return err
				}
			}
		}
		if err := rows.Err(); err != nil {
			return err
		}
		return pass()
	})
	switch {
	case stopped:
		return nil
	case late.Load():
		return context.DeadlineExceeded
	}
	return err
}
