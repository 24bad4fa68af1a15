package history

import (
	"context"
	"iter"
	"time"

	"uzerp-mfa/internal/mfa"
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
	// Usernames are the users, exactly as uzERP has them; nil means everybody. An entry without a name is always asked for, and so
	// is every refused password: of a name that is not asked for it comes without its name, for people type passwords there.
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
// (docs/facts/twilio-verify.md §8).
type Challenges interface {
	// Challenges returns the challenges of an identity, the newest first, and none if the entity is unknown; an empty factorSID
	// means all factors. An error comes last, and what came before it is true. It is an *errs.Error.
	Challenges(ctx context.Context, identity, factorSID string) iter.Seq2[mfa.Challenge, error]
	// FetchFactor returns one factor, or an error of errs.NotFound.
	FetchFactor(ctx context.Context, identity, sid string) (mfa.Factor, error)
}

// Owners says whose uuids and factors these are. uzERP allows that two users have the same. mfa.Reader has the methods.
type Owners interface {
	UUIDOwners(ctx context.Context, uuids []string) (map[string][]string, error)
	FactorOwners(ctx context.Context, sids []string) (map[string][]string, error)
}
