// Package php reads the two kinds of PHP's files that matter to uzERP's settings: the plain values in conf/config.php, and
// php.ini.
//
// Its law: it never runs PHP. What only PHP could know it calls unreadable or unknown and does not guess. No error holds
// text of a file.
package php
