package db_test

import (
	"context"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"uzerp-mfa/internal/db"
	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/libpq"
	"uzerp-mfa/internal/pgtemp"
	"uzerp-mfa/internal/pgtemp/dbtest"
	"uzerp-mfa/internal/pgtemp/pooltest"
	"uzerp-mfa/internal/sharedtest"
)

// way is a way to log in: settings with which this program and psql come in, and settings with which neither does.
type way struct {
	conn    string
	env     map[string]string
	refused map[string]string // words of our error by the settings that lead to it
	down    map[string]string // the same, for errors that pass
}

// Each way to log in works as with psql, and who may not come in is kept out as by psql. The names of the subtests are the
// rows of a table in docs/compatibility.md.
func TestWaysToLogIn(t *testing.T) {
	p := ownServer(t, pgtemp.Options{TCP: true})
	admin := p.ConnString("postgres")
	for _, parameter := range libpq.Parameters() {
		if parameter.Variable != "" {
			t.Setenv(parameter.Variable, "")
			_ = os.Unsetenv(parameter.Variable)
		}
	}
	home := t.TempDir()
	t.Setenv("HOME", home)
	account, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	me := account.Username
	page, err := os.ReadFile("../../docs/compatibility.md")
	if err != nil {
		t.Fatal(err)
	}
	ca, caText, _ := issue(t, nil, func(c *x509.Certificate) { c.Subject.CommonName, c.IPAddresses, c.DNSNames = "the authority", nil, nil })
	_, otherText, _ := issue(t, nil, func(c *x509.Certificate) { c.Subject.CommonName = "another" })
	_, certificate, key := issue(t, ca, nil)
	_, mine, mineKey := issue(t, ca, func(c *x509.Certificate) { c.Subject = pkix.Name{CommonName: "by_certificate"} })
	const rules = "local all postgres trust\nlocal all by_scram scram-sha-256\nlocal all mapped peer map=names\nlocal all all peer\n" +
		"hostssl all by_certificate all cert\nhost all by_md5 all md5\nhost all by_nothing all trust\n"
	const kerberos, others = "host all by_gss all gss\n", "host all all all scram-sha-256\n"
	for name, text := range map[string]string{
		"server.crt": certificate, "server.key": key, "root.crt": caText, "pg_ident.conf": "names " + me + " mapped", "pg_hba.conf": rules + kerberos + others,
	} {
		serverFile(t, admin, name, text)
	}
	var kerberosUnknown bool // to a server that was built without it
	if err := dbtest.Connect(t, admin).QueryRow(t.Context(), "select exists (select from pg_hba_file_rules where error is not null and line_number = $1)",
		1+strings.Count(rules, "\n")).Scan(&kerberosUnknown); err != nil {
		t.Fatal(err)
	}
	if kerberosUnknown {
		serverFile(t, admin, "pg_hba.conf", rules+others)
	}
	dbtest.Exec(t, admin, "create role by_scram login password 's3cr3t'; create role mapped login; create role by_certificate login")
	dbtest.Exec(t, admin, "set password_encryption = md5; create role by_md5 login password 's3cr3t'; create role by_nothing login; create role by_gss login")
	dbtest.Exec(t, admin, `do $$ begin create role "`+me+`" login; exception when duplicate_object then null; end $$`)
	dbtest.Exec(t, admin, "alter system set ssl_ca_file = 'root.crt'")
	dbtest.Exec(t, admin, "alter system set ssl = on")
	dbtest.Exec(t, admin, "select pg_reload_conf()")
	roots, strangers := saved(t, "root.crt", caText, 0o600), saved(t, "other.crt", otherText, 0o600)
	myCertificate, myKey, openKey := saved(t, "my.crt", mine, 0o644), saved(t, "my.key", mineKey, 0o600), saved(t, "open.key", mineKey, 0o644)
	host, port, _ := net.SplitHostPort(p.TCPAddr())
	tcp := func(role, more string) string {
		return fmt.Sprintf("host=%s port=%s dbname=postgres user=%s %s", host, port, role, more)
	}
	dir, number := p.Socket()
	socket := func(role, more string) string {
		return fmt.Sprintf("host=%s port=%d dbname=postgres user=%s %s", dir, number, role, more)
	}
	const password = "password=s3cr3t "
	for began := time.Now(); time.Since(began) < hangs; time.Sleep(20 * time.Millisecond) { // until the server has reloaded
		if d, err := db.Open(t.Context(), db.Config{ConnString: tcp("by_scram", password+"sslmode=require")}); err == nil {
			d.Close()
			break
		}
	}
	service := saved(t, "services", "[uz]\n"+strings.ReplaceAll(tcp("by_scram", strings.TrimSpace(password)), " ", "\n")+"\n", 0o644)
	system := filepath.Dir(saved(t, "pg_service.conf", "[uz]\n"+strings.ReplaceAll(tcp("by_scram", strings.TrimSpace(password)), " ", "\n")+"\n", 0o644))
	notIn := `does not let user "`
	six := "host=::1 port=" + forward(t, "[::1]:0", p.TCPAddr()) + " dbname=postgres user=by_scram "
	for name, w := range map[string]way{
		"peer authentication on a socket": {conn: socket(me, ""), refused: map[string]string{socket("by_nothing", ""): "by peer authentication"}},
		"peer authentication with other names (pg_ident.conf)": {conn: socket("mapped", ""),
			refused: map[string]string{socket("by_md5", ""): "by peer authentication"}},
		"password on a socket": {conn: socket("by_scram", password),
			refused: map[string]string{socket("by_scram", "password=wrong"): notIn + "by_scram"}},
		"password (scram-sha-256)": {conn: tcp("by_scram", password+"require_auth=scram-sha-256"), refused: map[string]string{
			tcp("by_scram", "password=wrong"): notIn, tcp("by_scram", password+"require_auth=md5"): "require_auth"}},
		"password (md5)": {conn: tcp("by_md5", password), refused: map[string]string{
			tcp("by_md5", "password=wrong"): notIn, tcp("by_md5", password+"require_auth=scram-sha-256"): "require_auth"}},
		"no password (trust)": {conn: tcp("by_nothing", ""), refused: map[string]string{tcp("by_nothing", "require_auth=scram-sha-256"): "require_auth"}},
		"password in PGPASSWORD": {conn: tcp("by_scram", ""), env: map[string]string{"PGPASSWORD": "s3cr3t"},
			refused: map[string]string{tcp("by_scram", "password=wrong"): notIn}},
		"password in ~/.pgpass": {conn: tcp("by_scram", "passfile="+saved(t, "pass", "#\n"+host+":"+port+":*:by_scram:s3cr3t\n", 0o600)),
			refused: map[string]string{tcp("by_scram", "passfile="+saved(t, "pass", "*:*:*:*:s3cr3t\n", 0o640)): "others may use it (mode 0640)"}},
		"password in ~/.pgpass for a socket": {conn: socket("by_scram", "passfile="+saved(t, "pass", dir+":*:*:by_scram:s3cr3t\n", 0o600)),
			refused: map[string]string{socket("by_scram", "passfile="+saved(t, "pass", "localhost:*:*:by_scram:s3cr3t\n", 0o600)): notIn}},
		"service file of the user": {conn: "service=uz", env: map[string]string{"PGSERVICEFILE": service},
			refused: map[string]string{"service=another": "is in no service file"}},
		"service file of the machine": {conn: "service=uz", env: map[string]string{"PGSYSCONFDIR": system},
			refused: map[string]string{"service=another": "is in no service file"}},
		"TLS, sslmode=require": {conn: tcp("by_scram", password+"sslmode=require"),
			refused: map[string]string{tcp("by_scram", password+"sslmode=require sslrootcert="+strangers): "was not signed by an authority"}},
		"TLS, sslmode=prefer, with a certificate of another authority": {conn: tcp("by_scram", password+"sslmode=prefer sslrootcert="+strangers),
			refused: map[string]string{tcp("by_certificate", "sslmode=prefer sslrootcert="+strangers): ""}},
		"TLS, sslmode=verify-ca": {conn: tcp("by_scram", password+"sslmode=verify-ca sslrootcert="+roots),
			refused: map[string]string{tcp("by_scram", password+"sslmode=verify-ca sslrootcert="+strangers): "was not signed by an authority",
				tcp("by_scram", password+"sslmode=verify-ca"): "root.crt is not there"}},
		"TLS, sslmode=verify-full": {
			conn: strings.Replace(tcp("by_scram", password+"hostaddr=127.0.0.1 sslmode=verify-full sslrootcert="+roots), "127.0.0.1", "localhost", 1),
			refused: map[string]string{
				strings.Replace(tcp("by_scram", password+"hostaddr=127.0.0.1 sslmode=verify-full sslrootcert="+roots), "127.0.0.1", "uzerp.example", 1): "and not for host",
			}},
		"TLS, client certificate": {conn: tcp("by_certificate", "sslmode=verify-ca sslrootcert="+roots+" sslcert="+myCertificate+" sslkey="+myKey),
			refused: map[string]string{tcp("by_certificate", "sslmode=require"): "client's certificate",
				tcp("by_certificate", "sslmode=require sslcert="+myCertificate+" sslkey="+openKey):                   "may be used by others",
				tcp("by_certificate", "sslmode=require sslcertmode=disable sslcert="+myCertificate+" sslkey="+myKey): "client's certificate"}},
		"TLS, channel binding": {conn: tcp("by_scram", password+"sslmode=require channel_binding=require"), refused: map[string]string{
			tcp("by_md5", password+"sslmode=require channel_binding=require"):   "channel_binding",
			tcp("by_scram", password+"sslmode=disable channel_binding=require"): "channel_binding"}},
		"several hosts, the first one down": {conn: tcp("by_scram", password+"host=127.0.0.1,127.0.0.1 port=1,"+port),
			down: map[string]string{tcp("by_scram", password+"host=127.0.0.1,127.0.0.1 port=1,2"): "no PostgreSQL answers"}},
		"several servers, the primary of them": {conn: tcp("by_scram", password+"target_session_attrs=primary"),
			refused: map[string]string{tcp("by_scram", password+"target_session_attrs=standby"): "is one that target_session_attrs (from the settings) wants"},
			down:    map[string]string{tcp("by_scram", password+"host=127.0.0.1,127.0.0.1 port=1,"+port+" target_session_attrs=standby"): "no server that target_"}},
		"IPv6":               {conn: six + password, refused: map[string]string{six + "password=wrong": notIn}},
		"Kerberos (GSS): no": {refused: map[string]string{tcp("by_gss", ""): "wants a login with Kerberos (GSS)"}},
		"socket of its owner": {conn: socket("postgres", "requirepeer="+ownerOf(t, dir)),
			refused: map[string]string{socket("postgres", "requirepeer=somebody"): "requirepeer"}},
	} {
		if !strings.Contains(string(page), "\n| "+name+" |") {
			t.Errorf("docs/compatibility.md has no row for %q", name)
		}
		t.Run(name, func(t *testing.T) {
			if strings.Contains(w.conn, "host=::1 port= ") {
				sharedtest.LeaveOut(t, sharedtest.Optional, errors.New("no IPv6 here"))
			}
			if kerberosUnknown && w.conn == "" {
				sharedtest.LeaveOut(t, sharedtest.Optional, errors.New("the server was built without Kerberos"))
			}
			for k, v := range w.env {
				t.Setenv(k, v)
			}
			if w.conn != "" {
				d := open(t, db.Config{ConnString: w.conn})
				if _, err := d.CheckSchema(t.Context()); err != nil {
					t.Error(err)
				}
				checkPsql(t, w.conn, true)
			}
			for kind, all := range map[errs.Kind]map[string]string{errs.Config: w.refused, errs.Unavailable: w.down} {
				for conn, words := range all {
					wantOpenError(t, conn, kind, words)
					checkPsql(t, conn, false)
				}
			}
		})
	}
	var version int
	if err := dbtest.Connect(t, admin).QueryRow(t.Context(), "select current_setting('server_version_num')::int").Scan(&version); err != nil {
		t.Fatal(err)
	}
	for _, mode := range []string{"require", "disable"} {
		if conn := tcp("by_scram", password+"min_protocol_version=3.2 max_protocol_version=latest sslmode="+mode); version < 180000 {
			wantOpenError(t, conn, errs.Config, "min_protocol_version (from the settings) wants")
		} else {
			open(t, db.Config{ConnString: conn}).Close()
		}
	}
	t.Run("connection pooler, with a password", func(t *testing.T) {
		pooler := pooltest.Start(t, admin, pooltest.Session, nil)
		d := open(t, db.Config{ConnString: pooler.URL()})
		if s, err := d.CheckSchema(t.Context()); err != nil || !s.Pooler {
			t.Error(s.Pooler, err)
		}
	})
}

