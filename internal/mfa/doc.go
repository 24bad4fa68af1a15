// Package mfa is the domain: users, the state that two-factor login puts them in, and the use cases that change it.
//
// Its laws: A use case never prints. A row changes only by compare and set. A factor is verified at Twilio before the
// row names it, and the row stops naming a factor before that is deleted at Twilio: so a crash at any moment leaves a
// user who can log in or enrol. A factor that another row still names is never deleted. The package knows neither SQL
// nor HTTP: it declares the ports that it needs.
package mfa
