package db_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"uzerp-mfa/internal/db"
	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/mfa"
	"uzerp-mfa/internal/pgtemp"
	"uzerp-mfa/internal/pgtemp/dbtest"
)

// authority signs certificates.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

// issue returns a certificate and its key. by is nil for a certificate that is its own authority.
func issue(t *testing.T, by *authority, change func(*x509.Certificate)) (*authority, string, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "127.0.0.1"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		DNSNames: []string{"localhost"}, NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: time.Now().Add(48 * time.Hour), BasicConstraintsValid: true,
	}
	if by == nil {
		template.IsCA, template.KeyUsage = true, x509.KeyUsageCertSign|x509.KeyUsageDigitalSignature
	}
	if change != nil {
		change(template)
	}
	signer := by
	if by == nil {
		signer = &authority{template, key}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, signer.certificate, key.Public(), signer.key)
	if err != nil {
		t.Fatal(err)
	}
	made, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return &authority{made, key}, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}))
}

func saved(t *testing.T, name, text string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	return path
}

// What is wrong with a certificate or a key is told by its name.
func TestWhyThereIsNoTLS(t *testing.T) {
	p := ownServer(t, pgtemp.Options{TCP: true})
	admin := p.ConnString("postgres")
	dbtest.Exec(t, admin, "create role app login password 's3cr3t'")
	ca, caText, _ := issue(t, nil, func(c *x509.Certificate) { c.Subject.CommonName, c.IPAddresses, c.DNSNames = "the authority", nil, nil })
	_, otherText, _ := issue(t, nil, func(c *x509.Certificate) { c.Subject.CommonName = "another" })
	roots, others := saved(t, "root.crt", caText, 0o600), saved(t, "other.crt", otherText, 0o600)
	url := "postgres://app:s3cr3t@" + p.TCPAddr() + "/postgres?connect_timeout=60&sslmode="
	full := url + "verify-full&sslrootcert=" + roots
	wantOpenError(t, url+"verify-full&sslrootcert="+roots, errs.Config, "does not offer TLS")
	serve := func(by *authority, change func(*x509.Certificate)) {
		t.Helper()
		_, certificate, key := issue(t, by, change)
		serverFile(t, admin, "server.crt", certificate)
		serverFile(t, admin, "server.key", key)
		dbtest.Exec(t, admin, "alter system set ssl = on")
		dbtest.Exec(t, admin, "select pg_reload_conf()")
	}
	serve(ca, nil)
	for began := time.Now(); time.Since(began) < hangs; time.Sleep(20 * time.Millisecond) { // until the server has reloaded
		if d, err := db.Open(t.Context(), db.Config{ConnString: full}); err == nil {
			d.Close()
			break
		}
	}
	open(t, db.Config{ConnString: full}).Close()
	open(t, db.Config{ConnString: full + "&sslsni=0&ssl_min_protocol_version=TLSv1.3"}).Close()
	open(t, db.Config{ConnString: strings.Replace(full, "127.0.0.1", "localhost", 1) + "&hostaddr=127.0.0.1"}).Close()
	wantOpenError(t, strings.Replace(full, "127.0.0.1", "uzerp.example", 1)+"&hostaddr=127.0.0.1", errs.Config,
		`the server's certificate is for "localhost", 127.0.0.1, and not for host "uzerp.example"`)
	second := strings.Replace(full, "@127.0.0.1", "@first.example:1,uzerp.example", 1) + "&hostaddr=127.0.0.1,127.0.0.1"
	wantOpenError(t, second, errs.Config, `and not for host "uzerp.example"`) // the host that it came from, and not the first one
	wantOpenError(t, url+"verify-full&sslrootcert="+others, errs.Config, "was not signed by an authority in "+others)
	wantOpenError(t, url+"verify-ca&sslrootcert="+others, errs.Config, "was not signed by an authority in "+others)
	wantOpenError(t, url+"require&sslrootcert="+others, errs.Config, "was not signed by an authority in "+others)
	wantOpenError(t, url+"verify-full&sslrootcert=/none.crt", errs.Config, "sslrootcert (from the settings): /none.crt is not there")
	wantOpenError(t, url+"verify-full&sslrootcert="+saved(t, "x", "nothing", 0o600), errs.Config, "holds no certificate that can be read")
	wantOpenError(t, full+"&sslcrl=x", errs.Config, "sslcrl (from the settings) is refused")

	_, mine, key := issue(t, ca, nil)
	_, _, strange := issue(t, ca, nil)
	with := func(certificate, key string) string { return full + "&sslcert=" + certificate + "&sslkey=" + key }
	certificate := saved(t, "me.crt", mine, 0o644)
	open(t, db.Config{ConnString: with(certificate, saved(t, "me.key", key, 0o600))}).Close()
	wantOpenError(t, with(certificate, saved(t, "me.key", key, 0o600))+"&sslcertmode=require", errs.Config,
		"did not ask for the client's certificate, as sslcertmode=require (from the settings) wants")
	encrypted := "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n"
	for words, connection := range map[string]string{
		"may be used by others (mode 0644)":             with(certificate, saved(t, "me.key", key, 0o644)),
		"is not the key of the certificate in":          with(certificate, saved(t, "me.key", strange, 0o600)),
		"is encrypted in a way that this program can't": with(certificate, saved(t, "me.key", encrypted, 0o600)),
		"holds a key of a kind that is not supported":   with(certificate, saved(t, "me.key", strings.ReplaceAll(encrypted, "ENCRYPTED", "DSA"), 0o600)),
		"holds no private key":                          with(certificate, saved(t, "me.key", mine, 0o600)),
		"sslkey (from the settings): /none is not th":   with(certificate, "/none"),
		"sslcert (from the settings): /none can't be r": with("/none", "/none"),
	} {
		wantOpenError(t, connection, errs.Config, words)
	}

	// The server wants a certificate of the client's.
	serverFile(t, admin, "root.crt", caText)
	serverFile(t, admin, "pg_hba.conf", "local all all trust\nhostssl all all all scram-sha-256 clientcert=verify-ca")
	dbtest.Exec(t, admin, "alter system set ssl_ca_file = 'root.crt'")
	dbtest.Exec(t, admin, "select pg_reload_conf()")
	wantOpenErrorSoon(t, full, errs.Config, "it asked for a client's certificate, and none is set (sslcert, sslkey)")

	serverFile(t, admin, "pg_hba.conf", "local all all trust\nhostssl all all all scram-sha-256")
	for words, change := range map[string]func(*x509.Certificate){
		"the server's certificate expired on ":          func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Hour) },
		"the server's certificate is not valid before ": func(c *x509.Certificate) { c.NotBefore = time.Now().Add(24 * time.Hour) },
		"names its host only in the old way (CN)":       func(c *x509.Certificate) { c.DNSNames, c.IPAddresses, c.Subject.CommonName = nil, nil, "localhost" },
		"is not one for a server":                       func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} },
	} {
		serve(ca, change)
		wantErrorSoon(t, strings.Replace(full, "127.0.0.1", "localhost", 1)+"&hostaddr=127.0.0.1", words)
	}
	serve(nil, nil)
	wantErrorSoon(t, full, "the server's certificate is self-signed, and not in "+roots)
}

