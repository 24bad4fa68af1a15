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

// Users returns every user, as the database was at one moment. Rows come as the server sends them, and are read ahead a little while
// the loop works on others, so that memory doesn't grow with their number. An error ends the listing and comes last. While the
// loop runs it holds a connection: another query inside the loop needs a second one.
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

const (
	pageRows   = 500 // the users that are passed on together
	pagesAhead = 2   // that are read and not asked for yet
)

// stream reads users in another goroutine than the one that yields them, so that the server, the reading and the loop work at once.
func (db *DB) stream(ctx context.Context, conn *pgx.Conn, order Order, args pgx.StrictNamedArgs, yield func(mfa.User) bool) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	pages := make(chan []mfa.User, pagesAhead)
	var err error
	go func() {
		defer close(pages)
		err = db.sendPages(ctx, conn, order, args, pages)
	}()
	stopped := false
	for page := range pages { // to the end in any case: then nobody uses the connection any more
		for _, u := range page {
			if !stopped && !yield(u) {
				stopped = true
				stop()
			}
		}
	}
	if stopped {
		return nil
	}
	return err
}

// sendPages reads all users and sends them in pages. The server has db.timeout for each page.
func (db *DB) sendPages(ctx context.Context, conn *pgx.Conn, order Order, args pgx.StrictNamedArgs, pages chan<- []mfa.User) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var late atomic.Bool
	limit := time.AfterFunc(db.timeout, func() { late.Store(true); stop() })
	defer limit.Stop()
	query := map[Order]string{ByUsername: "list_by_username", ByLastLogin: "list_by_last_login", Unordered: "list_unordered"}[order]
	long := db.patient()
	err := long.send(ctx, conn, query, args, func(results pgx.BatchResults) error {
		rows, err := results.Query()
		if err != nil {
			return err
		}
		defer rows.Close()
		page, reader := make([]mfa.User, 0, pageRows), newUserReader(pageRows)
		pass := func() error {
			limit.Stop()
			defer limit.Reset(db.timeout)
			select {
			case pages <- page:
				page, reader = make([]mfa.User, 0, pageRows), newUserReader(pageRows)
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
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
	if late.Load() {
		return context.DeadlineExceeded
	}
	return err
}
