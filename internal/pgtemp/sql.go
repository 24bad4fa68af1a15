package pgtemp

import (
	"context"
	_ "embed" // for the SQL

	"github.com/jackc/pgx/v5"

	"uzerp-mfa/internal/errs"
)

var (
	//go:embed schema.sql
	schemaSQL string
	//go:embed sample.sql
	sampleSQL string
)

// LoadSchema makes the tables without rows.
func LoadSchema(ctx context.Context, conn *pgx.Conn) error {
	return load(ctx, conn, "load the schema", schemaSQL)
}

// LoadSample fills the tables with the injector classes of a new installation and a few users: one in each state that
// needs no factor at Twilio.
func LoadSample(ctx context.Context, conn *pgx.Conn) error {
	return load(ctx, conn, "load the sample data", sampleSQL)
}

func load(ctx context.Context, conn *pgx.Conn, op, sql string) error {
	// Only the simple protocol accepts many statements in one call. They run in one implicit transaction.
	if _, err := conn.PgConn().Exec(ctx, sql).ReadAll(); err != nil {
		return &errs.Error{Op: op, Err: err}
	}
	return nil
}
