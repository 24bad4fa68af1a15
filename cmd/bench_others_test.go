package cmd_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"uzerp-mfa/internal/sharedtest"
)

// BenchmarkOthers compares user reset with what people would use without this program, for the same effect at Twilio and in the
// database: Twilio's own twilio-cli, which lists a user's factors and deletes them, and psql, which changes the row. A script would
// call each for one user after the other; here twilio-cli runs for as many users at a time as there are cores. Twilio answers at once.
func BenchmarkOthers(b *testing.B) {
	cli := os.Getenv("UZERP_MFA_TWILIO_CLI")
	if cli == "" {
		sharedtest.LeaveOut(b, sharedtest.TwilioCLI, errors.New("UZERP_MFA_TWILIO_CLI names no program; make bench installs it"))
	}
	for _, users := range []int{1, 100} {
		b.Run(strconv.Itoa(users), func(b *testing.B) {
			n := size(max(users, 2)) // two in place of a hundred, if it is to be quick
			if users == 1 {
				n = 1
			}
			database, verify := fill(b, 5*n), newStandIn(b, 5*n)
			env := cliAt(b, verify)
			once(b, func() metrics {
				var mu sync.Mutex
				var all []usage
				var group sync.WaitGroup
				free := make(chan struct{}, runtime.NumCPU())
				began := time.Now()
				for i := range n {
					group.Go(func() {
						free <- struct{}{}
						defer func() { <-free }()
						identity, sid := factorOf(5 * i)
						where := []string{"--service-sid", serviceSID, "--identity", identity}
						for _, args := range [][]string{{"list"}, {"remove", "--sid", sid}} {
							c := exec.Command(cli, append(append([]string{"api:verify:v2:services:entities:factors:" + args[0]}, where...), args[1:]...)...)
							c.Env = env
							u := used(b, c)
							mu.Lock()
							all = append(all, u)
							mu.Unlock()
						}
					})
				}
				group.Wait()
				cliTook, calls := time.Since(began), int(verify.calls.Load())
				if calls != 2*n || verify.left(n) != 0 {
					b.Fatalf("twilio-cli made %d calls, and left %d factors of %d", calls, verify.left(n), n)
				}
				var psqlTook, psqlPeak float64
				for i := range n {
					u := used(b, psql(database, fmt.Sprintf(`update users set mfa_enrolled = false, mfa_enabled = false, mfa_sid = null
						where username = 'user%07d'`, 5*i)))
					psqlTook, psqlPeak = psqlTook+u.wall.Seconds(), max(psqlPeak, u.peak)
				}
				// Now with this program, on the same site as it was.
				database, verify := fill(b, 5*n), newStandIn(b, 5*n)
				ours := resetAll(b, shipped(b), database, verify.URL, enrolledNames(b, n))
				if verify.left(n) != 0 {
					b.Fatalf("%d factors are left", verify.left(n))
				}
				return metrics{"ratio", ours.wall.Seconds() / (cliTook.Seconds() + psqlTook), "s", ours.wall, "MiB", ours.peak,
					"cli-s", cliTook, "cli-MiB", middle(all).peak, "psql-s", psqlTook, "psql-MiB", psqlPeak}
			})
		})
	}
}

// left returns how many of the first n enrolled users still have a factor.
func (s *standIn) left(n int) (left int) {
	for i := range n {
		if !s.deleted[5*i].Load() {
			left++
		}
	}
	return left
}

// guard is JavaScript that twilio-cli loads first. It can connect to this machine alone, whatever it is told and whatever it looks for
// by itself, such as a newer version.
const guard = `"use strict";
const net = require("net"), dns = require("dns");
const refuse = (what) => { throw new Error("not on this machine: " + what); };
const connect = net.Socket.prototype.connect;
net.Socket.prototype.connect = function (...args) {
	let options = Array.isArray(args[0]) ? args[0][0] : args[0];
	if (options === null || typeof options !== "object") options = { port: args[0], host: args[1] };
	if (!options.path && options.host !== "127.0.0.1") refuse(options.host || "localhost");
	return connect.apply(this, args);
};
for (const name of ["lookup", "resolve", "resolve4", "resolve6"]) dns[name] = (host) => refuse(host);
`

