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
	// UUIDMissing is a row without uuid. The repair assigns one. An enrolled user must then enrol again: nobody knows
	// the identity that the factor belongs to.
	UUIDMissing Kind = "uuid-missing"
	// UUIDDuplicate is a row whose uuid another row has too; each of them is a difference. The repair assigns new uuids
	// to users who are not enrolled. If nobody is enrolled, one user keeps the uuid. Enrolled users keep it too: their
	// factor belongs to it.
	UUIDDuplicate Kind = "uuid-duplicate"
	// SIDMissing is a row that is enrolled, but whose mfa_sid is NULL, empty or not a factor SID. The repair resets the
	// row.
	SIDMissing Kind = "sid-missing"
	// FactorMissing is an enrolled row whose factor Twilio does not have: it is not in the list of the user's factors
	// and not found when fetched, and the service is found after that. The repair resets the row.
	FactorMissing Kind = "factor-missing"
	// FactorUnverified is an enrolled row whose factor was never verified. The repair resets the row.
	FactorUnverified Kind = "factor-unverified"
	// StaleFactor is a verified factor of an enrolled user that neither this row nor another one names. The repair
	// deletes it, if the factor in the row works and nobody else has the uuid.
	StaleFactor Kind = "stale-factor"
	// OrphanFactor is a verified factor of a user who is not enrolled, which no row names. The repair deletes it, if
	// nobody else has the uuid.
	OrphanFactor Kind = "orphan-factor"
	// OrphanEntity is an entity with a verified factor whose identity is not the uuid of any user. The repair deletes
	// its verified factors one by one, but only if this kind is named: if the database is a copy that lacks users, the
	// entity may belong to a user of the live one. An entity whose identity is not a uuid is also of this kind. Another
	// application must have made it, and it is not repaired.
	OrphanEntity Kind = "orphan-entity"
	// Unknown means that Twilio gave no usable answer about a user, an entity or the service. It is never repaired, and
	// no other difference about that user is.
	Unknown Kind = "unknown"
)

// Kinds lists every kind that can be asked for: all except Unknown.
func Kinds() []Kind {
	return []Kind{UUIDMissing, UUIDDuplicate, SIDMissing, FactorMissing,
		FactorUnverified, StaleFactor, OrphanFactor, OrphanEntity}
}

// local reports whether a kind is found in uzERP's rows, without Twilio.
func (k Kind) local() bool {
	return k == UUIDMissing || k == UUIDDuplicate || k == SIDMissing
}

// A younger factor may belong to a user who is just enrolling, for the row is written last. A younger entity may
// belong to a user who was just added.
const (
	youngFactor = 15 * time.Minute
	youngEntity = 24 * time.Hour
)

// Difference is one difference, with what it means for the user.
type Difference struct {
	Kind      Kind
	Username  string    // empty if it is not about a user
	UUID      string    // of the user, or the entity's identity; may be empty
	FactorSID string    // empty if it is not about a single factor
	Message   string    // what it means for the user
	Remedy    errs.Hint // what --fix does about it, or why it does nothing and what a person can do
	Fixable   bool
	NotTried  bool // of Unknown: Twilio was no longer asked

	Fixed bool
	Err   error // why it is unknown or was not repaired; errs.Refused if what was found has changed

	user    mfa.User     // as it was read
	becomes mfa.Row      // the repaired row
	entity  mfa.Entity   // of OrphanEntity
	factors []mfa.Factor // the factors to delete
}

// keep makes f a difference that --fix does not repair, and says why.
func (f *Difference) keep(why errs.Hint) { f.Fixable, f.Remedy = false, why }

// Reconciler compares uzERP's users with the factors at Twilio. It has no port that can change anything.
type Reconciler struct {
	Store       mfa.Reader
	Factors     mfa.FactorReader // may be nil if NeedsTwilio is false
	Users       iter.Seq2[mfa.User, error]
	Only        []Kind                   // empty: every kind. OrphanEntity is repaired only if it is named here
	Concurrency int                      // how many users are looked at a time; at least 1
	Progress    func(checked, users int) // may be nil; is never called twice at a time
}

// NeedsTwilio reports whether Twilio must be asked for any of these kinds. Empty means every kind.
func NeedsTwilio(only []Kind) bool {
	return len(only) == 0 || slices.ContainsFunc(only, func(k Kind) bool { return !k.local() })
}

func (r *Reconciler) wants(kinds ...Kind) bool {
	return len(r.Only) == 0 || slices.ContainsFunc(kinds, func(k Kind) bool { return slices.Contains(r.Only, k) })
}

// Result is what a check found.
type Result struct {
	Differences []Difference // sorted by user name; those that are about no user come last
	Checked     int          // users looked at
	Unknown     int          // how many of Differences are of the kind Unknown
	Enrolled    int          // enrolled users, including broken ones

	// Outage is why nothing may be repaired: Twilio stopped answering before the check ended. Otherwise it is nil.
	Outage error

	enrolledKnown int // enrolled users about whose factor Twilio gave an answer
	factorMissing int
}

// manyMissing is how many factors must be missing at least before the service is called wrong. Fewer may be missing
// for another reason.
const manyMissing = 5

// WrongService reports whether so many factors are missing that the users have probably enrolled with another
// service: those of more than half of the enrolled users, and at least manyMissing (five).
func (r *Result) WrongService() bool {
	return r.factorMissing >= manyMissing && 2*r.factorMissing > r.enrolledKnown
}

// DefaultMax returns how many repairs are allowed if no number is given: a tenth of the enrolled users, rounded up,
// but at least 1 and at most 20.
func (r *Result) DefaultMax() int { return min(20, max(1, (r.Enrolled+9)/10)) }

// Left returns how many differences are left, without those of the kind Unknown.
func (r *Result) Left() int {
	n := 0
	for i := range r.Differences {
		if f := &r.Differences[i]; f.Kind != Unknown && !f.Fixed {
			n++
		}
	}
	return n
}

// sort sorts the differences as they are shown.
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
