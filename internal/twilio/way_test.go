package twilio

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"uzerp-mfa/internal/errs"
)

const proxyPassword = "ProxyPasswordThatNobodyMaySee"

// listen serves each connection to a loopback address until the test ends, and returns host and port.
func listen(t *testing.T, serve func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			serve(conn)
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-done
	})
	return l.Addr().String()
}

// says answers CONNECT with this text.
func says(text string) func(net.Conn) {
	return func(conn net.Conn) {
		if _, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
			_, _ = io.WriteString(conn, text)
		}
	}
}

// tunnels makes the connection that CONNECT asks for, to serve.
func tunnels(serve func(net.Conn)) func(net.Conn) {
	return func(conn net.Conn) {
		if _, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
			_, _ = io.WriteString(conn, "HTTP/1.1 200 Connection established\r\n\r\n")
			serve(conn)
		}
	}
}

// speaksTLS answers one request after a handshake.
func speaksTLS(cfg *tls.Config, answer string) func(net.Conn) {
	return func(conn net.Conn) {
		secured := tls.Server(conn, cfg)
		if secured.Handshake() != nil {
			return
		}
		if r, err := http.ReadRequest(bufio.NewReader(secured)); err == nil {
			_, _ = io.Copy(io.Discard, r.Body)
			_, _ = io.WriteString(secured, answer)
			_ = secured.Close()
		}
	}
}

// certificates makes certificates of one authority.
type certificates struct {
	root *x509.Certificate
	key  *ecdsa.PrivateKey
	pool *x509.CertPool
}

func newCertificates(t *testing.T) certificates {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Spy \x1b[31mGateway"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	must(t, err)
	root, err := x509.ParseCertificate(der)
	must(t, err)
	pool := x509.NewCertPool()
	pool.AddCert(root)
	return certificates{root, key, pool}
}

func (c certificates) config(t *testing.T, change func(*x509.Certificate)) *tls.Config {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: apiHost}, DNSNames: []string{apiHost},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	change(template)
	der, err := x509.CreateCertificate(rand.Reader, template, c.root, key.Public(), c.key)
	must(t, err)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
}

