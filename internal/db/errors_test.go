package db_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"uzerp-mfa/internal/db"
	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/mfa"
	"uzerp-mfa/internal/pgtemp"
	"uzerp-mfa/internal/pgtemp/dbtest"
)

func wantOpenError(t *testing.T, url string, kind errs.Kind, words string) {
	t.Helper()
	d, err := db.Open(t.Context(), db.Config{ConnString: url})
	if err == nil {
		d.Close()
	}
	wantError(t, err, kind, words)
}

// mustFail runs a statement that must fail, and returns the translated error.
func mustFail(t *testing.T, url, sql string) error {
	t.Helper()
	_, err := dbtest.Connect(t, url).Exec(t.Context(), sql)
	if err == nil {
		t.Fatalf("%s is allowed", sql)
	}
	return &errs.Error{Err: err}
}

// ownServer starts a server that a test may reconfigure and stop.
func ownServer(t *testing.T, o pgtemp.Options) *pgtemp.Server {
	t.Helper()
	dbtest.New(t, dbtest.Empty) // skips the test if there is no PostgreSQL
	o.Clusters = dbtest.Clusters()
	p, err := pgtemp.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Stop() })
	return p
}

func TestWhoIsNotLetIn(t *testing.T) {
	p := ownServer(t, pgtemp.Options{TCP: true})
	admin := p.ConnString("postgres")
	dbtest.Exec(t, admin, "create role app login password 's3cr3t'; create role full_up login password 's3cr3t' connection limit 0")
	dbtest.Exec(t, admin, "create database uz")
	dbtest.Exec(t, admin, "create database closed")
	dbtest.Exec(t, admin, "revoke connect on database closed from public")

	at := p.TCPAddr()
	ok := "postgres://app:s3cr3t@" + at
	open(t, db.Config{ConnString: ok + "/uz"}).Close()

	wantOpenError(t, "postgres://app:wrong@"+at+"/uz", errs.Config, `does not let user "app" (from the settings) in, with the password from the settings`)
	wantOpenError(t, "postgres://app@"+at+"/uz", errs.Config, `does not let user "app" (from the settings) in, without a password`)
	wantOpenError(t, "postgres://stranger:s3cr3t@"+at+"/uz", errs.Config, `does not let user "stranger" (from the settings) in`)
	wantOpenError(t, ok+"/nowhere", errs.Config, `has no database "nowhere" (from the settings)`)
	wantOpenError(t, ok+"/closed", errs.Config, `may not connect to database "closed"`)
	wantOpenError(t, "postgres://full_up:s3cr3t@"+at+"/uz", errs.Unavailable, "no free connection")
	wantOpenError(t, ok+"/uz?sslmode=require", errs.Config, "does not offer TLS")
	wantOpenError(t, ok+"/uz?no_such_setting=1", errs.Config, `libpq knows no parameter "no_such_setting"`)
	wantOpenError(t, ok+"/uz?options=-cno_such_setting%3D1", errs.Config, "rejects a parameter")
	wantOpenError(t, ok+"/uz?gssencmode=require", errs.Config, "gssencmode (from ")
	wantOpenError(t, ok+"/uz?target_session_attrs=standby", errs.Config, "is one that target_session_attrs (from ")
	wantOpenError(t, ok+"/uz?require_auth=md5", errs.Config, "asks for login scram-sha-256, and require_auth (from ")
	// The first of two hosts does not answer, the second refuses: the error is that of the second.
	wantOpenError(t, "postgres://app:wrong@127.0.0.1:1,"+at+"/uz", errs.Config, "does not let user")

	certificate := makeTLS(t, admin)
	open(t, db.Config{ConnString: ok + "/uz?sslmode=require"}).Close()
	open(t, db.Config{ConnString: ok + "/uz?sslmode=verify-full&sslrootcert=" + certificate}).Close()
	other := filepath.Join(t.TempDir(), "other.crt")
	text, _ := selfSigned(t)
	if err := os.WriteFile(other, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, mode := range []string{"verify-full", "verify-ca"} {
		wantOpenError(t, ok+"/uz?sslmode="+mode+"&sslrootcert="+other, errs.Config, "TLS connection")
	}
	_, port, _ := net.SplitHostPort(at)
	wantOpenError(t, "postgres://app:s3cr3t@localhost:"+port+"/uz?sslmode=verify-full&sslrootcert="+certificate, errs.Config, "TLS connection")

	// pg_hba.conf asks for TLS.
	serverFile(t, admin, "pg_hba.conf", "local all all trust\nhostssl all all all scram-sha-256")
	dbtest.Exec(t, admin, "select pg_reload_conf()")
	wantOpenErrorSoon(t, ok+"/uz?sslmode=disable", errs.Config, `does not let user "app" (from the settings) in`)
	open(t, db.Config{ConnString: ok + "/uz"}).Close()
}

// hangs is how long a test waits before it says that something never comes. It is long enough for a busy machine.
const hangs = 5 * time.Minute

// wantOpenErrorSoon is wantOpenError, again until the server has reloaded its settings.
func wantOpenErrorSoon(t *testing.T, url string, kind errs.Kind, words string) {
	t.Helper()
	for began := time.Now(); time.Since(began) < hangs; time.Sleep(20 * time.Millisecond) {
		d, err := db.Open(t.Context(), db.Config{ConnString: url})
		if err != nil {
			break
		}
		d.Close()
	}
	wantOpenError(t, url, kind, words)
}

// makeTLS turns TLS on at a server, with a new certificate for 127.0.0.1, and returns the path of the certificate.
func makeTLS(t *testing.T, admin string) string {
	t.Helper()
	certificate, key := selfSigned(t)
	serverFile(t, admin, "server.crt", certificate)
	serverFile(t, admin, "server.key", key)
	dbtest.Exec(t, admin, "alter system set ssl = on")
	dbtest.Exec(t, admin, "select pg_reload_conf()")
	for began := time.Now(); time.Since(began) < hangs; time.Sleep(20 * time.Millisecond) {
		var on string
		if err := dbtest.Connect(t, admin).QueryRow(t.Context(), "show ssl").Scan(&on); err != nil || on == "on" {
			break
		}
	}
	file := filepath.Join(t.TempDir(), "root.crt")
	if err := os.WriteFile(file, []byte(certificate), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// serverFile writes a file in the server's data directory. The server itself writes it, because it must own a key file.
func serverFile(t *testing.T, admin, name, text string) {
	t.Helper()
	lines := strings.ReplaceAll(strings.TrimSpace(text), "\n", "'), ('")
	dbtest.Exec(t, admin, "copy (values ('"+lines+"')) to program 'umask 077; cat > "+name+"'")
}

func selfSigned(t *testing.T) (certificate, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "sandbox"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}))
}

