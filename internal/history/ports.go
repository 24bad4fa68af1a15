package history

import (
	"context"
	"time"
)

// Records is a source that has the logins of all users in one place: uzERP's table audit_lines, uzERP's log, or this
// program's audit log. Its errors are *errs.Error and say why nothing could be read.
type Records interface {
	// Source returns which of them it is.
	Source() Source
	// Read returns what the source says. A source that does not exist, or that may not be read, is an error; one in which
	// nothing happened is not.
	Read(ctx context.Context, q Query) (Reading, error)
}

// Query says what Records.Read returns: all entries that it asks for, and no entry twice. It may return more.
type Query struct {
	// Usernames are the users, exactly as uzERP has them; nil means everybody. An entry without a name is always asked for.
	Usernames []string
	// Since is the oldest time that is asked for. A source whose times have no zone returns what may be that young in any
	// zone: it reads 14 hours more, and history leaves out what is too old.
	Since time.Time
}

// Reading is what a source says.
type Reading struct {
	Entries []Entry // in any order
	// Oldest is the time of the oldest entry that the source still has, of anybody and whatever it is about: what is older
	// can't be known from it. Zero if the source has no entry at all.
	Oldest time.Time
	NoZone bool // Oldest is a wall clock, as Entry.NoZone says
	// Missing says what may be missing though the source was read, in words that need no other: "line 7 of
	// uzerp-2026-11-26.log is not a line of uzERP's log", "AUDIT_LOGIN is off". Empty if nothing is known to be missing.
	Missing []string
}

// Challenges reads the challenges that Twilio still has. A challenge is one code that somebody typed
// (docs/facts/twilio-verify.md §8). Its errors are *errs.Error.
type Challenges interface {
	// ListChallenges returns the challenges of an identity since then, in any order, and none if the entity is unknown.
	ListChallenges(ctx context.Context, identity string, since time.Time) (ChallengeList, error)
}

// ChallengeList is what Twilio still has of one identity.
type ChallengeList struct {
	Challenges []Challenge
	// Reaches says that Twilio has an older challenge too, or that the list was read to one older than asked for. Otherwise
	// nobody knows whether Twilio has forgotten some: how long it keeps them is documented nowhere.
	Reaches bool
}

// Challenge is one code that was sent to Twilio for a verified factor. Which code, and from where, Twilio does not say.
type Challenge struct {
	SID       string // YC…
	FactorSID string
	Status    ChallengeStatus
	Created   time.Time // UTC
	Responded time.Time // UTC; zero if nobody has answered
}

// ChallengeStatus is Twilio's status of a challenge.
type ChallengeStatus string

// The statuses that Twilio documents. uzERP sends the code with the challenge, so one that is pending or expired had a
// wrong code.
const (
	ChallengePending  ChallengeStatus = "pending"
	ChallengeExpired  ChallengeStatus = "expired"
	ChallengeApproved ChallengeStatus = "approved"
	ChallengeDenied   ChallengeStatus = "denied"
)