// Whatever a proxy does, the error names it and the variable that it came from, and never its password. What was certainly not
// sent is no lost reply, and only what may be over soon is tried again.
func TestThroughProxy(t *testing.T) {
	ours := newCertificates(t)
	same := func(*x509.Certificate) {}
	const head = "HTTP/1.1 200 OK\r\nContent-Type: "
	for name, tc := range map[string]struct {
		serve func(net.Conn)
		trust bool // of the certificates' authority
		kind  errs.Kind
		tries int // of a GET
		words string
		hint  string
		sent  bool
	}{
		"wants a password": {says("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n"), false, errs.Config, 1,
			"does not take the user name and password in HTTPS_PROXY", "NTLM", false},
		"forbids": {says("HTTP/1.1 403 Forbidden\r\n\r\n<h1>no</h1>"), false, errs.Config, 1,
			"the proxy does not allow a connection to verify.twilio.com:443 (it answered HTTP 403)", "allow", false},
		"no CONNECT": {says("HTTP/1.1 405 Method Not Allowed\r\n\r\n"), false, errs.Config, 1, "does not allow a connection", "HTTPS_PROXY", false},
		"bad gateway": {says("HTTP/1.1 502 Bad Gateway\r\n\r\n"), false, errs.Unavailable, maxTries,
			"the proxy could not reach verify.twilio.com:443", "again", false},
		"busy": {says("HTTP/1.1 429 Too Many Requests\r\n\r\n"), false, errs.Unavailable, maxTries,
			"the proxy could not reach", "again", false},
		"log in here": {says("HTTP/1.1 302 Found\r\nLocation: http://login.example.com/\r\n\r\n"), false, errs.Config,
			1, "sent a page instead", "HTTPS_PROXY", false},
		"another 2xx": {says("HTTP/1.1 204 No Content\r\n\r\n"), false, errs.Config, 1, "sent a page instead", "HTTPS_PROXY", false},
		"no HTTP":     {says("220 mail.example.com ESMTP\r\n"), false, errs.Config, 1, "no proxy for https", "HTTPS_PROXY", false},
		"hangs up":    {says(""), false, errs.Unavailable, maxTries, "closed the connection without an answer", "HTTPS_PROXY", false},
		"reads what passes": {tunnels(speaksTLS(ours.config(t, same), "")), false, errs.Config, 1,
			`the certificate of the server verify.twilio.com:443 (made by "Spy [31mGateway") is by nobody whom this machine trusts`, "trusted", false},
		"another host": {tunnels(speaksTLS(ours.config(t, func(c *x509.Certificate) { c.DNSNames = []string{"portal.example.com"} }), "")),
			true, errs.Config, 1, "is for another host", "HTTPS_PROXY", false},
		"CN only": {tunnels(speaksTLS(ours.config(t, func(c *x509.Certificate) { c.DNSNames = nil }), "")), true,
			errs.Config, 1, "(CN)", "HTTPS_PROXY", false},
		"expired": {tunnels(speaksTLS(ours.config(t, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }), "")),
			true, errs.Config, 1, "has expired: it was valid until 20", "clock", false},
		"of tomorrow": {tunnels(speaksTLS(ours.config(t, func(c *x509.Certificate) {
			c.NotBefore, c.NotAfter = time.Now().Add(time.Hour), time.Now().Add(2*time.Hour)
		}), "")),
			true, errs.Config, 1, "is not valid yet: it begins on 20", "clock", false},
		"old TLS": {tunnels(func(conn net.Conn) {
			cfg := ours.config(t, same)
			cfg.MinVersion, cfg.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
			speaksTLS(cfg, "")(conn)
		}), true, errs.Config, 1, "speaks no TLS from version 1.2 on", "HTTPS_PROXY", false},
		"older TLS chosen": {tunnels(func(conn net.Conn) {
			_, _ = conn.Read(make([]byte, 64<<10))
			_, _ = conn.Write(append([]byte{22, 3, 1, 0, 42, 2, 0, 0, 38, 3, 1}, make([]byte, 36)...))
			_, _ = io.Copy(io.Discard, conn)
		}), true, errs.Config, 1, "speaks no TLS from version 1.2 on", "HTTPS_PROXY", false},
		"captive portal": {tunnels(func(conn net.Conn) {
			_, _ = conn.Read(make([]byte, 64<<10))
			_, _ = io.WriteString(conn, "HTTP/1.1 302 Found\r\nLocation: http://portal.example.com/\r\n\r\n")
		}), true, errs.Config, 1, "does not speak TLS", "captive portal", false},
		"TLS breaks off": {tunnels(func(conn net.Conn) { _, _ = conn.Read(make([]byte, 64<<10)) }), true, errs.Unavailable,
			maxTries, "broke off the TLS handshake", "HTTPS_PROXY", false},
		"a web page": {tunnels(speaksTLS(ours.config(t, same), head+"text/html\r\n\r\n<h1>Accept our terms</h1>")),
			true, errs.Unavailable, 1, "a web page", "captive portal", true},
		"Twilio says no": {tunnels(speaksTLS(ours.config(t, same),
			"HTTP/1.1 401 Unauthorized\r\nContent-Type: application/json\r\n\r\n"+`{"code":20003,"message":"Authenticate"}`)),
			true, errs.Config, 1, "credentials were rejected", "TWILIO_API_KEY", false},
		"nothing at all": {nil, false, errs.Unavailable, maxTries, "connection refused by the proxy 127.0.0.1:", "check HTTPS_PROXY", false},
	} {
		t.Run(name, func(t *testing.T) {
			address := "127.0.0.1:1"
			if tc.serve != nil {
				address = listen(t, tc.serve)
			}
			s := start(t, func(c *Config) {
				c.BaseURL = defaultBaseURL
				c.Proxy = func(*http.Request) (*url.URL, error) {
					return &url.URL{Scheme: "http", Host: address, User: url.UserPassword("operator", proxyPassword)}, nil
				}
				c.Environ = func() []string { return []string{"HTTPS_PROXY=http://operator:" + proxyPassword + "@" + address} }
				if tc.trust {
					c.Roots = ours.pool
				} else {
					c.Roots = x509.NewCertPool()
				}
			})
			_, err := s.FetchService(t.Context())
			wantError(t, err, tc.kind, false)
			hint := errs.HintOf(err).String()
			for what, want := range map[string]string{"words": tc.words, "proxy": ", through the proxy http://" + address + " (HTTPS_PROXY)"} {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%s: %v, want %q", what, err, want)
				}
			}
			if !strings.Contains(hint, tc.hint) {
				t.Errorf("hint %q, want %q", hint, tc.hint)
			}
			if got := len(s.slept) + 1; got != tc.tries {
				t.Errorf("%d tries, want %d", got, tc.tries)
			}
			if !strings.Contains(err.Error(), "20003") {
				for _, want := range []string{"host=verify.twilio.com port=443 host_from=default",
					"proxy=http://" + address + " proxy_from=HTTPS_PROXY", `certificates_from="the system"`} {
					if !strings.Contains(s.log.String(), want) {
						t.Errorf("the log has no %s: %s", want, s.log.String())
					}
				}
			}
			for _, text := range []string{err.Error(), hint, s.log.String()} {
				if strings.Contains(text, proxyPassword) || strings.Contains(text, "operator") || strings.Contains(text, "\x1b") {
					t.Errorf("shows too much: %q", text)
				}
			}
			if name == "nothing at all" || name == "Twilio says no" {
				return
			}
			_, err = s.CreateFactor(t.Context(), identity, "alice") // nothing of it was sent unless there was a connection
			wantError(t, err, tc.kind, tc.sent)
		})
	}
}

