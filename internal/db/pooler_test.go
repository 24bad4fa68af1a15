package db_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"uzerp-mfa/internal/crashtest"
	"uzerp-mfa/internal/db"
	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/history"
	"uzerp-mfa/internal/injector"
	"uzerp-mfa/internal/pgtemp"
	"uzerp-mfa/internal/pgtemp/dbtest"
	"uzerp-mfa/internal/pgtemp/pooltest"
)

// oneConnection is a pool that has one connection of the server: all clients meet in it.
const oneConnection = "default_pool_size=1"

// left is what a client of a pooler may leave behind for the next one, as that sees it.
func left(t *testing.T, p *pooltest.Pooler) string {
	t.Helper()
	config, err := pgx.ParseConfig(p.URL())
	if err != nil {
		t.Fatal(err)
	}
	config.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol
	conn, err := pgx.ConnectConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	var found string
	if err := conn.QueryRow(t.Context(), `select concat_ws(' ', 'statements:', (select count(*) from pg_prepared_statements),
		'cursors:', (select count(*) from pg_cursors where not statement like '%pg_cursors%'),
		'settings:', (select string_agg(name, ',' order by name) from pg_settings where source = 'session' and name in
			('search_path', 'row_security', 'statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout', 'transaction_timeout')),
		'locks:', (select count(*) from pg_locks where pid = pg_backend_pid() and locktype = 'advisory'),
		'tables:', (select count(*) from pg_class where relpersistence = 't'))`).Scan(&found); err != nil {
		t.Fatal(err)
	}
	return found
}

// All works behind a pooler with its defaults, again and again through the same connection of the server, and nothing is
// left in that.
func TestBehindAPooler(t *testing.T) {
	for _, mode := range []pooltest.Mode{pooltest.Session, pooltest.Transaction} {
		t.Run(string(mode)+" mode, one connection of the server for all clients: each call, again and again", func(t *testing.T) {
			url := dbtest.New(t, dbtest.Sample)
			p := pooltest.Start(t, url, mode, nil, oneConnection)
			clean := left(t, p)
			for range 2 {
				dbtest.Exec(t, url, "update users set uuid = null, mfa_sid = null where username = 'alice'; "+
					"delete from injector_classes where name = 'MFAValidator'; update injector_classes set class_name = 'HTMLFormLoginHandler' where id = 6")
				d := open(t, db.Config{ConnString: p.URL()})
				everything(t, d, url)
				if _, err := d.Logins().Read(t.Context(), history.Query{Usernames: []string{"admin"}}); err != nil {
					t.Error(err)
				}
				if s, err := d.CheckSchema(t.Context()); err != nil || !s.Pooler {
					t.Error("the pooler is not seen", err)
				}
				d.Close()
			}
			if now := left(t, p); now != clean {
				t.Errorf("left behind: %s\nwas: %s", now, clean)
			}
		})
	}
	d, _ := sample(t)
	if s, err := d.CheckSchema(t.Context()); err != nil || s.Pooler {
		t.Error("a pooler is seen where none is", err)
	}
}

// What the user chose holds behind a pooler, too, and for us alone.
func TestChosenSettingsBehindAPooler(t *testing.T) {
	url := dbtest.New(t, dbtest.Sample)
	p := pooltest.Start(t, url, pooltest.Transaction, nil, oneConnection)
	clean := left(t, p)
	dbtest.Exec(t, url, "create schema elsewhere; create table elsewhere.users ()")
	for query, words := range map[string]string{
		"&search_path=elsewhere": `is not uzERP's: no table`,
		"&options=-csearch_path%3Delsewhere%20-c%20lock_timeout%3D5ms": `is not uzERP's: no table`,
		"&search_path=public": "",
	} {
		d := open(t, db.Config{ConnString: p.URL() + query})
		if s, err := d.CheckSchema(t.Context()); err != nil || words == "" != (s.Problem() == nil) || words != "" && !strings.Contains(s.Problem().Error(), words) {
			t.Errorf("%s: %v, %v", query, s.Problem(), err)
		}
		d.Close()
	}
	for query, words := range map[string]string{
		"&lock_timeout=s3cr3t":                      "rejects a parameter of the database settings (SQLSTATE 22023)",
		"&geqo=off":                                 "libpq knows no parameter \"geqo\"",
		"&options=-cgeqo%3Doff":                     "rejects a parameter of the connection: \"",
		"&options=-cgeqo%3Doff%20-csearch_path%3Dx": "rejects a parameter of the connection: \"",
	} {
		wantOpenError(t, p.URL()+query, errs.Config, words)
	}
	// What another client has left behind counts for nothing.
	dbtest.Exec(t, p.URL(), "set statement_timeout = '1min'; set lock_timeout = '1min'; set row_security = on")
	d := open(t, db.Config{ConnString: p.URL()})
	got, err := d.ServerSettings(t.Context())
	if err != nil || got["statement_timeout"] != "9500ms" || got["lock_timeout"] != "5s" || got["row_security"] != "off" {
		t.Error(got, err)
	}
	find(t, d, "alice")
	dbtest.Exec(t, p.URL(), "discard all")
	if now := left(t, p); now != clean {
		t.Errorf("left behind: %s\nwas: %s", now, clean)
	}
}

