package db

import (
	"context"
	"strings"

	"github.com/jackc/pgx/v5"

	"uzerp-mfa/internal/mfa"
)

var _ mfa.Writer = (*DB)(nil)

// fewUUIDs is how many uuids each row is compared with.
const fewUUIDs = 8

// UUIDOwners implements mfa.Reader.
func (db *DB) UUIDOwners(ctx context.Context, uuids []string) (map[string][]string, error) {
	type owner struct {
		UUID     string `db:"uuid"`
		Username string `db:"username"`
	}
	lower := make([]string, len(uuids))
	for i, id := range uuids {
		lower[i] = strings.ToLower(id)
	}
	q := about("read the owners of uuids", "uuid_owners", lower, pgx.RowToStructByName[owner])
	if len(lower) <= fewUUIDs {
		q.query, q.as = "uuid_owners_of_few", q.query
	}
	rows, err := ask[[]owner](ctx, db, q)
	if err != nil {
		return nil, err
	}
	owners := make(map[string][]string)
	for _, r := range rows {
		owners[r.UUID] = append(owners[r.UUID], r.Username)
	}
	return owners, nil
}