func TestNobodyAnswers(t *testing.T) {
	wantOpenError(t, "postgres://u:s3cr3t@127.0.0.1:1/uz", errs.Unavailable, `no PostgreSQL answers at "127.0.0.1:1" (from the settings)`)
	wantOpenError(t, "postgres://u:s3cr3t@/uz?host="+t.TempDir(), errs.Unavailable, "no PostgreSQL answers")

	// A listener that never answers.
	silent, err := new(net.ListenConfig).Listen(t.Context(), "tcp4", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = silent.Close() }()
	const limit, goes = 5 * time.Second, 4 // the quickest of several goes counts, because a busy machine is slow
	quickest := hangs
	for n := 0; n < goes && quickest > limit; n++ {
		start := time.Now()
		wantOpenError(t, "postgres://u:s3cr3t@"+hosts(silent.Addr().String(), 1)+"/uz?connect_timeout=2", errs.Unavailable, "in time")
		quickest = min(quickest, time.Since(start))
	}
	if quickest > limit {
		t.Errorf("took %v at least", quickest)
	}
	manyHosts(t, silent.Addr().String())

	// A listener that speaks another protocol.
	web, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = web.Close() }()
	go func() {
		for {
			c, err := web.Accept()
			if err != nil {
				return
			}
			_, _ = c.Read(make([]byte, 1000)) // unread bytes would turn the close into a reset
			_, _ = c.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"))
			_ = c.Close()
		}
	}()
	wantOpenError(t, "postgres://u:s3cr3t@"+web.Addr().String()+"/uz?sslmode=disable", errs.Config, "do not agree")
}

