// Package dotenv reads and edits a conf/.env exactly as vlucas/phpdotenv 5.6.2 reads it (docs/facts/phpdotenv.md has
// the grammar), and warns of lines that mean something else than they seem to mean.
//
// Its law: no error, warning or printed value holds any text of the file except the names of settings.
package dotenv
