package mfa

import (
	"context"
	"time"

	"uzerp-mfa/internal/secret"
)

// Store is uzERP's table users, as the use cases need it. Its errors are *errs.Error.
type Store interface {
	// FindUsers gives those of the named users that exist, compared exactly, in no promised order.
	FindUsers(ctx context.Context, usernames []string) ([]User, error)
	// CompareAndSet makes the user's row becomes if it is still was. Otherwise it changes nothing and gives an
	// error of errs.Refused with errs.ErrChanged in its chain (also when the user is gone).
	CompareAndSet(ctx context.Context, username string, was, becomes Row) error
	// FactorOwners gives, for each of the factor SIDs that some row's mfa_sid holds, the names of those users.
	FactorOwners(ctx context.Context, sids []string) (map[string][]string, error)
}

// Factors is a Twilio Verify service, as the use cases need it: TOTP factors of an entity whose identity is a
// user's uuid. Its errors are *errs.Error. Calls that may have taken effect although they failed have errs.ErrLostReply in
// the chain.
type Factors interface {
	// ListFactors gives the TOTP factors of an identity in the order of creation, none where the entity is unknown.
	ListFactors(ctx context.Context, identity string) ([]Factor, error)
	// FetchFactor gives one factor; errs.NotFound if there is none.
	FetchFactor(ctx context.Context, identity, sid string) (Factor, error)
	// CreateFactor makes an unverified TOTP factor (and the entity, if absent). friendlyName becomes the account
	// name in the app. Never repeated by itself.
	CreateFactor(ctx context.Context, identity, friendlyName string) (NewFactor, error)
	// VerifyFactor sends a code for an unverified factor and gives the factor as it then is: a wrong code leaves it
	// unverified and is no error. ErrAttemptsUsedUp (errs.Refused) when Twilio takes no more codes.
	VerifyFactor(ctx context.Context, identity, sid, code string) (Factor, error)
	// Challenge checks a code against a verified factor; Twilio bills it if it is approved. A wrong code gives false
	// and no error. errs.Refused if the factor is unverified or has had too many challenges, errs.NotFound if it is gone.
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
	Secret secret.Secret // Base32, no padding
	URI    secret.Secret // otpauth://totp/…
}

// VerifyService is the Twilio Verify service that holds the factors, with the settings that Twilio's API shows. Nil and
// empty mean that Twilio gave no value, and its default holds (facts/twilio-verify.md §1.1, §5).
type VerifyService struct {
	SID          string
	AccountSID   string
	FriendlyName string
	Issuer       string // empty where unset; apps then show FriendlyName
	TOTP         TOTPDefaults
	CodeLength   int // digits of a code by SMS or call, 4 to 10; 0 where not told

	LookupEnabled      *bool // Twilio looks numbers up, and knows landlines
	SkipSMSToLandlines *bool // an SMS to a landline is refused (60205); needs LookupEnabled
	PSD2Enabled        *bool // every verification needs an amount and a payee (60206, 60214)
	DoNotShareWarning  *bool // the SMS tells its reader to give the code to nobody
	DTMFInputRequired  *bool // a call gives the code only after a key was pressed
	CustomCodeEnabled  *bool
	DefaultTemplateSID string
	TTSName            string
}

// TOTPDefaults are a service's settings for new TOTP factors; nil where unset.
type TOTPDefaults struct {
	TimeStep   *int // seconds, 20 to 60; 30 where unset
	CodeLength *int // digits, 3 to 8; 6 where unset
	Skew       *int // steps to either side that Twilio accepts, 0 to 2; 1 where unset
}

// Services makes Verify services, for an account that has none for uzERP yet. Its errors are *errs.Error.
type Services interface {
	// CreateService makes a service: friendlyName is what SMS and calls show, issuer what authenticator apps show. It is
	// never repeated by itself: with errs.ErrLostReply in the chain there may be one more service than before.
	CreateService(ctx context.Context, friendlyName, issuer string) (VerifyService, error)
}

// Directory is what uzERP knows of the persons behind the users.
type Directory interface {
	// Details gives what is known of each of the named users; of one who does not exist, nothing.
	Details(ctx context.Context, usernames []string) (map[string]Details, error)
	// PhoneContacts gives the user's main numbers, mobile and fixed, as people typed them.
	PhoneContacts(ctx context.Context, username string) ([]PhoneContact, error)
}

// Details is what uzERP knows of the person behind a user.
type Details struct {
	Company string // the employer's name, or else that of the company last logged in to; empty where there is none
	// CompanyAccess tells whether the user may enter at least one company of uzERP's: without one every password is
	// "incorrect" (facts/uzerp.md §3).
	CompanyAccess bool
	EndDate       *time.Time // the day on which the person left or will leave, at 00:00 of an unknown zone; nil: none is known
}

// PhoneContact is a number in a person's record, free text.
type PhoneContact struct {
	Mobile bool // else a telephone
	Text   string
}

// Verifications proves who answers a phone: Twilio sends a code there, and the caller says it. Its errors are *errs.Error;
// what can be done about them is in their hints.
type Verifications interface {
	// StartVerification sends a code. Within ten minutes another start for the same number sends the same code again.
	// Never repeated by itself: with errs.ErrLostReply in the chain a message may be on its way.
	StartVerification(ctx context.Context, to Callee, channel Channel) (Started, error)
	// CheckVerification tells whether the code is the one that was sent. Only VerificationApproved is a yes; a wrong code is
	// VerificationPending and no error. errs.NotFound with ErrNoVerification where no code is waiting.
	CheckVerification(ctx context.Context, to Callee, code string) (VerificationStatus, error)
}

// Channel is how a code reaches a phone.
type Channel string

// The channels that a helpdesk uses.
const (
	ChannelSMS  Channel = "sms"
	ChannelCall Channel = "call"
)

// Callee is who is to be reached at which number.
type Callee struct {
	Username string
	Phone    Phone
	Given    bool // the operator gave the number; it is not the one that uzERP has
}

// Phone is a number that can be called.
type Phone struct {
	E164     secret.Secret // "+447700900123"; a Secret because no log and no message shows it whole
	Masked   string        // as it may be shown: "+44 *******123"
	Landline bool          // known to be one that gets no SMS
}

// Started is a verification under way.
type Started struct {
	SID    string // VE…
	Status VerificationStatus
	Sends  int // how often the code was sent so far, this one included; 0 where Twilio doesn't say
}

// VerificationStatus is Twilio's status of a verification (facts/twilio-verify.md §1.1).
type VerificationStatus string

// The statuses that Twilio documents.
const (
	VerificationPending     VerificationStatus = "pending"
	VerificationApproved    VerificationStatus = "approved"
	VerificationCanceled    VerificationStatus = "canceled"
	VerificationMaxAttempts VerificationStatus = "max_attempts_reached"
	VerificationDeleted     VerificationStatus = "deleted"
	VerificationFailed      VerificationStatus = "failed"
	VerificationExpired     VerificationStatus = "expired"
)