// wantErrorSoon waits until the server has reloaded its settings.
func wantErrorSoon(t *testing.T, url, words string) {
	t.Helper()
	var err error
	for began := time.Now(); time.Since(began) < hangs/10; time.Sleep(20 * time.Millisecond) {
		var d *db.DB
		if d, err = db.Open(t.Context(), db.Config{ConnString: url}); err == nil {
			d.Close()
		} else if strings.Contains(err.Error(), words) {
			break
		}
	}
	wantError(t, err, errs.Config, words)
}

func TestPeerAuthentication(t *testing.T) {
	p := ownServer(t, pgtemp.Options{})
	admin := p.ConnString("postgres")
	role := "nobody"
	if os.Geteuid() != 0 {
		role = "root"
	}
	dbtest.Exec(t, admin, "create role "+role+" login; create role unknown_here login")
	serverFile(t, admin, "pg_hba.conf", "local all "+role+",unknown_here peer\nlocal all all trust")
	dbtest.Exec(t, admin, "select pg_reload_conf()")
	as := func(who string) string { return strings.Replace(admin, "postgres@", who+"@", 1) }
	wantOpenErrorSoon(t, as(role), errs.Config, "by peer authentication it lets in only the operating system's user of that name")
	hint := func(who string) errs.Hint {
		d, err := db.Open(t.Context(), db.Config{ConnString: as(who)})
		if err == nil {
			d.Close()
		}
		return errs.HintOf(err)
	}
	if h := hint(role); h.Reason != mfa.ReasonPeer || len(h.Parts) != 1 || h.Parts[0] != role {
		t.Errorf("%+v", h)
	}
	if h := hint("unknown_here"); h.Reason != mfa.ReasonPeerOther {
		t.Errorf("%+v", h)
	}
	wantOpenError(t, as("postgres")+"&requirepeer=somebody", errs.Config, "runs as another user than requirepeer (from the settings) says")
}