// Each part of the way names the setting that it came from. What is no proxy's address is never shown.
func TestFindWay(t *testing.T) {
	twilio, own := &url.URL{Scheme: "https", Host: apiHost}, &url.URL{Scheme: "https", Host: "gw.example.com:8443"}
	local := &url.URL{Scheme: "http", Host: "127.0.0.1:8080"}
	proxy := func(raw string) *url.URL {
		u, err := url.Parse(raw)
		must(t, err)
		return u
	}
	for name, tc := range map[string]struct {
		base    *url.URL
		environ []string
		proxy   *url.URL
		err     error
		want    Way
		problem bool
	}{
		"plain":   {base: twilio, want: Way{Host: apiHost, Port: "443", HostFrom: "default"}},
		"address": {base: own, want: Way{Host: "gw.example.com", Port: "8443", HostFrom: verifyURLSetting}},
		"local": {base: local, environ: []string{"HTTPS_PROXY=http://p:3128"}, proxy: proxy("http://p:3128"),
			want: Way{Host: "127.0.0.1", Port: "8080", HostFrom: verifyURLSetting}},
		"proxy": {base: twilio, environ: []string{"HTTPS_PROXY=http://u:s3cret@p:3128"}, proxy: proxy("http://u:s3cret@p:3128/"),
			want: Way{Host: apiHost, Port: "443", HostFrom: "default", Proxy: "http://p:3128", ProxyFrom: "HTTPS_PROXY", hasPassword: true}},
		"lower case, no port": {base: twilio, environ: []string{"HTTPS_PROXY=", "https_proxy=p"}, proxy: proxy("http://p"),
			want: Way{Host: apiHost, Port: "443", HostFrom: "default", Proxy: "http://p:80", ProxyFrom: "https_proxy"}},
		"IPv6": {base: twilio, environ: []string{"https_proxy=socks5h://[::1]"}, proxy: proxy("socks5h://[::1]"),
			want: Way{Host: apiHost, Port: "443", HostFrom: "default", Proxy: "socks5h://[::1]:1080", ProxyFrom: "https_proxy"}},
		"passed by": {base: twilio, environ: []string{"HTTPS_PROXY=http://p:3128", "no_proxy=.twilio.com"},
			want: Way{Host: apiHost, Port: "443", HostFrom: "default", PassedBy: "no_proxy"}},
		"for others": {base: twilio, environ: []string{"ALL_PROXY=socks5://p", "http_proxy=http://p", "Https_Proxy=http://p"},
			want: Way{Host: apiHost, Port: "443", HostFrom: "default", Ignored: []string{"ALL_PROXY", "Https_Proxy", "http_proxy"}}},
		"certificates": {base: twilio, environ: []string{"SSL_CERT_DIR=/a", "SSL_CERT_FILE=/b"},
			want: Way{Host: apiHost, Port: "443", HostFrom: "default", RootsFrom: "SSL_CERT_FILE, SSL_CERT_DIR"}},
		"no address": {base: twilio, environ: []string{"HTTPS_PROXY=http://u:s3cret@p:x"}, err: errors.New(`invalid proxy address "http://u:s3cret@p:x"`),
			want: Way{Host: apiHost, Port: "443", HostFrom: "default", ProxyFrom: "HTTPS_PROXY"}, problem: true},
		"a password with a slash": {base: twilio, environ: []string{"HTTPS_PROXY=user:12/s3cret@p:3128"}, proxy: proxy("http://user:12/s3cret@p:3128"),
			want: Way{Host: apiHost, Port: "443", HostFrom: "default", ProxyFrom: "HTTPS_PROXY"}, problem: true},
		// net/http passes these by in silence.
		"a password with a bad escape": {base: twilio, environ: []string{"https_proxy=http://u:s3cret%zz@p:3128"},
			want: Way{Host: apiHost, Port: "443", HostFrom: "default", ProxyFrom: "https_proxy"}, problem: true},
		"a blank before it": {base: twilio, environ: []string{"HTTPS_PROXY= http://u:s3cret@p:3128", "NO_PROXY=example.com"},
			want: Way{Host: apiHost, Port: "443", HostFrom: "default", ProxyFrom: "HTTPS_PROXY"}, problem: true},
		"a bad escape, local": {base: local, environ: []string{"HTTPS_PROXY=http://u:s3cret%zz@p:3128"},
			want: Way{Host: "127.0.0.1", Port: "8080", HostFrom: verifyURLSetting}},
		"no port": {base: twilio, environ: []string{"HTTPS_PROXY=http://p:99999"}, proxy: proxy("http://p:99999"),
			want: Way{Host: apiHost, Port: "443", HostFrom: "default", ProxyFrom: "HTTPS_PROXY"}, problem: true},
		"port 0": {base: twilio, environ: []string{"HTTPS_PROXY=http://p:0"}, proxy: proxy("http://p:0"),
			want: Way{Host: apiHost, Port: "443", HostFrom: "default", ProxyFrom: "HTTPS_PROXY"}, problem: true},
		"another scheme": {base: twilio, environ: []string{"HTTPS_PROXY=socks4://p"}, proxy: proxy("socks4://p"),
			want: Way{Host: apiHost, Port: "443", HostFrom: "default", ProxyFrom: "HTTPS_PROXY"}, problem: true},
	} {
		t.Run(name, func(t *testing.T) {
			got, used := findWay(tc.base, tc.environ, func(*http.Request) (*url.URL, error) { return tc.proxy, tc.err })
			if (got.broken != nil) != tc.problem || (used != nil) != (tc.want.Proxy != "") {
				t.Errorf("problem %v, uses %v", got.broken, used)
			}
			if tc.problem {
				if errs.KindOf(got.broken) != errs.Config || strings.Contains(got.broken.Error()+errs.HintOf(got.broken).Text, "s3cret") {
					t.Error(got.broken)
				}
				got.broken = nil
			}
			if !slices.Equal(got.Ignored, tc.want.Ignored) {
				t.Errorf("ignores %v", got.Ignored)
			}
			got.Ignored, tc.want.Ignored = nil, nil
			if !sameWay(got, tc.want) {
				t.Errorf("%+v, want %+v", got, tc.want)
			}
		})
	}
}

