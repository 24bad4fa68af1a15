package reconcile

import (
	"fmt"
	"iter"
	"slices"
	"time"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/mfa"
)

// Kind is a kind of difference between uzERP and Twilio.
type Kind string

// The kinds of docs/contract.md. docs/reconcile.md has the same with what each means for the user.
const (
	// UUIDMissing is a row without uuid. Repaired by assigning one, and where the user is enrolled by making them
	// enrol again: the factor belongs to an identity that nobody knows any more.
	UUIDMissing Kind = "uuid-missing"
	// UUIDDuplicate is a row whose uuid another row has too; it is told of each. Repaired by a new uuid for those
	// who are not enrolled, but one, if all are not enrolled. Enrolled users can't be given another: their factor
	// belongs to this one.
	UUIDDuplicate Kind = "uuid-duplicate"
	// SIDMissing is a row that is enrolled with a mfa_sid that is NULL, empty or no factor SID. Repaired by a reset
	// of the row.
	SIDMissing Kind = "sid-missing"
	// FactorMissing is an enrolled row whose factor Twilio does not have: not in the list of the user's factors, not
	// found when fetched, and the service itself fetched after that. Repaired by a reset of the row.
	FactorMissing Kind = "factor-missing"
	// FactorUnverified is an enrolled row whose factor was never verified. Repaired by a reset of the row.
	FactorUnverified Kind = "factor-unverified"
	// StaleFactor is a verified factor of an enrolled user that is not the one in the row, and in no other row.
	// Repaired by deleting it, while the factor in the row works and nobody else has the uuid.
	StaleFactor Kind = "stale-factor"
	// OrphanFactor is a verified factor of a user who is not enrolled, which no row names. Repaired by deleting it,
	// while nobody else has the uuid.
	OrphanFactor Kind = "orphan-factor"
	// OrphanEntity is an entity with a verified factor whose identity is no user's uuid; or one whose identity is no
	// uuid at all, which another application must have made. The first is repaired, if this kind is named, by deleting
	// its verified factors one by one: in a copy of the database that has lost users, it is a live user's.
	OrphanEntity Kind = "orphan-entity"
	// Unknown says that Twilio gave no usable answer about a user, an entity or the service. Never repaired, and
	// nothing else of that user is.
	Unknown Kind = "unknown"
)

// Kinds lists every kind that can be asked for, which is all but Unknown.
func Kinds() []Kind {
	return []Kind{UUIDMissing, UUIDDuplicate, SIDMissing, FactorMissing,
		FactorUnverified, StaleFactor, OrphanFactor, OrphanEntity}
}

// local tells whether a kind is seen in uzERP's rows alone.
func (k Kind) local() bool {
	return k == UUIDMissing || k == UUIDDuplicate || k == SIDMissing
}

// What is younger than this may belong to somebody who is enrolling at this moment, since the row is written last; an
// entity, to a user who has only just been made.
const (
	youngFactor = 15 * time.Minute
	youngEntity = 24 * time.Hour
)

// mfa.BreakerThreshold in a row, and Twilio is taken to be down: nobody else is asked.
// Difference is one difference, in the user's terms.
type Difference struct {
	Kind      Kind
	Username  string    // empty where it is about no user
	UUID      string    // the user's, or the entity's identity; empty if there is none
	FactorSID string    // empty where it is about no single factor
	Message   string    // what it means for the user
	Remedy    errs.Hint // what --fix does about it, or why it does nothing and what a person can do
	Fixable   bool
	NotTried  bool // of Unknown: Twilio was not asked any more

	Fixed bool
	Err   error // why it is unknown, or why the repair was not made: errs.Refused where what was found is so no longer

	user    mfa.User     // as it was read, to compare with
	becomes mfa.Row      // of the kinds that are repaired in the row
	entity  mfa.Entity   // of OrphanEntity
	factors []mfa.Factor // those to delete
}

// keep makes a finding one that --fix leaves alone.
func (f *Difference) keep(why errs.Hint) { f.Fixable, f.Remedy = false, why }

// Reconciler compares uzERP's users with the factors at Twilio. It has no port to change anything with.
type Reconciler struct {
	Store       mfa.Reader
	Factors     mfa.FactorReader // may be nil if NeedsTwilio is false
	Users       iter.Seq2[mfa.User, error]
	Only        []Kind                   // empty: every kind. OrphanEntity is repaired only if it is named here
	Concurrency int                      // how many users are looked at a time; at least 1
	Progress    func(checked, users int) // may be nil; never called twice at a time
}

// NeedsTwilio tells whether any of the kinds asked for is about Twilio: where not, it need not answer.
func NeedsTwilio(only []Kind) bool {
	return len(only) == 0 || slices.ContainsFunc(only, func(k Kind) bool { return !k.local() })
}

func (r *Reconciler) wants(kinds ...Kind) bool {
	return len(r.Only) == 0 || slices.ContainsFunc(kinds, func(k Kind) bool { return slices.Contains(r.Only, k) })
}

// Result is what a check found.
type Result struct {
	Differences []Difference // sorted: by user name, what is about no user last
	Checked     int          // users looked at
	Unknown     int          // of Differences
	Enrolled    int          // users, broken ones included

	// Outage is why nothing at all may be repaired: Twilio stopped answering before the check was done.
	Outage error

	enrolledKnown int // enrolled users about whose factor Twilio gave an answer
	factorMissing int
}

// WrongService tells whether so many factors are missing that the service is hardly the one that these users enrolled
// with: more than half of the enrolled users', and five at least.
func (r *Result) WrongService() bool {
	return r.factorMissing >= mfa.BreakerThreshold && 2*r.factorMissing > r.enrolledKnown
}

// DefaultMax is how many repairs are made without being told a number: the smaller of 20 and a tenth of the enrolled
// users, rounded up, and one at least.
func (r *Result) DefaultMax() int { return min(20, max(1, (r.Enrolled+9)/10)) }

// Left gives how many differences are left, unknown ones apart.
func (r *Result) Left() int {
	n := 0
	for i := range r.Differences {
		if f := &r.Differences[i]; f.Kind != Unknown && !f.Fixed {
			n++
		}
	}
	return n
}

// sort brings the differences into the order of tables and documents.
func (r *Result) sort() {
	order := func(f Difference) string {
		last := "0"
		if f.Username == "" {
			last = "1"
		}
		kind := slices.Index(append(Kinds(), Unknown), f.Kind)
		return fmt.Sprintf("%s%s\x00%d\x00%s%s", last, f.Username, kind, f.UUID, f.FactorSID)
	}
	slices.SortStableFunc(r.Differences, func(a, b Difference) int {
		x, y := order(a), order(b)
		switch {
		case x < y:
			return -1
		case x > y:
			return 1
		}
		return 0
	})
}