// A service of PGSERVICE needs no place for a temporary file.
func TestServiceWithoutTemporaryDirectory(t *testing.T) {
	t.Setenv("PGSERVICEFILE", saved(t, "services", "[uz]\nhost=127.0.0.1\nport=1\nuser=somebody\n", 0o600))
	t.Setenv("PGSERVICE", "uz")
	t.Setenv("TMPDIR", filepath.Join(t.TempDir(), "none"))
	services := os.Getenv("PGSERVICEFILE")
	wantOpenError(t, "", errs.Unavailable, `no PostgreSQL answers at "127.0.0.1:1" (host from line 2 of `+services+`, port from line 3 of `+services+`)`)
}

// The password file is not read if others may use it, and the refusal says so.
func TestPasswordFileOfOthers(t *testing.T) {
	p := ownServer(t, pgtemp.Options{TCP: true})
	dbtest.Exec(t, p.ConnString("postgres"), "create role app login password 's3cr3t'")
	url := "postgres://app@" + p.TCPAddr() + "/postgres?passfile="
	open(t, db.Config{ConnString: url + saved(t, "pass", "*:*:*:*:s3cr3t", 0o600)}).Close()
	file := saved(t, "pass", "*:*:*:*:s3cr3t", 0o640)
	wantOpenError(t, url+file, errs.Config, file+" was not read: others may use it (mode 0640)")
}

// With -v a failed connection says where each setting came from, and no part of a password.
func TestFailedConnectionNamesItsSettings(t *testing.T) {
	t.Setenv("PGHOSTADDR", "127.0.0.1")
	t.Setenv("PGUSER", "somebody")
	var log bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	_, err := db.Open(t.Context(), db.Config{ConnString: "postgres://uzerp.example:1/a%40s3cr3t", Source: "DATABASE_URL", Logger: logger})
	wantError(t, err, errs.Unavailable, `no PostgreSQL answers at "127.0.0.1:1" (host from PGHOSTADDR, port from DATABASE_URL)`)
	for _, words := range []string{`host=uzerp.example "host from"=DATABASE_URL`, `hostaddr=127.0.0.1 "hostaddr from"=PGHOSTADDR`,
		`port=1 "port from"=DATABASE_URL`, `user=somebody "user from"=PGUSER`, `"database from"=DATABASE_URL`, `it has a @`} {
		if !strings.Contains(log.String(), words) {
			t.Errorf("no %s in %s", words, log.String())
		}
	}
	if strings.Contains(log.String(), "s3cr3t") {
		t.Error(log.String())
	}
}

