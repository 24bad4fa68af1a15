package mfa

import (
	"context"
	"time"

	"uzerp-mfa/internal/secret"
)

// Reader reads uzERP's table users; plans are made with it. Its errors are *errs.Error.
type Reader interface {
	// FindUsers returns those of the named users that exist, in any order. Names are compared exactly.
	FindUsers(ctx context.Context, usernames []string) ([]User, error)
	// FactorOwners returns, for each of the factor SIDs that is some row's mfa_sid, the names of those users.
	FactorOwners(ctx context.Context, sids []string) (map[string][]string, error)
	// UUIDOwners returns, for each of the uuids that some row has, the names of those users. The keys are lower-case.
	UUIDOwners(ctx context.Context, uuids []string) (map[string][]string, error)
}

// Writer also changes uzERP's table users; plans are applied with it.
type Writer interface {
	Reader
	// CompareAndSet sets the user's row to becomes if it is still was. Otherwise, also if the user is gone, it changes
	// nothing and returns an error of errs.Refused with errs.ErrChanged in its chain. If the database does not keep the new row,
	// nothing is changed either, and the error is of errs.Refused without errs.ErrChanged.
	CompareAndSet(ctx context.Context, username string, was, becomes Row) error
	// MayWrite returns the error that would keep CompareAndSet from setting the user's row to becomes, whatever the row is now: the
	// role lacks a right, the database is a standby, a trigger does not let the change through, the administrator's policy forbids
	// it. It changes nothing: the change is made and taken back. It is asked before something that can't be taken back.
	MayWrite(ctx context.Context, username string, becomes Row) error
	// Writable is MayWrite without the policy, which may still wait for a code that verifies the caller: it is asked before that
	// code is sent.
	Writable(ctx context.Context) error
}

// FactorReader reads a Twilio Verify service. Its errors are *errs.Error.
type FactorReader interface {
	// CheckService asks Twilio whether the service exists, anew at every call. A factor that was not found counts as gone
	// only if CheckService succeeds after that.
	CheckService(ctx context.Context) error
	// ListEntities returns the entities of the service. An entity that is not in the list may exist nevertheless.
	ListEntities(ctx context.Context) ([]Entity, error)
	// ListFactors returns the TOTP factors of an identity in the order of creation, and none if the entity is unknown.
	ListFactors(ctx context.Context, identity string) ([]Factor, error)
	// FetchFactor returns one factor, or an error of errs.NotFound.
	FetchFactor(ctx context.Context, identity, sid string) (Factor, error)
	// Now returns the time at Twilio, by the Date header of its last answer; before any answer, the local time.
	Now() time.Time
}

// Entity is an identity at Twilio that factors belong to.
type Entity struct {
	SID      string
	Identity string // a user's uuid, if uzERP or this tool made it
	Created  time.Time
}

// Challenger checks codes. That changes nothing that a login depends on.
type Challenger interface {
	// Challenge checks a code against a verified factor; Twilio bills it if it is approved. For a wrong code it returns
	// false and no error. The error is of errs.Refused if the factor is unverified or has had too many challenges, and of
	// errs.NotFound if it is gone.
	Challenge(ctx context.Context, identity, sid, code string) (approved bool, err error)
}

// FactorChallenger reads a Twilio Verify service and checks codes.
type FactorChallenger interface {
	FactorReader
	Challenger
}

// FactorCall is a call that changes a factor.
type FactorCall int

// The calls that Factors.Allowed can ask about.
const (
	CallVerify FactorCall = iota
	CallDelete
)

// Factors also changes the factors of the service. The identity of their entity is the user's uuid. If a call failed
// but may have taken effect, its error has errs.ErrLostReply in the chain.
type Factors interface {
	FactorChallenger
	// Allowed asks whether the credentials may make these calls for factors of this identity, before anything is changed. It
	// changes nothing, and fails with ErrNotPermitted.
	Allowed(ctx context.Context, identity string, calls ...FactorCall) error
	// CreateFactor makes an unverified TOTP factor, and its entity if there is none. friendlyName becomes the account
	// name in the app. The request is never repeated.
	CreateFactor(ctx context.Context, identity, friendlyName string) (NewFactor, error)
	// VerifyFactor sends a code for an unverified factor and returns the factor as it is then. After a wrong code it is
	// still unverified; that is no error. If Twilio takes no more codes, the error is ErrAttemptsUsedUp (errs.Refused).
	VerifyFactor(ctx context.Context, identity, sid, code string) (Factor, error)
	// DeleteFactor deletes a factor. It is no error if the factor is gone already.
	DeleteFactor(ctx context.Context, identity, sid string) error
}

// FactorStatus is Twilio's status of a factor.
type FactorStatus string

// The two statuses that Twilio documents.
const (
	FactorUnverified FactorStatus = "unverified"
	FactorVerified   FactorStatus = "verified"
)

// Factor is a TOTP factor at Twilio.
type Factor struct {
	SID          string
	EntitySID    string
	Status       FactorStatus
	FriendlyName string
	Created      time.Time // UTC
	TOTP         TOTPConfig
}

// TOTPConfig is how a factor makes its codes (RFC 6238).
type TOTPConfig struct {
	Algorithm string        // "sha1", "sha256" or "sha512"
	Digits    int           // 3 to 8
	Step      time.Duration // 20 to 60 s
	Skew      int           // how many steps to either side Twilio accepts, 0 to 2
}

// Usual reports whether the codes are made as every app assumes: SHA-1, six digits, 30 seconds. Otherwise somebody who types
// the secret must set all three in the app.
func (c TOTPConfig) Usual() bool {
	return c.Algorithm == "sha1" && c.Digits == 6 && c.Step == 30*time.Second
}

// NewFactor is a factor just made, with the secret that Twilio shows only once.
type NewFactor struct {
	Factor
	Secret secret.Secret // Base32, no padding
	URI    secret.Secret // otpauth://totp/…
}

// Directory reads what uzERP knows about the persons behind the users.
type Directory interface {
	// Details returns what is known about each of the named users. A user who does not exist is not in the map.
	Details(ctx context.Context, usernames []string) (map[string]Details, error)
}

// Details is what uzERP knows about the person behind a user.
type Details struct {
	Company string // the employer, or else the company last logged in to; may be empty
	// CompanyAccess is whether the user may enter at least one company in uzERP. Otherwise uzERP calls every password
	// "incorrect" (docs/facts/uzerp.md §3).
	CompanyAccess bool
	// NoCompany is whether uzERP knows no company to log the user in to: neither one of an earlier login nor the person's.
	// Then every page after the login is an error page (docs/facts/uzerp.md §9).
	NoCompany bool
	// Closed is whether uzERP's maintenance switch has closed that company to everybody; nil if that is not known.
	Closed  *bool
	EndDate *time.Time // the person's last day, at 00:00 in an unknown zone; nil if none is known
}

// Person is a user, and what uzERP knows about the person behind.
type Person struct {
	Username         string
	Enrolled, Access bool // of the user
	Details
}

// Shared are the uuids that several users have each.
type Shared struct {
	UUIDs int      // how many
	Users int      // of the one of which a user's name comes first
	First []string // of these users, at most three, in byte order
}

// Proposal is a user name that the shell's completion proposes, and the person behind it, "" if there is none.
type Proposal struct {
	Username, Person string
}
