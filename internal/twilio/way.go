package twilio

import (
	"cmp"
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"

	"uzerp-mfa/internal/errs"
)

const verifyURLSetting = "UZERP_MFA_VERIFY_URL"

// Way is how calls go to the address, and which setting each part of it came from. It holds nothing that must not be shown.
type Way struct {
	Host, Port string
	HostFrom   string // the setting that names the address, or "default"

	Proxy     string   // scheme, host and port; "" if none is used
	ProxyFrom string   // the variable that names it
	PassedBy  string   // the variable by which a proxy that is set is not used for this address; "" if there is none
	Ignored   []string // variables that other programs take a proxy from, and this one does not

	RootsFrom string // the variables that name the certificates which are trusted, or "" for the system's own

	hasPassword bool  // the proxy's address has one
	broken      error // why the proxy's address can't be used
}

// readProxy are the variables that net/http takes the proxy for https from; the first that is set counts.
var readProxy = []string{"HTTPS_PROXY", "https_proxy"}

// findWay finds out how calls go to base. environ has lines like NAME=value. proxyFor returns the proxy for a request, by the same
// environment. A loopback address is always called without a proxy.
func findWay(base *url.URL, environ []string, proxyFor func(*http.Request) (*url.URL, error)) (w Way, proxy *url.URL) {
	w = Way{Host: base.Hostname(), Port: cmp.Or(base.Port(), ports[base.Scheme]), HostFrom: verifyURLSetting}
	if strings.EqualFold(base.String(), defaultBaseURL) {
		w.HostFrom = "default"
	}
	set := map[string]string{}
	for _, line := range environ {
		if name, value, ok := strings.Cut(line, "="); ok && value != "" {
			set[name] = value
		}
	}
	first := func(names ...string) string {
		i := slices.IndexFunc(names, func(name string) bool { return set[name] != "" })
		if i < 0 {
			return ""
		}
		return names[i]
	}
	var roots []string
	for _, name := range []string{"SSL_CERT_FILE", "SSL_CERT_DIR"} {
		if set[name] != "" {
			roots = append(roots, name)
		}
	}
	w.RootsFrom = strings.Join(roots, ", ")
	if loopback(base) {
		return w, nil
	}
	from := first(readProxy...)
	proxy, err := proxyFor(&http.Request{URL: base})
	switch {
	case err != nil || proxy != nil && !usableProxy(proxy) || proxy == nil && unreadableProxy(set[from]):
		w.ProxyFrom = cmp.Or(from, readProxy[0])
		w.broken = errs.New(errs.Config, w.ProxyFrom+" does not name a proxy that can be used", "set it like http://HOST:PORT, or "+
			"http://NAME:PASSWORD@HOST:PORT with % escapes for other characters than letters and digits; socks5 and https work too")
		return w, nil
	case proxy != nil:
		w.ProxyFrom = from
		w.Proxy = proxy.Scheme + "://" + net.JoinHostPort(proxy.Hostname(), cmp.Or(proxy.Port(), ports[proxy.Scheme]))
		w.hasPassword = proxy.User != nil
	case from != "":
		w.PassedBy = first("NO_PROXY", "no_proxy")
	}
	for name := range set {
		lower := strings.ToLower(name)
		if from == "" && (lower == "all_proxy" || lower == "http_proxy" || lower == "https_proxy") {
			w.Ignored = append(w.Ignored, name)
		}
	}
	slices.Sort(w.Ignored)
	return w, proxy
}

var ports = map[string]string{"http": "80", "https": "443", "socks5": "1080", "socks5h": "1080"}

// usableProxy reports whether net/http can use this address, and its host is a host. A password with a slash in it ends the host
// for the parser, so that what is left looks like a host and is a part of the password.
func usableProxy(u *url.URL) bool {
	return ports[u.Scheme] != "" && u.Hostname() != "" && usablePort(u) && strings.Trim(u.Path, "/") == "" && u.Opaque == "" &&
		u.RawQuery == "" && u.Fragment == ""
}

// unreadableProxy reports whether net/http can't read this address. It says nothing then, and uses no proxy.
func unreadableProxy(address string) bool {
	_, whole := url.Parse(address)
	_, withoutScheme := url.Parse("http://" + address)
	return whole != nil && withoutScheme != nil
}

// usablePort reports whether u names no port, or one that a server can have.
func usablePort(u *url.URL) bool {
	n, err := strconv.ParseUint(u.Port(), 10, 16)
	return u.Port() == "" || err == nil && n > 0
}

// through returns ", through the proxy …" for the end of a message, or "" if no proxy is used.
func (w Way) through() string {
	if w.Proxy == "" {
		return ""
	}
	return ", through the proxy " + w.Proxy + " (" + w.ProxyFrom + ")"
}

// Address returns host and port of Verify.
func (w Way) Address() string { return net.JoinHostPort(w.Host, w.Port) }

// Unusable returns why the proxy's address can't be used, or nil.
func (w Way) Unusable() error { return w.broken }

// next returns whom a connection is made to: the proxy, or Verify itself.
func (w Way) next() string {
	if w.Proxy != "" {
		return "the proxy " + strings.TrimPrefix(w.Proxy, "http://")
	}
	return w.Address()
}

// setting returns the setting that says whom a connection is made to, or "" if none does.
func (w Way) setting() string {
	switch {
	case w.Proxy != "":
		return w.ProxyFrom
	case w.HostFrom == verifyURLSetting:
		return verifyURLSetting
	}
	return ""
}

