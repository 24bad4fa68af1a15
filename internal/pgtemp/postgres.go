package pgtemp

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/pattern"
)

const (
	superuser    = "postgres"
	startTimeout = 60 * time.Second
	stopTimeout  = 10 * time.Second
	startingUp   = "57P03" // the code of a server that does not accept connections yet
)

// Options says what kind of server to start. The zero value is the usual one.
type Options struct {
	Dir      string // where to make the temporary directory; empty: in the system's
	TCP      bool   // listen on a free port of 127.0.0.1 too, with scram-sha-256: for tests of passwords and TLS
	TimeZone string // of the server; empty for UTC

	// Clusters is a directory in which servers leave a copy of what initdb makes, for the next ones: a copy costs a tenth of
	// initdb. The servers' user may write there, and nobody else who is not trusted. Empty: initdb makes each.
	Clusters string

	primary *Server // whose standby it is
}

// Server is a running server. Its superuser is postgres, which needs no password on the socket. It has no password for
// TCP: to connect there, make another role first.
type Server struct {
	home   home
	binDir string
	port   int

	log      *os.File // has no name, so nobody can put another file in its place
	server   *exec.Cmd
	exited   chan struct{} // closed once the server has ended
	watchdog *exec.Cmd
	leash    io.Closer // the watchdog's standard input: closed by us, or by the kernel when this process ends
	stop     sync.Once
}

// ForgetCaller takes the caller's PG* variables out of this process's environment. pgx reads them for whatever is not in a
// connection string, so PGSERVICE or PGOPTIONS would keep it from a server of our own. Call it before Start, in a process
// that has no other database to work on.
func ForgetCaller() error {
	var failures []error
	for _, variable := range os.Environ() {
		if name, _, _ := strings.Cut(variable, "="); strings.HasPrefix(name, "PG") {
			failures = append(failures, os.Unsetenv(name))
		}
	}
	return errors.Join(failures...)
}

// Start starts a throwaway server and returns when it accepts connections. The server runs until Stop, until ctx is
// done or until this process ends, even by SIGKILL. Errors are *errs.Error. Start fails with errs.Config if the machine
// lacks PostgreSQL's programs or can't run them.
func Start(ctx context.Context, o Options) (*Server, error) {
	binDir, err := findBinaries(ctx)
	if err != nil {
		return nil, err
	}
	h, err := makeHome(cmp.Or(o.Dir, os.TempDir()))
	if err != nil {
		return nil, err
	}
	p := &Server{home: h, binDir: binDir, port: 5432, exited: make(chan struct{})}
	if err := p.start(ctx, o); err != nil {
		if p.server == nil {
			close(p.exited) // there is no server to wait for
		}
		_ = p.Stop()
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, err
	}
	go func() {
		select {
		case <-ctx.Done():
			_ = p.Stop()
		case <-p.exited:
		}
	}()
	return p, nil
}

// Socket returns the directory of the socket, and the port that is part of its name.
func (p *Server) Socket() (dir string, port int) { return p.home.dir, p.port }

// Dir returns the directory with all that the server has. It is gone when the server has ended, also after a SIGKILL of this process.
func (p *Server) Dir() string { return p.home.dir }

// ConnString returns the URL of a database on the socket. It holds no password, and psql understands it, too.
func (p *Server) ConnString(dbname string) string {
	q := url.Values{"host": {p.home.dir}, "port": {strconv.Itoa(p.port)}}
	return "postgres://" + superuser + "@/" + url.PathEscape(dbname) + "?" + q.Encode()
}

// TCPAddr returns the server's loopback address. The server listens there only with Options.TCP.
func (p *Server) TCPAddr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(p.port)) }

// BinDir returns the directory of the server's programs, such as pg_restore.
func (p *Server) BinDir() string { return p.binDir }

