package db

import (
	_ "embed"
	"strings"

	"github.com/jackc/pgx/v5"
)

//go:embed grants.sql
var grants string

// Grants gives the SQL that makes a role with just the rights that this package needs.
func Grants(role string) string {
	return strings.ReplaceAll(grants, "ROLE", pgx.Identifier{role}.Sanitize())
}
