// Package twilio is the adapter to Twilio Verify v2: it implements mfa.Factors, caller.Verifications and
// verifyservice.Creator over twilio-go's sub-packages client and rest/verify/v2.
//
// Its laws:
//
//   - Credentials go to one host only, and only in the Authorization header.
//   - A request that changes something is sent again only if it certainly had no effect the first time.
//   - An answer is believed only if it is about what was asked.
//   - "Not found" is returned only after the service itself was found, because callers delete and create again when
//     something is not found.
//
// Section numbers in comments are those of docs/facts/twilio-verify.md.
package twilio