// Stop shuts the server down at once and removes its directory. Further calls do nothing.
func (p *Server) Stop() error {
	var err error
	p.stop.Do(func() {
		if p.server != nil {
			_ = p.server.Process.Signal(syscall.SIGQUIT) // "immediate" shutdown: there is nothing to save
		}
		select {
		case <-p.exited:
		case <-time.After(stopTimeout):
			_ = p.server.Process.Kill()
			<-p.exited
		}
		if p.watchdog != nil {
			_ = p.leash.Close()
			_ = p.watchdog.Wait()
		}
		if p.log != nil {
			_ = p.log.Close() // nothing in it is needed any more
		}
		err = os.RemoveAll(p.home.dir) // normally the watchdog has removed it already
	})
	return err
}

func (p *Server) start(ctx context.Context, o Options) error {
	if err := p.startWatchdog(ctx); err != nil {
		return serverError("start the watchdog of PostgreSQL", err.Error())
	}
	if err := p.fill(ctx, o); err != nil {
		return err
	}
	if o.TCP {
		port, err := freePort(ctx)
		if err != nil {
			return failure("find a free port", err)
		}
		p.port = port
	}
	if err := p.startServer(ctx, o); err != nil {
		return err
	}
	return p.await(ctx)
}

// startWatchdog starts a shell that waits for the end of its standard input, which comes when we close it or this
// process ends. Then the shell ends the server and removes the directory. A parent-death signal is no good here: Linux
// sends it when the starting thread ends, and Go ends threads at any time. If the server is so new that the shell
// doesn't find it, the server ends by itself because its lock file is gone.
func (p *Server) startWatchdog(ctx context.Context) error {
	const script = `
read -r _
if read -r pid <"$1/postmaster.pid"; then kill -QUIT "$pid" && sleep 1; fi
rm -rf "$2"`
	cmd := p.command(context.WithoutCancel(ctx), "/bin/sh", "-c", script, "sh", p.home.data(), p.home.dir)
	leash, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	p.watchdog, p.leash = cmd, leash
	return nil
}

// fill makes the data directory.
func (p *Server) fill(ctx context.Context, o Options) error {
	if o.primary != nil {
		return p.copyFrom(ctx, o.primary)
	}
	if o.Clusters == "" {
		return p.initdb(ctx)
	}
	kept := filepath.Join(o.Clusters, strings.ReplaceAll(p.binDir, "/", "_")) // of this version
	if _, err := os.Stat(kept); err == nil {
		return p.shell(ctx, "copy a new cluster", `cp -a "$1" "$2"`, kept, p.home.data())
	}
	if err := p.initdb(ctx); err != nil {
		return err
	}
	// Nobody sees a part of a copy. If another server was faster, its copy stays.
	const script = `cp -a "$1" "$2" && { mv -T "$2" "$3" || { test -d "$3" && rm -r "$2"; }; }`
	return p.shell(ctx, "keep a new cluster", script, p.home.data(), filepath.Join(o.Clusters, filepath.Base(p.home.dir)), kept)
}

// shell runs a script with arguments as the server's user.
func (p *Server) shell(ctx context.Context, op, script string, args ...string) error {
	if out, err := p.command(ctx, "/bin/sh", append([]string{"-c", script, "sh"}, args...)...).CombinedOutput(); err != nil {
		return failure(op, fmt.Errorf("%w: %s", err, out))
	}
	return nil
}

func (p *Server) initdb(ctx context.Context) error {
	cmd := p.command(ctx, filepath.Join(p.binDir, "initdb"), "--pgdata="+p.home.data(), "--username="+superuser,
		"--auth-local=trust", "--auth-host=scram-sha-256",
		"--encoding=UTF8", "--no-locale", "--no-sync")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		return initdbError(out.String(), err)
	}
	return nil
}

func (p *Server) startServer(ctx context.Context, o Options) error {
	settings := []string{
		"listen_addresses=",
		"port=" + strconv.Itoa(p.port),
		"unix_socket_directories=" + p.home.dir,
		"unix_socket_permissions=0700",
		"timezone=" + cmp.Or(o.TimeZone, "UTC"),
		"max_connections=100",
		// Nobody needs the data after a crash.
		"fsync=off", "synchronous_commit=off", "full_page_writes=off",
		// An autovacuum worker in a template database would delay CREATE DATABASE.
		"autovacuum=off",
	}
	if o.TCP {
		settings[0] = "listen_addresses=127.0.0.1"
	}
	args := []string{"-D", p.home.data()}
	for _, s := range settings {
		args = append(args, "-c", s)
	}
	log, err := openLog()
	if err != nil {
		return tempError("make the log of PostgreSQL", err)
	}
	p.log = log
	// The server is not killed when ctx ends: its child processes would stay. Stop ends it in order.
	cmd := p.command(context.WithoutCancel(ctx), filepath.Join(p.binDir, "postgres"), args...)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return failure("start PostgreSQL", err)
	}
	p.server = cmd
	go func() {
		_ = cmd.Wait()
		close(p.exited)
	}()
	return nil
}

