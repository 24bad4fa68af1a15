package db

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"uzerp-mfa/internal/errs"
)

// Schema is what CheckSchema found.
type Schema struct {
	Database       string   `db:"database"`
	ServerVersion  string   `db:"server_version"`
	Role           string   `db:"role"`      // whose rights apply
	ReadOnly       bool     `db:"read_only"` // a standby, or set to read-only
	Standby        bool     `db:"standby"`
	MissingTables  []string `db:"missing_tables"`  // of users, person and injector_classes
	MissingColumns []string `db:"missing_columns"` // of the four 2FA columns of users; all four if users is missing
}

// CheckSchema looks up in the catalogue whether this is uzERP's database, and whether its uzERP is new enough. It fails
// only if the query fails: Problem says what the result means.
func (db *DB) CheckSchema(ctx context.Context) (Schema, error) {
	found, err := read(ctx, db, "look at the schema", "schema", pgx.StrictNamedArgs{
		"tables":  []string{"users", "person", "injector_classes"},
		"columns": []string{"mfa_enrolled", "mfa_enabled", "mfa_sid", "uuid"},
	}, pgx.RowToStructByName[Schema])
	if err != nil {
		return Schema{}, err
	}
	return found[0], nil
}

// Problem returns why this tool can't work with the database: errs.Config if it isn't uzERP's, errs.Refused if its
// uzERP is older than 1.31.0 (docs/facts/uzerp.md §1). It returns nil if nothing is missing.
func (s Schema) Problem() error {
	switch {
	case len(s.MissingTables) > 0:
		return errs.New(errs.Config,
			"database "+strconv.Quote(s.Database)+" is not uzERP's: no table "+strings.Join(s.MissingTables, ", "),
			"check the name in the database URL, PGDATABASE or conf/config.php; a search_path set there must name uzERP's schema, and the role needs usage on it")
	case len(s.MissingColumns) > 0:
		return errs.New(errs.Refused,
			"the uzERP of database "+strconv.Quote(s.Database)+" has no two-factor login yet: table users lacks "+
				strings.Join(slices.Sorted(slices.Values(s.MissingColumns)), ", "),
			"that came with uzERP 1.31.0: upgrade, then run uzERP's database migrations")
	default:
		return nil
	}
}

// CheckReady implements injector.Reader.
func (db *DB) CheckReady(ctx context.Context) error {
	s, err := db.CheckSchema(ctx)
	if err != nil {
		return err
	}
	return s.Problem()
}