// cliAt returns an environment in which twilio-cli reaches a stand-in in place of Twilio, and nothing else: its proxy answers as
// verify.twilio.com itself, with a certificate that only this environment trusts, and refuses every other name.
func cliAt(tb testing.TB, verify *standIn) []string {
	tb.Helper()
	dir := tb.TempDir()
	authority, certificate := certificateOf(tb, "verify.twilio.com")
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			tb.Fatal(err)
		}
		return path
	}
	inside := httptest.NewUnstartedServer(verify)
	inside.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}}
	inside.StartTLS()
	tb.Cleanup(inside.Close)
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodConnect || r.Host != "verify.twilio.com:443" {
			http.Error(w, "only verify.twilio.com", http.StatusForbidden)
			return
		}
		server, err := net.Dial("tcp", inside.Listener.Addr().String())
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		defer func() { _ = server.Close() }()
		client, buffered, err := w.(http.Hijacker).Hijack()
		if err != nil {
			return
		}
		defer func() { _ = client.Close() }()
		_, _ = io.WriteString(client, "HTTP/1.1 200 OK\r\n\r\n")
		go func() {
			_, _ = io.Copy(server, buffered)
			_ = server.Close()
		}()
		_, _ = io.Copy(client, server)
	}))
	tb.Cleanup(proxy.Close)
	return []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "HTTP_PROXY=" + proxy.URL, "NODE_EXTRA_CA_CERTS=" + file("ca.pem", authority),
		"NODE_OPTIONS=--require=" + file("guard.cjs", guard), "TWILIO_ACCOUNT_SID=" + accountSID, "TWILIO_AUTH_TOKEN=" + authToken,
		"TWILIO_SKIP_NEW_VERSION_CHECK=true", "TWILIO_DISABLE_AUTOUPDATE=true"}
}

// certificateOf returns a new certificate for a name, and the authority that has signed it.
func certificateOf(tb testing.TB, name string) (authority string, certificate tls.Certificate) {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		tb.Fatal(err)
	}
	var text strings.Builder
	if err := pem.Encode(&text, &pem.Block{Type: "CERTIFICATE", Bytes: der}); err != nil {
		tb.Fatal(err)
	}
	return text.String(), tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// BenchmarkBuild measures how long the program takes to build where nothing is in Go's cache, and how big it is without symbols.
func BenchmarkBuild(b *testing.B) {
	once(b, func() metrics {
		out := filepath.Join(b.TempDir(), "uzerp-mfa")
		c := exec.Command("go", "build", "-buildvcs=false", "-trimpath", "-ldflags", "-s -w", "-o", out, "..")
		c.Env = append(os.Environ(), "CGO_ENABLED=0")
		if !quick() {
			c.Env = append(c.Env, "GOCACHE="+b.TempDir())
		}
		took := used(b, c)
		info, err := os.Stat(out)
		if err != nil {
			b.Fatal(err)
		}
		return metrics{"MB", float64(info.Size()) / 1e6, "s", took.wall, "cpu-s", took.cpu}
	})
}

// The script that twilio-cli loads first lets it reach nothing but this machine, by address and by name.
func TestTwilioCLIReachesOnlyThisMachine(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		sharedtest.LeaveOut(t, sharedtest.TwilioCLI, err)
	}
	file := filepath.Join(t.TempDir(), "guard.cjs")
	writeFile(t, file, guard)
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	_, port, _ := net.SplitHostPort(server.Listener.Addr().String())
	run := func(code string) string {
		c := exec.Command(node, "-e", code)
		c.Env = []string{"HOME=" + t.TempDir(), "NODE_OPTIONS=--require=" + file}
		out, _ := c.CombinedOutput()
		return string(out)
	}
	for _, code := range []string{
		`require("net").connect(443, "192.0.2.1")`,
		`require("net").connect({port: 443, host: "192.0.2.1"})`,
		`require("https").get("https://192.0.2.1/")`,
		`require("https").get("https://verify.twilio.com/")`,
		`require("dns").lookup("verify.twilio.com", () => {})`,
	} {
		if out := run(code); !strings.Contains(out, "not on this machine") {
			t.Errorf("%s: %s", code, out)
		}
	}
	if out := run(`require("http").get("http://127.0.0.1:` + port + `/", (r) => { console.log(r.statusCode); r.resume(); })`); out != "404\n" {
		t.Errorf("this machine can't be reached: %s", out)
	}
}
