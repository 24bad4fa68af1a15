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

// LoadSchema makes the tables, empty.
func LoadSchema(ctx context.Context, conn *pgx.Conn) error {
	return load(ctx, conn, "load the schema", schemaSQL)
}

// LoadSample fills them: the injector classes of a new installation and a handful of users, one in each state that
// needs no factor at Twilio.
func LoadSample(ctx context.Context, conn *pgx.Conn) error {
	return load(ctx, conn, "load the sample data", sampleSQL)
}

func load(ctx context.Context, conn *pgx.Conn, op, sql string) error {
	// Many statements at once, in one implicit transaction: only the simple protocol takes that.
	if _, err := conn.PgConn().Exec(ctx, sql).ReadAll(); err != nil {
		return &errs.Error{Op: op, Err: err}
	}
	return nil
}
