package mfa

import (
	"time"

	"uzerp-mfa/internal/sidform"
)

// Row has those columns of uzERP's table users that two-factor login depends on, exactly as they are in the database:
// nil is NULL. A compare-and-set compares them. All four columns are nullable (docs/facts/uzerp.md §1).
type Row struct {
	UUID     *string // canonical lower-case text
	SID      *string // mfa_sid, the factor that uzERP challenges
	Enrolled *bool   // mfa_enrolled
	Enabled  *bool   // mfa_enabled
}

// User is one person as uzERP knows them.
type User struct {
	Username      string
	Person        string // "First Last", empty if no person is linked
	Email         *string
	AccessEnabled *bool
	LastLogin     *time.Time // PHP's local time, in an unknown zone: its Location means nothing
	Row
}

// Access reports whether uzERP lets the user in at all: only if the column is true, not if it is false or NULL
// (docs/facts/uzerp.md §3).
func (u User) Access() bool { return isTrue(u.AccessEnabled) }

// State says how two-factor login treats a user while MFAHandler is on.
type State string

// The states of docs/contract.md §3.
const (
	StateSkipNextLogin State = "skip-next-login"
	StateBroken        State = "broken"
	StateNotEnrolled   State = "not-enrolled"
	StateEnrolled      State = "enrolled"
)

// States lists every state, for flags and help.
func States() []State {
	return []State{StateEnrolled, StateNotEnrolled, StateSkipNextLogin, StateBroken}
}

// State returns the state. Nothing else decides this.
func (r Row) State() State {
	switch {
	case isTrue(r.Enrolled) && r.Enabled != nil && !*r.Enabled:
		return StateSkipNextLogin
	case r.UUID == nil || isTrue(r.Enrolled) && !ValidFactorSID(deref(r.SID)):
		return StateBroken
	case !isTrue(r.Enrolled):
		return StateNotEnrolled
	default:
		return StateEnrolled
	}
}

// Whole reports whether the row's enrolment can work: it is enrolled, with a uuid and a well-formed factor SID. The
// state alone does not say this: StateSkipNextLogin says nothing about the rest of the row.
func (r Row) Whole() bool {
	return isTrue(r.Enrolled) && r.UUID != nil && ValidFactorSID(deref(r.SID))
}

// WithUUID returns the row with a uuid, for a user who had none. If the row names a factor, that belongs to another
// identity, so no code is ever right: the enrolment is removed, for otherwise the row would look whole and the user
// would be locked out. A skip of the next login stays.
func (r Row) WithUUID(uuid string) Row {
	no := false
	skip := r.State() == StateSkipNextLogin
	r.UUID = &uuid
	if isTrue(r.Enrolled) {
		r.SID = nil
		if !skip {
			r.Enrolled, r.Enabled = &no, &no
		}
	}
	return r
}

// ValidFactorSID reports whether s has the form of a Twilio factor SID.
func ValidFactorSID(s string) bool { return sidform.Factor.Valid(s) }

func isTrue(b *bool) bool { return b != nil && *b }

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// IsEnrolled reports whether mfa_enrolled is true; NULL is not.
func (r Row) IsEnrolled() bool { return isTrue(r.Enrolled) }

// FactorSID returns mfa_sid, and "" for NULL.
func (r Row) FactorSID() string { return deref(r.SID) }

// Identity returns the uuid, which is the user's identity at Twilio, and "" for NULL.
func (r Row) Identity() string { return deref(r.UUID) }

// Equal reports whether two rows have the same values. NULL equals only NULL.
func (r Row) Equal(o Row) bool {
	return equal(r.UUID, o.UUID) && equal(r.SID, o.SID) && equal(r.Enrolled, o.Enrolled) && equal(r.Enabled, o.Enabled)
}

func equal[T comparable](a, b *T) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}