// No table: where it was looked for is told, and where there is one.
func TestWhereTablesWereLookedFor(t *testing.T) {
	url := dbtest.New(t, dbtest.Empty)
	dbtest.Exec(t, url, "create schema uz; create table uz.users (); create schema off; create table off.users ()")
	d := open(t, db.Config{ConnString: url})
	s, err := d.CheckSchema(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	wantError(t, s.Problem(), errs.Config, `in the schemas of the search_path: "public"; a table users is in schema "off", "uz"`)
	dbtest.Exec(t, url, "alter database "+database(url)+" set search_path = uz")
	if s, err = open(t, db.Config{ConnString: url}).CheckSchema(t.Context()); err != nil || s.Name != "uz" || len(s.Elsewhere) != 1 || s.Elsewhere[0] != "off" {
		t.Errorf("%+v, %v", s, err)
	}
	// The setting of the role holds before that of the database.
	role := "seeker_of_" + database(url)
	dbtest.Exec(t, url, "create role "+role+" login; grant usage on schema off to "+role)
	dbtest.Exec(t, url, "alter role "+role+" in database "+database(url)+" set search_path = off")
	if s, err = open(t, db.Config{ConnString: dbtest.As(t, url, role)}).CheckSchema(t.Context()); err != nil || s.Name != "off" {
		t.Errorf("%+v, %v", s, err)
	}
	dbtest.Exec(t, url, "alter role "+role+" in database "+database(url)+" set search_path = nowhere")
	if s, err = open(t, db.Config{ConnString: dbtest.As(t, url, role)}).CheckSchema(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantError(t, s.Problem(), errs.Config, "none of the search_path is there")
}

// The role of grants may connect, also where not everybody may.
func TestGrantsLetTheRoleConnect(t *testing.T) {
	url := dbtest.New(t, dbtest.Sample)
	role := `odd $$ 'role" \of ROLE NAME_AS_TEXT ` + database(url)
	dbtest.Exec(t, url, "revoke connect on database "+database(url)+" from public")
	dbtest.Exec(t, url, db.Grants(role))
	var may bool
	err := dbtest.Connect(t, url).QueryRow(t.Context(), "select has_database_privilege($1, current_database(), 'connect')", role).Scan(&may)
	if err != nil || !may {
		t.Error(may, err)
	}
}

// What a server says against our side of TLS is told by its name, and so is a key that can't be used.
func TestTLSAlerts(t *testing.T) {
	p := ownServer(t, pgtemp.Options{TCP: true})
	admin := p.ConnString("postgres")
	dbtest.Exec(t, admin, "create role app login")
	ca, caText, _ := issue(t, nil, func(c *x509.Certificate) { c.Subject.CommonName, c.IPAddresses, c.DNSNames = "the authority", nil, nil })
	_, certificate, key := issue(t, ca, nil)
	serverFile(t, admin, "root.crt", caText)
	serverFile(t, admin, "server.crt", certificate)
	serverFile(t, admin, "server.key", key)
	serverFile(t, admin, "pg_hba.conf", "local all all trust\nhostssl all all all trust clientcert=verify-ca")
	dbtest.Exec(t, admin, "alter system set ssl_ca_file = 'root.crt'")
	url := "postgres://app@" + p.TCPAddr() + "/postgres?sslmode=require&connect_timeout=60"
	reload := func(setting, value string) {
		t.Helper()
		dbtest.Exec(t, admin, "alter system set "+setting+" = '"+value+"'")
		dbtest.Exec(t, admin, "select pg_reload_conf()")
		for began := time.Now(); time.Since(began) < hangs; time.Sleep(20 * time.Millisecond) { // a new session has the server's new settings
			var now string
			if err := dbtest.Connect(t, admin).QueryRow(t.Context(), "show "+setting).Scan(&now); err != nil || now == value {
				break
			}
		}
	}
	with := func(by *authority, change func(*x509.Certificate)) string {
		_, certificate, key := issue(t, by, change)
		return url + "&sslcert=" + saved(t, "my.crt", certificate, 0o600) + "&sslkey=" + saved(t, "my.key", key, 0o600)
	}
	reload("ssl", "on")
	stranger, _, _ := issue(t, nil, func(c *x509.Certificate) { c.Subject.CommonName = "another" })
	// From TLS 1.3 on the client is ready before the server has looked at the certificate: its answer gets lost if it hangs up first.
	const answers = "&ssl_max_protocol_version=TLSv1.2"
	expired := with(ca, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Hour) })
	wantOpenError(t, expired+answers, errs.Config, "the client's certificate (sslcert from the settings) has expired")
	wantOpenError(t, with(stranger, nil)+answers, errs.Config, "the server does not know who signed the client's certificate (sslcert from the settings)")
	open(t, db.Config{ConnString: with(ca, nil)}).Close()
	wantOpenError(t, url, errs.Config, "it asked for a client's certificate, and none is set")

	// This one has neither version nor cipher in common with us.
	reload("ssl_ciphers", "AES256-SHA")
	reload("ssl_max_protocol_version", "TLSv1.2")
	wantOpenError(t, with(ca, nil), errs.Config, "no TLS version, cipher or kind of key in common")
	wantOpenError(t, with(ca, nil)+"&ssl_min_protocol_version=TLSv1.3", errs.Config,
		"no TLS version in common (ssl_min_protocol_version, ssl_max_protocol_version)")
	if openssl, err := exec.LookPath("openssl"); err == nil { // Go can't make such a certificate
		k, c := filepath.Join(t.TempDir(), "k"), filepath.Join(t.TempDir(), "c")
		for _, args := range []string{"genpkey -algorithm EC -pkeyopt ec_paramgen_curve:secp256k1 -out " + k, "req -x509 -key " + k + " -out " + c + " -subj /CN=x"} {
			if out, err := exec.CommandContext(t.Context(), openssl, strings.Fields(args)...).CombinedOutput(); err != nil {
				t.Fatalf("%s: %s", args, out)
			}
		}
		wantOpenError(t, url+"&sslrootcert="+c, errs.Config, c+" holds no certificate with a key of a kind that is supported")
	}
}

