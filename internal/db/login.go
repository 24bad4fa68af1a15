package db

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"uzerp-mfa/internal/account"
	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/mfa"
)

// This file says why the server lets nobody in, and whose settings led there.

// peerRefused reports whether the server refused the operating system's user: peer authentication. Its routine's name is the
// same in every language; on a socket only such a login fails there without a question for a password.
func (e *connectError) peerRefused(pg *pgconn.PgError) bool {
	return pg.Code == "28000" && pg.Routine == "auth_failed" && !asksPassword(e.login) && strings.HasPrefix(e.config.Host, "/") &&
		len(e.config.Fallbacks) == 0
}

func (e *connectError) peerError() error {
	me := account.Name(os.Geteuid())
	hint := mfa.ReasonPeerOther.With()
	if other, err := account.ByName(e.config.User); err == nil && other.UID != os.Geteuid() {
		hint = mfa.ReasonPeer.With(other.Name)
	}
	text := "the server at " + e.address() + " does not let user " + e.user() + " in: by peer authentication it lets in only the " +
		"operating system's user of that name (or one of pg_ident.conf), and this is " + strconv.Quote(me)
	return &errs.Error{Kind: errs.Config, Op: connecting, Hint: hint, Err: errors.New(text)}
}

// unready says what is missing for a login on our side, as an addition to the server's refusal.
func (e *connectError) unready() string {
	switch pg, _ := errors.AsType[*pgconn.PgError](e.err); {
	case e.libpq.PassfileProblem != "" && e.config.Password == "":
		return "; " + e.libpq.PassfileProblem
	case e.asked && pg != nil && pg.Code == "28000":
		if e.libpq.Get("sslcertmode") == "disable" {
			return "; it asked for a client's certificate, and sslcertmode=disable (from " + e.libpq.From("sslcertmode") + ") sends none"
		}
		return "; it asked for a client's certificate, and none is set (sslcert, sslkey)"
	}
	return ""
}

// disagreement says which setting makes us refuse a server that lets us try, or "".
func (e *connectError) disagreement() (text, hint string) {
	asks := map[int32]string{askedOK: "none", askedPassword: "password", askedMD5: "md5", askedGSS: "gss", askedSSPI: "sspi", askedSASL: "scram-sha-256"}[e.login]
	methods := strings.Split(e.libpq.Get("require_auth"), ",")
	negated := strings.HasPrefix(methods[0], "!")
	allowed := methods[0] == "" || slices.Contains(methods, asks) || negated && !slices.Contains(methods, "!"+asks)
	switch at := e.address(); {
	case e.misfit:
		return "no server at " + at + " is one that target_session_attrs (from " + e.libpq.From("target_session_attrs") + ") wants",
			"name the servers of which one is, or leave target_session_attrs out"
	case asks != "" && !allowed:
		return "the server at " + at + " asks for login " + asks + ", and require_auth (from " + e.libpq.From("require_auth") + ") does not allow that",
			"find out why the server does so before you change require_auth: it may be another server"
	case e.login == askedNothing && e.wantsNewProtocol():
		return "the server at " + at + " does not know the version of the protocol that min_protocol_version (from " +
			e.libpq.From("min_protocol_version") + ") wants", "leave min_protocol_version out; version 3.2 came with PostgreSQL 18"
	case e.libpq.Get("channel_binding") == "require":
		return "the server at " + at + " does not offer what channel_binding=require (from " + e.libpq.From("channel_binding") + ") needs: TLS, and a password " +
			"of kind scram-sha-256", "set sslmode=require or more; if that is so, the role's password at the server is of another kind"
	case e.login == askedGSS || e.login == askedSSPI:
		return "the server at " + at + " wants a login with Kerberos (GSS), and this program has none",
			"let the server's pg_hba.conf ask this role for a password, or on its socket for peer authentication"
	case e.libpq.Get("sslcertmode") == "require":
		return "the server at " + at + " did not ask for the client's certificate, as sslcertmode=require (from " + e.libpq.From("sslcertmode") + ") wants",
			"find out whether it is the right server; or leave sslcertmode out"
	}
	return "", ""
}