// openLog makes a file without a name for what the server says. The server's directory is no place for one: it belongs to
// the server's user, who could lead root to another file there.
func openLog() (*os.File, error) {
	log, err := os.CreateTemp("", "uzerp-mfa-log-")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(log.Name()); err != nil {
		return nil, errors.Join(err, log.Close())
	}
	return log, nil
}

// await returns when the server accepts connections. It fails if the server ends before, and at once if waiting does not help.
func (p *Server) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for {
		err := p.try(ctx)
		if err == nil {
			return nil
		}
		if !comesUp(err) {
			return failure("connect to the new PostgreSQL", err)
		}
		select {
		case <-p.exited:
			text := make([]byte, 64<<10)
			n, _ := p.log.ReadAt(text, 0)
			return serverError("start PostgreSQL", cmp.Or(lastLine(string(text[:n])), "it ended at once"))
		case <-ctx.Done():
			return failure("start PostgreSQL", fmt.Errorf("%w; the last answer was: %w", ctx.Err(), err))
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (p *Server) try(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, p.ConnString("postgres"))
	if err != nil {
		return err
	}
	return conn.Close(ctx)
}

// comesUp reports whether err is one that a server gives while it starts: there is no socket yet, nobody listens, or it says so
// itself. An answer of any other kind stays the same.
func comesUp(err error) bool {
	if refusal, ok := errors.AsType[*pgconn.PgError](err); ok {
		return refusal.Code == startingUp
	}
	_, wrong := errors.AsType[*pgconn.ParseConfigError](err)
	return !wrong
}

// command returns a command that runs as the directory's owner and without the caller's PG* variables. It has a session
// of its own, so that Ctrl-C and the end of the terminal reach only us.
func (p *Server) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = p.home.dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + p.home.dir, "TMPDIR=" + p.home.dir, "LC_ALL=C"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Credential: p.home.owner}
	return cmd
}

func freePort(ctx context.Context) (int, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port, nil
}

func failure(op string, err error) error {
	return &errs.Error{Kind: errs.Config, Op: op, Err: err}
}

// initdbError says why initdb failed, from what it has printed and how it ended.
func initdbError(printed string, err error) error {
	reason := cmp.Or(lastLine(printed), err.Error())
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
			reason = exit.Error() + ", at: " + reason // of what it did last
		}
	}
	return serverError("run initdb", reason)
}

// serverError is the error for what PostgreSQL's programs say, with what can be done about it. The time and the process that
// PostgreSQL writes before it are left out.
func serverError(op, reason string) error {
	if at := strings.Index(reason, "FATAL:"); at >= 0 {
		reason = strings.Join(strings.Fields(reason[at:]), " ")
	}
	e := &errs.Error{Kind: errs.Config, Op: op, Err: errors.New(reason)}
	switch {
	case strings.Contains(reason, "could not look up effective user ID"):
		e.Hint = errs.Plain("PostgreSQL runs only as a user who has a line in /etc/passwd: add one, or run this as another user")
	case limited().MatchString(reason):
		e.Hint = errs.Plain("a limit of this shell may be too low for PostgreSQL (ulimit -a lists them), or the disk is full")
	}
	return e
}

// limited are the words of errors that a limit of the shell gives.
var limited = pattern.Lazy(`(?i)too large|size limit|too many open files|file descriptors|out of memory|allocate|resource|stack_depth|no space`)

// lastLine returns the last line that says what went wrong, else the last one that isn't empty.
func lastLine(text string) string {
	var last string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		if last = line; strings.Contains(line, "FATAL:") || strings.Contains(line, "error:") {
			break
		}
	}
	return last
}
