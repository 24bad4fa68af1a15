// Package sandbox makes an installation to try things on, of a throwaway PostgreSQL, an emulator of Twilio Verify and a
// directory that looks like uzERP's.
//
// Its law: nothing of anybody's is touched, and everything goes away with this process, however it ends.
package sandbox