func sameWay(a, b Way) bool {
	return a.Host == b.Host && a.Port == b.Port && a.HostFrom == b.HostFrom && a.Proxy == b.Proxy && a.ProxyFrom == b.ProxyFrom &&
		a.PassedBy == b.PassedBy && a.RootsFrom == b.RootsFrom && a.hasPassword == b.hasPassword
}

// A proxy's address that can't be used ends each call, and nothing is sent past it.
func TestUnusableProxy(t *testing.T) {
	s := start(t, func(c *Config) {
		c.BaseURL = defaultBaseURL
		c.Proxy = func(*http.Request) (*url.URL, error) { return nil, errors.New("invalid " + proxyPassword) }
		c.Environ = func() []string { return []string{"https_proxy=" + proxyPassword} }
	})
	_, err := s.FetchService(t.Context())
	wantError(t, err, errs.Config, false)
	if !strings.Contains(err.Error(), "https_proxy does not name a proxy") || strings.Contains(err.Error(), proxyPassword) || len(s.slept) > 0 {
		t.Errorf("%v, slept %v", err, s.slept)
	}
}

// Without a proxy too, each thing that can go wrong before there is a connection has its own words, and its hint says what to look at.
func TestNoConnection(t *testing.T) {
	dial := func(err error) error { return &net.OpError{Op: "dial", Net: "tcp", Err: err} }
	late := &net.DNSError{IsTimeout: true, Name: apiHost}
	for name, tc := range map[string]struct {
		at      stage
		err     error
		timeout bool
		kind    errs.Kind
		words   string
		hint    string
	}{
		"unknown name": {atLookup, dial(&net.DNSError{IsNotFound: true, Name: apiHost}), false, errs.Unavailable,
			"the name of verify.twilio.com:443 can't be looked up", "name servers"},
		"lookup fails": {atLookup, dial(&net.DNSError{IsTemporary: true, Name: apiHost}), false, errs.Unavailable, "can't be looked up", "name servers"},
		"lookup hangs": {atLookup, dial(late), false, errs.Unavailable, "to the question for the address of verify.twilio.com:443", "resolv.conf"},
		"refused": {atConnect, dial(syscall.ECONNREFUSED), false, errs.Unavailable,
			"connection refused by verify.twilio.com:443", "HTTPS_PROXY (sudo"},
		"no route":      {atConnect, dial(syscall.EHOSTUNREACH), false, errs.Unavailable, "no way to verify.twilio.com:443", "routes"},
		"no network":    {atConnect, dial(syscall.ENETUNREACH), false, errs.Unavailable, "no way to verify.twilio.com:443", "routes"},
		"own firewall":  {atConnect, dial(syscall.EPERM), false, errs.Unavailable, "own firewall", "firewall"},
		"dropped":       {atConnect, dial(syscall.ETIMEDOUT), false, errs.Unavailable, "no connection to verify.twilio.com:443 within", "firewall"},
		"connect hangs": {atConnect, io.EOF, true, errs.Unavailable, "something drops the packets", "firewall"},
		"TLS hangs":     {atTLS, io.EOF, true, errs.Unavailable, "no TLS handshake with verify.twilio.com:443 within", "firewall"},
		"proxy hangs":   {atProxy, io.EOF, true, errs.Unavailable, "the proxy made no connection to verify.twilio.com:443 within", "check https_proxy"},
		"no answer":     {atAnswer, io.EOF, true, errs.Unavailable, "no answer from Twilio within", "again"},
		"broke off":     {atAnswer, io.ErrUnexpectedEOF, false, errs.Unavailable, "broke off", "again"},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, func(c *Config) {
				c.BaseURL = defaultBaseURL
				if tc.at == atProxy {
					c.Proxy = func(*http.Request) (*url.URL, error) { return &url.URL{Scheme: "http", Host: "p:3128"}, nil }
					c.Environ = func() []string { return []string{"https_proxy=p:3128"} }
				}
			})
			f := s.broken(tc.err, tc.timeout, &journey{stage: tc.at})
			if f.kind != tc.kind || !strings.Contains(f.Error(), tc.words) || !strings.Contains(f.hint.Text, tc.hint) || !f.transient {
				t.Errorf("kind %d, %v, hint %q", f.kind, f, f.hint.Text)
			}
		})
	}
}

