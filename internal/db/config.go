package db

import (
	"cmp"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"uzerp-mfa/internal/errs"
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
	ConnString   string        // a URL or keyword=value pairs; may hold a password; empty: PG* variables alone
	Logger       *slog.Logger  // gets each query's name and duration at Debug; nil: nothing is logged
	QueryTimeout time.Duration // for each call to the server
	LockTimeout  time.Duration // how long to wait for a row that another session has locked
	MaxConns     int           // at the same time; a listing that is being read uses one
}

// settings is a Config with its defaults, read by pgx.
type settings struct {
	pool         *pgxpool.Config
	queryTimeout time.Duration
}

func (c Config) parse() (settings, error) {
	// The parser's error is dropped: it quotes what it could not read, which may be a password.
	config, err := pgxpool.ParseConfig(c.ConnString)
	if err != nil && c.ConnString != "" {
		return settings{}, errs.New(errs.Config, "the database URL can't be understood",
			"write it as postgres://USER@HOST:PORT/DATABASE, with %XX for special characters in a part, or as "+
				"host=… dbname=… user=…; files that it names must exist")
	}
	if err != nil {
		return settings{}, errs.New(errs.Config, "the PG* variables for the database can't be understood",
			"check PGHOST, PGPORT, PGSSLMODE, PGSERVICE and the like; files that they name must exist")
	}
	config.MaxConns = int32(cmp.Or(c.MaxConns, DefaultMaxConns))
	config.MinConns = 0 // connections are made on first use
	s := settings{pool: config, queryTimeout: cmp.Or(c.QueryTimeout, DefaultQueryTimeout)}
	config.PingTimeout = cmp.Or(config.PingTimeout, s.queryTimeout) // of a connection that broke in silence while it was idle
	conn := config.ConnConfig
	setRuntimeParams(conn.RuntimeParams, s.queryTimeout, cmp.Or(c.LockTimeout, DefaultLockTimeout))
	conn.ConnectTimeout = cmp.Or(conn.ConnectTimeout, defaultConnectTimeout)
	if c.Logger != nil {
		conn.Tracer = tracer{c.Logger}
	}
	return s, nil
}

// setRuntimeParams sets our defaults where the user set nothing. It removes parameters that libpq handles itself and
// that the server would reject.
func setRuntimeParams(params map[string]string, query, lock time.Duration) {
	for _, name := range []string{
		// Keywords of libpq that pgx would pass to the server. Leaving them out does no harm.
		"fallback_application_name", "keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count",
		"tcp_user_timeout", "sslcompression",
	} {
		delete(params, name)
	}
	if mode := params["gssencmode"]; mode == "disable" || mode == "prefer" {
		delete(params, "gssencmode") // pgx never encrypts with GSS
	}

	set := userSets(params)
	for name, value := range map[string]string{
		"application_name": "uzerp-mfa",
		// A little less than our own deadline, so that the server's error comes before we cut the connection.
		"statement_timeout": milliseconds(query * 19 / 20),
		"lock_timeout":      milliseconds(lock),
	} {
		if !set[name] {
			params[name] = value
		}
	}
	params["client_encoding"] = "UTF8" // as Go's strings are; PGCLIENTENCODING is for the user's terminal
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
	words := splitOptions(options)
	for i, word := range words {
		var assignment string
		switch {
		case word == "-c" && i+1 < len(words):
			assignment = words[i+1]
		case strings.HasPrefix(word, "--"):
			assignment = word[2:]
		case strings.HasPrefix(word, "-c"):
			assignment = word[2:]
		}
		if name, _, ok := strings.Cut(assignment, "="); ok {
			set[strings.ToLower(strings.ReplaceAll(name, "-", "_"))] = true
		}
	}
	return set
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
