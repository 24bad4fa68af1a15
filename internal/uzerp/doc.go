// Package uzerp reads an uzERP installation: conf/.env, conf/config.php and the php.ini of the machine.
//
// Its law: it reads exactly as uzERP reads (docs/facts/phpdotenv.md is the grammar of conf/.env, docs/facts/uzerp.md §4 and
// §5 say which file wins); it never runs PHP, and what only PHP could know it calls unreadable instead of guessing;
// it never puts a file's text into an error, a warning or a printed value, for these files hold passwords. The one
// thing it writes is a whole replacement of a file, with ReplaceFile, and only what the reader then reads as meant.
package uzerp
