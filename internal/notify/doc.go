// Package notify tells users by mail what was done to their second factor (docs/notification.md).
//
// Its laws: a mail goes only to addresses that were read from uzERP's database before the change. It has no secret and no
// link. No text from outside becomes a header, an argument or a second address. A mail never stops a change and never
// undoes one: it is sent after the change, and what became of it is recorded. That it is due is on the disk before the
// change, so a crash in between can be seen.
package notify
