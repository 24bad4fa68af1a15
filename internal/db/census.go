package db

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"uzerp-mfa/internal/mfa"
)

// This file asks about all users at once, and the server sends no more than what it has found.

// forUsers is patient for statements about so many users: they may take Config.QueryTimeout for every 100,000.
func (db *DB) forUsers(users int) *DB {
	p := db.patient()
	p.timeout = db.timeout * time.Duration(1+users/100_000)
	return p
}

// SharedUUIDs implements doctor.Database.
func (db *DB) SharedUUIDs(ctx context.Context, users int) (mfa.Shared, error) {
	found, err := read(ctx, db.forUsers(users), "look for uuids that several users have", "shared_uuids", nil, pgx.RowToStructByName[mfa.Shared])
	if err != nil || len(found) == 0 {
		return mfa.Shared{}, err
	}
	return found[0], nil
}

// PersonsInQuestion implements doctor.Database. If the role may not read which companies are closed, or if this uzERP has no such
// column, that is not known of anybody.
func (db *DB) PersonsInQuestion(ctx context.Context, users int, each func(mfa.Person)) error {
	var ids []int64
	var closed []*bool
	_, err := read(ctx, db, "read whether companies are closed", "closed_system_companies", nil, func(row pgx.CollectableRow) (none struct{}, err error) {
		var id int64
		var c *bool
		err = row.Scan(&id, &c)
		ids, closed = append(ids, id), append(closed, c)
		return none, err
	})
	if code := sqlState(err); err != nil && code != insufficientPrivilege && code != undefinedColumn {
		return err
	}
	db = db.forUsers(users)
	return db.runOnTables(ctx, "read the persons behind users", func(conn *pgx.Conn) error {
		ctx, cancel := context.WithTimeout(ctx, db.timeout)
		defer cancel()
		args := pgx.StrictNamedArgs{"companies": ids, "closed": closed}
		return db.send(ctx, conn, "persons_in_question", args, func(results pgx.BatchResults) error {
			rows, err := results.Query()
			if err != nil {
				return err
			}
			var p mfa.Person
			fields := []any{&p.Username, &p.Enrolled, &p.Access, &p.CompanyAccess, &p.NoCompany, &p.Closed, &p.EndDate}
			_, err = pgx.ForEachRow(rows, fields, func() error {
				each(p)
				return nil
			})
			return err
		})
	})
}
