package db

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"unicode"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/injector"
	"uzerp-mfa/internal/libpq"
	"uzerp-mfa/internal/mfa"
)

// This file is the border: only here do errors of PostgreSQL, pgx and the network become an *errs.Error. Kinds follow
// docs/contract.md §1. SQLSTATE and Go types decide, never the text of a message: it may be in any language.

const connecting = "connect to the database"

var errInTheWay = errors.New("a row with the same name and class is in the way")

// connectError is a failed attempt to connect. It has no Unwrap on purpose: pgx's error carries the whole
// configuration, password included.
type connectError struct {
	err       error
	config    *pgconn.Config
	secured   bool // the last attempt got past TLS, or needed none
	libpq     *libpq.Settings
	asked     bool    // a server wanted a client's certificate, and there is none
	offered   bool    // the last server said that it has TLS
	login     int32   // what the server asked for
	misfit    bool    // a server is not what target_session_attrs wants
	stoppedAt *string // the host after which no other one was tried
}

func (*connectError) Error() string { return connecting }

// because is an error with our own text, and with a cause for errors.Is and errors.As.
type because struct {
	text  string
	cause error
}

func (b because) Error() string { return b.text }
func (b because) Unwrap() error { return b.cause }

// changed returns the error of a compare-and-set that found other values than were read. what is the start of its text,
// such as "the users were".
func changed(what string) error {
	return changedMeanwhile(what + " changed meanwhile by somebody else; nothing was written")
}

// userChanged is changed for one user's row. The command may have written the row before, so it says nothing of that.
func userChanged() error {
	return changedMeanwhile("the user was changed meanwhile by somebody else, and this change was not made")
}

func changedMeanwhile(text string) error {
	return &errs.Error{Kind: errs.Refused, Err: because{text, errs.ErrChanged}, Hint: errs.Plain("look at it again, then decide")}
}

// commitError returns err if the server refused the commit, and an errs.ErrLostReply if nobody knows whether it took
// effect. That includes a FATAL message: the server may have sent it after the commit. pgconn.SafeToRetry can't be
// used: pgx 5.12.0 also returns true if the connection broke while it waited for the answer to a simple query.
func commitError(err error) error {
	if err == nil || errors.Is(err, pgx.ErrTxCommitRollback) {
		return err
	}
	if e, ok := errors.AsType[*pgconn.PgError](err); ok && e.SeverityUnlocalized == "ERROR" {
		return err
	}
	return &errs.Error{Kind: errs.Unavailable, Op: "commit the change", Err: errs.ErrLostReply,
		Hint: errs.Plain("run it again: it reads first what is there now")}
}

func sqlState(err error) string {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return e.Code
	}
	return ""
}

func uniqueViolation(err error) bool { return sqlState(err) == "23505" }

// explaining marks the context of the questions that translate asks about an error. An error of theirs is not asked about: that could
// go on without end.
type explaining struct{}

