package db

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/jackc/pgx/v5/pgxpool"

	"uzerp-mfa/internal/libpq"
)

// pool is pgx's pool. Its error for a failed connection shows no password and knows how far the attempt got.
type pool struct {
	*pgxpool.Pool
	address atomic.Pointer[Address] // of the last connection
	pooled  atomic.Bool             // a connection led to a pooler
	noted   atomic.Bool             // and that is logged
	libpq   *libpq.Settings
	asked   *atomic.Bool  // a server wanted a client's certificate, and there is none
	turn    chan struct{} // who uses the one connection that is enough behind a pooler
}

// attempt is how far the attempt to make one connection got. Others may be made at the same time. pgx makes the connection in
// another goroutine, which goes on if Acquire is cancelled.
type attempt struct {
	// secured is set once it got past TLS. Without it, a server that has no TLS and a server that refuses us later would
	// look the same: pgx has no error type for either.
	secured   atomic.Bool
	offered   atomic.Bool            // the last server said that it has TLS
	login     atomic.Int32           // what the last server asked for
	misfit    atomic.Bool            // a server is not what target_session_attrs wants
	stoppedAt atomic.Pointer[string] // the host after which no other one was tried
}

// attemptKey is where the context of Acquire has the attempt.
type attemptKey struct{}

func newPool(s settings) (*pool, error) {
	c := s.pool
	p := &pool{libpq: s.libpq, asked: s.asked, turn: make(chan struct{}, 1)}
	c.BeforeConnect = func(ctx context.Context, conn *pgx.ConnConfig) error {
		a, ok := ctx.Value(attemptKey{}).(*attempt)
		if !ok {
			return errors.New("nobody asked for a connection")
		}
		plain := conn.DialFunc
		a.stayWithHost(&conn.Config)
		dial := limitConnecting(&conn.Config, conn.ConnectTimeout)
		conn.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
			if ctx.Value(attemptKey{}) != a { // pgx asks the server to stop a query, at any time and from another goroutine
				return plain(ctx, network, addr)
			}
			a.secured.Store(false)
			a.offered.Store(false)
			a.login.Store(askedNothing)
			c, err := dial(ctx, network, addr)
			if err != nil || network == "unix" {
				return c, err
			}
			return &offering{Conn: c, offered: &a.offered}, nil
		}
		build := conn.BuildFrontend
		conn.BuildFrontend = func(r io.Reader, w io.Writer) *pgproto3.Frontend {
			return build(bufio.NewReaderSize(&greeting{Reader: r, login: &a.login}, readBuffer), w)
		}
		conn.AfterNetConnect = func(_ context.Context, _ *pgconn.Config, c net.Conn) (net.Conn, error) {
			a.secured.Store(true)
			return c, checkPeer(c, s.libpq.Get("requirepeer"))
		}
		return nil
	}
	c.ConnConfig.ValidateConnect = unhijacked(c.ConnConfig.ValidateConnect)
	c.AfterConnect = func(_ context.Context, conn *pgx.Conn) error {
		p.address.Store(addressOf(conn))
		if conn.PgConn().PID() > highestPID {
			p.pooled.Store(true)
		}
		return conn.PgConn().Conn().SetDeadline(time.Time{}) // it was that of connecting
	}
	var err error
	p.Pool, err = pgxpool.NewWithConfig(context.Background(), c)
	return p, err
}

// limitConnecting limits how long it takes to connect with c, however many hosts and addresses that names: pgx has a limit
// for each of them. A name server gets half of the time that is left, and an address its share of it. It returns the dialer.
func limitConnecting(c *pgconn.Config, limit time.Duration) pgconn.DialFunc {
	ends, ahead := time.Now().Add(limit), make(map[string]bool) // the addresses that are not tried yet
	hosts := []*pgconn.FallbackConfig{{Host: c.Host, Port: c.Port}}
	hosts = append(hosts, c.Fallbacks...)
	for _, h := range hosts {
		if network, address := pgconn.NetworkAddress(h.Host, h.Port); network == "unix" {
			ahead[address] = true
		}
	}
	lookup, dial := c.LookupFunc, c.DialFunc
	c.LookupFunc = func(ctx context.Context, host string) ([]string, error) {
		ctx, cancel := context.WithTimeout(ctx, time.Until(ends)/2)
		defer cancel()
		addresses, err := lookup(ctx, host)
		for _, h := range hosts {
			for _, a := range addresses {
				if _, address := pgconn.NetworkAddress(a, h.Port); h.Host == host {
					ahead[address] = true
				}
			}
		}
		return addresses, err
	}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		until := time.Now().Add(time.Until(ends) / time.Duration(max(1, len(ahead))))
		delete(ahead, address)
		ctx, cancel := context.WithDeadline(ctx, until)
		defer cancel()
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return conn, conn.SetDeadline(until) // the server's answers, too
	}
}