// alerts are what a server says against our side of TLS, by the number.
var alerts = map[uint64]string{
	40:  "the server and this program have no TLS version, cipher or kind of key in common",
	42:  "the server does not accept the client's certificate (sslcert)",
	43:  "the server does not accept this kind of client's certificate (sslcert)",
	44:  "the client's certificate (sslcert) was revoked",
	45:  "the client's certificate (sslcert) has expired",
	46:  "the server does not accept the client's certificate (sslcert)",
	48:  "the server does not know who signed the client's certificate (sslcert)",
	70:  "the server and this program have no TLS version in common (ssl_min_protocol_version, ssl_max_protocol_version)",
	112: "the server has no certificate for the host's name (sslsni)",
	116: "the server wants a client's certificate, and none is set (sslcert, sslkey)",
}

// tlsProblem says why there is no TLS connection.
func (e *connectError) tlsProblem() (text, hint string) {
	if text, hint := e.libpq.Rejected(e.err); text != "" {
		return text, hint
	}
	if number, ok := alertOf(e.err); ok && alerts[number] != "" {
		text := strings.Replace(alerts[number], "(sslcert)", "(sslcert from "+e.libpq.From("sslcert")+")", 1)
		return text, "the server's log says more; its certificate's key must be RSA (but not RSA-PSS), ECDSA (P-256, P-384, P-521) or Ed25519"
	}
	if is[tls.RecordHeaderError](e.err) {
		return "what answers there does not speak TLS", "check host and port, and sslnegotiation"
	}
	return "the two sides do not agree",
		"check ssl_min_protocol_version (without it TLSv1.2), ssl_max_protocol_version, sslcert and sslkey; the server's log says more"
}

// alertOf returns the number of the alert with which the other side ended TLS. crypto/tls has an unexported type for it.
func alertOf(err error) (number uint64, ok bool) {
	if op, is := err.(*net.OpError); is && op.Op == "remote error" { //nolint:errorlint // the whole tree is walked
		v := reflect.ValueOf(op.Err)
		if v.Kind() == reflect.Uint8 {
			return v.Uint(), true
		}
	}
	switch e := err.(type) { //nolint:errorlint // the same
	case interface{ Unwrap() error }:
		if inner := e.Unwrap(); inner != nil {
			return alertOf(inner)
		}
	case interface{ Unwrap() []error }:
		for _, inner := range e.Unwrap() {
			if number, ok = alertOf(inner); ok {
				return number, true
			}
		}
	}
	return 0, false
}

// logSettings logs where the settings of a failed connection came from. Values that may hold a part of a password are not
// shown.
func (e *connectError) logSettings(ctx context.Context, log *slog.Logger) {
	for _, h := range e.libpq.Hosts {
		attributes := []any{"host", plain(cmp.Or(h.Name, h.Addr)), "host from", cmp.Or(h.NameFrom, h.AddrFrom)}
		if h.Addr != "" {
			attributes = append(attributes, "hostaddr", plain(h.Addr), "hostaddr from", h.AddrFrom)
		}
		attributes = append(attributes, "port", h.Port, "port from", h.PortFrom, "user", plain(e.libpq.User), "user from", e.libpq.From("user"),
			"database", plain(e.libpq.Database), "database from", e.libpq.From("dbname"))
		log.DebugContext(ctx, "not connected to the database", attributes...)
	}
	if e.libpq.PassfileProblem != "" {
		log.DebugContext(ctx, "the password file", "problem", e.libpq.PassfileProblem)
	}
}

// plain is shown without quotes: the log has its own.
func plain(name string) string {
	text := shown(name)
	if unquoted, err := strconv.Unquote(text); err == nil {
		return unquoted
	}
	return text
}