// translate returns err as an *errs.Error. One that is an *errs.Error already is returned as it is, and so is
// context.Canceled if the caller's ctx was cancelled.
func (db *DB) translate(ctx context.Context, op string, err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*errs.Error](err); ok {
		return err
	}
	if errors.Is(ctx.Err(), context.Canceled) {
		return ctx.Err()
	}
	if e, ok := errors.AsType[*connectError](err); ok {
		e.logSettings(ctx, db.log)
		return e.translate()
	}
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		if fromPooler(e) {
			at := db.Address()
			return poolerError(op, e, address(at.Host, uint16(at.Port)), true)
		}
		if ctx.Value(explaining{}) != nil {
			return serverError(op, e)
		}
		ctx = context.WithValue(ctx, explaining{}, true)
		if class := e.Code[:min(2, len(e.Code))]; is[settingsError](err) && (class == "22" || class == "42") {
			at := db.Address()
			return &errs.Error{Kind: errs.Config, Op: op, Err: errors.New(rejectsParameter(address(at.Host, uint16(at.Port)), e.Code)),
				Hint: errs.Plain(checkParameters(db.pool.libpq))}
		}
		if e.Code == "42P01" || e.Code == undefinedColumn { // 42P01: undefined table
			if schema, err := db.CheckSchema(ctx); err == nil && schema.Problem() != nil {
				return schema.Problem()
			}
		}
		if e.Code == insufficientPrivilege { // so the server says, too, if row-level security would hide rows
			if schema, err := db.CheckSchema(ctx); err == nil && len(schema.RowSecurity) > 0 {
				return schema.Problem()
			}
		}
		switch e.Code {
		case insufficientPrivilege:
			role := shown(db.pool.libpq.User) + " (from " + db.pool.libpq.From("user") + ")"
			return &errs.Error{Kind: errs.Config, Op: op, Hint: hintFor(e.Code, ""), Err: because{"database role " + role + " lacks a right: " + said(e), e}}
		case lockNotAvailable:
			return db.lockedOut(ctx, op, e)
		case readOnlyTransaction:
			return db.readOnly(ctx, op, e)
		case serializationFailure:
			if why := db.whyReadOnly(ctx); why.Standby {
				return conflictsWithRecovery(op, e)
			}
		}
		return serverError(op, e)
	}
	switch {
	case timedOut(err):
		text := "the database did not answer in time"
		if db.pool.pooled.Load() {
			text += "; the pool of the connection pooler in between may be too small (default_pool_size) or paused"
		}
		return &errs.Error{Kind: errs.Unavailable, Op: op, Err: because{text, context.DeadlineExceeded},
			Hint: errs.Plain("run it again; if this stays so, the server or the network is overloaded")}
	case broken(err):
		return &errs.Error{Kind: errs.Unavailable, Op: op, Err: errors.New("the connection to the database broke"),
			Hint: errs.Plain("run it again; no change was left half done")}
	default:
		return &errs.Error{Kind: errs.Failure, Op: op, Err: err}
	}
}

func timedOut(err error) bool {
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) || pgconn.Timeout(err)
}

// broken reports whether err means that the connection broke.
func broken(err error) bool {
	if _, ok := errors.AsType[net.Error](err); ok {
		return true
	}
	if _, ok := errors.AsType[syscall.Errno](err); ok {
		return true
	}
	return slices.ContainsFunc([]error{io.EOF, io.ErrUnexpectedEOF, net.ErrClosed, pgconn.ErrConnClosed},
		func(target error) bool { return errors.Is(err, target) })
}

// lockNotAvailable is the SQLSTATE for a lock that another session holds for longer than lock_timeout.
const lockNotAvailable = "55P03"

// lockedOut translates the error e of a statement that waited for a lock in vain. It names the sessions that hold locks
// on these tables now, if the server tells.
func (db *DB) lockedOut(ctx context.Context, op string, e *pgconn.PgError) error {
	var holders []injector.Session
	err := db.pool.lend(ctx, func(conn *pgx.Conn) (err error) {
		if err := db.findTables(ctx, conn); err != nil {
			return err
		}
		holders, err = collect(ctx, db, conn, "lock_holders", pgx.StrictNamedArgs{"schema": schemaOf(conn), "tables": lockedTables()}, toSession)
		return err
	})
	said := serverError(op, e)
	if err != nil || len(holders) == 0 {
		return said
	}
	var shown []string
	for i, h := range holders {
		if i == maxHolders {
			shown = append(shown, fmt.Sprintf("%d more", len(holders)-i))
			break
		}
		shown = append(shown, h.String())
	}
	hint := "run it again; if this stays so, an administrator ends the session that is in the way"
	if len(holders) == 1 {
		hint += ": " + holders[0].End()
	}
	return &errs.Error{Kind: errs.Unavailable, Op: op, Hint: errs.Plain(hint),
		Err: because{"another session holds a lock on these rows (lock_timeout): " + strings.Join(shown, "; "), e}}
}

// lockedTables are the tables that this program changes.
func lockedTables() []string { return []string{"injector_classes", "users"} }

// maxHolders is how many sessions an error names.
const maxHolders = 3

