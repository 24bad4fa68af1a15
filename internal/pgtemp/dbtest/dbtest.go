// Package dbtest makes a real PostgreSQL database for each test.
//
// Its laws: each test process has one server, which starts with the first database and is stopped by Run; a database is
// a copy of a template, which takes some tens of milliseconds, and is dropped when its test ends; and if the machine
// lacks something that a test needs, the test fails in CI and is skipped elsewhere.
package dbtest

import (
	"cmp"
	"context"
	_ "embed" // for the SQL
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"uzerp-mfa/internal/pgtemp"
	"uzerp-mfa/internal/sharedtest"
)

// Template says what a new database contains.
type Template string

// The templates.
const (
	Empty   Template = "empty"   // nothing: not uzERP's database
	Sandbox Template = "sandbox" // the sandbox's tables, without rows
	Sample  Template = "sample"  // Sandbox with the sandbox's users and injector classes
	Old     Template = "old"     // Sample as it was before uzERP 1.31.0: without the 2FA columns
	Uzerp   Template = "uzerp"   // a new installation of uzERP, in our own copy of its tables with all their columns
	Real    Template = "real"    // a new installation in uzERP's own database, which is not in this repository
)

// In returns the template in a database with another encoding than UTF8. What it contains is ASCII.
func (t Template) In(encoding string) Template { return t + inEncoding + Template(encoding) }

// inEncoding stands in the name of a template before its encoding.
const inEncoding = "_in_"

//go:embed uzerp.sql
var uzerpSQL string

const dump = "data/uzerp/uzerp-base-dist.dump"

var shared server // of this test process

type server struct {
	mu        sync.Mutex
	started   bool
	pg        *pgtemp.Server
	err       error
	templates map[Template]error
	made      int
}

// Run runs a package's tests and stops the server: os.Exit(dbtest.Run(m)) is all that a TestMain needs.
func Run(m *testing.M) int {
	return sharedtest.Tests{M: m, Done: func(code int) int {
		shared.mu.Lock()
		defer shared.mu.Unlock()
		if shared.pg != nil {
			if err := shared.pg.Stop(); err != nil {
				fmt.Fprintln(os.Stderr, "dbtest:", err)
				return 1
			}
		}
		return code
	}}.Run()
}

// New makes a database and returns its URL, for the superuser on the socket. When the test ends, all connections to the
// database are closed and it is dropped.
func New(tb testing.TB, t Template) string {
	tb.Helper()
	name, url, err := shared.create(t)
	if err != nil {
		missing(tb, err)
	}
	tb.Cleanup(func() {
		if err := shared.drop(name); err != nil {
			tb.Errorf("dbtest: drop %s: %v", name, err)
		}
	})
	return url
}

// Standby starts a hot standby of the server and returns the URL of the same database there, as it is now. It follows the server,
// and ends with the test.
func Standby(tb testing.TB, connString string) (url string) {
	tb.Helper()
	config, err := pgx.ParseConfig(connString)
	if err != nil {
		tb.Fatal("dbtest: ", err)
	}
	ctx := context.Background()
	shared.mu.Lock() // nobody makes or drops a database meanwhile
	defer shared.mu.Unlock()
	standby, err := shared.pg.Standby(ctx)
	if err != nil {
		tb.Fatal("dbtest: start a standby: ", err)
	}
	tb.Cleanup(func() {
		if err := standby.Stop(); err != nil {
			tb.Error("dbtest: stop the standby: ", err)
		}
	})
	if err := standby.AwaitReplay(ctx, shared.pg); err != nil {
		tb.Fatal("dbtest: wait for the standby: ", err)
	}
	return standby.ConnString(config.Database)
}

// missing leaves the test out if err is about something that the machine may lack. Any other error fails the test.
func missing(tb testing.TB, err error) {
	tb.Helper()
	switch {
	case is[absentError](err):
		sharedtest.LeaveOut(tb, sharedtest.Postgres, err)
	case errors.Is(err, fs.ErrNotExist):
		sharedtest.LeaveOutData(tb, dump, err)
	}
	tb.Fatal("dbtest: ", err)
}

