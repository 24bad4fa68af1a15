// Package pooltest starts a real PgBouncer in front of the PostgreSQL server of a test.
//
// Its laws: PgBouncer runs with its own defaults but for what a test names; it listens on a free port of 127.0.0.1 only,
// runs as the server's user if the tests run as root, writes nothing outside its temporary directory, and ends with the
// test, or with this process if that is killed. A machine without PgBouncer leaves the test out.
package pooltest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"uzerp-mfa/internal/account"
	"uzerp-mfa/internal/sharedtest"
)

// Mode is PgBouncer's pool_mode: for how long a client has a connection of the server.
type Mode string

// The modes.
const (
	Session     Mode = "session"     // until the client goes
	Transaction Mode = "transaction" // until its transaction ends
	Statement   Mode = "statement"   // for one statement: there are no transactions of several
)

// Pooler is a running PgBouncer.
type Pooler struct {
	Port     int
	database string // of the server
	user     string
	log      *bytes.Buffer // complete once it has ended
	leash    io.Closer
	exited   chan struct{}
}

const startTimeout = time.Minute

// Start starts PgBouncer in front of the server of connString, which must be on a socket and need no password. A setting
// is a line of its configuration, such as "default_pool_size=1". Each of users may connect, and so may the user of
// connString. It returns when PgBouncer answers.
func Start(tb sharedtest.TB, connString string, mode Mode, users []string, settings ...string) *Pooler {
	tb.Helper()
	program, err := find()
	if err != nil {
		sharedtest.LeaveOut(tb, sharedtest.Pooler, err)
	}
	server, err := pgx.ParseConfig(connString)
	if err != nil {
		tb.Fatal("pooltest: ", err)
	}
	owner, err := ownerOf(server.Host)
	if err != nil {
		tb.Fatal("pooltest: ", err)
	}
	if said, err := exec.CommandContext(context.Background(), program, "--version").Output(); err == nil {
		version, _, _ := strings.Cut(string(said), "\n")
		tb.Log("the pooler is " + version) // scripts/tally.awk reads it
	}
	p := &Pooler{database: server.Database, user: server.User, log: &bytes.Buffer{}, exited: make(chan struct{})}
	if p.Port, err = freePort(); err != nil {
		tb.Fatal("pooltest: ", err)
	}
	dir, err := configure(owner, map[string]string{
		"users.txt": quoted(append(users, server.User)),
		"pgbouncer.ini": fmt.Sprintf("[databases]\n* = host=%s port=%d\n[pgbouncer]\nlisten_addr=127.0.0.1\nlisten_port=%d\nunix_socket_dir=\n"+
			"auth_type=trust\nauth_file=users.txt\npool_mode=%s\n%s\n", server.Host, server.Port, p.Port, mode, strings.Join(settings, "\n")),
	})
	if err != nil {
		tb.Fatal("pooltest: ", err)
	}
	tb.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := p.start(program, dir, owner); err != nil {
		tb.Fatal("pooltest: ", err)
	}
	tb.Cleanup(func() {
		p.Stop()
		if tb.Failed() {
			tb.Logf("PgBouncer said:\n%s", p.log)
		}
	})
	p.await(tb)
	return p
}

// URL returns the URL of the server's database behind the pooler, for the user of Start's connString.
func (p *Pooler) URL() string { return p.URLOf(p.user, p.database) }

// URLOf is URL for another user and another database.
func (p *Pooler) URLOf(user, database string) string {
	u := url.URL{Scheme: "postgres", User: url.User(user), Host: p.address(), Path: "/" + database, RawQuery: "sslmode=disable"}
	return u.String()
}

// Admin runs a command on PgBouncer's own console, such as "pause". PgBouncer must have been started with the setting
// "admin_users=" and the user of Start's connString.
func (p *Pooler) Admin(tb sharedtest.TB, command string) {
	tb.Helper()
	config, err := pgx.ParseConfig(p.URLOf(p.user, "pgbouncer"))
	if err != nil {
		tb.Fatal("pooltest: ", err)
	}
	config.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol
	conn, err := pgx.ConnectConfig(context.Background(), config)
	if err != nil {
		tb.Fatal("pooltest: ", err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	if _, err := conn.PgConn().Exec(context.Background(), command).ReadAll(); err != nil {
		tb.Fatalf("pooltest: %s: %v", command, err)
	}
}

// Stop ends PgBouncer at once, with all its connections.
func (p *Pooler) Stop() {
	_ = p.leash.Close()
	<-p.exited
}

func (p *Pooler) address() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(p.Port)) }

// find returns PgBouncer's program. Debian's is not in everybody's PATH.
func find() (string, error) {
	if path, err := exec.LookPath("pgbouncer"); err == nil {
		return path, nil
	}
	return exec.LookPath("/usr/sbin/pgbouncer")
}

// ownerOf returns whom the directory of the server's socket belongs to, or nil if that is the user of this process.
func ownerOf(dir string) (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	info, err := os.Stat(dir)
	if err != nil {
		return nil, err
	}
	s := info.Sys().(*syscall.Stat_t)
	if s.Uid != 0 {
		return &syscall.Credential{Uid: s.Uid, Gid: s.Gid}, nil
	}
	nobody, err := account.ByName("nobody")                                           // PgBouncer does not run as root
	return &syscall.Credential{Uid: uint32(nobody.UID), Gid: uint32(nobody.UID)}, err //nolint:gosec // the system's numbers
}

// configure makes a directory with these files.
func configure(owner *syscall.Credential, files map[string]string) (dir string, err error) {
	dir, err = os.MkdirTemp("", "pool-")
	if err != nil {
		return "", err
	}
	defer func() {
		if err != nil {
			_ = os.RemoveAll(dir)
		}
	}()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return "", err
		}
		if owner != nil {
			if err := os.Chown(filepath.Join(dir, name), int(owner.Uid), int(owner.Gid)); err != nil {
				return "", err
			}
		}
	}
	if owner != nil {
		err = os.Chown(dir, int(owner.Uid), int(owner.Gid))
	}
	return dir, err
}

func quoted(users []string) string {
	var b strings.Builder
	for _, u := range users {
		fmt.Fprintf(&b, "%q \"\"\n", u)
	}
	return b.String()
}

// start starts PgBouncer below a shell that ends it at the end of the shell's standard input: when we close that, or when
// this process ends.
func (p *Pooler) start(program, dir string, owner *syscall.Credential) error {
	const script = `"$1" pgbouncer.ini </dev/null & pid=$!; read -r _; kill -TERM "$pid"; wait "$pid"`
	cmd := exec.CommandContext(context.Background(), "/bin/sh", "-c", script, "sh", program)
	cmd.Dir, cmd.Env = dir, []string{"PATH=/usr/bin:/bin", "LC_ALL=C"}
	cmd.Stdout, cmd.Stderr = p.log, p.log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Credential: owner}
	leash, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	p.leash = leash
	go func() {
		_ = cmd.Wait()
		close(p.exited)
	}()
	return nil
}

func (p *Pooler) await(tb sharedtest.TB) {
	tb.Helper()
	for deadline := time.Now().Add(startTimeout); ; time.Sleep(10 * time.Millisecond) {
		conn, err := (&net.Dialer{Timeout: time.Second}).DialContext(context.Background(), "tcp", p.address())
		if err == nil {
			_ = conn.Close()
			return
		}
		if time.Now().After(deadline) {
			p.Stop()
			tb.Fatalf("pooltest: PgBouncer does not listen: %v\n%s", err, p.log)
		}
	}
}

func freePort() (int, error) {
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port, nil
}
