// Package emulator is a stateful emulator of the part of Twilio Verify v2 that TOTP and a helpdesk need: services,
// their entities, factors and challenges, and verifications by SMS and call. It has real RFC 6238 codes, phones that
// show what they were sent, Twilio's limits and error codes, and faults on demand.
//
// Its law is docs/facts/twilio-verify.md: a rule that Twilio documents is built in, and a rule that Twilio leaves open
// is a named switch in Quirks. It has its own clock, and by default makes the same SIDs and secrets in every run. It
// ships with the program (for `sandbox`), so it imports no test code. Package oracle, which only tests import, checks
// its answers against Twilio's OpenAPI spec.
package emulator
