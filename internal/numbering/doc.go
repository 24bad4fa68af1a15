// Package numbering knows how the numbers of all countries are built: what is a number, of which country and kind, and how
// it is dialed there. The plans are in table.txt, which the tests make of the metadata of github.com/nyaruka/phonenumbers
// (Google's libphonenumber). Law: it answers as that library does, which is its oracle; and until the first question it costs
// nothing: a plan is read, and a pattern compiled, when a number needs it.
package numbering

//go:generate go test . -run ^TestTable$ -update
