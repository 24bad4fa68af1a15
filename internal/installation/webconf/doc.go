// Package webconf reads the configuration of Apache and nginx, and says whether they would hand out a file to anybody who asks,
// and what they hand on to FPM.
//
// Its law: the network is never asked, and no program is run. What it does not understand it names, and never takes for a rule that
// forbids. The rules are those of Apache 2.4 and nginx; docs/facts/uzerp.md §9 says what they are held against.
package webconf
