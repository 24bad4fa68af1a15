// Package dotenv reads and edits a conf/.env exactly as vlucas/phpdotenv 5.6.2 reads it (docs/facts/phpdotenv.md is the grammar),
// and warns of lines that read differently than they look.
//
// Its law: no error, warning or printed value holds text of the file but the names of settings.
package dotenv
