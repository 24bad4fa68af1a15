package twilio

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"time"

	"uzerp-mfa/internal/errs"
)

// The errors of exchanges that ended without a whole answer. Each names whom the connection was made to, and its hint the setting
// that says so.

// broken returns the error of an exchange that ended with err.
func (c *Client) broken(err error, timeout bool, j *journey) *callError {
	f := &callError{transient: true}
	at, _ := j.sofar()
	ne, isNet := errors.AsType[net.Error](err)
	dns, isDNS := errors.AsType[*net.DNSError](err)
	cert, isCert := errors.AsType[*tls.CertificateVerificationError](err)
	answer, isAnswer := errors.AsType[proxyAnswer](err)
	switch {
	case isAnswer:
		c.proxyRefused(f, answer.status)
	case isCert:
		c.badCertificate(f, cert, j)
	case timeout || isNet && ne.Timeout():
		c.late(f, at, isDNS)
		f.timeout = true
	case isDNS:
		c.noName(f, dns.IsNotFound)
	case at == atTLS:
		c.noTLS(f, err, j)
	case at == atProxy:
		c.proxyOdd(f, err)
	case at == atConnect, errors.Is(err, syscall.ECONNREFUSED):
		c.notConnected(f, err)
	case brokeOff(err):
		f.unavailable("the connection to Twilio broke off")
		c.look(f)
	case at == atAnswer:
		f.unavailable("what came from Twilio is no HTTP that can be read")
		c.look(f)
	default:
		f.unavailable("the exchange with Twilio failed")
		c.look(f)
	}
	return f
}

func brokeOff(err error) bool {
	return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// wrong makes f an error that another try does not cure.
func (f *callError) wrong(words, hint string) {
	*f = callError{kind: errs.Config, words: words, hint: errs.Plain(hint)}
}

// unreached makes f an error that another try may cure, and whose hint also says what to look at.
func (f *callError) unreached(words, look string) {
	f.unavailable(words)
	f.hint = errs.Plain(hintAgain + "; if it goes on, " + look)
}

// look adds to the hint of f what to check if another try does not help, if a setting says whom a connection is made to.
func (c *Client) look(f *callError) {
	if setting := c.way.setting(); setting != "" {
		f.hint = errs.Plain(f.hint.Text + "; if it goes on, check " + setting)
	}
}

// noWay returns the error of calls that can't be made at all, because of a setting.
func (c *Client) noWay() *callError {
	return &callError{kind: errs.Config, words: c.way.broken.Error(), hint: errs.HintOf(c.way.broken)}
}

func (c *Client) late(f *callError, at stage, lookup bool) {
	within := " within " + c.timeout.String()
	switch {
	case lookup || at == atLookup:
		f.unreached("no answer"+within+" to the question for the address of "+c.way.next(),
			c.way.check("look whether this machine's name servers answer (resolv.conf)"))
	case at == atConnect:
		f.unreached("no connection to "+c.way.next()+within+": something drops the packets",
			c.way.check("let this machine reach "+c.way.Address()+" through the firewall"))
	case at == atProxy:
		f.unreached("the proxy made no connection to "+c.way.Address()+within, c.way.check(""))
	case at == atTLS:
		f.unreached("no TLS handshake with "+c.way.Address()+within, c.way.check("look for a firewall that reads what passes"))
	default:
		f.unavailable("no answer from Twilio" + within)
		c.look(f)
	}
}

func (c *Client) noName(f *callError, unknown bool) {
	switch setting := c.way.setting(); {
	case unknown && setting != "":
		f.wrong("no such host: "+c.way.next(), "check "+setting+", and the spelling of the host there")
	default:
		f.unreached("the name of "+c.way.next()+" can't be looked up", c.way.check("look whether this machine's name servers answer (resolv.conf)"))
	}
}

func (c *Client) notConnected(f *callError, err error) {
	to := c.way.next()
	look := c.way.check("let this machine reach " + c.way.Address() + " through the firewall")
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		f.unreached("connection refused by "+to, look)
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETDOWN), errors.Is(err, syscall.EHOSTDOWN):
		f.unreached("this machine has no way to "+to, c.way.check("look at its network and routes"))
	case errors.Is(err, syscall.EPERM), errors.Is(err, syscall.EACCES):
		f.unreached("this machine's own firewall forbids the connection to "+to, look)
	case c.way.Proxy != "":
		f.unreached("no connection through the proxy to "+c.way.Address(), look) // as SOCKS proxies say
	default:
		f.unreached("no connection to "+to, look)
	}
}

