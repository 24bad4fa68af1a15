package db

import (
	"context"

	"github.com/jackc/pgx/v5"

	"uzerp-mfa/internal/mfa"
)

// TargetDatabase implements mfa.CopyReader.
func (db *DB) TargetDatabase(ctx context.Context) (mfa.TargetDatabase, error) {
	type counts struct {
		Database string `db:"database"`
		Users    int    `db:"users"`
		Enrolled int    `db:"enrolled"`
	}
	rows, err := read(ctx, db, "count the users", "target_database", nil, pgx.RowToStructByName[counts])
	if err != nil {
		return mfa.TargetDatabase{}, err
	}
	r := rows[0]
	return mfa.TargetDatabase{Host: db.pool.Config().ConnConfig.Host, Database: r.Database, Users: r.Users, Enrolled: r.Enrolled}, nil
}

// Detach implements mfa.CopyWriter.
func (db *DB) Detach(ctx context.Context, users int, newUUID func() string) error {
	op := "detach the users"
	db = db.patient()
	return db.change(ctx, op, func(tx *transaction) error {
		names, err := collect(ctx, db, tx, "lock_usernames", nil, pgx.RowTo[string])
		if err != nil {
			return err
		}
		if len(names) != users {
			return changed("the users were")
		}
		uuids := make([]string, len(names))
		for i := range names {
			uuids[i] = newUUID()
		}
		args := pgx.StrictNamedArgs{"usernames": names, "uuids": uuids}
		if _, err := db.execute(ctx, tx, "detach", args); err != nil {
			return err
		}
		left, err := collectSettled(ctx, db, tx, "not_detached", args, pgx.RowTo[string])
		if err == nil && len(left) > 0 {
			return db.notKept(ctx, tx, "users", "some users are not detached, such as "+quotedNames(left))
		}
		return err
	})
}
