package emulator

import "time"

// Options configure an emulator. The zero value works: every field has a default.
type Options struct {
	AccountSID          string       // AC…
	Credentials         []Credential // accepted by HTTP Basic; default: AccountSID with DefaultAuthToken
	ServiceSID          string       // VA…
	ServiceFriendlyName string
	Issuer              string // the service's totp.issuer; if it is empty, apps show ServiceFriendlyName
	TOTP                ServiceTOTP
	Service             ServiceSettings // the service's other settings; the three above replace those in it

	// Numbers has the kinds of numbers, as SetNumber takes them.
	Numbers map[string]NumberKind

	Now     func() time.Time // the clock that Advance and SetTime shift; default: time.Now
	Seed    uint64           // for SIDs and secrets; the same seed and the same requests make the same ones
	Control bool             // serve the control API, see ControlPrefix
	Quirks  Quirks
}

// Credential is one pair that HTTP Basic accepts: an account SID and its auth token, or an API key SID and its secret.
type Credential struct {
	Username, Password string
	// Permissions are what a restricted API key may do, such as /twilio/verify/factor/list (docs/facts/twilio-verify.md §9). nil:
	// everything. A call that needs another one is answered with 70051, before anything else is looked at.
	Permissions []string
}

// The defaults of Options.
const (
	DefaultAccountSID   = "ACeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee"
	DefaultAuthToken    = "emulatorauthtoken"
	DefaultServiceSID   = "VAeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee"
	DefaultFriendlyName = "Verify Emulator"
)

// Quirks are the rules that Twilio doesn't document (docs/facts/twilio-verify.md §1.3 "?" and §7). The zero value is
// what Twilio most probably does; each field sets another behaviour.
type Quirks struct {
	// LegacyWrongCode answers a wrong code as Twilio did before 2021-10-27: 403 with 60311 (factor) or 60324
	// (challenge), where today it is a 2xx with status unverified or pending.
	LegacyWrongCode bool
	// AllowReplay accepts a code that was accepted before. Default: a code works once (RFC 6238 §5.2); the second
	// time it is a wrong code.
	AllowReplay bool
	// MaxAttempts is how many wrong codes a factor, challenge or verification takes before 60310, 60308 or 60202.
	// Default 5.
	MaxAttempts int
	// AttemptsResetAfter forgets the wrong codes this long after the last one. Default: never.
	AttemptsResetAfter time.Duration
	// CreateCountsAttempt lets a wrong code in CreateChallenge use up one of the challenge's attempts. Default: no.
	CreateCountsAttempt bool
	// VerifiedRefusesCode answers a code for a verified factor with 60383. Default: 200 verified, right or wrong.
	VerifiedRefusesCode bool
	// UnverifiedTTL is how long an unverified factor lives; Twilio says 1 to 24 hours. Default 24 h.
	UnverifiedTTL time.Duration
	// KeepExpired keeps an unverified factor that has expired, and answers a code for it with 60383. Default: it is
	// gone (404).
	KeepExpired bool
	// NoCascade keeps the factors and challenges of a deleted entity. A later entity with the same identity gets them.
	// Default: they are deleted with the entity.
	NoCascade bool
	// ChallengesStay keeps the challenges of a deleted entity: they are still listed, and a later entity with the same
	// identity gets them. Default: they are deleted with the entity.
	ChallengesStay bool
	// ChallengesGoWithFactor deletes a factor's challenges together with the factor. Default: they stay.
	ChallengesGoWithFactor bool
	// ChallengeRetention is how long a challenge is kept after it was created. Default: as long as the emulator runs, but
	// of an entity only the newest 2000.
	ChallengeRetention time.Duration
	// EntitiesPerSecond is how many entities may be created within a second of the emulator's clock before 60328.
	// A negative number is no limit. Default 40.
	EntitiesPerSecond int
	// NewestFirst lists entities and factors in reverse. Default: order of creation.
	NewestFirst bool
	// SecretBytes is the size of a generated secret. Default 20, as in the spec's sample.
	SecretBytes int
	// SpecificNotFound answers 60390 (factor), 60391 (challenge), 60392 (entity) and 60431 (verification). Default:
	// 20404 for all.
	SpecificNotFound bool
	// NotFoundWithoutVersion leaves "/v2" out of the path in a 20404's message, as Twilio did until 2022.
	NotFoundWithoutVersion bool
	// FriendlyNameLength is how long a service's friendly name may be: Twilio says both 30 and 32 (§1.2). Default 30.
	FriendlyNameLength int

	// VerificationTTL is how long a code by SMS or call is valid. Twilio's support can set 2 minutes to 24 hours.
	// Default 10 minutes.
	VerificationTTL time.Duration
	// SendExtends lets VerificationTTL start again with every further send. Default: it starts with the first send.
	SendExtends bool
	// MaxSends is how often a verification's code is sent before 60203. Default 5.
	MaxSends int
	// KeepFinished answers a fetch or a check of a verification that is approved, canceled, used up or expired with
	// a 2xx and that status, whatever the code is. Default: 404, but 60202 for a check of one that is used up.
	KeepFinished bool
	// CanceledTakesCode lets the right code approve a canceled verification. Default: 404.
	CanceledTakesCode bool
	// NewAfterMaxChecks lets a new verification start right after MaxAttempts wrong codes. Default: 60202 until the
	// old one has expired.
	NewAfterMaxChecks bool
	// CheckAnswers200 answers a check with 200. Default: 201. Twilio's spec has both.
	CheckAnswers200 bool

	// Status has the HTTP status of error codes for which Twilio's dictionary names none.
	Status map[int]int
}

// withDefaults returns o with every default set.
func (o Options) withDefaults() Options {
	orDefault(&o.AccountSID, DefaultAccountSID)
	orDefault(&o.ServiceSID, DefaultServiceSID)
	if o.ServiceFriendlyName != "" {
		o.Service.FriendlyName = o.ServiceFriendlyName
	}
	orDefault(&o.Service.FriendlyName, DefaultFriendlyName)
	if o.TOTP != (ServiceTOTP{}) {
		o.Service.TOTP = o.TOTP
	}
	if o.Issuer != "" {
		o.Service.TOTP.Issuer = o.Issuer
	}
	orDefault(&o.Service.CodeLength, 6)
	if len(o.Credentials) == 0 {
		o.Credentials = []Credential{{Username: o.AccountSID, Password: DefaultAuthToken}}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	orDefault(&o.Quirks.MaxAttempts, 5)
	orDefault(&o.Quirks.UnverifiedTTL, 24*time.Hour)
	orDefault(&o.Quirks.EntitiesPerSecond, 40)
	orDefault(&o.Quirks.SecretBytes, 20)
	orDefault(&o.Quirks.FriendlyNameLength, 30)
	orDefault(&o.Quirks.VerificationTTL, 10*time.Minute)
	orDefault(&o.Quirks.MaxSends, 5)
	return o
}

func orDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}