// checkPsql checks that psql comes in, or that it does not. Its version may be older than a parameter.
func checkPsql(t *testing.T, conn string, in bool) {
	t.Helper()
	psql, err := exec.LookPath("psql")
	if err != nil {
		return
	}
	said, err := exec.CommandContext(t.Context(), psql, "-X", "-w", "-c", "select 1", "-d", conn).CombinedOutput()
	if strings.Contains(string(said), "invalid connection option") {
		return
	}
	if in != (err == nil) {
		t.Errorf("psql with %s: %s", conn, said)
	}
}

// ownerOf returns the name of the user whose file or directory it is.
func ownerOf(t *testing.T, path string) string {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	account, err := user.LookupId(fmt.Sprint(info.Sys().(*syscall.Stat_t).Uid))
	if err != nil {
		t.Fatal(err)
	}
	return account.Username
}

// forward passes connections on to a server, and returns the port where it listens; "" if it can't.
func forward(t *testing.T, from, to string) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", from)
	if err != nil {
		return ""
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			server, err := new(net.Dialer).DialContext(context.Background(), "tcp", to)
			if err != nil {
				_ = client.Close()
				continue
			}
			pass := func(a, b net.Conn) { _, _ = io.Copy(a, b); _, _ = a.Close(), b.Close() }
			go pass(client, server)
			go pass(server, client)
		}
	}()
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
}