// check returns what to look at if no connection comes about, for the end of a hint.
func (w Way) check(otherwise string) string {
	switch setting := w.setting(); {
	case setting != "":
		return "check " + setting
	case len(w.Ignored) > 0:
		return otherwise + "; " + strings.Join(w.Ignored, ", ") + " names a proxy, and this program reads HTTPS_PROXY only"
	case w.PassedBy != "":
		return otherwise + "; " + w.PassedBy + " says that no proxy is used for " + w.Host
	}
	return otherwise + "; if there is a proxy, set HTTPS_PROXY (sudo takes it away, unless its settings keep it)"
}

// attrs are for the log of an exchange that failed.
func (w Way) attrs(address string) []slog.Attr {
	all := []slog.Attr{slog.String("host", w.Host), slog.String("port", w.Port), slog.String("host_from", w.HostFrom)}
	if address != "" {
		all = append(all, slog.String("address", address))
	}
	switch {
	case w.Proxy != "":
		all = append(all, slog.String("proxy", w.Proxy), slog.String("proxy_from", w.ProxyFrom))
	case w.broken != nil:
		all = append(all, slog.String("proxy", "unusable"), slog.String("proxy_from", w.ProxyFrom))
	case w.PassedBy != "":
		all = append(all, slog.String("proxy", "none"), slog.String("proxy_from", w.PassedBy))
	default:
		all = append(all, slog.String("proxy", "none"))
	}
	if len(w.Ignored) > 0 {
		all = append(all, slog.String("ignored", strings.Join(w.Ignored, ",")))
	}
	return append(all, slog.String("certificates_from", cmp.Or(w.RootsFrom, "the system")))
}

// stage is how far an exchange has come.
type stage int

const (
	atLookup  stage = iota // of a name
	atConnect              // of a TCP connection
	atProxy                // the proxy is to make a connection
	atTLS                  // the handshake
	atAnswer               // there is a connection
)

// journey records how far an exchange has come. A connection is made by other goroutines than the exchange's own.
type journey struct {
	way Way

	mu        sync.Mutex
	stage     stage
	connected bool   // the exchange got a connection; others may be made meanwhile, and nothing undoes this
	address   string // that was connected to, or tried last
	tunnel    bool   // the proxy has made a connection
	hello     []byte // the first bytes that came back in the handshake
}

type journeyKey struct{}

// trace returns a context in which j hears what happens.
func (j *journey) trace(ctx context.Context) context.Context {
	reach := func(s stage) {
		j.mu.Lock()
		defer j.mu.Unlock()
		if !j.connected {
			j.stage = s
		}
	}
	ctx = context.WithValue(ctx, journeyKey{}, j)
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		DNSStart: func(httptrace.DNSStartInfo) { reach(atLookup) },
		ConnectStart: func(_, address string) {
			reach(atConnect)
			j.mu.Lock()
			defer j.mu.Unlock()
			j.address = address
		},
		ConnectDone: func(_, _ string, err error) {
			if err == nil && j.way.Proxy != "" {
				reach(atProxy)
			}
		},
		TLSHandshakeStart: func() {
			reach(atTLS)
			j.mu.Lock()
			defer j.mu.Unlock()
			j.hello = nil
		},
		TLSHandshakeDone: func(_ tls.ConnectionState, err error) {
			if err == nil && j.withProxy() {
				reach(atProxy)
			}
		},
		GotConn: func(info httptrace.GotConnInfo) {
			j.mu.Lock()
			defer j.mu.Unlock()
			j.stage, j.connected = atAnswer, true
			j.address = info.Conn.RemoteAddr().String()
		},
	})
}

// withProxy reports whether a handshake is one with the proxy itself.
func (j *journey) withProxy() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return strings.HasPrefix(j.way.Proxy, "https:") && !j.tunnel
}

// sofar returns how far the exchange has come, and the address that it is connected to or tried last.
func (j *journey) sofar() (stage, string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.stage, j.address
}

// listener notes the first bytes of a handshake, because crypto/tls has no type for the error of a version that is too old.
type listener struct {
	net.Conn
	journey *journey
}

const helloBytes = 11 // as many as are needed for the version in a ServerHello

func (l listener) Read(b []byte) (int, error) {
	n, err := l.Conn.Read(b)
	j := l.journey
	j.mu.Lock()
	defer j.mu.Unlock()
	if missing := helloBytes - len(j.hello); j.stage == atTLS && missing > 0 {
		j.hello = append(j.hello, b[:min(n, missing)]...)
	}
	return n, err
}

// listening returns dial with a listener on each connection.
func listening(dial func(ctx context.Context, network, address string) (net.Conn, error)) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if j, ok := ctx.Value(journeyKey{}).(*journey); ok && err == nil {
			return listener{conn, j}, nil
		}
		return conn, err
	}
}

// oldTLS reports whether the other side speaks no version of TLS that is taken here: it chose an older one, or said that it
// knows none of those offered.
func (j *journey) oldTLS() bool {
	const (
		alert, handshake             = 21, 22
		serverHello, protocolVersion = 2, 70
	)
	j.mu.Lock()
	defer j.mu.Unlock()
	switch h := j.hello; {
	case len(h) >= 7 && h[0] == alert:
		return h[6] == protocolVersion
	case len(h) >= helloBytes && h[0] == handshake && h[5] == serverHello:
		return int(h[9])<<8|int(h[10]) < tls.VersionTLS12
	}
	return false
}

// proxyAnswer is the error of a proxy that made no connection.
type proxyAnswer struct{ status int }

func (proxyAnswer) Error() string { return "the proxy made no connection" }

// heardProxy is Transport.OnProxyConnectResponse.
func heardProxy(ctx context.Context, _ *url.URL, _ *http.Request, answer *http.Response) error {
	if answer.StatusCode != http.StatusOK {
		return proxyAnswer{answer.StatusCode}
	}
	if j, ok := ctx.Value(journeyKey{}).(*journey); ok {
		j.mu.Lock()
		defer j.mu.Unlock()
		j.tunnel = true
	}
	return nil
}
