package db

import (
	"cmp"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"uzerp-mfa/internal/libpq"
)

// The defaults of Config.
const (
	DefaultQueryTimeout   = 10 * time.Second
	DefaultLockTimeout    = 5 * time.Second
	DefaultMaxConns       = 4
	defaultConnectTimeout = 10 * time.Second
)

// Config says how to reach the database. The zero value reads libpq's PG* variables.
type Config struct {
	ConnString   string            // a URL or keyword=value pairs; may hold a password; empty: PG* variables alone
	Source       string            // where ConnString came from, such as DATABASE_URL; for errors
	Sources      map[string]string // where single parameters of it came from, such as host: conf/.env line 5
	Logger       *slog.Logger      // gets each query's name and duration at Debug; nil: nothing is logged
	QueryTimeout time.Duration     // for each call to the server
	LockTimeout  time.Duration     // how long to wait for a row that another session has locked
	MaxConns     int               // at the same time; a listing that is being read uses one
}

// settings is a Config with its defaults, as pgx wants it.
type settings struct {
	pool         *pgxpool.Config
	libpq        *libpq.Settings
	asked        *atomic.Bool // a server wanted a client's certificate, and there is none
	queryTimeout time.Duration
	local        map[string]string // what the server is told in each transaction
	chosen       bool              // the user chose one of these
	choseLimit   bool              // the user chose statement_timeout
}

func (c Config) parse() (settings, error) {
	found, err := libpq.Read(c.ConnString, cmp.Or(c.Source, "the settings"), c.Sources)
	if err != nil {
		return settings{}, err
	}
	s := settings{libpq: found, asked: new(atomic.Bool), queryTimeout: cmp.Or(c.QueryTimeout, DefaultQueryTimeout)}
	if s.pool, err = poolConfig(found, s.asked); err != nil {
		return settings{}, err
	}
	config := s.pool
	config.MaxConns = int32(cmp.Or(c.MaxConns, DefaultMaxConns))
	config.MinConns = 0                                             // connections are made on first use
	config.PingTimeout = cmp.Or(config.PingTimeout, s.queryTimeout) // of a connection that broke in silence while it was idle
	conn := config.ConnConfig
	// One round trip a query, and nothing stays in the session: a pooler gives it to others, who may have a statement of
	// the same name.
	conn.DefaultQueryExecMode, conn.StatementCacheCapacity, conn.DescriptionCacheCapacity = pgx.QueryExecModeExec, 0, 0
	setRuntimeParams(conn.RuntimeParams)
	maps.Copy(conn.RuntimeParams, found.Own())
	chosen := takeLocal(conn.RuntimeParams)
	s.chosen = len(chosen) > 0
	_, s.choseLimit = chosen["statement_timeout"]
	s.local = map[string]string{
		// Row-level security must not hide rows: with it off the server reports an error instead.
		"row_security": "off",
		// A little less than our own deadline, so that the server's error comes before we cut the connection.
		"statement_timeout": milliseconds(s.queryTimeout * 19 / 20),
		"lock_timeout":      milliseconds(cmp.Or(c.LockTimeout, DefaultLockTimeout)),
	}
	maps.Copy(s.local, chosen)
	conn.ConnectTimeout = cmp.Or(conn.ConnectTimeout, defaultConnectTimeout)
	if c.Logger != nil {
		conn.Tracer = tracer{c.Logger}
	}
	return s, nil
}

// clientCheck is how often the server looks whether this program is still there, in a statement that is meant to be long.
const clientCheck = 2 * time.Second

// unlimited returns what the server is told in a transaction with a statement that is meant to be long. What the user chose holds.
func (s settings) unlimited() map[string]string {
	long := maps.Clone(s.local)
	if !s.choseLimit {
		long["statement_timeout"] = "0"
	}
	long["transaction_timeout"] = "0" // since PostgreSQL 17
	// If this program is killed, the server ends the statement soon, not after it: it holds locks on every user. Since PostgreSQL 14.
	long["client_connection_check_interval"] = milliseconds(clientCheck)
	// To compile such a statement takes the server longer than it gains: nothing in one is computed often enough.
	long["jit"] = "off"
	return long
}

