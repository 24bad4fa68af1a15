package db

import (
	"embed"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

//go:embed queries/*.sql
var queryFiles embed.FS

// namePrefix starts the first line of a query: its name, for the tracer and for pg_stat_activity on the server.
const namePrefix = "-- name: "

// schemaPlace stands in the queries for the schema that has uzERP's tables.
const schemaPlace = "UZERP."

// sql returns the text of queries/NAME.sql as it is sent: the line with its name, then the statement on the tables of
// schema. A line "-- with: OTHER" is replaced by the statement of queries/OTHER.sql, so that shared parts are written
// once. It panics if there is no such file: all names are constants of this package.
func sql(name, schema string) string { return partOf(name, name, schema) }

// partOf is sql for a query that is a part of another one: it is sent under that one's name.
func partOf(whole, name, schema string) string {
	return namePrefix + whole + "\n" + strings.ReplaceAll(statement(name), schemaPlace, pgx.Identifier{schema}.Sanitize()+".")
}

func statement(name string) string {
	text, err := queryFiles.ReadFile("queries/" + name + ".sql")
	if err != nil {
		panic(fmt.Sprintf("no such query: %v", err))
	}
	var b strings.Builder
	for line := range strings.Lines(string(text)) {
		if other, ok := strings.CutPrefix(line, "-- with: "); ok {
			b.WriteString(statement(strings.TrimSpace(other)))
		} else if !strings.HasPrefix(line, "--") {
			b.WriteString(line)
		}
	}
	return b.String()
}
