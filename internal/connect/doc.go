// Package connect opens what the commands work on: uzERP's database, Twilio Verify and the audit log, each on first
// use.
//
// Its law: every command may have reading ports, but every writing port records what it does. Only Changes has writing
// ports, and it opens the audit log before anything else. Nothing is changed without a record, unless the operator
// asked for that (--no-audit-log). In a dry run the writing ports can read, and refuse to write. No other package may
// import db and twilio (architecture_test.go), so there is no other way to write.
//
// One installation: a writing port, and one through which users are judged by Twilio's answers, opens only if database
// and service are those of uzERP's own files, unless the operator says that another database is meant (docs/settings.md).
package connect