// A query is one round trip: behind a pooler, and elsewhere.
func TestRoundTrips(t *testing.T) {
	var tap crashtest.Tap
	url := dbtest.New(t, dbtest.Sample)
	config := dbtest.Connect(t, url).Config()
	network, address := pgconn.NetworkAddress(config.Host, config.Port)
	proxy, err := crashtest.ListenPostgres(&tap, network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = proxy.Close() })
	d := open(t, db.Config{ConnString: fmt.Sprintf("postgres://%s@127.0.0.1:%d/%s?sslmode=disable", config.User, proxy.Port(), config.Database)})
	alice := find(t, d, "alice")
	if err := d.CompareAndSet(t.Context(), "alice", alice.Row, alice.Row); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, i := range tap.Seen() {
		names = append(names, i.Name)
	}
	if got := strings.Join(names, " "); got != "schema owners find_users compare_and_set commit" {
		t.Error(got)
	}
}

// In statement mode nothing can be changed, and that is said.
func TestStatementMode(t *testing.T) {
	url := dbtest.New(t, dbtest.Sample)
	d := open(t, db.Config{ConnString: pooltest.Start(t, url, pooltest.Statement, nil).URL()})
	before := dbtest.Snapshot(t, url)
	alice := find(t, d, "alice")
	_, _, tried := d.HoldTrial(t.Context(), time.Minute)
	var listed error
	for _, err := range d.Users(t.Context(), db.ByUsername) {
		listed = err
	}
	t.Run("statement mode: a list", func(t *testing.T) {
		if listed != nil {
			t.Error(listed)
		}
	})
	for name, err := range map[string]error{
		"a change":             d.CompareAndSet(t.Context(), "alice", alice.Row, injector.Assignment{}.Becomes),
		"the question for one": d.MayWrite(t.Context(), "alice", alice.Row),
		"a switch on trial":    tried,
	} {
		t.Run("statement mode, refused: "+name, func(t *testing.T) { wantError(t, err, errs.Config, "is in statement mode") })
	}
	if after := dbtest.Snapshot(t, url); fmt.Sprint(after) != fmt.Sprint(before) {
		t.Error("something was changed")
	}
}

// A mark is a lock in an open transaction. A pooler leaves that its connection of the server until it ends, and ends it if
// the client is gone.
func TestTrialBehindAPooler(t *testing.T) {
	for _, mode := range []pooltest.Mode{pooltest.Session, pooltest.Transaction} {
		t.Run(string(mode)+" mode: a switch on trial", func(t *testing.T) {
			url := dbtest.New(t, dbtest.Sample)
			p := pooltest.Start(t, url, mode, nil)
			direct, through := open(t, db.Config{ConnString: url}), open(t, db.Config{ConnString: p.URL()})
			for what, end := range map[string]func(d *db.DB, release, vanish func()){
				"released": func(_ *db.DB, release, _ func()) { release() },
				"killed":   func(_ *db.DB, _, vanish func()) { vanish() },
				"ended by the administrator": func(d *db.DB, _, _ func()) {
					dbtest.Exec(t, url, "select pg_terminate_backend($1::bigint::integer)", onTrial(t, d, true).Holder.PID)
				},
			} {
				w := newWire(t, p.URL())
				guard := open(t, db.Config{ConnString: w.url})
				key, release, err := guard.HoldTrial(background(), time.Hour)
				if err != nil {
					t.Fatal(what, err)
				}
				for range 3 { // others use the pool meanwhile
					for name, d := range map[string]*db.DB{"direct": direct, "through the pooler": through} {
						mark, err := d.OnTrial(t.Context())
						if err != nil || mark == nil || mark.Key != key || mark.Forbids() == nil {
							t.Errorf("%s, %s: %v, %v", what, name, mark, err)
						}
						wantError(t, d.ApplySwitch(t.Context(), switchNames(), plan(t, d)), errs.Refused, "a switch is on trial until 20")
					}
				}
				own := plan(t, through)
				own.Trial = key
				if err := through.ApplySwitch(t.Context(), switchNames(), own); err != nil {
					t.Errorf("%s: %v", what, err)
				}
				dbtest.Exec(t, url, "delete from injector_classes where name = 'MFAValidator'; "+
					"update injector_classes set class_name = 'HTMLFormLoginHandler' where id = 6")
				confirmed := make(chan error, 1)
				if what == "released" {
					go func() { confirmed <- through.ConfirmTrial(background(), key) }()
					for seen := false; !seen; {
						if seen, err = guard.Confirmed(t.Context(), key); err != nil {
							t.Fatal(err)
						}
					}
					unsign, err := guard.SignKept(t.Context(), key)
					if err != nil {
						t.Fatal(err)
					}
					if err := <-confirmed; err != nil {
						t.Error(err)
					}
					unsign()
				}
				end(direct, release, w.cut)
				onTrial(t, direct, false)
				release()
			}
		})
	}
}

