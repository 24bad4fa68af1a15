// Package audit is the log of what this program changed, was refused to change, or could not finish: JSON lines in a
// file, each with the hash of the one before.
//
// Its laws:
//
//   - Nothing in the file is ever changed or removed, except the part of a line whose writing has just failed.
//   - A line is on the disk before Append returns.
//   - An intent is written before the change and its outcome after it, under the same id. So a crash in between can be
//     seen.
//   - No line holds a secret: no code, token, TOTP secret or argument list.
//
// docs/audit-log.md describes the format for programs that read or verify it without this one.
package audit
