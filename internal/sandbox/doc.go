// Package sandbox makes an installation to try things on: a throwaway PostgreSQL, an emulator of Twilio Verify and
// a directory that looks like uzERP's.
//
// Its law: it touches nothing that it did not make, and everything is removed when this process ends, however it ends.
package sandbox