func is[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

// absentError is the error for something that the machine lacks.
type absentError struct{ error }

// Connect returns a plain connection, which is closed when the test ends.
func Connect(tb testing.TB, connString string) *pgx.Conn {
	tb.Helper()
	conn, err := pgx.Connect(context.Background(), connString)
	if err != nil {
		tb.Fatal("dbtest: ", err)
	}
	tb.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// Exec runs statements, separated by semicolons, or a single one with arguments.
func Exec(tb testing.TB, connString, sql string, args ...any) {
	tb.Helper()
	conn, err := pgx.Connect(context.Background(), connString)
	if err != nil {
		tb.Fatal("dbtest: ", err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	if _, err := conn.Exec(context.Background(), sql, args...); err != nil {
		tb.Fatalf("dbtest: %v in %s", err, sql)
	}
}

// create makes a database from a template. It makes the template first if there is none yet.
func (s *server) create(t Template) (name, url string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.start(); err != nil {
		return "", "", err
	}
	if _, tried := s.templates[t]; !tried {
		s.templates[t] = s.makeTemplate(t)
	}
	if err := s.templates[t]; err != nil {
		return "", "", err
	}
	s.made++
	name = fmt.Sprintf("test_%04d", s.made) // of one width, for pictures of a screen
	return name, s.pg.ConnString(name), s.makeDatabase(name, templateName(t))
}

func (s *server) start() error {
	if !s.started {
		s.started = true
		s.templates = make(map[Template]error)
		if s.pg, s.err = pgtemp.Start(context.Background(), pgtemp.Options{Clusters: Clusters()}); s.err != nil {
			s.err = absentError{s.err}
		}
	}
	return s.err
}

// ClustersVariable is the name of an environment variable. It names a directory for pgtemp's Options.Clusters, which all
// test processes share.
const ClustersVariable = "UZERP_MFA_TEST_CLUSTERS"

// Clusters returns Options.Clusters for a server of tests.
func Clusters() string { return os.Getenv(ClustersVariable) }

func templateName(t Template) string { return "template_" + strings.ToLower(string(t)) }

func (s *server) makeTemplate(t Template) error {
	name := templateName(t)
	content, encoding, _ := strings.Cut(string(t), inEncoding)
	if err := s.makeDatabase(name, "template0 encoding '"+cmp.Or(encoding, "UTF8")+"'"); err != nil {
		return err
	}
	t = Template(content)
	if t == Real {
		return s.restore(name)
	}
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, s.pg.ConnString(name))
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	switch t {
	case Empty:
		return nil
	case Uzerp:
		_, err := conn.PgConn().Exec(ctx, uzerpSQL).ReadAll()
		return err
	}
	if err := pgtemp.LoadSchema(ctx, conn); err != nil || t == Sandbox {
		return err
	}
	if err := pgtemp.LoadSample(ctx, conn); err != nil || t == Sample {
		return err
	}
	_, err = conn.Exec(ctx, `alter table users
		drop column mfa_enrolled, drop column uuid, drop column mfa_sid, drop column mfa_enabled`)
	return err
}

// restore loads the real database.
func (s *server) restore(name string) error {
	file, err := sharedtest.Path(dump)
	if err != nil {
		return err
	}
	// Some packages have the server's programs and no others.
	program := filepath.Join(s.pg.BinDir(), "pg_restore")
	if _, err := os.Stat(program); err != nil {
		program = "pg_restore"
	}
	target := s.pg.ConnString(name)
	cmd := exec.CommandContext(context.Background(), program, "--no-owner", "--no-privileges", "--exit-on-error",
		"--dbname="+target, file)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("pg_restore: %w: %s", err, out)
	}
	return nil
}

// drop works on PostgreSQL 12 too, which has no DROP DATABASE … WITH (FORCE).
func (s *server) drop(name string) error {
	return s.admin(
		"update pg_database set datallowconn = false where datname = '"+name+"'",
		"select pg_terminate_backend(pid) from pg_stat_activity where datname = '"+name+"'",
		"drop database "+name,
	)
}

// makeDatabase has PostgreSQL copy the files of a template. Since PostgreSQL 15 it would else log all that is in them, which
// costs twice as much.
func (s *server) makeDatabase(name, template string) error {
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, s.pg.ConnString("postgres"))
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	sql := "create database " + name + " template " + template
	major, _, _ := strings.Cut(conn.PgConn().ParameterStatus("server_version"), ".")
	if version, _ := strconv.Atoi(major); version >= 15 {
		sql += " strategy file_copy"
	}
	_, err = conn.Exec(ctx, sql)
	return err
}

func (s *server) admin(statements ...string) error {
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, s.pg.ConnString("postgres"))
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	for _, sql := range statements {
		if _, err := conn.Exec(ctx, sql); err != nil {
			return err
		}
	}
	return nil
}

// As returns connString for another role, without a password.
func As(tb testing.TB, connString, role string) string {
	tb.Helper()
	u, err := url.Parse(connString)
	if err != nil {
		tb.Fatal("dbtest: ", err)
	}
	u.User = url.User(role)
	return u.String()
}
