package db

import (
	"context"
	"strings"

	"github.com/jackc/pgx/v5"

	"uzerp-mfa/internal/mfa"
)

var _ mfa.Writer = (*DB)(nil)

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
	rows, err := readByNames(ctx, db, "read the owners of uuids", "uuid_owners", lower, pgx.RowToStructByName[owner])
	if err != nil {
		return nil, err
	}
	owners := make(map[string][]string)
	for _, r := range rows {
		owners[r.UUID] = append(owners[r.UUID], r.Username)
	}
	return owners, nil
}
