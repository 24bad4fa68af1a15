// Package installation reads an uzERP installation, and changes settings in its conf/.env.
//
// Its law: it returns values as uzERP itself reads them. docs/facts/uzerp.md §4 and §5 say which file wins, and the
// packages below name the facts that they follow. It never runs PHP: a value that only PHP could know is called
// unreadable, and never guessed. No error, warning or printed value holds a file's text, because these files hold
// passwords. A file is replaced as a whole or not at all, and only if uzERP's reader then reads exactly what was meant.
package installation
