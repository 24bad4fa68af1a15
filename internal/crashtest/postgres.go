package crashtest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
)

// The codes that a start-up packet can have instead of a protocol version (PostgreSQL manual, "Message Formats").
const (
	codeCancel = 80877102
	codeSSL    = 80877103
	codeGSS    = 80877104
)

// maxMessage is the greatest length of a message, in bytes. Whatever sends a longer one does not speak PostgreSQL's
// protocol.
const maxMessage = 64 << 20

// Postgres is a proxy on a loopback port in front of a PostgreSQL server. An interaction is a simple query, or all
// messages of the extended protocol up to Sync. The start of a session, pgx's ping and the data of COPY are not
// interactions. TLS is declined.
type Postgres struct {
	tap              *Tap
	network, address string
	listener         net.Listener

	mu     sync.Mutex
	closed bool
	begun  int                    // how many sessions there were
	open   map[net.Conn]bool      // the clients
	hung   map[cancelKey]net.Conn // clients that wait for an answer that never comes, by the key that cancels
	served sync.WaitGroup         // one for each client, and one for the listener
}

// ListenPostgres returns a proxy for the server at address, which is a path if network is "unix".
func ListenPostgres(tap *Tap, network, address string) (*Postgres, error) {
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &Postgres{tap: tap, network: network, address: address, listener: listener, open: make(map[net.Conn]bool), hung: make(map[cancelKey]net.Conn)}
	p.served.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			p.serve(client)
		}
	})
	return p, nil
}

// Port returns the port of 127.0.0.1 on which the proxy listens.
func (p *Postgres) Port() int { return p.listener.Addr().(*net.TCPAddr).Port }

// Close stops listening, cuts every connection, and returns when all goroutines of the proxy have ended.
func (p *Postgres) Close() error {
	err := p.listener.Close()
	p.mu.Lock()
	p.closed = true
	for client := range p.open {
		resetTCP(client)
	}
	p.mu.Unlock()
	p.served.Wait()
	return err
}

// Connections returns the number of clients.
func (p *Postgres) Connections() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.open)
}

// Sessions returns how many sessions there were so far.
func (p *Postgres) Sessions() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.begun
}

func (p *Postgres) serve(client net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		_ = client.Close()
		return
	}
	p.open[client] = true
	p.served.Go(func() {
		if p.session(client) != nil {
			resetTCP(client)
		}
		_ = client.Close()
		p.mu.Lock()
		delete(p.open, client)
		p.mu.Unlock()
	})
}

// session serves one client. If it returns an error, the connection must be reset.
func (p *Postgres) session(client net.Conn) error {
	in := bufio.NewReader(client)
	packet, code, err := startUp(client, in)
	if err != nil {
		return err
	}
	if code == codeCancel && p.cancelHung(packet) {
		return nil
	}
	server, err := (&net.Dialer{}).DialContext(context.Background(), p.network, p.address)
	if err != nil {
		return err
	}
	defer func() { _ = server.Close() }()
	if _, err := server.Write(packet); err != nil {
		return err
	}
	if code == codeCancel { // the client got the key in it from the server
		_, err := io.Copy(io.Discard, server)
		return err
	}
	p.mu.Lock()
	p.begun++
	p.mu.Unlock()
	s := &session{proxy: p, client: client, server: server, gone: make(chan struct{}), statements: make(map[string]string), portals: make(map[string]string)}
	return s.run(in)
}

// cancelKey is the process and the secret in a CancelRequest, as they are sent.
type cancelKey string

// hang makes a CancelRequest of this client end the session.
func (s *session) hang() {
	s.mu.Lock()
	key := s.key
	s.mu.Unlock()
	s.proxy.mu.Lock()
	defer s.proxy.mu.Unlock()
	s.proxy.hung[key] = s.client
}

// cancelHung ends the hanging session that a CancelRequest names, and reports whether there was one.
func (p *Postgres) cancelHung(packet []byte) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	client, ok := p.hung[cancelKey(packet[8:])]
	if ok {
		delete(p.hung, cancelKey(packet[8:]))
		_ = client.Close()
	}
	return ok
}

// startUp declines encryption and returns the first packet that is for the server.
func startUp(client io.Writer, in *bufio.Reader) (packet []byte, code uint32, err error) {
	for {
		head, err := in.Peek(8)
		if err != nil {
			return nil, 0, err
		}
		size, code := binary.BigEndian.Uint32(head), binary.BigEndian.Uint32(head[4:])
		if size < 8 || size > 10000 { // PostgreSQL's own limit
			return nil, 0, fmt.Errorf("start-up packet of %d bytes", size)
		}
		packet := make([]byte, size)
		if _, err := io.ReadFull(in, packet); err != nil {
			return nil, 0, err
		}
		if code != codeSSL && code != codeGSS {
			return packet, code, nil
		}
		if _, err := client.Write([]byte("N")); err != nil {
			return nil, 0, err
		}
	}
}

// message is one message of the protocol, with its head.
type message struct {
	kind byte
	raw  []byte
}

func (m message) body() []byte { return m.raw[5:] }

func readMessage(in *bufio.Reader) (message, error) {
	head, err := in.Peek(5)
	if err != nil {
		return message{}, err
	}
	size := binary.BigEndian.Uint32(head[1:])
	if size < 4 || size > maxMessage {
		return message{}, fmt.Errorf("message of %d bytes", size)
	}
	raw := make([]byte, size+1)
	_, err = io.ReadFull(in, raw)
	return message{raw[0], raw}, err
}

// session is one client's session.
type session struct {
	proxy          *Postgres
	client, server net.Conn

	gone       chan struct{}     // closed when the client has disconnected
	statements map[string]string // the name of a prepared statement -> the name of its query
	portals    map[string]string

	mu      sync.Mutex
	key     cancelKey   // the client's key for a CancelRequest
	waiting []underway  // for the server's ReadyForQuery, in order
	flushed atomic.Bool // the client asked for replies before Sync
}