func TestServerStops(t *testing.T) {
	p := ownServer(t, pgtemp.Options{})
	admin := p.ConnString("postgres")
	dbtest.Exec(t, admin, "create table lockme ()")
	d := open(t, db.Config{ConnString: admin})
	if _, err := d.CheckSchema(t.Context()); err != nil {
		t.Fatal(err)
	}
	// If a connection is cut while it is idle, the next call works all the same.
	dbtest.Exec(t, admin, "select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and datname = 'postgres'")
	time.Sleep(1100 * time.Millisecond)
	if _, err := d.CheckSchema(t.Context()); err != nil {
		t.Error("after a cut:", err)
	}
	if err := p.Stop(); err != nil {
		t.Fatal(err)
	}
	_, err := d.CheckSchema(t.Context())
	wantError(t, err, errs.Unavailable, "")
	_, err = d.CheckSchema(t.Context())
	wantError(t, err, errs.Unavailable, "no PostgreSQL answers")
	d.Close()
	_, err = d.CheckSchema(t.Context())
	wantError(t, err, errs.Failure, "closed")
}

func TestSlowStatements(t *testing.T) {
	url := dbtest.New(t, dbtest.Sample)
	unlock := lock(t, url, "lock table users in access exclusive mode")
	defer unlock()
	server := open(t, db.Config{ConnString: url + "&statement_timeout=2000", QueryTimeout: time.Hour, LockTimeout: time.Hour})
	_, err := server.FindUsers(t.Context(), []string{"alice"})
	wantError(t, err, errs.Unavailable, "statement_timeout")

	// If the user turned the server's limit off, ours still holds.
	const limit = 2 * time.Second
	ours := func() *db.DB {
		d := open(t, db.Config{ConnString: url + "&statement_timeout=0&lock_timeout=0"})
		d.SetLimit(t, limit)
		return d
	}
	_, err = ours().FindUsers(t.Context(), []string{"alice"})
	wantError(t, err, errs.Unavailable, "did not answer in time")
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	whole, end := context.WithTimeout(t.Context(), 30*limit)
	defer end()
	for _, err := range ours().Users(whole, db.ByUsername) {
		wantError(t, err, errs.Unavailable, "did not answer in time")
	}
	if whole.Err() != nil {
		t.Error("a list has no limit")
	}

	ctx, cancel := context.WithCancel(t.Context())
	patient := func() *db.DB {
		return open(t, db.Config{ConnString: url, QueryTimeout: time.Hour, LockTimeout: time.Hour})
	}
	time.AfterFunc(100*time.Millisecond, cancel)
	if _, err := patient().FindUsers(ctx, []string{"alice"}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	connected := patient()
	ctx, cancel = context.WithTimeout(t.Context(), limit)
	defer cancel()
	_, err = connected.FindUsers(ctx, []string{"alice"})
	wantError(t, err, errs.Unavailable, "did not answer in time")
}

func TestReadOnlyDatabase(t *testing.T) {
	url := dbtest.New(t, dbtest.Sample)
	dbtest.Exec(t, url, "alter database "+database(url)+" set default_transaction_read_only = on")
	d := open(t, db.Config{ConnString: url})
	wantError(t, d.CompareAndSet(t.Context(), "alice", find(t, d, "alice").Row, mfa.Row{}), errs.Refused, "read-only")
	wantError(t, d.MayWrite(t.Context(), "alice", mfa.Row{}), errs.Refused, "read-only")
	wantError(t, d.ApplySwitch(t.Context(), switchNames(), plan(t, d)), errs.Refused, "read-only")
	if s, err := d.CheckSchema(t.Context()); err != nil || !s.ReadOnly {
		t.Error(s, err)
	}
}

func TestMissingRights(t *testing.T) {
	url := dbtest.New(t, dbtest.Sample)
	least := roleFor(t, url)
	dbtest.Exec(t, url, "revoke select (email) on users from "+strings.Split(strings.TrimPrefix(least, "postgres://"), "@")[0])
	d := open(t, db.Config{ConnString: least})
	_, err := d.FindUsers(t.Context(), []string{"alice"})
	wantError(t, err, errs.Config, "permission denied for table users")
	if e, ok := errors.AsType[*errs.Error](err); !ok || e.Hint.Reason != mfa.ReasonRightsMissing {
		t.Errorf("no hint at grants: %+v", err)
	}
}

// cutter is a proxy between a client and the server's socket. It cuts the connection when the client sends a commit:
// before the server gets it, or after.
func cutter(t *testing.T, url string, after bool) string {
	t.Helper()
	conf := dbtest.Connect(t, url).Config()
	dir, err := os.MkdirTemp("/tmp", "cut")
	if err != nil {
		t.Fatal(err)
	}
	l, err := new(net.ListenConfig).Listen(t.Context(), "unix", filepath.Join(dir, ".s.PGSQL.5432"))
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	t.Cleanup(func() { _ = l.Close(); wg.Wait(); _ = os.RemoveAll(dir) })
	serve := func(client net.Conn) {
		server, err := new(net.Dialer).DialContext(background(), "unix", filepath.Join(conf.Host, ".s.PGSQL.5432"))
		if err != nil {
			t.Error(err)
			return
		}
		var cut sync.Once
		down := func() { cut.Do(func() { _ = client.Close() }) }
		replied := make(chan struct{})
		wg.Go(func() { defer close(replied); _, _ = io.Copy(client, server); down() })
		buf := make([]byte, 64<<10)
		for {
			n, err := client.Read(buf)
			commit := bytes.Contains(buf[:n], []byte("commit\x00"))
			if commit {
				down()
			}
			if err != nil || commit && !after {
				break
			}
			_, _ = server.Write(buf[:n])
			if commit {
				<-replied // the server's answer, which the client no longer gets
				break
			}
		}
		down()
		_ = server.Close()
	}
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { serve(c) })
		}
	})
	return strings.Replace(url, "host="+strings.ReplaceAll(conf.Host, "/", "%2F"), "host="+dir, 1)
}

