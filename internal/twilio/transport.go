package twilio

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	twclient "github.com/twilio/twilio-go/client"

	"uzerp-mfa/internal/pattern"
	"uzerp-mfa/internal/verifyservice"
)

const (
	maxBody    = 4 << 20
	maxHeaders = 256 << 10
	formType   = "application/x-www-form-urlencoded"
)

// safePath matches every path that this package can ask for, and no path with "..", escapes or an empty segment.
// twilio-go pastes path parameters unescaped, and a DELETE …/Entities/ without an identity must never be sent (§3.2,
// §1.3).
var safePath = pattern.Lazy(`^/v2(/[0-9A-Za-z]+(-[0-9A-Za-z]+)*)+$`)

// newTransport returns a transport for HTTP/1.1 only. There, "no connection was made" means "nothing was sent".
// proxy is nil if there is none.
func newTransport(proxy *url.URL, roots *x509.CertPool, timeout time.Duration, connections int) *http.Transport {
	return &http.Transport{
		DialContext:            noteHello((&net.Dialer{Timeout: timeout}).DialContext),
		Proxy:                  http.ProxyURL(proxy),
		OnProxyConnectResponse: heardProxy,
		TLSHandshakeTimeout:    timeout,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots},
		MaxResponseHeaderBytes: maxHeaders,
		MaxIdleConnsPerHost:    connections,
		IdleConnTimeout:        90 * time.Second,
	}
}

// call is one operation, and the client.BaseClient that twilio-go uses for it. It holds the context because BaseClient
// has no parameter for one (§3.2, context).
type call struct {
	c      *Client
	ctx    context.Context
	op     string
	method string    // of the request last sent
	sent   time.Time // when it was sent
	rested time.Time // until when it has waited
	number string    // the phone number that the operation is about: no message shows it, though the request may not have it

	permission verifyservice.Permission // that a restricted key needs for it (§9)

	invalid problem // what badParameter means in this operation; the zero value: what it means in all
	idle    bool    // nothing can take effect, whatever the method: the operation is about something that does not exist
	ifLost  string  // the hint if it is open whether the operation took effect
}

var _ twclient.BaseClient = (*call)(nil)

// AccountSid implements client.BaseClient.
func (o *call) AccountSid() string { return o.c.account }

// SetTimeout implements client.BaseClient. It does nothing: the time limit is Config.CallTimeout.
func (o *call) SetTimeout(time.Duration) {}

// SetOauth implements client.BaseClient. It does nothing: only basic authentication is used.
func (o *call) SetOauth(twclient.OAuth) {}

// OAuth implements client.BaseClient.
func (o *call) OAuth() twclient.OAuth { return nil }

// SendRequest implements client.BaseClient. It repeats the exchange if that is safe, and returns only answers that are
// complete, JSON, and of the expected status. Its errors are *callError.
func (o *call) SendRequest(method, rawURL string, data url.Values, _ map[string]interface{}, _ ...byte) (*http.Response, error) {
	o.method = method
	target, err := o.c.target(rawURL)
	if err != nil {
		return nil, err
	}
	if method != http.MethodPost && len(data) > 0 {
		target.RawQuery = data.Encode()
	}
	var t tries
	for t.n = 1; ; t.n++ {
		resp, f, wait, again := o.inTurn(method, target, data, &t)
		if f == nil {
			return resp, nil
		}
		if !again {
			o.c.tellWhen(o.ctx, f)
			return nil, f.settle(o.effect())
		}
		o.rested = o.c.now().Add(wait)
		if o.c.sleep(o.ctx, wait) != nil {
			f = stopped(o.ctx)
			f.reached = t.reached
			return nil, f.settle(o.effect())
		}
	}
}

// tries are those of one request.
type tries struct {
	n          int // which one this is, without those that were turned away while others got through
	reached    bool
	turnedAway limits
}

// effect returns the method by which it is judged what the request may have done.
func (o *call) effect() string {
	if o.idle {
		return http.MethodGet
	}
	return o.method
}

// target checks the address that twilio-go wants to call and puts the base URL in place of Twilio's host. Any other
// host is refused, so that credentials never follow a next_page_url to another host (§0.11).
func (c *Client) target(rawURL string) (*url.URL, error) {
	u, ok := apiURL(rawURL)
	if !ok {
		return nil, &callError{words: "refused to call an address that is not part of the Verify API"}
	}
	return &url.URL{Scheme: c.base.Scheme, Host: c.base.Host, Path: u.Path, RawQuery: u.RawQuery}, nil
}

// apiURL parses an address and reports whether it is one of the Verify API.
func apiURL(raw string) (*url.URL, bool) {
	u, err := url.Parse(raw)
	return u, err == nil && u.Scheme == "https" && u.Host == apiHost && u.User == nil && u.Fragment == "" &&
		safePath().MatchString(u.EscapedPath())
}

// inTurn makes one exchange, once there is room for it and the pace allows it. If it went wrong, it says how long to wait before the
// next try, and whether there is to be one. Who waits for the room gets it when all that is known.
func (o *call) inTurn(method string, target *url.URL, data url.Values, t *tries) (resp *http.Response, f *callError, wait time.Duration, again bool) {
	if f := o.c.room.enter(o.ctx); f != nil {
		f.reached = t.reached
		return nil, f, 0, false
	}
	took := false
	defer func() { o.c.room.leave(took) }()
	if f := o.waitForTurn(); f != nil {
		f.reached = t.reached
		return nil, f, 0, false
	}
	resp, f = o.exchange(method, target, data)
	if took = o.c.pace.heard(f, o.sent); f == nil {
		return resp, nil, 0, false
	}
	if f.limited() && t.turnedAway.othersPass(o.c.pace) {
		t.n = 1 // this is no outage
	}
	// A repeated DELETE may have had an effect in an earlier try.
	t.reached = t.reached || f.reached
	f.reached = t.reached
	wait, again = o.c.again(o.ctx, f, o.effect(), t.n)
	if f.limited() {
		wait = o.c.pace.limited(o.sent, o.c.now(), f.wait, max(wait, f.wait))
		if again && tooLong(o.ctx, wait) { // another one was told to wait for longer
			f.wait, again = wait, false
		}
	}
	return nil, f, wait, again
}

