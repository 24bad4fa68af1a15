package mfa

import (
	"context"
	"time"
)

// Store is uzERP's table users, as the use cases need it. Its errors are *Error.
type Store interface {
	// FindUsers gives those of the named users that exist, compared exactly, in no promised order.
	FindUsers(ctx context.Context, usernames []string) ([]User, error)
	// CompareAndSet makes the user's row becomes if it is still was. Otherwise it changes nothing and gives an
	// error of KindRefused with ErrChanged in its chain (also when the user is gone).
	CompareAndSet(ctx context.Context, username string, was, becomes Row) error
	// FactorOwners gives, for each of the factor SIDs that some row's mfa_sid holds, the names of those users.
	FactorOwners(ctx context.Context, sids []string) (map[string][]string, error)
}

// Factors is a Twilio Verify service, as the use cases need it: TOTP factors of an entity whose identity is a
// user's uuid. Its errors are *Error. Calls that may have taken effect although they failed have ErrLostReply in
// the chain.
type Factors interface {
	// ListFactors gives the TOTP factors of an identity in the order of creation, none where the entity is unknown.
	ListFactors(ctx context.Context, identity string) ([]Factor, error)
	// FetchFactor gives one factor; KindNotFound if there is none.
	FetchFactor(ctx context.Context, identity, sid string) (Factor, error)
	// CreateFactor makes an unverified TOTP factor (and the entity, if absent). friendlyName becomes the account
	// name in the app. Never repeated by itself.
	CreateFactor(ctx context.Context, identity, friendlyName string) (NewFactor, error)
	// VerifyFactor sends a code for an unverified factor and gives the factor as it then is: a wrong code leaves it
	// unverified and is no error. ErrAttemptsUsedUp (KindRefused) when Twilio takes no more codes.
	VerifyFactor(ctx context.Context, identity, sid, code string) (Factor, error)
	// Challenge checks a code against a verified factor; Twilio bills it if it is approved. A wrong code gives false
	// and no error. KindRefused if the factor is unverified or has had too many challenges, KindNotFound if it is gone.
	Challenge(ctx context.Context, identity, sid, code string) (approved bool, err error)
	// DeleteFactor deletes a factor; one that is gone already is no error.
	DeleteFactor(ctx context.Context, identity, sid string) error
	// Now is the time at Twilio, as its last answer's Date header told it; before any answer, the local time.
	Now() time.Time
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
	Secret Secret // Base32, no padding
	URI    Secret // otpauth://totp/…
}

// VerifyService is the Twilio Verify service that holds the factors.
type VerifyService struct {
	SID          string
	FriendlyName string
	Issuer       string // empty where unset; apps then show FriendlyName
}