// errCut ends a session because a hook asked for that.
var errCut = errors.New("cut")

// run passes messages both ways, in three goroutines. One reads from the client, so that a disconnect is noticed while
// a hook blocks. One passes on what the client sent, and one what the server answers.
func (s *session) run(in *bufio.Reader) error {
	over := make(chan struct{})
	messages := make(chan message)
	go func() {
		defer close(s.gone)
		for {
			m, err := readMessage(in)
			if err != nil {
				return
			}
			select {
			case messages <- m:
			case <-over:
				return
			}
		}
	}()
	backend, backGone := make(chan error, 1), make(chan struct{})
	go func() {
		defer close(backGone)
		backend <- s.back()
	}()
	err := s.front(messages, backend)
	close(over)
	// Closing both sides unblocks their readers.
	if err != nil {
		resetTCP(s.client)
	}
	_ = s.server.Close()
	_ = s.client.Close()
	<-s.gone
	<-backGone
	return err
}

// front passes on what the client sends, until one side disconnects.
func (s *session) front(messages <-chan message, backend <-chan error) error {
	var b batch
	for {
		var m message
		select {
		case m = <-messages:
		case <-s.gone:
			return nil
		case err := <-backend:
			return err
		}
		b.add(s, m)
		switch m.kind {
		case 'Q', 'F', 'S':
			if b.name == "ping" {
				break
			}
			u := s.proxy.tap.begin("database", b.label(), s.gone)
			switch u.ask(Before) {
			case Cut:
				return errCut
			case Hang:
				s.hang()
				return s.ignore(messages)
			case Freeze:
				return s.ignore(messages)
			}
			s.mu.Lock()
			s.waiting = append(s.waiting, u)
			s.mu.Unlock()
		case 'H':
			s.flushed.Store(true)
		case 'p', 'd', 'c', 'f', 'X': // a password, COPY's data, the end
		default:
			continue
		}
		if _, err := s.server.Write(b.raw); err != nil {
			// The server's last messages matter more than its disconnect.
			select {
			case err := <-backend:
				return err
			case <-s.gone:
				return nil
			}
		}
		b = batch{}
	}
}

// ignore reads the client's messages and does nothing, until the client disconnects.
func (s *session) ignore(messages <-chan message) error {
	for {
		select {
		case <-messages:
		case <-s.gone:
			return nil
		}
	}
}

// back passes on what the server sends. During the start of the session, and if no interaction waits, it does so at
// once, else when the reply is complete.
func (s *session) back() error {
	in := bufio.NewReader(s.server)
	var reply []byte
	started, hung := false, false
	for {
		m, err := readMessage(in)
		switch {
		case err != nil && hung: // the client must not notice that the server disconnected
			<-s.gone
			return nil
		case err != nil:
			_, _ = s.client.Write(reply) // the server's last message, a FATAL error
			return nil
		case hung:
			continue
		}
		if m.kind == 'K' && !started {
			s.mu.Lock()
			s.key = cancelKey(m.body())
			s.mu.Unlock()
		}
		reply = append(reply, m.raw...)
		u, waited := s.first()
		switch {
		case started && waited && m.kind == 'Z':
			s.flushed.Store(false)
			s.mu.Lock()
			s.waiting = s.waiting[1:]
			s.mu.Unlock()
			switch u.ask(After) {
			case Cut:
				return errCut
			case Hang:
				s.hang()
				hung = true
				continue
			case Freeze:
				hung = true
				continue
			}
		case started && waited && m.kind != 'G' && m.kind != 'H' && m.kind != 'W' && !s.flushed.Load():
			continue
		}
		started = started || m.kind == 'Z'
		if _, err := s.client.Write(reply); err != nil {
			return nil
		}
		reply = nil
	}
}

func (s *session) first() (underway, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.waiting) == 0 {
		return underway{}, false
	}
	return s.waiting[0], true
}

// batch is what the client has sent since the last interaction.
type batch struct {
	raw      []byte
	name     string // of its query, not of the rollback that ends a transaction in which a query read
	executes bool
}

func (b *batch) add(s *session, m message) {
	b.raw = append(b.raw, m.raw...)
	switch m.kind {
	case 'Q':
		text, _ := cString(m.body())
		b.name, b.executes = queryName(text), true
	case 'P':
		statement, rest := cString(m.body())
		text, _ := cString(rest)
		s.statements[statement] = queryName(text)
		b.call(s.statements[statement])
	case 'B':
		portal, rest := cString(m.body())
		statement, _ := cString(rest)
		s.portals[portal] = s.statements[statement]
		b.call(s.statements[statement])
	case 'E':
		portal, _ := cString(m.body())
		b.call(s.portals[portal])
		b.executes = true
	}
}

func (b *batch) call(name string) {
	if b.name == "" || name != "rollback" {
		b.name = name
	}
}

func (b *batch) label() string {
	switch {
	case b.name == "":
		return "sync"
	case !b.executes:
		return "prepare " + b.name
	}
	return b.name
}

func cString(b []byte) (string, []byte) {
	text, rest, _ := bytes.Cut(b, []byte{0})
	return string(text), rest
}

// queryName returns the name in a statement's first line ("-- name: find_users"), or else its first word.
func queryName(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	if name, ok := strings.CutPrefix(line, "-- name: "); ok {
		return strings.TrimSpace(name)
	}
	words := strings.Fields(strings.TrimLeft(line, "- "))
	if len(words) == 0 {
		return "empty"
	}
	return strings.ToLower(strings.TrimSuffix(words[0], ";"))
}
