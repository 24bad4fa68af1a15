package history

import (
	"cmp"
	"slices"
	"time"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/mfa"
)

// Event is one thing that happened, as all sources together tell it. Its Entry has what they know; its Source is the first
// of Sources.
type Event struct {
	Entry
	Sources []Source // that have it
	Zone    Zone
}

// Zone says how far At of an event can be trusted.
type Zone string

// The zones.
const (
	ZoneKnown    Zone = "known"    // the source says the zone
	ZoneMeasured Zone = "measured" // the same codes are in another source, which says the zone
	ZoneAssumed  Zone = "assumed"  // nobody knows: At is as if the source had this machine's zone
)

// Coverage is what a source could tell: whether it could be read, and how far back it goes.
type Coverage struct {
	Source Source
	Err    error // why it could not be read, or not to the end; nil if it was read
	// Asked is false if it was not to be asked. Err is nil then.
	Asked bool
	// Oldest is the oldest entry that the source still has, zero if it has none. Whether it had older ones is not known.
	Oldest time.Time
	// Reaches says that the source goes back to the beginning of the history: what it records and does not have did not happen.
	Reaches bool
	// From is since when Twilio certainly has every code of the user: the factor that uzERP asks for was there then. It is zero
	// if that is not known, or there is no such factor. Whether Twilio keeps the codes of a deleted factor is not documented.
	From   time.Time
	Zone   Zone
	Offset time.Duration // of ZoneMeasured: how far its clock is ahead of UTC, in quarters of an hour
	// Ahead is how far its clock is ahead of that of AheadOf, in seconds, after its zone is taken away. It is zero if the clocks agree
	// or can't be compared. All times are corrected by it.
	Ahead   time.Duration
	AheadOf Source
	Missing []string
}

// Read reports whether the source could be read.
func (c Coverage) Read() bool { return c.Asked && c.Err == nil }

// Silent reports whether the source can be trusted with what it does not have: it was read, goes back far enough as far as that
// can be known, and nothing of it is known to be missing. How far back Twilio goes is not known where nothing is older.
func (c Coverage) Silent() bool {
	return c.Read() && len(c.Missing) == 0 && (c.Reaches || c.Source == FromTwilio)
}

// History is what happened at one user's logins.
type History struct {
	User     mfa.User
	Since    time.Time
	Now      time.Time
	Events   []Event    // the newest first
	Coverage []Coverage // of every source, in the order of Sources
	// Nameless is how many refused passwords there were of which no source says whose they are. They may be this user's.
	Nameless int
}

// Source returns the coverage of a source.
func (h History) Source(s Source) Coverage {
	for _, c := range h.Coverage {
		if c.Source == s {
			return c
		}
	}
	return Coverage{Source: s}
}

// Failure returns the first error of a source that may be over soon, or else nil: a server did not answer. That a source may not
// be read, or is not there, is no failure of the command's: it is said with the history.
func (h History) Failure() error {
	for _, c := range h.Coverage {
		if c.Err != nil && (errs.KindOf(c.Err) == errs.Unavailable || errs.KindOf(c.Err) == errs.Interrupted) {
			return c.Err
		}
	}
	return nil
}

// Readable reports whether any source could be read.
func (h History) Readable() bool { return slices.ContainsFunc(h.Coverage, Coverage.Read) }

// newestFirst sorts events. At one moment the order is that of a login, and the latest step comes first.
func newestFirst(events []Event) {
	slices.SortStableFunc(events, func(a, b Event) int {
		return cmp.Or(b.At.Compare(a.At), cmp.Compare(step(b.What), step(a.What)))
	})
}

// step returns when at a login a thing happens.
func step(w What) int { return slices.Index(steps, w) }

var steps = []What{PasswordRefused, PasswordOnly, EnrollRefused, CodeNotValid, CodeNotChecked, CodeRefused, CodeAccepted, Enrolled, Skipped, LoggedIn}