// setRuntimeParams sets what a connection starts with. These are parameters that PgBouncer passes on, too.
func setRuntimeParams(params map[string]string) {
	if !userSets(params)["application_name"] {
		params["application_name"] = "uzerp-mfa"
	}
	// How the server writes texts and times. PGCLIENTENCODING and PGDATESTYLE are for the user's terminal. The values are
	// written as the server shows them: PgBouncer compares texts.
	for name, value := range map[string]string{"client_encoding": "UTF8", "DateStyle": "ISO, MDY"} {
		params[name] = value
	}
}

// takeLocal removes from params what can be set in each transaction as well, also where options (PGOPTIONS) has it, and
// returns it. A pooler refuses these, or gives the session to others with them.
func takeLocal(params map[string]string) map[string]string {
	local := make(map[string]string)
	isLocal := func(name string) bool {
		return slices.Contains([]string{"search_path", "statement_timeout", "lock_timeout"}, name)
	}
	for name, value := range params {
		if !strings.EqualFold(name, "options") {
			continue
		}
		var rest []string
		for _, o := range readOptions(value) {
			if isLocal(o.name) {
				local[o.name] = o.value
			} else {
				rest = append(rest, o.words...)
			}
		}
		if params[name] = joinOptions(rest); len(rest) == 0 {
			delete(params, name)
		}
	}
	for name, value := range params { // they override options, as at the server
		if lower := strings.ToLower(name); isLocal(lower) {
			local[lower] = value
			delete(params, name)
		}
	}
	return local
}

func milliseconds(d time.Duration) string {
	return strconv.FormatInt(max(1, d.Milliseconds()), 10) // 0 would mean no limit
}

// userSets returns the names of the server settings that the user chose: in the connection string, with PGAPPNAME, or
// inside options (PGOPTIONS). We must not set these: a separate parameter would override the same one in options.
func userSets(params map[string]string) map[string]bool {
	set := make(map[string]bool)
	var options string
	for name, value := range params {
		set[strings.ToLower(name)] = true
		if strings.EqualFold(name, "options") {
			options = value
		}
	}
	for _, o := range readOptions(options) {
		set[o.name] = true
	}
	return set
}

// option is one option of options (PGOPTIONS). Its name is empty if it assigns nothing.
type option struct {
	words       []string
	name, value string
}

func readOptions(s string) (all []option) {
	words := splitOptions(s)
	for i := 0; i < len(words); i++ {
		o := option{words: words[i : i+1]}
		var assignment string
		switch word := words[i]; {
		case word == "-c" && i+1 < len(words):
			o.words, assignment = words[i:i+2], words[i+1]
			i++
		case strings.HasPrefix(word, "--"):
			assignment = word[2:]
		case strings.HasPrefix(word, "-c"):
			assignment = word[2:]
		}
		if name, value, ok := strings.Cut(assignment, "="); ok {
			o.name, o.value = strings.ToLower(strings.ReplaceAll(name, "-", "_")), value
		}
		all = append(all, o)
	}
	return all
}

// joinOptions is the opposite of splitOptions.
func joinOptions(words []string) string {
	var b strings.Builder
	for i, word := range words {
		if i > 0 {
			b.WriteByte(' ')
		}
		for _, r := range word {
			if strings.ContainsRune(" \t\n\v\f\r\\", r) {
				b.WriteByte('\\')
			}
			b.WriteRune(r)
		}
	}
	return b.String()
}

// splitOptions splits as the server does: at white space that has no backslash before it.
func splitOptions(s string) []string {
	var words []string
	var word strings.Builder
	inWord, escaped := false, false
	for _, r := range s {
		switch {
		case escaped:
			word.WriteRune(r)
			escaped = false
		case r == '\\':
			inWord, escaped = true, true
		case strings.ContainsRune(" \t\n\v\f\r", r):
			if inWord {
				words = append(words, word.String())
				word.Reset()
			}
			inWord = false
		default:
			word.WriteRune(r)
			inWord = true
		}
	}
	if inWord {
		words = append(words, word.String())
	}
	return words
}