// The client's machine vanishes: the server ends the mark's session by itself.
func TestTrialBehindAPoolerEndsByItself(t *testing.T) {
	db.SetTrialGrace(t, 0)
	url := dbtest.New(t, dbtest.Sample)
	w := newWire(t, pooltest.Start(t, url, pooltest.Transaction, nil).URL())
	_, _ = hold(t, open(t, db.Config{ConnString: w.url, QueryTimeout: 5 * time.Second}), 300*time.Millisecond)
	w.breakInSilence()
	onTrial(t, open(t, db.Config{ConnString: url}), false)
}

// A command that needs two connections at a time, and one that waits for a pool that is used up, says so within the limit.
func TestAPoolThatIsTooSmall(t *testing.T) {
	url := dbtest.New(t, dbtest.Sample)
	p := pooltest.Start(t, url, pooltest.Transaction, nil, oneConnection)
	d := open(t, db.Config{ConnString: p.URL(), QueryTimeout: 5 * time.Second})
	_, release := hold(t, d, time.Hour)
	_, err := d.FindUsers(t.Context(), []string{"alice"})
	wantError(t, err, errs.Unavailable, "did not answer in time; the pool of the connection pooler in between may be too small (default_pool_size)")
	release()
	find(t, d, "alice")

	impatient := pooltest.Start(t, url, pooltest.Transaction, nil, oneConnection, "query_wait_timeout=1")
	d = open(t, db.Config{ConnString: impatient.URL(), QueryTimeout: time.Minute})
	_, release = hold(t, d, time.Hour)
	_, err = d.FindUsers(t.Context(), []string{"alice"})
	wantError(t, err, errs.Unavailable, "no free connection to the server in time (query_wait_timeout)")
	release()
	find(t, d, "alice")
}

// Where much is asked at a time and the pool has one connection, one is used.
func TestOneConnectionIsEnough(t *testing.T) {
	url := dbtest.New(t, dbtest.Sample)
	d := open(t, db.Config{ConnString: pooltest.Start(t, url, pooltest.Session, nil, oneConnection).URL()})
	var all sync.WaitGroup
	failed := make(chan error, 100)
	for range cap(failed) {
		all.Go(func() {
			if _, err := d.FindUsers(t.Context(), []string{"alice"}); err != nil {
				failed <- err
			}
		})
	}
	all.Wait()
	close(failed)
	for err := range failed {
		t.Error(err)
	}
}

// Somebody who gives up waiting leaves neither a query at the server nor a connection of the pool in use.
func TestCancelBehindAPooler(t *testing.T) {
	for _, mode := range []pooltest.Mode{pooltest.Session, pooltest.Transaction} {
		t.Run(string(mode)+" mode: a query that is interrupted", func(t *testing.T) {
			url := dbtest.New(t, dbtest.Sample)
			// No limit of the query's own ends it before this test does.
			d := open(t, db.Config{ConnString: pooltest.Start(t, url, mode, nil, oneConnection).URL(), QueryTimeout: 3 * hangs, LockTimeout: 2 * hangs})
			tx := begin(t, url)
			if _, err := tx.Exec(t.Context(), "lock table users in access exclusive mode"); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error, 1)
			go func() {
				_, err := d.FindUsers(ctx, []string{"alice"})
				done <- err
			}()
			waitForLock(t, url, done)
			cancel()
			if err := <-done; !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
			conn := dbtest.Connect(t, url)
			for waiting, began := true, time.Now(); waiting; time.Sleep(10 * time.Millisecond) {
				if err := conn.QueryRow(t.Context(), "select exists (select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock')").
					Scan(&waiting); err != nil || time.Since(began) > hangs && waiting {
					t.Fatal("it still waits at the server", err)
				}
			}
			if err := tx.Rollback(t.Context()); err != nil {
				t.Fatal(err)
			}
			find(t, d, "alice")
		})
	}
}

