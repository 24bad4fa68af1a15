package db

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"uzerp-mfa/internal/errs"
)

// This file is about connection poolers, such as PgBouncer, between this program and the server
// (docs/compatibility.md). PgBouncer 1.18 has one SQLSTATE for everything, and its own messages are always in English. So
// here the text of a message decides.

// notePooler reports whether conn leads to a pooler, and notes it. A pooler gives conn a process number of its own; backend is
// the number that the server itself says.
func (db *DB) notePooler(ctx context.Context, conn *pgx.Conn, backend int64) bool {
	pooled := int64(conn.PgConn().PID()) != backend
	if pooled {
		db.pool.pooled.Store(true)
	}
	if pooled && !db.pool.noted.Swap(true) {
		db.log.DebugContext(ctx, "a connection pooler is between this program and the database server")
	}
	return pooled
}

// fromPooler reports whether a pooler wrote e. PostgreSQL always names the place in its source, and the severity in
// English.
func fromPooler(e *pgconn.PgError) bool {
	return e.Severity != "" && e.SeverityUnlocalized == "" && e.File == "" && e.Routine == ""
}

// saying is what a message of a pooler means.
type saying struct {
	words []string // one of them is in the message
	kind  errs.Kind
	text  string // AT stands for "the connection pooler at ADDRESS"
	hint  string
}

const askPooler = "; the pooler's log says more"

// sayings are the messages of PgBouncer. It passes on the server's own messages about a login, too, which may be in
// any language.
var sayings = []saying{
	{[]string{"transaction blocks not allowed in statement pooling mode"}, errs.Config,
		"AT is in statement mode, in which nothing can be changed as a whole",
		"set pool_mode to transaction or session there for this database, or connect to PostgreSQL itself"},
	{[]string{"unsupported startup parameter"}, errs.Config, "AT rejects a parameter of the connection",
		"leave it out of the database URL and PGOPTIONS; or name it in ignore_startup_parameters of the pooler, where it has no effect then; " +
			"or connect to PostgreSQL itself"},
	{[]string{"invalid server parameter"}, errs.Config, "AT could not set a parameter of the connection at the server", // such as a time zone
		"check the parameters of the database URL and the PG variables; the pooler's log names it"},
	{[]string{"PQexec disallowed"}, errs.Config, "AT forbids the questions that target_session_attrs asks (disable_pqexec)",
		"leave target_session_attrs out, set disable_pqexec to 0 there, or connect to PostgreSQL itself"},
	{[]string{"not supported by admin console"}, errs.Config, "AT has no database of the server's under this name: it is the pooler's own console",
		"name uzERP's database"},
	{[]string{"no more connections allowed"}, errs.Unavailable, "AT takes no more clients (max_client_conn)",
		"run it again later; if this stays so, raise max_client_conn in the pooler"},
	{[]string{" is disabled", " is paused"}, errs.Unavailable, "AT has this database disabled or paused",
		"run it again when its administrator has enabled or resumed it; or connect to PostgreSQL itself"},
	{[]string{"query_wait_timeout"}, errs.Unavailable, "AT had no free connection to the server in time (query_wait_timeout)",
		"run it again; if this stays so, its pool is too small (default_pool_size), or the database is paused there"},
	{[]string{"server login has been failing", "cannot connect to server", "server down", "server conn crashed", "server DNS lookup failed",
		"server_connect_timeout", "connect failed"}, errs.Unavailable,
		"AT does not reach the database server", "check that PostgreSQL runs" + askPooler},
	{[]string{"too many connections", "too many clients", "connection slots"}, errs.Unavailable,
		"AT got no connection: the database server has no free one", "run it again later; see max_connections of the server"},
	{[]string{"the database system is"}, errs.Unavailable,
		"AT got no connection: the database server is starting up or shutting down", "run it again in a moment"},
	{[]string{"shutting down", "suspend", "reload"}, errs.Unavailable, "AT is shutting down", "run it again in a moment"},
	{[]string{"timeout"}, errs.Unavailable, "AT ended the connection, because one of its time limits was over", "run it again" + askPooler},
}

// poolerError translates the error e of a pooler. connected is false for an attempt to connect.
func poolerError(op string, e *pgconn.PgError, at string, connected bool) error {
	at = "the connection pooler at " + at
	s := saying{kind: errs.Config, text: "AT, or the server behind it, does not let this user into this database",
		hint: "check user, password and database, here and in the pooler's own lists (auth_file, [databases])" + askPooler}
	if class := e.Code[:min(2, len(e.Code))]; class == "53" || class == "57" { // the server's own, in a newer PgBouncer
		s = saying{kind: errs.Unavailable, text: "AT got no connection from the database server", hint: "run it again later" + askPooler}
	}
	if connected {
		s = saying{kind: errs.Unavailable, text: "AT ended the connection: " + said(e), hint: "run it again" + askPooler}
	}
	if i := slices.IndexFunc(sayings, func(known saying) bool { return known.in(e.Message) }); i >= 0 {
		s = sayings[i]
	}
	text := strings.Replace(s.text, "AT", at, 1)
	if _, rest, ok := strings.Cut(e.Message, "unsupported startup parameter"); ok { // ": NAME", or since 1.20 " in options: NAME"
		_, parameter, _ := strings.Cut(rest, ": ")
		parameter, _, _ = strings.Cut(parameter, "=")
		text += ": " + shown(parameter)
	}
	if !connected { // it may quote what we sent
		return &errs.Error{Kind: s.kind, Op: op, Err: errors.New(text), Hint: errs.Plain(s.hint)}
	}
	return &errs.Error{Kind: s.kind, Op: op, Err: because{text, e}, Hint: errs.Plain(s.hint)}
}

// in reports whether a message has one of the words.
func (s saying) in(message string) bool {
	return slices.ContainsFunc(s.words, func(w string) bool { return strings.Contains(message, w) })
}
