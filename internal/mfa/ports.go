package mfa

import (
	"context"
	"time"

	"uzerp-mfa/internal/secret"
)

// Reader reads uzERP's table users: planning takes one. Its errors are *errs.Error.
type Reader interface {
	// FindUsers gives those of the named users that exist, compared exactly, in no promised order.
	FindUsers(ctx context.Context, usernames []string) ([]User, error)
	// FactorOwners gives, for each of the factor SIDs that some row's mfa_sid holds, the names of those users.
	FactorOwners(ctx context.Context, sids []string) (map[string][]string, error)
	// UUIDOwners returns, for each of the uuids that some row has, the names of those users. The keys are lower-case.
	UUIDOwners(ctx context.Context, uuids []string) (map[string][]string, error)
}

// Writer changes uzERP's table users as well: applying takes one.
type Writer interface {
	Reader
	// CompareAndSet makes the user's row becomes if it is still was. Otherwise it changes nothing and gives an
	// error of errs.Refused with errs.ErrChanged in its chain (also when the user is gone).
	CompareAndSet(ctx context.Context, username string, was, becomes Row) error
}

// FactorReader is a Twilio Verify service, for those who only look. Its errors are *errs.Error.
type FactorReader interface {
	// CheckService asks Twilio whether the service is there, every time anew: what was not found before it counts as gone
	// only after it.
	CheckService(ctx context.Context) error
	// ListEntities returns the entities of the service. An error means that nothing is known; but that an entity is missing
	// in the list is no proof that it is gone.
	ListEntities(ctx context.Context) ([]Entity, error)
	// ListFactors gives the TOTP factors of an identity in the order of creation, none where the entity is unknown.
	ListFactors(ctx context.Context, identity string) ([]Factor, error)
	// FetchFactor gives one factor; errs.NotFound if there is none.
	FetchFactor(ctx context.Context, identity, sid string) (Factor, error)
	// Now is the time at Twilio, as its last answer's Date header told it; before any answer, the local time.
	Now() time.Time
}

// Entity is an identity at Twilio that factors belong to.
type Entity struct {
	SID      string
	Identity string // a user's uuid, if uzERP or this tool made it
	Created  time.Time
}

// Challenger tries codes. That changes nothing that a login depends on.
type Challenger interface {
	// Challenge checks a code against a verified factor; Twilio bills it if it is approved. A wrong code gives false
	// and no error. errs.Refused if the factor is unverified or has had too many challenges, errs.NotFound if it is gone.
	Challenge(ctx context.Context, identity, sid, code string) (approved bool, err error)
}

// Factors is the same service for use cases that change it: TOTP factors of an entity whose identity is a user's uuid.
// Calls that may have taken effect although they failed have errs.ErrLostReply in the chain.
type Factors interface {
	FactorReader
	Challenger
	// CreateFactor makes an unverified TOTP factor (and the entity, if absent). friendlyName becomes the account
	// name in the app. Never repeated by itself.
	CreateFactor(ctx context.Context, identity, friendlyName string) (NewFactor, error)
	// VerifyFactor sends a code for an unverified factor and gives the factor as it then is: a wrong code leaves it
	// unverified and is no error. ErrAttemptsUsedUp (errs.Refused) when Twilio takes no more codes.
	VerifyFactor(ctx context.Context, identity, sid, code string) (Factor, error)
	// DeleteFactor deletes a factor; one that is gone already is no error.
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

// NewFactor is a factor just made, with what Twilio shows only this once.
type NewFactor struct {
	Factor
	Secret secret.Secret // Base32, no padding
	URI    secret.Secret // otpauth://totp/…
}

// Directory is what uzERP knows of the persons behind the users.
type Directory interface {
	// Details gives what is known of each of the named users; of one who does not exist, nothing.
	Details(ctx context.Context, usernames []string) (map[string]Details, error)
}

// Details is what uzERP knows of the person behind a user.
type Details struct {
	Company string // the employer's name, or else that of the company last logged in to; empty where there is none
	// CompanyAccess tells whether the user may enter at least one company of uzERP's: without one every password is
	// "incorrect" (docs/facts/uzerp.md §3).
	CompanyAccess bool
	EndDate       *time.Time // the day on which the person left or will leave, at 00:00 of an unknown zone; nil: none is known
}
