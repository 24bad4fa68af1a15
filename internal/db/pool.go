package db

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// errClosed is what a pool gives after close.
var errClosed = errors.New("the database connections are closed already")

// freshFor is how long an idle connection is lent again without a question to the server. Between two queries lies at
// most a Twilio call, or a prompt that somebody answers after lunch, when a firewall may have forgotten the connection.
const freshFor = time.Second

// pingTimeout is how long an idle connection has to prove that it lives.
const pingTimeout = 2 * time.Second

// pool lends connections, at most as many as it has slots. It starts no goroutines, so nothing of it outlives the
// command; pgxpool's health checks and lifetimes serve programs that run for days.
type pool struct {
	connect func(context.Context) (*pgx.Conn, error)
	slots   chan struct{} // holds one token for each connection that is lent

	mu     sync.Mutex
	idle   []idleConn
	closed bool
}

type idleConn struct {
	conn  *pgx.Conn
	since time.Time
}

func newPool(size int, connect func(context.Context) (*pgx.Conn, error)) *pool {
	return &pool{connect: connect, slots: make(chan struct{}, size)}
}

// acquire gives an idle connection that still answers, else a new one; it waits while all are lent.
func (p *pool) acquire(ctx context.Context) (*pgx.Conn, error) {
	select {
	case p.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	conn, err := p.take(ctx)
	if err != nil {
		<-p.slots
	}
	return conn, err
}

func (p *pool) take(ctx context.Context) (*pgx.Conn, error) {
	for {
		c, err := p.popIdle()
		switch {
		case err != nil:
			return nil, err
		case c.conn == nil:
			return p.connect(ctx)
		case time.Since(c.since) < freshFor || answers(ctx, c.conn):
			return c.conn, nil
		}
		discard(c.conn)
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
}

func answers(ctx context.Context, conn *pgx.Conn) bool {
	ctx, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	return conn.Ping(ctx) == nil
}

// popIdle gives the connection used last, and none where all are lent.
func (p *pool) popIdle() (idleConn, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return idleConn{}, errClosed
	}
	if len(p.idle) == 0 {
		return idleConn{}, nil
	}
	last := len(p.idle) - 1
	c := p.idle[last]
	p.idle = p.idle[:last]
	return c, nil
}

// release takes a connection back. One that broke, or that is still in a transaction, is thrown away.
func (p *pool) release(conn *pgx.Conn) {
	defer func() { <-p.slots }()
	p.mu.Lock()
	keep := !p.closed && !conn.IsClosed() && conn.PgConn().TxStatus() == 'I'
	if keep {
		p.idle = append(p.idle, idleConn{conn, time.Now()})
	}
	p.mu.Unlock()
	if !keep {
		discard(conn)
	}
}

// close closes what is idle; what is lent is closed when it comes back.
func (p *pool) close() {
	p.mu.Lock()
	idle := p.idle
	p.idle, p.closed = nil, true
	p.mu.Unlock()
	for _, c := range idle {
		discard(c.conn)
	}
}

// discard closes a connection, politely for as long as that takes no time to speak of.
func discard(conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = conn.Close(ctx) // nothing depends on the farewell
}
