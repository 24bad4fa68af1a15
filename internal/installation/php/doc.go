// Package php reads the two kinds of PHP files that matter for uzERP's settings: the plain values in conf/config.php,
// and php.ini.
//
// Its law: it never runs PHP. A value that only PHP could know is called unreadable or unknown, and never guessed. No
// error holds text of a file.
package php
