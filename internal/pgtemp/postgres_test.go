package pgtemp

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"go.uber.org/goleak"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/sharedtest"
)

// childEnv is an environment variable. If it is set, the test binary starts a server and waits until it is killed.
const childEnv = "UZERP_MFA_SANDBOX_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(childEnv) != "" {
		if err := ForgetCaller(); err != nil {
			panic(err)
		}
		p, err := Start(context.Background(), Options{})
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println(p.home.dir)
		select {}
	}
	goleak.VerifyTestMain(sharedtest.Tests{M: m})
}

func start(t *testing.T, ctx context.Context, o Options) *Server {
	t.Helper()
	if _, err := findBinaries(ctx); err != nil {
		sharedtest.LeaveOut(t, sharedtest.Postgres, err)
	}
	p, err := Start(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Stop(); err != nil {
			t.Error(err)
		}
	})
	return p
}

func TestServerTakesTheSchemaAndGoesAwayWithItsDirectory(t *testing.T) {
	p := start(t, t.Context(), Options{TCP: true, TimeZone: "Europe/London"})
	conn, err := pgx.Connect(t.Context(), p.ConnString("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	if err := LoadSchema(t.Context(), conn); err != nil {
		t.Fatal(err)
	}
	if err := LoadSample(t.Context(), conn); err != nil {
		t.Fatal(err)
	}
	var users, next int
	var zone, version string
	if err := conn.QueryRow(t.Context(), "show server_version").Scan(&version); err != nil {
		t.Fatal(err)
	}
	t.Log("the server is PostgreSQL " + version) // scripts/test-postgres.sh reads it
	err = conn.QueryRow(t.Context(), `select (select count(*) from users), nextval('injector_classes_id_seq'),
		current_setting('timezone')`).Scan(&users, &next, &zone)
	if err != nil || users != 8 || next != 8 || zone != "Europe/London" {
		t.Errorf("users %d, next id %d, zone %q, error %v", users, next, zone, err)
	}
	if err := LoadSchema(t.Context(), conn); err == nil {
		t.Errorf("loading twice gave %v", err)
	}
	if err := conn.Close(t.Context()); err != nil {
		t.Error(err)
	}
	// TCP always asks for a password: every user of this machine could connect.
	c, err := new(net.Dialer).DialContext(t.Context(), "tcp", p.TCPAddr())
	if err != nil {
		t.Fatal(err)
	}
	_ = c.Close()
	if conn, err := pgx.Connect(t.Context(), "postgres://postgres@"+p.TCPAddr()+"/postgres"); err == nil {
		_ = conn.Close(t.Context())
		t.Error("TCP let somebody in without a password")
	}

	if info, err := os.Stat(p.home.dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("directory: %v, %v", info, err)
	}
	if err := p.Stop(); err != nil {
		t.Error(err)
	}
	gone(t, p.home.dir)
}

func TestCancelStopsTheServer(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	p := start(t, ctx, Options{})
	cancel()
	<-p.exited
	gone(t, p.home.dir)

	if _, err := Start(ctx, Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("starting under a cancelled context gave %v", err)
	}
}

// A process that is killed can't clean up, but its server and its files must be gone all the same.
func TestServerDiesWithAKilledParent(t *testing.T) {
	if _, err := findBinaries(t.Context()); err != nil {
		sharedtest.LeaveOut(t, sharedtest.Postgres, err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self)
	cmd.Env = append(os.Environ(), childEnv+"=1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	dir := strings.TrimSpace(line)
	text, err := os.ReadFile(filepath.Join(dir, "data", "postmaster.pid"))
	if err != nil {
		t.Fatal(err)
	}
	var pid int
	if _, err := fmt.Sscan(string(text), &pid); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	gone(t, dir)
	for began := time.Now(); time.Since(began) < hangs; time.Sleep(50 * time.Millisecond) {
		// If nothing reaps orphans, it stays as a zombie. That counts as ended.
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if syscall.Kill(pid, 0) == syscall.ESRCH || err == nil && strings.Contains(string(stat), ") Z ") {
			return
		}
	}
	t.Errorf("the server %d is still there", pid)
}

func TestDirectoryFallsBackToTmp(t *testing.T) {
	top := t.TempDir()
	long, odd, strangers := filepath.Join(top, strings.Repeat("long", 25)), filepath.Join(top, "a, b"), filepath.Join(top, "strangers")
	for _, dir := range []string{long, odd, strangers} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	parents := []string{long, odd}
	if os.Geteuid() == 0 {
		if err := errors.Join(os.Chmod(top, 0o755), os.Chown(strangers, 33, 33)); err != nil {
			t.Fatal(err)
		}
		parents = append(parents, strangers)
	}
	for _, parent := range parents {
		h, err := makeHome(parent)
		if err != nil {
			t.Fatal(err)
		}
		if filepath.Dir(h.dir) != "/tmp" {
			t.Errorf("directory is %s", h.dir)
		}
		if err := os.RemoveAll(h.dir); err != nil {
			t.Error(err)
		}
	}
}

// The server's user owns the server's directory, and leads each name there to a file of root's.
func TestRootWritesNothingInTheServersDirectory(t *testing.T) {
	if os.Geteuid() != 0 {
		sharedtest.LeaveOut(t, sharedtest.Root, errors.New("the server runs as ourselves"))
	}
	top, err := os.MkdirTemp("/tmp", "uzerp-mfa-pg-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(top) })
	victim := filepath.Join(t.TempDir(), "victim")
	if err := errors.Join(os.Chmod(top, 0o755), os.WriteFile(victim, []byte("kept"), 0o600)); err != nil {
		t.Fatal(err)
	}
	planted, done := make(chan error, 1), make(chan struct{})
	defer close(done)
	go func() {
		for {
			select {
			case <-done:
				return
			case <-time.After(time.Millisecond):
			}
			if dirs, _ := filepath.Glob(filepath.Join(top, "*")); len(dirs) == 1 { // initdb takes a while
				planted <- os.Symlink(victim, filepath.Join(dirs[0], "log"))
				return
			}
		}
	}()
	p := start(t, t.Context(), Options{Dir: top})
	if err := <-planted; err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(victim); err != nil || string(text) != "kept" {
		t.Errorf("root's file has %q, %v", text, err)
	}
	entries, err := os.ReadDir(p.home.dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		if stat := info.Sys().(*syscall.Stat_t); e.Name() != "log" && stat.Uid != p.home.owner.Uid {
			t.Errorf("%s belongs to user %d", e.Name(), stat.Uid)
		}
	}
}

// What the caller has set for psql neither keeps the server from coming up nor leads to another one. The test runs in a process
// of its own, as ForgetCaller changes the environment.
func TestTheCallersVariables(t *testing.T) {
	if _, err := findBinaries(t.Context()); err != nil {
		sharedtest.LeaveOut(t, sharedtest.Postgres, err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self)
	cmd.Env = append(os.Environ(), childEnv+"=1", "PGSERVICE=nosuch", "PGOPTIONS=-c bogus=1", "PGTARGETSESSIONATTRS=read-only",
		"PGCONNECT_TIMEOUT=x", "PGTZ=Bogus/Zone", "PGMINPROTOCOLVERSION=9", "PGHOST=127.0.0.1", "PGDATA=/nosuch", "PGSSLMODE=verify-full")
	leash, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	dir := strings.TrimSpace(line)
	if err != nil || !filepath.IsAbs(dir) {
		t.Errorf("%q, %v", line, err)
	}
	_ = cmd.Process.Kill()
	_ = leash.Close()
	_ = cmd.Wait()
	if filepath.IsAbs(dir) {
		gone(t, dir)
	}
}

// An answer that stays the same is told at once; only a server that starts is waited for.
func TestWhatIsWaitedFor(t *testing.T) {
	_, wrong := pgx.ParseConfig("postgres://h/d?service=nosuch")
	for _, tt := range []struct {
		err  error
		want bool
	}{
		{fmt.Errorf("connect: %w", &pgconn.PgError{Code: "57P03"}), true},
		{&net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}, true},
		{&net.OpError{Op: "dial", Err: syscall.ENOENT}, true},
		{fmt.Errorf("connect: %w", &pgconn.PgError{Code: "42704"}), false},
		{fmt.Errorf("connect: %w", wrong), false},
	} {
		if got := comesUp(tt.err); got != tt.want {
			t.Errorf("%v: %v", tt.err, got)
		}
	}
}

// An error of PostgreSQL's programs says what can be done.
func TestServerErrors(t *testing.T) {
	for said, want := range map[string]string{
		"initdb: error: could not look up effective user ID 12345: user does not exist\n":                     "/etc/passwd",
		`2026-11-27 04:54:21 UTC [25596] FATAL:  could not write to file "pg_wal/xlogtemp.1": File too large`: "ulimit -a",
		"FATAL:  insufficient file descriptors available to start server process":                             "ulimit -a",
		"FATAL:  password authentication failed":                                                              "",
	} {
		e, ok := errors.AsType[*errs.Error](initdbError(said, errors.New("exit status 1")))
		if !ok || e.Kind != errs.Config || !strings.Contains(e.Hint.Text, want) || want == "" && e.Hint.Text != "" {
			t.Errorf("%s: %+v", said, e)
		}
		if strings.Contains(e.Error(), "  ") || strings.Contains(e.Error(), "UTC") {
			t.Errorf("%q", e.Error())
		}
	}
	killed := exec.CommandContext(t.Context(), "sh", "-c", "kill -XFSZ $$").Run()
	if e, _ := errors.AsType[*errs.Error](initdbError("creating configuration files ... ", killed)); e == nil || !strings.Contains(e.Error(), "signal") ||
		!strings.Contains(e.Hint.Text, "ulimit -a") {
		t.Errorf("%v", e)
	}
}

// A directory for temporary files that can't be used is told by the variable that names it.
func TestNoTemporaryDirectory(t *testing.T) {
	t.Setenv("TMPDIR", filepath.Join(t.TempDir(), "nosuch"))
	_, logErr := openLog()
	for _, err := range []error{homeError(errors.New("x")), tempError("log", logErr)} {
		if hint := errs.HintOf(err).Text; errs.KindOf(err) != errs.Config || !strings.Contains(hint, "TMPDIR") {
			t.Errorf("%v, hint %q", err, hint)
		}
	}
}

func TestNoBinaries(t *testing.T) {
	empty := t.TempDir()
	_, err := pick([]string{"", empty, filepath.Join(empty, "none")})
	e, ok := errors.AsType[*errs.Error](err)
	if !ok || e.Kind != errs.Config || !strings.Contains(e.Hint.Text, "apt-get install postgresql") {
		t.Errorf("got %v", err)
	}
}

// If the variable names a directory, the server comes from there or from nowhere.
func TestTheNamedDirectoryIsTheOnlyOne(t *testing.T) {
	top, err := os.MkdirTemp("/tmp", "uzerp-mfa-bin-") // others can't enter TempDir's
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(top) })
	whole, half := filepath.Join(top, "whole"), filepath.Join(top, "half")
	for _, file := range []string{whole + "/initdb", whole + "/postgres", half + "/initdb"} {
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, nil, 0o755)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(top, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv(BinDirVariable, whole)
	if dir, err := findBinaries(t.Context()); dir != whole || err != nil {
		t.Errorf("%q, %v", dir, err)
	}
	t.Chdir(top)
	for _, dir := range []string{half, "whole"} {
		t.Setenv(BinDirVariable, dir)
		if got, err := findBinaries(t.Context()); got != "" || errs.KindOf(err) != errs.Config || !strings.Contains(err.Error(), BinDirVariable) {
			t.Errorf("%s: %q, %v", dir, got, err)
		}
	}
	if os.Geteuid() != 0 {
		return // the server runs as ourselves
	}
	if err := os.Chmod(top, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv(BinDirVariable, whole)
	if got, err := findBinaries(t.Context()); got != "" || errs.KindOf(err) != errs.Config || !strings.Contains(err.Error(), "closed to the user") {
		t.Errorf("%q, %v", got, err)
	}
}

func TestVersionsAreOrderedAsNumbers(t *testing.T) {
	for path, want := range map[string]int{
		"/usr/lib/postgresql/9/bin": 9, "/usr/lib/postgresql/15/bin": 15, "/usr/pgsql-18/bin": 18, "/opt/x/bin": 0,
	} {
		if got := version(path); got != want {
			t.Errorf("version(%q) = %d, want %d", path, got, want)
		}
	}
}

func TestLastLineFindsTheReason(t *testing.T) {
	const log = "LOG:  starting\nFATAL:  could not create shared memory\nLOG:  database system is shut down\n\n"
	if got := lastLine(log); got != "FATAL:  could not create shared memory" {
		t.Errorf("got %q", got)
	}
	if got := lastLine("one\ntwo\n\n"); got != "two" {
		t.Errorf("got %q", got)
	}
}

// hangs is how long a test waits before it says that something never happens. It is long enough for a busy machine.
const hangs = 5 * time.Minute

func gone(t *testing.T, dir string) {
	t.Helper()
	for began := time.Now(); time.Since(began) < hangs; time.Sleep(50 * time.Millisecond) {
		if _, err := os.Stat(dir); os.IsNotExist(err) {
			return
		}
	}
	t.Errorf("%s is still there", dir)
}

// The members of this process's primary group are strangers too, if that is not a private one.
func TestHomeInASharedGroup(t *testing.T) {
	if os.Geteuid() != 0 {
		sharedtest.LeaveOut(t, sharedtest.Root, errors.New("only root can take another group"))
	}
	const shared = 65534              // nogroup
	top, err := os.MkdirTemp("", "g") // others can't enter TempDir's
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(top) })
	if err := errors.Join(os.Chown(top, 0, shared), os.Chmod(top, 0o775), syscall.Setegid(shared)); err != nil {
		t.Fatal(err)
	}
	h, err := makeHome(top)
	if err := syscall.Setegid(0); err != nil {
		t.Fatal(err)
	}
	if err != nil || filepath.Dir(h.dir) != "/tmp" {
		t.Errorf("%q, %v", h.dir, err)
	}
	if err := os.RemoveAll(h.dir); err != nil {
		t.Error(err)
	}
}

// A server that is given a directory for it copies what initdb has made for an earlier one, and what happens in one server is
// in no copy.
func TestClustersAreCopied(t *testing.T) {
	clusters, err := os.MkdirTemp("", "c")
	if err = errors.Join(err, os.Chmod(clusters, 0o777|os.ModeSticky)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(clusters) })
	var ids [2]string
	for i := range ids {
		p := start(t, t.Context(), Options{Clusters: clusters})
		if err := queryRow(t.Context(), p, "select system_identifier::text from pg_control_system()", &ids[i]); err != nil {
			t.Fatal(err)
		}
		if err := execute(t.Context(), p, "create role once"); err != nil {
			t.Error(err)
		}
	}
	if ids[0] != ids[1] {
		t.Errorf("two clusters: %q", ids)
	}
	if kept, err := os.ReadDir(clusters); len(kept) != 1 || err != nil {
		t.Errorf("kept %v, %v", kept, err)
	}
}