// stayWithHost lets pgx go on to the next host only where libpq does: after one that is not there or silent, that is starting
// up, or that is not what target_session_attrs wants. pgx goes on after most errors, so that another server would be changed
// than the one that psql names.
func (a *attempt) stayWithHost(c *pgconn.Config) {
	hosts := append([]*pgconn.FallbackConfig{{Host: c.Host, Port: c.Port}}, c.Fallbacks...)
	of := make(map[string]string) // the host of an address
	for _, h := range hosts {
		if network, at := pgconn.NetworkAddress(h.Host, h.Port); network == "unix" {
			of[at] = address(h.Host, h.Port)
		}
	}
	lookup, dial, validate, onError := c.LookupFunc, c.DialFunc, c.ValidateConnect, c.OnPgError
	c.LookupFunc = func(ctx context.Context, host string) ([]string, error) {
		addresses, err := lookup(ctx, host)
		for _, h := range hosts {
			for _, found := range addresses {
				if _, at := pgconn.NetworkAddress(found, h.Port); h.Host == host && of[at] == "" {
					of[at] = address(h.Host, h.Port)
				}
			}
		}
		return addresses, err
	}
	last, next := "", true // the address of the last server that took our call, and whether the next host may be tried
	c.OnPgError = func(conn *pgconn.PgConn, e *pgconn.PgError) bool {
		silent := c.Password == "" && asksPassword(a.login.Load()) // libpq does not answer then, and sees no code
		next = next || e.Code == cannotConnectNow && !silent
		return onError(conn, e)
	}
	if validate != nil {
		c.ValidateConnect = func(ctx context.Context, conn *pgconn.PgConn) error {
			err := validate(ctx, conn)
			if next = true; err != nil {
				a.misfit.Store(true)
			}
			return err
		}
	}
	var until time.Time // so long it may be silent
	c.DialFunc = func(ctx context.Context, network, at string) (net.Conn, error) {
		if stays := of[last]; !next && of[at] != stays && time.Now().Before(until) {
			a.stoppedAt.Store(&stays)
			return nil, errStopped
		}
		conn, err := dial(ctx, network, at)
		if err == nil {
			last, next = at, false
			until, _ = ctx.Deadline()
		}
		return conn, err
	}
}

var errStopped = errors.New("not tried, because the host before it has answered")

// offering is a connection that notes whether the server's first word is that it has TLS.
type offering struct {
	net.Conn
	heard   bool
	offered *atomic.Bool
}

func (o *offering) Read(b []byte) (int, error) {
	n, err := o.Conn.Read(b)
	if !o.heard && n > 0 {
		o.heard = true
		o.offered.Store(b[0] == 'S')
	}
	return n, err
}

// readBuffer is how much is read at once of what a server sends. pgx would read 8 kB, and a list of all users is many of these.
const readBuffer = 64 << 10

// greeting is a reader that notes what the server asks for first.
type greeting struct {
	io.Reader
	first []byte
	login *atomic.Int32
}

func (g *greeting) Read(b []byte) (int, error) {
	n, err := g.Reader.Read(b)
	const size = 9 // R, four bytes of length, four of what is asked for
	if len(g.first) < size {
		g.first = append(g.first, b[:min(n, size-len(g.first))]...)
		if len(g.first) == size && g.first[0] == 'R' {
			g.login.Store(int32(g.first[8]))
		}
	}
	return n, err
}

// What a server asks for (AuthenticationRequest in PostgreSQL's protocol).
const (
	askedNothing  = -1
	askedOK       = 0
	askedPassword = 3
	askedMD5      = 5
	askedGSS      = 7
	askedSSPI     = 9
	askedSASL     = 10
)

func asksPassword(login int32) bool {
	return slices.Contains([]int32{askedPassword, askedMD5, askedSASL}, login)
}

// unhijacked returns validate, which pgx calls for target_session_attrs, so that the functions that pgx's own queries
// name are PostgreSQL's, whatever search_path the session has.
func unhijacked(validate pgconn.ValidateConnectFunc) pgconn.ValidateConnectFunc {
	if validate == nil {
		return nil
	}
	return func(ctx context.Context, conn *pgconn.PgConn) error {
		if _, err := conn.Exec(ctx, "begin; set local search_path = pg_catalog, pg_temp").ReadAll(); err != nil {
			return err
		}
		err := validate(ctx, conn)
		if _, failed := conn.Exec(ctx, "rollback").ReadAll(); err == nil {
			err = failed
		}
		return err
	}
}

// lend calls fn with a connection and takes it back. A failure to connect is a *connectError. Behind a pooler it waits
// until the connection that is there is free, and makes no second one: the pooler may have no second one of the server's.
func (p *pool) lend(ctx context.Context, fn func(*pgx.Conn) error) error {
	if p.pooled.Load() {
		patience := time.NewTimer(turnPatience)
		defer patience.Stop()
		select {
		case p.turn <- struct{}{}:
			defer func() { <-p.turn }()
		case <-patience.C:
		case <-ctx.Done(): // Acquire says so
		}
	}
	return p.lendFor(ctx, func(conn *pgxpool.Conn) (bool, error) { return false, fn(conn.Conn()) })
}

// turnPatience is how long lend waits for its turn. Then it makes another connection.
const turnPatience = 5 * time.Second

// highestPID is the highest number of a process that Linux knows. What PgBouncer tells is any number of 32 bits.
const highestPID = 1 << 22

// lendFor is lend for an fn that may keep the connection, or has it for long: it waits for no turn.
func (p *pool) lendFor(ctx context.Context, fn func(*pgxpool.Conn) (keep bool, err error)) error {
	a := new(attempt)
	conn, err := p.Acquire(context.WithValue(ctx, attemptKey{}, a))
	if err != nil && !is[*pgconn.ConnectError](err) && ctx.Err() == nil {
		return err // the pool is closed
	}
	if err != nil {
		return &connectError{err: err, config: &p.Config().ConnConfig.Config, secured: a.secured.Load(), libpq: p.libpq, asked: p.asked.Load(),
			offered: a.offered.Load(), login: a.login.Load(), misfit: a.misfit.Load(), stoppedAt: a.stoppedAt.Load()}
	}
	keep, err := fn(conn)
	if !keep {
		conn.Release()
	}
	return err
}