// serverError translates the server's error for a statement.
func serverError(op string, e *pgconn.PgError) error {
	kind, text, hint := errs.Unavailable, "", "run it again"
	class := e.Code[:min(2, len(e.Code))]
	switch {
	case e.Code == lockNotAvailable:
		text, hint = "another session holds a lock on these rows (lock_timeout)",
			"run it again; if this stays so, pg_stat_activity shows which session holds the lock"
	case e.Code == "57014":
		text, hint = "the database took too long (statement_timeout)",
			"run it again; if this stays so, the server is overloaded, or what reads a list (a pager) took longer than a statement_timeout of yours"
	case e.Code == serializationFailure:
		text = "another session changed the same rows at the same time (serialization failure)"
	case e.Code == "40P01":
		text = "two sessions waited for each other (deadlock)"
	case e.Code == insufficientPrivilege:
		kind, text, hint = errs.Config, "the database role lacks a right: "+said(e), ""
	case e.Code == readOnlyTransaction:
		kind, text, hint = errs.Refused, "the database is read-only", usePrimary+", or switch default_transaction_read_only off"
	case class == "23" || class == "44" || e.Code == "P0001" || ofGeneratedColumn(e): // a constraint, a view's check, a trigger
		kind, text, hint = errs.Refused, "the database refuses the change: "+said(e), askAdministrator
	case class == "53":
		text, hint = "the database server has run out of a resource: "+said(e), "free some of it on the server, then run it again"
	case e.Code == "25P03":
		text = "the database server ended the connection (idle_in_transaction_session_timeout)"
	case e.Code == "25P04":
		text = "the database server ended the connection (transaction_timeout)"
	case class == "57" || class == "08":
		text = "the database server ended the connection"
	case untranslatable(e):
		return &errs.Error{Kind: errs.Failure, Op: op, Hint: mfa.ReasonUntranslatable.With(), Err: because{
			"a text in the database can't be translated from the database's encoding to UTF-8, so nothing is known: " + said(e) + " (SQLSTATE " + e.Code + ")", e,
		}}
	default:
		kind, text, hint = errs.Failure, "the database reported: "+said(e)+" (SQLSTATE "+e.Code+")", ""
	}
	return &errs.Error{Kind: kind, Op: op, Hint: hintFor(e.Code, hint), Err: because{text, e}}
}

// ofGeneratedColumn reports whether a column was written that the server computes from others. Before version 14 the code for it is
// that of a syntax error.
func ofGeneratedColumn(e *pgconn.PgError) bool {
	return e.Code == "428C9" || e.Code == "42601" && e.Routine == "rewriteTargetListIU"
}

// said returns the server's message in quotes: it may hold names that others chose.
func said(e *pgconn.PgError) string {
	const longest = 300
	text := []rune(e.Message)
	if len(text) > longest {
		text = append(text[:longest-1], '…')
	}
	return strconv.Quote(string(text))
}

// The SQLSTATEs for a right that the role lacks, for a column that is not there, and of a server that starts up or shuts down.
const (
	insufficientPrivilege = "42501"
	undefinedColumn       = "42703"
	cannotConnectNow      = "57P03"
)

// hintFor returns the hint for a SQLSTATE: plain, unless a command of this program helps.
func hintFor(code, plain string) errs.Hint {
	if code == insufficientPrivilege {
		return mfa.ReasonRightsMissing.With()
	}
	return errs.Plain(plain)
}

// translate says why there is no connection. The server's own texts are left out: before login they quote what we sent.
func (e *connectError) translate() error {
	switch pg, ok := errors.AsType[*pgconn.PgError](e.err); {
	case ok && fromPooler(pg):
		return poolerError(connecting, pg, e.address(), false)
	case ok && e.peerRefused(pg):
		return e.peerError()
	}
	kind, text, hint := e.diagnose()
	return &errs.Error{Kind: kind, Op: connecting, Err: errors.New(text), Hint: hintFor(sqlState(e.err), hint)}
}

