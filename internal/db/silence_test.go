package db_test

import (
	"context"
	"net"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"uzerp-mfa/internal/db"
)

// A connection can break in silence while it is idle: the server does not answer, and no error comes. It is given up
// after the time limit of a query, and the query goes to a new one.
func TestAnIdleConnectionThatBreaksInSilence(t *testing.T) {
	_, url := sample(t)
	w := newWire(t, url)
	defer w.cut() // or the end of the test waits for the broken connection
	d := open(t, db.Config{ConnString: w.url, QueryTimeout: 5 * time.Second})
	find(t, d, "alice")
	w.breakInSilence()
	time.Sleep(1100 * time.Millisecond) // the pool asks a connection that was idle for a second whether it is alive
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if users, err := d.FindUsers(ctx, []string{"alice"}); err != nil || len(users) != 1 {
		t.Error(users, err)
	}
}

// A host that is silent, or a name with such an address, leaves time for the next one.
func TestASilentHostLeavesTimeForTheNext(t *testing.T) {
	_, url := sample(t)
	w := newWire(t, url)
	silent, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = silent.Close() }()
	both := strings.Replace(w.url, "127.0.0.1:", silent.Addr().String()+",127.0.0.1:", 1)
	find(t, open(t, db.Config{ConnString: both + "&connect_timeout=6"}), "alice")
}

// wire is a port that passes bytes on to a database.
type wire struct {
	url     string
	lock    sync.Mutex
	strands []*strand
}

// strand is one connection.
type strand struct {
	client, server net.Conn
	broken         atomic.Bool // passes nothing on, and stays open
}

func newWire(t *testing.T, connString string) *wire {
	t.Helper()
	config, err := pgx.ParseConfig(connString)
	if err != nil {
		t.Fatal(err)
	}
	network, address := pgconn.NetworkAddress(config.Host, config.Port)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	u := url.URL{Scheme: "postgres", User: url.UserPassword(config.User, config.Password), Path: config.Database, RawQuery: "sslmode=disable",
		Host: net.JoinHostPort("127.0.0.1", strconv.Itoa(listener.Addr().(*net.TCPAddr).Port))}
	w := &wire{url: u.String()}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial(network, address)
			if err != nil {
				_ = client.Close()
				continue
			}
			s := &strand{client: client, server: server}
			w.lock.Lock()
			w.strands = append(w.strands, s)
			w.lock.Unlock()
			running.Go(func() { s.pass(server, client) })
			running.Go(func() { s.pass(client, server) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		w.cut()
		running.Wait()
	})
	return w
}

// pass passes on what comes from one side, until it ends.
func (s *strand) pass(to, from net.Conn) {
	for buffer := make([]byte, 4096); ; {
		n, err := from.Read(buffer)
		if s.broken.Load() {
			n = 0
		} else if err != nil {
			_ = to.Close()
		}
		if err != nil {
			return
		}
		_, _ = to.Write(buffer[:n])
	}
}

// breakInSilence breaks the connections that are open. Later ones work.
func (w *wire) breakInSilence() {
	w.lock.Lock()
	defer w.lock.Unlock()
	for _, s := range w.strands {
		s.broken.Store(true)
	}
}

// cut closes the connections that are open.
func (w *wire) cut() {
	w.lock.Lock()
	defer w.lock.Unlock()
	for _, s := range w.strands {
		_, _ = s.client.Close(), s.server.Close()
	}
}
