// Package twilio is the adapter to Twilio Verify v2: it implements mfa.Factors, caller.Verifications and
// verifyservice.Creator over twilio-go's sub-packages client and rest/verify/v2.
//
// Its laws: credentials go to one host only, and in no other way than in the Authorization header; nothing that
// changes something is sent twice unless it certainly was not acted on the first time; an answer is believed
// only if it is about what was asked; and "not found" is said only after the service itself was found, because
// callers delete and re-create on the strength of it. Section numbers in comments are those of
// docs/facts/twilio-verify.md.
package twilio