// exchange sends one request and reads one answer. It follows no redirect, because RoundTrip doesn't.
func (o *call) exchange(method string, target *url.URL, data url.Values) (*http.Response, *callError) {
	if o.c.way.broken != nil {
		return nil, o.c.noWay()
	}
	ctx, cancel := context.WithTimeout(o.ctx, o.c.timeout)
	defer cancel()

	form := ""
	if method == http.MethodPost {
		form = data.Encode()
	}
	j := &journey{way: o.c.way}
	req, err := http.NewRequestWithContext(j.trace(ctx), method, target.String(), strings.NewReader(form))
	if err != nil {
		return nil, &callError{words: "no request could be made"}
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", o.c.userAgent)
	if method == http.MethodPost {
		req.Header.Set("Content-Type", formType)
	}
	o.c.authorize(req)

	began, local := time.Now(), o.c.now()
	o.sent = local
	resp, body, err := roundTrip(o.c.transport, req)
	var f *callError
	at, address := j.sofar()
	switch {
	case err == nil:
		f = o.c.judge(method, resp, body, o.unshown(data))
	case stopped(o.ctx) != nil:
		f = stopped(o.ctx)
		f.reached = at == atAnswer // without a connection nothing was sent
	default:
		f = o.c.broken(err, ctx.Err() != nil, j)
		f.reached = at == atAnswer
	}
	o.report(method, target.Path, resp, time.Since(began), f, address)
	if f == nil || f.code != 0 { // Twilio's own answer, good or bad, and not that of a proxy
		o.c.measure(resp.Header.Get("Date"), local, o.c.now())
	}
	if f != nil {
		return nil, f
	}
	return &http.Response{
		StatusCode: resp.StatusCode,
		Header:     resp.Header,
		Body:       io.NopCloser(bytes.NewReader(body)),
		Request:    req,
	}, nil
}

// unshown returns what no message may show: the data of a request, and the number that the operation is about.
func (o *call) unshown(data url.Values) url.Values {
	if o.number == "" {
		return data
	}
	all := url.Values{"To": {o.number}}
	maps.Copy(all, data)
	return all
}

// roundTrip returns an answer and its whole body. The body is closed.
func roundTrip(t http.RoundTripper, req *http.Request) (*http.Response, []byte, error) {
	resp, err := t.RoundTrip(req)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	return resp, body, err
}

// judge returns nil if an answer to a request with this data can be used, else what is wrong with it. A DELETE is
// answered with 204, everything else with 200 or 201 and JSON (§1). A proxy's page with status 200 is not JSON.
func (c *Client) judge(method string, resp *http.Response, body []byte, data url.Values) *callError {
	isJSON := len(body) <= maxBody && jsonType(resp.Header.Get("Content-Type")) && json.Valid(body)
	f := &callError{status: resp.StatusCode}
	switch s := resp.StatusCode; {
	case s < 200 || s >= 300:
		if isJSON {
			f.code, f.message = errorBody(body)
			f.message = c.harmless(f.message, data)
		}
		f.wait = parseRetryAfter(resp.Header.Get("Retry-After"), c.answered(resp))
		f.classify(c)
		return f
	case method == http.MethodDelete && s == http.StatusNoContent:
		return nil
	case method == http.MethodDelete || s != http.StatusOK && s != http.StatusCreated:
		f.unusable("gave an unexpected answer")
		return f
	case len(body) > maxBody:
		f.unusable("gave an answer of more than 4 MiB")
		return f
	case !isJSON && webPage(resp.Header.Get("Content-Type")):
		f.unusable("or something on the way gave an answer that is not JSON but a web page")
		f.strange(c)
		return f
	case !isJSON:
		f.unusable("gave an answer that is not JSON")
		f.strange(c)
		return f
	}
	return nil
}

func jsonType(header string) bool {
	t, _, err := mime.ParseMediaType(header)
	return err == nil && (t == "application/json" || strings.HasSuffix(t, "+json"))
}

func webPage(header string) bool {
	t, _, err := mime.ParseMediaType(header)
	return err == nil && t == "text/html"
}

// report logs the exchange without query, headers and body, which hold codes and secrets. If it failed, it also logs how it went
// there, and which settings say so.
func (o *call) report(method, path string, resp *http.Response, d time.Duration, f *callError, address string) {
	attrs := []slog.Attr{slog.String("method", method), slog.String("path", path), slog.Duration("duration", d)}
	if resp != nil {
		attrs = append(attrs, slog.Int("status", resp.StatusCode))
	}
	if f != nil && f.words != "" {
		attrs = append(attrs, slog.String("problem", f.words))
	}
	if f != nil && f.code == 0 { // no answer of Twilio's own
		attrs = append(attrs, o.c.way.attrs(address)...)
	}
	o.c.log.LogAttrs(o.ctx, slog.LevelDebug, "twilio", attrs...)
}