// proxyRefused is about a proxy that answered CONNECT with another status than 200.
func (c *Client) proxyRefused(f *callError, status int) {
	said := fmt.Sprintf(" (it answered HTTP %d)", status)
	allow := "ask the administrator of the proxy to allow connections to " + c.way.Address() + ", or " + c.way.check("")
	switch {
	case status == http.StatusProxyAuthRequired && c.way.hasPassword:
		f.wrong("the proxy does not take the user name and password in "+c.way.ProxyFrom+said,
			"correct them there: characters other than letters and digits need % escapes; of NTLM and Kerberos this program knows nothing")
	case status == http.StatusProxyAuthRequired:
		f.wrong("the proxy asks for a user name and a password"+said, "put them into "+c.way.ProxyFrom+": http://NAME:PASSWORD@HOST:PORT")
	case status >= http.StatusInternalServerError, status == http.StatusTooManyRequests, status == http.StatusRequestTimeout:
		f.unreached("the proxy could not reach "+c.way.Address()+said, allow)
	case status >= http.StatusBadRequest:
		f.wrong("the proxy does not allow a connection to "+c.way.Address()+said, allow)
	default:
		f.wrong("the proxy made no connection to "+c.way.Address()+" and sent a page instead"+said, allow)
	}
}

// proxyOdd is about a proxy whose answer to CONNECT was no answer.
func (c *Client) proxyOdd(f *callError, err error) {
	if brokeOff(err) {
		f.unreached("the proxy closed the connection without an answer", c.way.check(""))
		return
	}
	if strings.HasPrefix(c.way.Proxy, "socks") {
		f.unreached("the proxy made no connection to "+c.way.Address(), c.way.check("")+", also the name and password in it")
		return
	}
	f.wrong("what answers at the proxy's address is no proxy for https", c.way.check(""))
}

// noTLS is about a handshake that failed for another reason than the certificate.
func (c *Client) noTLS(f *callError, err error, j *journey) {
	_, isPlain := errors.AsType[tls.RecordHeaderError](err)
	who, look := c.peer(j), c.way.check("look for a firewall that reads what passes")
	switch {
	case isPlain:
		f.wrong(who+" does not speak TLS", look+"; a captive portal or a proxy may have answered")
	case j.oldTLS():
		f.wrong(who+" speaks no TLS from version 1.2 on", look+"; something old on the way may have answered")
	case brokeOff(err):
		f.unreached(who+" broke off the TLS handshake", look)
	default:
		f.unreached("the TLS handshake with "+who+" failed", look)
	}
}

// peer returns whom a handshake was with.
func (c *Client) peer(j *journey) string {
	if j.withProxy() {
		return c.way.next()
	}
	return "the server " + c.way.Address()
}

// badCertificate says what is wrong with the certificate. Its issuer is named, because a proxy that reads what passes makes
// certificates of its own.
func (c *Client) badCertificate(f *callError, err *tls.CertificateVerificationError, j *journey) {
	who, by := c.peer(j), ""
	var leaf *x509.Certificate
	if len(err.UnverifiedCertificates) > 0 {
		leaf = err.UnverifiedCertificates[0]
		if name := c.harmless(leaf.Issuer.CommonName, nil); name != "" {
			by = " (made by " + strconv.Quote(name) + ")"
		}
	}
	const anotherMachine = "; something on the way may have answered"
	_, isStranger := errors.AsType[x509.UnknownAuthorityError](err)
	invalid, isInvalid := errors.AsType[x509.CertificateInvalidError](err)
	_, isName := errors.AsType[x509.HostnameError](err)
	_, noRoots := errors.AsType[x509.SystemRootsError](err)
	switch {
	case noRoots:
		f.wrong("this machine has no list of trusted certificates", "install the package ca-certificates")
	case isName && leaf != nil && len(leaf.DNSNames)+len(leaf.IPAddresses) == 0:
		f.wrong("the certificate of "+who+by+" names its host in the old way only (CN), which is not taken",
			c.way.check("look for a firewall that reads what passes")+anotherMachine)
	case isName:
		f.wrong("the certificate of "+who+by+" is for another host", c.way.check("look for a firewall that reads what passes")+anotherMachine)
	case isInvalid && invalid.Reason == x509.Expired:
		now, bad := c.now(), invalid.Cert
		when := "has expired: it was valid until " + bad.NotAfter.UTC().Format(time.DateOnly)
		if now.Before(bad.NotBefore) {
			when = "is not valid yet: it begins on " + bad.NotBefore.UTC().Format(time.DateOnly)
		}
		f.wrong("the certificate of "+who+by+" "+when+", and this machine's clock says "+now.UTC().Format(time.DateOnly),
			"look whether the clock is right; if it is, "+c.way.check("look for a firewall that reads what passes"))
	case isStranger:
		f.wrong("the certificate of "+who+by+" is by nobody whom this machine trusts", c.trust()+"; if a proxy or firewall here reads what "+
			"passes, its own certificate must be among them; "+c.way.check("else look for a firewall that reads what passes"))
	default:
		f.wrong("the certificate of "+who+by+" is not valid", c.way.check("look for a firewall that reads what passes"))
	}
}

// trust says where trusted certificates are from.
func (c *Client) trust() string {
	if c.way.RootsFrom != "" {
		return "check " + c.way.RootsFrom + ", which says what is trusted"
	}
	return "look at this machine's trusted certificates (update-ca-certificates)"
}