// Who refuses, the pooler or the server, is said.
func TestWhatAPoolerSays(t *testing.T) {
	url := dbtest.New(t, dbtest.Sample)
	role := "nologin_of_" + database(url)
	full := "full_of_" + database(url)
	dbtest.Exec(t, url, "create role "+role+"; create role "+full+" login connection limit 0")
	t.Cleanup(func() { dbtest.Exec(t, url, "drop role "+role+"; drop role "+full) })
	p := pooltest.Start(t, url, pooltest.Transaction, []string{"nobody-there", role, full}, "admin_users=postgres", "server_login_retry=1", "query_wait_timeout=1")
	name := database(url)
	notIn := "or the server behind it, does not let this user into this database"
	wantOpenError(t, p.URLOf("stranger", name), errs.Config, notIn)
	wantOpenError(t, p.URLOf("nobody-there", name), errs.Config, notIn)
	wantOpenError(t, p.URLOf(role, name), errs.Config, notIn)
	wantOpenError(t, p.URLOf("postgres", "nowhere"), errs.Config, notIn)
	wantOpenError(t, p.URLOf(full, name), errs.Unavailable, "the database server has no free one")

	d := open(t, db.Config{ConnString: p.URL()})
	find(t, d, "alice")
	p.Admin(t, "pause "+name)
	_, err := d.FindUsers(t.Context(), []string{"alice"})
	wantError(t, err, errs.Unavailable, "no free connection to the server in time")
	p.Admin(t, "resume "+name)
	find(t, d, "alice")
	p.Admin(t, "disable "+name)
	wantOpenError(t, p.URL(), errs.Unavailable, "disabled or paused")
	p.Admin(t, "enable "+name)

	few := pooltest.Start(t, url, pooltest.Transaction, nil, "max_client_conn=1")
	d, err = db.Open(t.Context(), db.Config{ConnString: few.URL()})
	for err != nil && strings.Contains(err.Error(), "max_client_conn") { // it may not have noticed yet that Start's look is over
		d, err = db.Open(t.Context(), db.Config{ConnString: few.URL()})
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	wantOpenError(t, few.URL(), errs.Unavailable, "takes no more clients (max_client_conn)")
	find(t, d, "alice")
	few.Stop()
	_, err = d.FindUsers(t.Context(), []string{"alice"})
	if errs.KindOf(err) != errs.Unavailable {
		t.Error(err)
	}

	gone := ownServer(t, pgtemp.Options{})
	p = pooltest.Start(t, gone.ConnString("postgres"), pooltest.Transaction, nil, "client_login_timeout=1", "server_login_retry=1", "query_wait_timeout=2")
	d = open(t, db.Config{ConnString: p.URL()})
	if err := gone.Stop(); err != nil {
		t.Fatal(err)
	}
	for _, words := range []string{"", "does not reach the database server"} { // the first one may still meet the old connection
		_, err := d.CheckSchema(t.Context())
		if errs.KindOf(err) != errs.Unavailable || !strings.Contains(err.Error(), words) {
			t.Errorf("want %q: %v", words, err)
		}
	}
}

// What running it again does not help is no outage.
func TestWhatAPoolerNeverTakes(t *testing.T) {
	url := dbtest.New(t, dbtest.Sample)
	p := pooltest.Start(t, url, pooltest.Transaction, nil, "admin_users=postgres")
	strict := pooltest.Start(t, url, pooltest.Transaction, nil, "disable_pqexec=1")
	t.Run("disable_pqexec: a change", func(t *testing.T) {
		d := open(t, db.Config{ConnString: strict.URL()})
		alice := find(t, d, "alice")
		becomes := alice.WithUUID("00000000-0000-4000-8000-000000000001")
		if err := cmp.Or(d.MayWrite(t.Context(), "alice", becomes), d.CompareAndSet(t.Context(), "alice", alice.Row, becomes)); err != nil {
			t.Error(err)
		}
	})
	for words, c := range map[string]struct{ url, zone string }{
		"is the pooler's own console": {p.URLOf("postgres", "pgbouncer"), ""},
		"(disable_pqexec)":            {strict.URL() + "&target_session_attrs=read-write", ""},
		"could not set a parameter":   {p.URL(), "Mars"},
	} {
		t.Run(words, func(t *testing.T) {
			t.Setenv("PGTZ", c.zone)
			d, err := db.Open(t.Context(), db.Config{ConnString: c.url})
			if err == nil {
				t.Cleanup(d.Close)
				err = d.MayWrite(t.Context(), "alice", injector.Assignment{}.Becomes)
			}
			wantError(t, err, errs.Config, words)
		})
	}
}
