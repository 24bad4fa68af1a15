package db

import (
	"embed"
	"fmt"
	"strings"
)

//go:embed queries/*.sql
var queryFiles embed.FS

// namePrefix starts the line that names a query, also on the server (pg_stat_activity) and for the tracer.
const namePrefix = "-- name: "

// sql gives the text of queries/NAME.sql as it is sent: the line with its name, then the statement. A line
// "-- with: OTHER" stands for the statement of that file, so that what several share is written once. The names are
// constants of this package, and a test loads every file: a wrong one is a mistake in the program.
func sql(name string) string { return namePrefix + name + "\n" + statement(name) }

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