func TestLostReplyToACommit(t *testing.T) {
	for name, after := range map[string]bool{"before the server heard it": false, "after the server heard it": true} {
		t.Run(name, func(t *testing.T) {
			direct, url := sample(t)
			d := open(t, db.Config{ConnString: cutter(t, url, after)})
			err := d.CompareAndSet(t.Context(), "alice", find(t, d, "alice").Row, mfa.Row{SID: ptr("new")})
			wantError(t, err, errs.Unavailable, "it may have taken effect")
			if !errors.Is(err, errs.ErrLostReply) {
				t.Fatalf("got %v", err) // then no commit was sent, and waiting for its effect is useless
			}
			for began := time.Now(); after && find(t, direct, "alice").SID == nil && time.Since(began) < hangs; {
				time.Sleep(10 * time.Millisecond)
			}
			if !after {
				time.Sleep(300 * time.Millisecond) // time for a change that must not happen
			}
			if done := find(t, direct, "alice").SID != nil; done != after {
				t.Errorf("took effect: %v", done)
			}
			_, err = d.FindUsers(t.Context(), []string{"alice"})
			if err != nil {
				t.Error("the next call:", err)
			}
		})
	}
}

// If the connection breaks before the commit, it is certain that nothing was changed.
func TestConnectionBreaksBeforeTheCommit(t *testing.T) {
	d, url := sample(t)
	was := find(t, d, "alice").Row
	unlock := lock(t, url, "select 1 from users where username = 'alice' for update")
	done := make(chan error, 1)
	go func() { done <- d.CompareAndSet(background(), "alice", was, mfa.Row{SID: ptr("new")}) }()
	waitForLock(t, url, done)
	dbtest.Exec(t, url, "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'")
	err := <-done
	wantError(t, err, errs.Unavailable, "ended the connection")
	if errors.Is(err, errs.ErrLostReply) {
		t.Error("nothing was committed; that is no lost reply")
	}
	unlock()
	if find(t, d, "alice").SID != nil {
		t.Error("changed after all")
	}
}

