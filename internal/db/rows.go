package db

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/injector"
	"uzerp-mfa/internal/mfa"
)

// This file changes users' rows. The tables are a site's own: a trigger or a rule there can keep a change out without an error,
// or change what was written. So every change is read before it is committed, and what was not kept is rolled back.

// CompareAndSet implements mfa.Writer.
func (db *DB) CompareAndSet(ctx context.Context, username string, was, becomes mfa.Row) error {
	return db.change(ctx, "change a user", func(tx *transaction) error {
		return db.compareAndSet(ctx, tx, []injector.Assignment{{Username: username, Was: was, Becomes: becomes}})
	})
}

// compareAndSet is CompareAndSet for several users, each once, in the caller's transaction: all of them or none.
func (db *DB) compareAndSet(ctx context.Context, tx *transaction, changes []injector.Assignment) error {
	needed := 0 // how many rows must be written, for some may be as they are to be already
	names := make([]string, len(changes))
	for i, c := range changes {
		if !storable(tx, c.Username) {
			return userChanged()
		}
		if names[i] = c.Username; !c.Was.Equal(c.Becomes) {
			needed++
		}
	}
	if len(changes) > 1 {
		if _, err := db.execute(ctx, tx, "lock_users", pgx.StrictNamedArgs{"names": names}); err != nil {
			return err
		}
	}
	n, off, err := db.writeRows(ctx, tx, "compare_and_set", changes)
	if err != nil {
		return err
	}
	for _, r := range off {
		if !r.Gone && r.Unchanged || n >= int64(len(changes)) { // it was not somebody else
			return db.notKept(ctx, tx, "users", r.String())
		}
	}
	if len(off) > 0 || n < int64(needed) {
		return userChanged()
	}
	return nil
}

// MayWrite implements mfa.Writer. It makes the change and takes it back, so that triggers have their say, too.
func (db *DB) MayWrite(ctx context.Context, username string, becomes mfa.Row) error {
	return db.rehearse(ctx, injector.Assignment{Username: username, Becomes: becomes})
}

// Writable implements mfa.Writer.
func (db *DB) Writable(ctx context.Context) error { return db.rehearse(ctx) }

// rehearse makes changes, whatever the rows are now, and takes them back. Without any, a right that is missing shows all the same.
func (db *DB) rehearse(ctx context.Context, changes ...injector.Assignment) error {
	op := "look whether a user can be changed"
	return db.runOnTables(ctx, op, func(conn *pgx.Conn) error {
		tx := &transaction{conn: conn, start: beginChange}
		defer db.rollback(ctx, tx)
		changes := slices.DeleteFunc(slices.Clone(changes), func(c injector.Assignment) bool { return !storable(tx, c.Username) })
		n, off, err := db.writeRows(ctx, tx, "may_write", changes)
		if err != nil {
			return err
		}
		for _, r := range off {
			if r.Unchanged = n == 0; !r.Gone || n > 0 {
				return db.notKept(ctx, tx, "users", r.String())
			}
		}
		return nil
	})
}

// offRow is a row of queries/rows_not_kept.sql.
type offRow struct {
	Username  string `db:"username"`
	Gone      bool   `db:"gone"`
	Unchanged bool   `db:"unchanged"` // it is as it was read
	UUID      bool   `db:"uuid_kept"`
	SID       bool   `db:"sid_kept"`
	Enrolled  bool   `db:"enrolled_kept"`
	Enabled   bool   `db:"enabled_kept"`
}

func (r offRow) String() string {
	name := strconv.Quote(r.Username)
	switch {
	case r.Gone:
		return "user " + name + " is not there any more"
	case r.Unchanged:
		return "the row of user " + name + " stayed as it was"
	}
	var columns []string
	for column, kept := range map[string]bool{"uuid": r.UUID, "mfa_sid": r.SID, "mfa_enrolled": r.Enrolled, "mfa_enabled": r.Enabled} {
		if !kept {
			columns = append(columns, column)
		}
	}
	slices.Sort(columns)
	return fmt.Sprintf("of user %s it stored another value than was written: %s", name, strings.Join(columns, ", "))
}