func (e *connectError) diagnose() (kind errs.Kind, text, hint string) {
	if pg, ok := errors.AsType[*pgconn.PgError](e.err); ok {
		return e.refused(pg.Code)
	}
	at := e.address()
	dns, isDNS := errors.AsType[*net.DNSError](e.err)
	switch {
	case tlsFailed(e.err) || e.noTLS():
		why, hint := e.tlsProblem()
		return errs.Config, "the TLS connection to " + at + " failed: " + why, hint
	case is[wrongPeer](e.err):
		return errs.Config, "the server at " + at + " runs as another user than requirepeer (from " + e.libpq.From("requirepeer") + ") says",
			"find out whose server that is before you connect to it"
	case isDNS && dns.IsNotFound:
		return errs.Config, "there is no host with the name in " + at,
			"correct the name there"
	case isDNS:
		return errs.Unavailable, "the name server did not answer for " + at, "run it again; check the network's DNS"
	case errors.Is(e.err, syscall.EACCES):
		return errs.Config, "this account may not open " + at, "run it as an account that may, or connect by TCP"
	case e.misfit && (timedOut(e.err) || broken(e.err)):
		return errs.Unavailable, "no server that target_session_attrs (from " + e.libpq.From("target_session_attrs") + ") wants answers at " + at,
			"check that it runs (systemctl status postgresql), and that hosts and ports are right"
	case timedOut(e.err):
		return errs.Unavailable, "no answer from " + at + " in time", "check that PostgreSQL runs there, and that no firewall is in between"
	case broken(e.err):
		return errs.Unavailable, "no PostgreSQL answers at " + at,
			"check that it runs there (systemctl status postgresql), and that host and port are right"
	case !e.secured && e.wantsTLS():
		return errs.Config, "the server at " + at + " does not offer TLS, and the settings ask for it",
			"turn ssl on at the server; or, on a network that you trust, set sslmode=prefer"
	default:
		if text, hint := e.disagreement(); text != "" {
			return errs.Config, text, hint
		}
		return errs.Config, "the server at " + at + " and these settings do not agree on how to connect",
			"check that PostgreSQL listens there; then check target_session_attrs, require_auth, channel_binding and sslnegotiation"
	}
}

// refused translates the SQLSTATE with which a server refused the connection.
func (e *connectError) refused(code string) (kind errs.Kind, text, hint string) {
	class := code[:min(2, len(code))]
	switch {
	case class == "28":
		return errs.Config, "the server at " + e.address() + " does not let user " + e.user() + " in, " + e.password() + e.unready(),
			"check the user name and the password (PGPASSWORD, ~/.pgpass), sslmode, and the server's pg_hba.conf"
	case code == "3D000":
		return errs.Config, "the server at " + e.address() + " has no database " + e.database(), "correct the name there"
	case code == insufficientPrivilege:
		return errs.Config, "user " + e.user() + " may not connect to database " + e.database(), ""
	case code == "53300":
		return errs.Unavailable, "the database server at " + e.address() + " has no free connection", "run it again later; see max_connections"
	case code == cannotConnectNow:
		return errs.Unavailable, "the database server at " + e.address() + " is starting up or shutting down", "run it again in a moment"
	case code == "0A000":
		return errs.Config, "the server at " + e.address() + " can't translate the encoding of database " + e.database() + " to UTF-8",
			"no conversion is there from that encoding, such as MULE_INTERNAL: dump the database and restore it into one with the encoding UTF8"
	case code == "08P01":
		return errs.Config, "the server at " + e.address() + " rejects a parameter of the connection", checkParameters(e.libpq)
	case class == "22" || class == "42":
		return errs.Config, rejectsParameter(e.address(), code), checkParameters(e.libpq)
	case class == "08" || class == "53" || class == "57":
		return errs.Unavailable, "the database server at " + e.address() + " takes no connection now (SQLSTATE " + code + ")", "run it again"
	default:
		return errs.Failure, "the database server at " + e.address() + " refuses the connection (SQLSTATE " + code + ")", "see the server's log"
	}
}

