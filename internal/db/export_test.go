package db

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// ServerSettings returns the server settings of a connection that Config decides.
func (db *DB) ServerSettings(ctx context.Context) (map[string]string, error) {
	result := make(map[string]string)
	err := db.run(ctx, "", func(conn *pgx.Conn) error {
		for _, name := range []string{"application_name", "statement_timeout", "lock_timeout", "search_path", "client_encoding", "row_security"} {
			query := func(batch *pgx.Batch) { batch.Queue("select pg_catalog.current_setting($1)", name) }
			err := db.exchange(ctx, conn, query, func(results pgx.BatchResults) error {
				var value string
				err := results.QueryRow().Scan(&value)
				result[name] = value
				return err
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	return result, err
}

// LongSetting returns a setting of the server in a transaction with a statement that is meant to be long.
func (db *DB) LongSetting(ctx context.Context, name string) (value string, err error) {
	err = db.run(ctx, "", func(conn *pgx.Conn) error {
		query := func(batch *pgx.Batch) { batch.Queue("select pg_catalog.current_setting($1)", name) }
		return db.patient().exchange(ctx, conn, query, func(results pgx.BatchResults) error { return results.QueryRow().Scan(&value) })
	})
	return value, err
}

// SetLimit sets Config.QueryTimeout, on the client's side alone. It makes a connection first, so that none has to be made
// within the limit.
func (db *DB) SetLimit(t *testing.T, limit time.Duration) {
	t.Helper()
	if err := db.run(t.Context(), "", func(*pgx.Conn) error { return nil }); err != nil {
		t.Fatal(err)
	}
	db.timeout, db.bound = limit, limit
}

// Translate translates the error of a statement.
func (db *DB) Translate(ctx context.Context, err error) error { return db.translate(ctx, "do it", err) }

// TranslateConnect translates the error of an attempt to connect.
func (db *DB) TranslateConnect(ctx context.Context, err error) error {
	s, parseErr := Config{ConnString: "postgres://u:s3cr3t@db.example.com/uzerp?sslmode=disable"}.parse()
	return db.translate(ctx, "", errors.Join(parseErr, &connectError{err: err, config: &s.pool.ConnConfig.Config, libpq: s.libpq, secured: true}))
}

// SetConfirmPatience sets how long the guard of a trial may take to see that it is confirmed.
func SetConfirmPatience(t *testing.T, d time.Duration) {
	was := confirmPatience
	confirmPatience = d
	t.Cleanup(func() { confirmPatience = was })
}

// SetTrialGrace sets how long the session of a mark lives after its trial.
func SetTrialGrace(t *testing.T, d time.Duration) {
	was := trialGrace
	trialGrace = d
	t.Cleanup(func() { trialGrace = was })
}

// IdleLimit returns how long the server waits for the next statement of a change.
func (db *DB) IdleLimit(ctx context.Context) (limit string, err error) {
	err = db.change(ctx, "", func(tx *transaction) error {
		query := func(batch *pgx.Batch) { batch.Queue("select current_setting('idle_in_transaction_session_timeout')") }
		return db.exchange(ctx, tx, query, func(results pgx.BatchResults) error { return results.QueryRow().Scan(&limit) })
	})
	return limit, err
}

// Statements returns the text of each query as it is sent, by name.
func Statements() (map[string]string, error) {
	files, err := queryFiles.ReadDir("queries")
	result := make(map[string]string)
	for _, f := range files {
		name := f.Name()[:len(f.Name())-len(".sql")]
		result[name] = sql(name, "public")
	}
	return result, err
}

// QueryFile returns the text of a query's file.
func QueryFile(name string) string {
	text, _ := queryFiles.ReadFile("queries/" + name + ".sql")
	return string(text)
}

// Rights returns the rights of grants.sql, as MissingRights reads them.
func Rights() []string {
	var all []string
	for _, r := range rights() {
		all = append(all, r.String())
	}
	return all
}

// UsedTables returns the tables of uzERP's that every command may use.
func UsedTables() []string { return usedTables() }

// NamedTables returns all that the queries name: the tables, and the view of GrantsHistory.
func NamedTables() []string { return append(usedTables(), "audit_lines", "uzerp_mfa_logins") }

// Connector returns a function that makes a connection of one pool.
func Connector(t *testing.T, c Config) func(ctx context.Context) error {
	s, err := c.parse()
	if err != nil {
		t.Fatal(err)
	}
	p, err := newPool(s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return func(ctx context.Context) error { return p.lend(ctx, func(*pgx.Conn) error { return nil }) }
}

// Age makes the answers that are kept as old as they may not become.
func (db *DB) Age() {
	db.expected.mu.Lock()
	defer db.expected.mu.Unlock()
	db.expected.until = time.Now().Add(-time.Nanosecond)
}
