package db

import (
	"context"
	"net"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// pool is pgx's, with an error for a failed connection that shows no password and knows how far it got.
type pool struct {
	*pgxpool.Pool
	// secured tells how far the last attempt got: a server without TLS and one that we disagree with later look the
	// same otherwise, pgx has no type for either.
	secured atomic.Bool
}

func newPool(c *pgxpool.Config) (*pool, error) {
	p := &pool{}
	dial := c.ConnConfig.DialFunc
	c.ConnConfig.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
		p.secured.Store(false)
		return dial(ctx, network, addr)
	}
	c.ConnConfig.AfterNetConnect = func(_ context.Context, _ *pgconn.Config, conn net.Conn) (net.Conn, error) {
		p.secured.Store(true)
		return conn, nil
	}
	var err error
	p.Pool, err = pgxpool.NewWithConfig(context.Background(), c)
	return p, err
}

// lend gives fn a connection. A failure to connect is a *connectError.
func (p *pool) lend(ctx context.Context, fn func(*pgx.Conn) error) error {
	return p.lendFor(ctx, func(conn *pgxpool.Conn) (bool, error) { return false, fn(conn.Conn()) })
}

// lendFor is lend for a connection that fn may keep.
func (p *pool) lendFor(ctx context.Context, fn func(*pgxpool.Conn) (keep bool, err error)) error {
	conn, err := p.Acquire(ctx)
	if err != nil && !is[*pgconn.ConnectError](err) && ctx.Err() == nil {
		return err // the pool is closed
	}
	if err != nil {
		return &connectError{err: err, config: &p.Config().ConnConfig.Config, secured: p.secured.Load()}
	}
	keep, err := fn(conn)
	if !keep {
		conn.Release()
	}
	return err
}