func rejectsParameter(at, code string) string {
	return "the server at " + at + " rejects a parameter of the database settings (SQLSTATE " + code + ")"
}

// checkParameters is the hint for parameters that the server rejects: it names where they are from.
func checkParameters(s *libpq.Settings) string {
	if from := s.ChosenFrom(); len(from) > 0 {
		return "check the parameters from " + strings.Join(from, " and ")
	}
	return "see the server's log: no such parameter is set here"
}

// tlsFailed reports whether err is a failed TLS handshake or a certificate that was not accepted.
func tlsFailed(err error) bool {
	if op, ok := errors.AsType[*net.OpError](err); ok && (op.Op == "remote error" || op.Op == "local error") {
		return true // crypto/tls wraps an alert in this
	}
	return is[*tls.CertificateVerificationError](err) || is[tls.RecordHeaderError](err) ||
		is[x509.UnknownAuthorityError](err) || is[x509.HostnameError](err) || is[x509.CertificateInvalidError](err)
}

func is[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

// wantsTLS reports whether every attempt, fallbacks included, uses TLS.
func (e *connectError) wantsTLS() bool {
	return e.config.TLSConfig != nil &&
		!slices.ContainsFunc(e.config.Fallbacks, func(f *pgconn.FallbackConfig) bool { return f.TLSConfig == nil })
}

// noTLS reports whether a server that has TLS got no further than that. crypto/tls has no type for some of its errors.
func (e *connectError) noTLS() bool {
	return e.offered && e.login == askedNothing && !broken(e.err) && !timedOut(e.err) && !e.wantsNewProtocol()
}

func (e *connectError) wantsNewProtocol() bool {
	return slices.Contains([]string{"3.2", "latest"}, e.libpq.Get("min_protocol_version"))
}

// user returns the user who was to be let in, and where that name came from.
func (e *connectError) user() string {
	return shown(e.config.User) + " (from " + e.libpq.From("user") + ")"
}

// password says where the password came from.
func (e *connectError) password() string {
	if from := e.libpq.PasswordFrom(); from != "" {
		return "with the password from " + from
	}
	return "without a password"
}

// database returns the name of the database that was asked for, and where it came from. Without one, the server takes the
// user's name.
func (e *connectError) database() string {
	return shown(cmp.Or(e.config.Database, e.config.User)) + " (from " + e.libpq.From("dbname") + ")"
}

// address returns the addresses of the attempts, and where host and port came from.
func (e *connectError) address() string { return e.attempts() + " (" + e.libpq.HostFrom() + ")" }

// attempts returns the addresses of the attempts.
func (e *connectError) attempts() string {
	if e.stoppedAt != nil {
		return *e.stoppedAt
	}
	tried := []string{address(e.config.Host, e.config.Port)}
	for _, f := range e.config.Fallbacks {
		if a := address(f.Host, f.Port); !slices.Contains(tried, a) {
			tried = append(tried, a)
		}
	}
	if more := len(tried) - maxAddresses; more > 0 {
		tried = append(tried[:maxAddresses], fmt.Sprintf("%d more", more))
	}
	return strings.Join(tried, ", ")
}

// maxAddresses is how many addresses an error names.
const maxAddresses = 8

func address(host string, port uint16) string {
	if strings.HasPrefix(host, "/") {
		return shown(filepath.Join(host, ".s.PGSQL."+strconv.Itoa(int(port))))
	}
	return shown(net.JoinHostPort(host, strconv.Itoa(int(port))))
}

// shown returns a name from the database settings in quotes, or what kind of character it has if it may hold a secret. In
// a URL with unescaped characters a part of the password can end up in the host or the database name. That part always
// has an @ or another character that plain names don't have.
func shown(name string) string {
	plain := func(r rune) bool {
		return unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("_-./:[]", r)
	}
	if !strings.ContainsFunc(name, func(r rune) bool { return !plain(r) }) {
		return strconv.Quote(name)
	}
	return "(not shown: it has " + libpq.Odd(name) + ")"
}