// A SOCKS proxy says no in its own way. A certificate behind it is the server's, and not the proxy's.
func TestThroughSocks(t *testing.T) {
	ours := newCertificates(t)
	greets := func(answer byte, serve func(net.Conn)) func(net.Conn) {
		return func(conn net.Conn) {
			greeting := make([]byte, 3)
			if _, err := io.ReadFull(conn, greeting); err != nil {
				return
			}
			_, _ = conn.Write([]byte{5, 0})
			request := make([]byte, 5+len(apiHost)+2)
			if _, err := io.ReadFull(conn, request); err != nil {
				return
			}
			_, _ = conn.Write([]byte{5, answer, 0, 1, 0, 0, 0, 0, 0, 0})
			if serve != nil {
				serve(conn)
			}
		}
	}
	for name, tc := range map[string]struct {
		serve func(net.Conn)
		kind  errs.Kind
		words string
	}{
		"forbids": {greets(2, nil), errs.Unavailable, "the proxy made no connection to verify.twilio.com:443"},
		"reads what passes": {greets(0, speaksTLS(ours.config(t, func(*x509.Certificate) {}), "")), errs.Config,
			"the certificate of the server verify.twilio.com:443"},
	} {
		t.Run(name, func(t *testing.T) {
			address := listen(t, tc.serve)
			s := start(t, func(c *Config) {
				c.BaseURL, c.Roots = defaultBaseURL, x509.NewCertPool()
				c.Proxy = func(*http.Request) (*url.URL, error) { return &url.URL{Scheme: "socks5h", Host: address}, nil }
				c.Environ = func() []string { return []string{"HTTPS_PROXY=socks5h://" + address} }
			})
			_, err := s.FetchService(t.Context())
			wantError(t, err, tc.kind, false)
			if !strings.Contains(err.Error(), tc.words) || !strings.Contains(err.Error(), "through the proxy socks5h://"+address+" (HTTPS_PROXY)") {
				t.Error(err)
			}
		})
	}
}
