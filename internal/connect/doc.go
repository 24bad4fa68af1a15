// Package connect opens what the commands work on: uzERP's database, Twilio Verify and the audit log, each on first use.
//
// Its law: everybody gets reading ports, and nobody gets a writing port that does not record. Writing ports come from
// Changes alone, which opens the audit log before anything else; without a record nothing is changed, but where the
// operator wants none. In a dry run the writing ports read, and refuse to write. No other package may import db and twilio
// (architecture_test.go), so there is no second way to a port that writes.
package connect