// A deferred check makes the server refuse a commit: then it is certain that nothing was changed.
func TestRefusedCommit(t *testing.T) {
	d, url := sample(t)
	dbtest.Exec(t, url, `create function no() returns trigger language plpgsql set search_path = pg_catalog, pg_temp
			as 'begin raise exception sqlstate ''40001''; end';
		create constraint trigger no after update on users deferrable initially deferred for each row execute function no()`)
	err := d.CompareAndSet(t.Context(), "alice", find(t, d, "alice").Row, mfa.Row{})
	wantError(t, err, errs.Unavailable, "serialization")
	if errors.Is(err, errs.ErrLostReply) {
		t.Error("the server said no; that is no lost reply")
	}
}

// Our session holds the injector rows and waits for the key that the other session inserts. The other then waits for
// our rows. The server ends the session that looks for a deadlock first: ours, because the other is set never to look.
func TestDeadlock(t *testing.T) {
	d, url := sample(t)
	s := plan(t, d)
	tx, err := dbtest.Connect(t, url+"&deadlock_timeout=1h").Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	insert := "insert into injector_classes (name, category, class_name, usercompanyid) values ('MFAValidator', 'SY', 'TWValidator', -1)"
	if _, err := tx.Exec(t.Context(), insert); err != nil {
		t.Fatal(err)
	}
	done, other := make(chan error, 1), make(chan error, 1)
	go func() { done <- d.ApplySwitch(background(), switchNames(), s) }()
	waitForLock(t, url, done)
	go func() {
		_, err := tx.Exec(background(), "update injector_classes set class_name = class_name where id = 6")
		other <- err
	}()
	wantError(t, <-done, errs.Unavailable, "deadlock")
	if err := <-other; err != nil {
		t.Error(err)
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestErrorsOfTheServer(t *testing.T) {
	d := open(t, db.Config{ConnString: dbtest.New(t, dbtest.Sample)})
	for code, want := range map[string]struct {
		kind  errs.Kind
		words string
	}{
		"55P03": {errs.Unavailable, "lock_timeout"},
		"57014": {errs.Unavailable, "statement_timeout"},
		"40001": {errs.Unavailable, "serialization"},
		"40P01": {errs.Unavailable, "deadlock"},
		"42501": {errs.Config, "(from the settings) lacks a right"},
		"25006": {errs.Refused, "read-only"},
		"53100": {errs.Unavailable, "run out of"},
		"57P01": {errs.Unavailable, "ended the connection"},
		"57P02": {errs.Unavailable, "ended the connection"},
		"25P03": {errs.Unavailable, "ended the connection"},
		"08006": {errs.Unavailable, "ended the connection"},
		"42P01": {errs.Failure, "SQLSTATE 42P01"}, // the schema is complete, so this is our own mistake
		"XX000": {errs.Failure, "SQLSTATE XX000"},
		"":      {errs.Failure, "SQLSTATE"},
	} {
		wantError(t, d.Translate(t.Context(), &pgconn.PgError{Code: code, Message: "the server's words"}), want.kind, want.words)
	}
	for _, err := range []error{io.ErrUnexpectedEOF, syscall.ECONNRESET, net.ErrClosed, &net.OpError{Op: "read", Err: io.EOF}} {
		wantError(t, d.Translate(t.Context(), err), errs.Unavailable, "connection to the database broke")
	}
	wantError(t, d.Translate(t.Context(), pgx.ErrNoRows), errs.Failure, "no rows")
	if d.Translate(t.Context(), nil) != nil {
		t.Error("nil became something")
	}
}

func TestErrorsOfConnecting(t *testing.T) {
	d := open(t, db.Config{ConnString: dbtest.New(t, dbtest.Sample)})
	pg := func(code string) error { return &pgconn.PgError{Code: code, Message: "s3cr3t"} }
	for _, tt := range []struct {
		err   error
		kind  errs.Kind
		words string
	}{
		{pg("28000"), errs.Config, "does not let"},
		{pg("57P03"), errs.Unavailable, "starting up"},
		{pg("53300"), errs.Unavailable, "no free connection"},
		{pg("53200"), errs.Unavailable, "no connection now"},
		{pg("08P01"), errs.Config, "rejects a parameter"},
		{pg("42704"), errs.Config, "rejects a parameter"},
		{pg("XX000"), errs.Failure, "SQLSTATE XX000"},
		{&net.DNSError{IsNotFound: true, Name: "db.example.com"}, errs.Config, "there is no host with the name"},
		{&net.DNSError{IsTimeout: true}, errs.Unavailable, "name server"},
		{syscall.EACCES, errs.Config, "may not open"},
		{&net.OpError{Op: "remote error", Err: errors.New("tls: bad certificate")}, errs.Config, "TLS"},
		{x509.HostnameError{Certificate: &x509.Certificate{}, Host: "h"}, errs.Config, "TLS"},
		{errors.New("s3cr3t"), errs.Config, "do not agree"},
	} {
		err := d.TranslateConnect(t.Context(), tt.err)
		wantError(t, err, tt.kind, tt.words)
		// Each says where the settings are from that led there (docs/contract.md §2).
		if !strings.Contains(err.Error(), "from the settings") {
			t.Errorf("without the source of a setting: %v", err)
		}
	}
}

// waitForLock returns once a session of the database waits for a lock. It ends the test if the call that should wait
// ends instead; done gets that call's error.
func waitForLock(t *testing.T, url string, done <-chan error) {
	t.Helper()
	conn := dbtest.Connect(t, url)
	for began := time.Now(); time.Since(began) < hangs; time.Sleep(10 * time.Millisecond) {
		select {
		case err := <-done:
			t.Fatalf("the call ended before it had to wait for a lock: %v", err)
		default:
		}
		var waiting bool
		query := "select exists (select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock')"
		if err := conn.QueryRow(t.Context(), query).Scan(&waiting); err != nil {
			t.Fatal(err)
		}
		if waiting {
			return
		}
	}
	t.Fatal("no session waits for a lock")
}

// The limit is one for all hosts together, and a host that is silent leaves time for the next.
func manyHosts(t *testing.T, silent string) {
	t.Helper()
	const limit, goes = 10 * time.Second, 3 // 10 hosts of 2 seconds each would take 20
	quickest := hangs
	for n := 0; n < goes && quickest > limit; n++ {
		start := time.Now()
		wantOpenError(t, "postgres://u:s3cr3t@"+hosts(silent, 10)+"/uz?connect_timeout=2&sslmode=prefer", errs.Unavailable, "2 more (from the settings) in time")
		quickest = min(quickest, time.Since(start))
	}
	if quickest > limit {
		t.Errorf("many hosts took %v at least", quickest)
	}
}

// hosts returns n addresses of this machine with the port of one.
func hosts(one string, n int) string {
	_, port, _ := net.SplitHostPort(one)
	var all []string
	for i := range n {
		all = append(all, net.JoinHostPort("127.0.0."+strconv.Itoa(i+1), port))
	}
	return strings.Join(all, ",")
}

// A hardened server has catalogues that not every role may read. The question why a right is missing needs them, too.
func TestMissingRightOnACatalogue(t *testing.T) {
	url := dbtest.New(t, dbtest.Sample)
	role := "no_catalogues_" + database(url)
	dbtest.Exec(t, url, "create role "+role+" login; grant select, insert, update on all tables in schema public to "+role)
	t.Cleanup(func() { dbtest.Exec(t, url, "drop owned by "+role+"; drop role "+role) })
	dbtest.Exec(t, url, "revoke select on pg_trigger, pg_rewrite, pg_class from public")
	d, err := db.Open(t.Context(), db.Config{ConnString: dbtest.As(t, url, role)})
	if err == nil {
		defer d.Close()
		_, err = d.CheckSchema(t.Context())
	}
	wantError(t, err, errs.Config, "(from the settings) lacks a right")
}