// A server that has TLS, but one that crypto/tls refuses with an error of no type, does not count as one without TLS.
func TestTLSThatIsTooOld(t *testing.T) {
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = io.ReadFull(c, make([]byte, 8))
			_, _ = c.Write([]byte("S"))
			_, _ = c.Read(make([]byte, 1<<14))
			hello := append([]byte("\x16\x03\x01\x00\x2a\x02\x00\x00\x26\x03\x01"), make([]byte, 32)...) // TLS 1.0
			_, _ = c.Write(append(hello, 0, 0xc0, 0x2f, 0))
			_, _ = c.Read(make([]byte, 1<<14))
			_ = c.Close()
		}
	}()
	wantOpenError(t, "postgres://u@"+l.Addr().String()+"/d?sslmode=require", errs.Config, "the two sides do not agree")
}

// A refusal on a socket after a password was asked for is no peer authentication: LDAP, PAM and RADIUS refuse so.
func TestLoginServiceIsNoPeerAuthentication(t *testing.T) {
	dir, err := os.MkdirTemp("/tmp", "pq")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	var r recorder
	r.code.Store("28000\x00Rauth_failed")
	r.listen(t, "unix", filepath.Join(dir, ".s.PGSQL.5432"))
	_, err = db.Open(t.Context(), db.Config{ConnString: "host=" + dir + " user=u dbname=d password=x"})
	wantError(t, err, errs.Config, `does not let user "u" (from the settings) in, with the password from the settings`)
	if strings.Contains(err.Error(), "peer") || errs.HintOf(err).Reason == mfa.ReasonPeerOther {
		t.Error(err)
	}
}