// settle makes the server check and run now what would be put off until the commit: the look after it must see what that did.
const settle = "set constraints all immediate"

// writeRows sends a statement that writes users' rows, and reads afterwards which of them are not as they are to be. It returns
// how many rows were written, and at most three of those.
func (db *DB) writeRows(ctx context.Context, tx *transaction, name string, changes []injector.Assignment) (n int64, off []offRow, err error) {
	args := rowChanges(changes)
	err = db.together(ctx, tx, func(batch *pgx.Batch) {
		batch.Queue(sql(name, schemaOf(tx)), args)
		batch.Queue(settle)
		batch.Queue(partOf(name, "rows_not_kept", schemaOf(tx)), args)
	}, func(results pgx.BatchResults) error {
		tag, err := results.Exec()
		if err != nil {
			return err
		}
		n = tag.RowsAffected()
		if _, err := results.Exec(); err != nil {
			return err
		}
		off, err = collectNext(results, pgx.RowToStructByName[offRow])
		return err
	})
	return n, off, err
}

// rowChanges returns changes as queries/row_changes.sql takes them.
func rowChanges(changes []injector.Assignment) pgx.StrictNamedArgs {
	n := len(changes)
	names := make([]string, n)
	texts, flags := make([][]*string, 4), make([][]*bool, 4)
	for i := range 4 {
		texts[i], flags[i] = make([]*string, n), make([]*bool, n)
	}
	for i, c := range changes {
		names[i] = c.Username
		texts[0][i], texts[1][i], flags[0][i], flags[1][i] = c.Was.UUID, c.Was.SID, c.Was.Enrolled, c.Was.Enabled
		texts[2][i], texts[3][i], flags[2][i], flags[3][i] = c.Becomes.UUID, c.Becomes.SID, c.Becomes.Enrolled, c.Becomes.Enabled
	}
	return pgx.StrictNamedArgs{"usernames": names,
		"was_uuids": texts[0], "was_sids": texts[1], "was_enrolled": flags[0], "was_enabled": flags[1],
		"uuids": texts[2], "sids": texts[3], "enrolled": flags[2], "enabled": flags[3]}
}

// collectSettled is collect, after what would be put off until the commit.
func collectSettled[T any](ctx context.Context, db *DB, tx *transaction, name string, args pgx.StrictNamedArgs, row pgx.RowToFunc[T]) ([]T, error) {
	var result []T
	err := db.together(ctx, tx, func(batch *pgx.Batch) {
		batch.Queue(settle)
		batch.Queue(sql(name, schemaOf(tx)), args)
	}, func(results pgx.BatchResults) error {
		if _, err := results.Exec(); err != nil {
			return err
		}
		var err error
		result, err = collectNext(results, row)
		return err
	})
	return result, err
}

// notKept returns the error of a change that the server has taken, and that is not there afterwards. what says what is wrong. The
// caller rolls the change back.
func (db *DB) notKept(ctx context.Context, tx *transaction, table, what string) error {
	attached, err := collect(ctx, db, tx, "attached", pgx.StrictNamedArgs{"schema": schemaOf(tx), "table": table},
		func(row pgx.CollectableRow) (string, error) {
			var kind, name string
			err := row.Scan(&kind, &name)
			return kind + " " + strconv.Quote(name), err
		})
	if err != nil {
		return err
	}
	text := "the database did not keep the change, and nothing of it was written: " + what
	if len(attached) > 0 {
		shown := attached[:min(len(attached), maxAttached)]
		text += "; table " + table + " has " + strings.Join(shown, ", ")
		if more := len(attached) - len(shown); more > 0 {
			text += fmt.Sprintf(" and %d more", more)
		}
	}
	return errs.New(errs.Refused, text, askAdministrator)
}

// maxAttached is how many triggers and rules an error names.
const maxAttached = 5

const askAdministrator = "ask the database's administrator: a trigger, rule or constraint of the table must let this change through"
