// Package installation reads an uzERP installation, and changes settings in its conf/.env.
//
// Its law: it gives values, as uzERP itself reads them (docs of each package below name the facts; docs/facts/uzerp.md §4 and §5
// say which file wins). It never runs PHP: what only PHP could know it calls unreadable and does not guess. No error,
// warning or printed value holds a file's text, because these files hold passwords. It writes a file only as a whole, and
// only if uzERP's reader then reads exactly what was meant.
package installation
