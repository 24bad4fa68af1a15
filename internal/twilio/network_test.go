package twilio

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"uzerp-mfa/internal/errs"
)

// goTalk is what Go's own errors say, and no person understands.
var goTalk = regexp.MustCompile(`dial tcp|EOF|net/http|read tcp|i/o timeout|x509|malformed|syscall|ECONN|0x|\n`)

// However the network fails: with -v the error names host, port, proxy, and the setting that each came from. Without -v it is one
// plain sentence, whose hint names the setting that says whom was called.
func TestEachNetworkErrorNamesItsWay(t *testing.T) {
	ours := newCertificates(t)
	same := func(c *x509.Certificate) { c.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)} }
	read := func(conn net.Conn) { _, _ = conn.Read(make([]byte, 64<<10)) }
	silent := func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }
	cut := func(conn net.Conn) {
		read(conn)
		_ = conn.(*net.TCPConn).SetLinger(0)
	}
	answers := func(text string) func(net.Conn) { return speaksTLS(ours.config(t, same), text) }
	const ok = "HTTP/1.1 200 OK\r\n"
	for name, tc := range map[string]struct {
		serve func(net.Conn) // nil: nobody listens
		proxy bool           // it is the proxy that does this
		dial  error          // instead of a connection
		kind  errs.Kind
		words string
	}{
		"refused":      {nil, false, nil, errs.Unavailable, "connection refused by 127.0.0.1:"},
		"no such name": {nil, false, &net.DNSError{IsNotFound: true, Name: apiHost}, errs.Config, "no such host: 127.0.0.1:"},
		"no name server": {nil, false, &net.DNSError{IsTimeout: true, Name: apiHost}, errs.Unavailable,
			"no answer within 300ms to the question for the address of 127.0.0.1:"},
		"no answer":              {saysNothing(ours.config(t, same)), false, nil, errs.Unavailable, "within 300ms"},
		"no handshake":           {silent, false, nil, errs.Unavailable, "within 300ms"},
		"reset in the handshake": {cut, false, nil, errs.Unavailable, "the server 127.0.0.1:"},
		"hangs up":               {answers(""), false, nil, errs.Unavailable, "broke off"},
		"half an answer":         {answers(ok + "Content-Type: application/json\r\nContent-Length: 99\r\n\r\n{"), false, nil, errs.Unavailable, "broke off"},
		"no HTTP":                {answers("220 mail.example.com ESMTP\r\n"), false, nil, errs.Unavailable, "no HTTP"},
		"HTTP/2 that goes away":  {answers("\x00\x00\x08\x07\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"), false, nil, errs.Unavailable, "no HTTP"},
		"no TLS": {func(c net.Conn) { read(c); _, _ = io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n\r\n") }, false, nil, errs.Config,
			"does not speak TLS"},
		"another's certificate": {speaksTLS(ours.config(t, func(c *x509.Certificate) { c.IPAddresses = nil }), ""), false, nil, errs.Config,
			"is for another host"},
		"captive portal": {answers(ok + "Content-Type: text/html\r\n\r\n<h1>Accept our terms</h1>"), false, nil, errs.Unavailable, "a web page"},
		"a redirect":     {answers("HTTP/1.1 302 Found\r\nLocation: http://portal.example.com/\r\n\r\n"), false, nil, errs.Unavailable, "redirect"},
		"a gateway": {answers("HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/html\r\n\r\n<h1>no</h1>"), false, nil, errs.Unavailable,
			"has a problem (HTTP 502"},
		"a firewall": {answers("HTTP/1.1 403 Forbidden\r\nContent-Type: text/html\r\n\r\n<h1>no</h1>"), false, nil, errs.Config, "forbidden"},

		"the proxy: refused":      {nil, true, nil, errs.Unavailable, "connection refused by the proxy 127.0.0.1:"},
		"the proxy: no such name": {nil, true, &net.DNSError{IsNotFound: true, Name: "p"}, errs.Config, "no such host: the proxy 127.0.0.1:"},
		"the proxy: silent":       {silent, true, nil, errs.Unavailable, "within 300ms"},
		"the proxy: reset":        {cut, true, nil, errs.Unavailable, "the proxy closed the connection without an answer"},
		"the proxy: 407":          {says("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n"), true, nil, errs.Config, "in HTTPS_PROXY (it answered HTTP 407)"},
		"the proxy: 403":          {says("HTTP/1.1 403 Forbidden\r\n\r\n"), true, nil, errs.Config, "does not allow a connection to verify.twilio.com:443"},
		"the proxy: 502":          {says("HTTP/1.1 502 Bad Gateway\r\n\r\n"), true, nil, errs.Unavailable, "the proxy could not reach verify.twilio.com:443"},
		"the proxy: garbage":      {says("\x16\x03garbage\r\n"), true, nil, errs.Config, "no proxy for https"},
		"the proxy: no answer":    {tunnels(saysNothing(ours.config(t, same))), true, nil, errs.Unavailable, "within 300ms"},
		"the proxy: hangs up":     {tunnels(answers("")), true, nil, errs.Unavailable, "broke off"},
	} {
		t.Run(name, func(t *testing.T) {
			address := "127.0.0.1:1"
			if tc.serve != nil {
				address = listen(t, tc.serve)
			}
			_, port, _ := net.SplitHostPort(address)
			setting, logged := verifyURLSetting, "host=127.0.0.1 port="+port+" host_from=UZERP_MFA_VERIFY_URL"
			through := "proxy=none"
			s := start(t, func(c *Config) {
				c.BaseURL, c.Roots, c.CallTimeout = "https://"+address, ours.pool, 5*time.Second
				if strings.Contains(tc.words, "within") {
					c.CallTimeout = 300 * time.Millisecond
				}
				if !tc.proxy {
					return
				}
				c.BaseURL = defaultBaseURL
				c.Proxy = func(*http.Request) (*url.URL, error) {
					return &url.URL{Scheme: "http", Host: address, User: url.UserPassword("operator", proxyPassword)}, nil
				}
				c.Environ = func() []string { return []string{"HTTPS_PROXY=http://operator:" + proxyPassword + "@" + address} }
			})
			if tc.proxy {
				setting, logged = "HTTPS_PROXY", "host=verify.twilio.com port=443 host_from=default"
				through = "proxy=http://" + address + " proxy_from=HTTPS_PROXY"
			}
			if tc.dial != nil {
				s.transport.DialContext = failing{&net.OpError{Op: "dial", Net: "tcp", Err: tc.dial}}.dial
			}
			_, err := s.FetchService(t.Context())
			wantError(t, err, tc.kind, false)
			hint := errs.HintOf(err).Text
			if !strings.Contains(err.Error(), tc.words) || goTalk.MatchString(err.Error()+hint) {
				t.Errorf("%v, want %q", err, tc.words)
			}
			if !strings.Contains(err.Error()+hint, setting) {
				t.Errorf("%v names no %s, nor does its hint: %q", err, setting, hint)
			}
			for _, want := range []string{logged, through, "certificates_from="} {
				if !strings.Contains(s.log.String(), want) {
					t.Errorf("the log has no %q: %s", want, s.log.String())
				}
			}
			if shown := err.Error() + hint + s.log.String(); strings.Contains(shown, proxyPassword) || strings.Contains(shown, "operator") {
				t.Errorf("shows too much: %q", shown)
			}
		})
	}
}

// saysNothing makes the handshake, reads, and says nothing more.
func saysNothing(cfg *tls.Config) func(net.Conn) {
	return func(conn net.Conn) {
		secured := tls.Server(conn, cfg)
		if secured.Handshake() == nil {
			_, _ = io.Copy(io.Discard, secured)
		}
	}
}

// failing makes no connection.
type failing struct{ err error }

func (f failing) dial(context.Context, string, string) (net.Conn, error) { return nil, f.err }