// The next host is tried only where psql tries it, and only the one that has refused is named.
func TestNextHost(t *testing.T) {
	var r recorder
	r.code.Store("28000")
	first, second := r.listen(t, "tcp4", "127.0.0.1:0").Addr().String(), r.listen(t, "tcp4", "127.0.0.1:0").Addr().String()
	_, err := db.Open(t.Context(), db.Config{ConnString: "postgres://u:p@127.0.0.1:1," + first + "," + second + "/d"})
	wantError(t, err, errs.Config, `the server at "`+first+`" (from the settings) does not let user "u" (from the settings) in`)
	if n := len(r.take()); n != 1 {
		t.Errorf("%d hosts were asked", n)
	}
	r.code.Store("57P03")
	if _, err = db.Open(t.Context(), db.Config{ConnString: "postgres://u:p@" + first + "," + second + "/d"}); errs.KindOf(err) != errs.Unavailable {
		t.Error(err)
	}
	if n := len(r.take()); n != 2 {
		t.Errorf("%d hosts were asked", n)
	}
}

// What one attempt hears does not count for another one that is made at the same time. A server that asks for a password that
// nobody has set, and then says that it starts up, is not left for the next host; psql gives up there.
func TestAttemptsAreApart(t *testing.T) {
	listen := func() net.Listener {
		l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = l.Close() })
		return l
	}
	first, next := listen(), listen()
	waiting, over := make(chan struct{}), make(chan struct{})
	read := func(c net.Conn, head int) {
		b := make([]byte, head+4)
		if _, err := io.ReadFull(c, b); err == nil {
			_, _ = io.CopyN(io.Discard, c, int64(b[head+3])-4)
		}
	}
	go func() {
		one, err := first.Accept()
		if err != nil {
			return
		}
		read(one, 0)
		_, _ = one.Write([]byte{'R', 0, 0, 0, 8, 0, 0, 0, 3})
		read(one, 1)
		close(waiting)
		two, err := first.Accept()
		if err != nil {
			return
		}
		message := "SFATAL\x00VFATAL\x00C57P03\x00Mno\x00\x00"
		_, _ = one.Write(append([]byte{'E', 0, 0, 0, byte(len(message) + 4)}, message...))
		_ = one.Close()
		<-over
		_ = two.Close()
	}()
	reached := make(chan struct{})
	go func() {
		if c, err := next.Accept(); err == nil {
			close(reached)
			_ = c.Close()
		}
	}()
	connect := db.Connector(t, db.Config{ConnString: "postgres://u@" + first.Addr().String() + "," + next.Addr().String() +
		"/d?sslmode=disable&connect_timeout=600"})
	failed, other := make(chan error, 1), make(chan error, 1)
	go func() { failed <- connect(t.Context()) }()
	<-waiting
	go func() { other <- connect(t.Context()) }()
	err := <-failed
	select {
	case <-reached:
		t.Error("the next host was tried")
	default:
	}
	close(over)
	if err == nil || <-other == nil {
		t.Error("connected")
	}
}

// With load_balance_hosts=random each host is the first one at times.
func TestHostsAreMixed(t *testing.T) {
	var r recorder
	r.code.Store("28P01")
	hosts := r.listen(t, "tcp4", "127.0.0.1:0").Addr().String() + "," + r.listen(t, "tcp4", "127.0.0.1:0").Addr().String()
	first := make(map[string]bool)
	for n := 0; n < 200 && len(first) < 2; n++ {
		_, _ = db.Open(t.Context(), db.Config{ConnString: "postgres://u:p@" + hosts + "/d?load_balance_hosts=random"})
		for _, a := range r.take() {
			first[a.At] = true
		}
	}
	if len(first) != 2 {
		t.Error(first)
	}
}
