// Package audit is the log of what this program changed, was refused to change, or could not finish: JSON lines in a
// file, each with the hash of the one before.
//
// Its laws: nothing in the file is ever changed or removed, but for the part of a line whose writing just failed; a line
// is on the disk before Append returns; an intent comes before the change and its outcome after it, under one id, so that
// a crash in between shows; and no line holds a secret: no code, token, TOTP secret or argument list.
//
// docs/audit-log.md describes the format for programs that read or verify it without this one.
package audit
