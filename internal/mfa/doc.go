// Package mfa is the domain: users, the state that two-factor login puts them in, and the use cases that change it.
//
// Its laws: a use case never prints; a row changes only by compare and set; Twilio comes first when something is
// gained (a factor is verified before the row names it) and last when something is lost (the row lets go of a factor
// before it is deleted), so that a crash anywhere leaves a user who can log in or enrol; and nothing is deleted that
// another row still names. The package knows neither SQL nor HTTP: it declares the ports it needs.
package mfa
