// Package verifyservice is about Twilio Verify services: what is wrong with one, how it may be named, and making one for uzERP.
//
// Its law: what Twilio does not show is said, so that nothing looks checked that was not. A service is made only when nothing is
// known that would keep it out of conf/.env, and once it is made its SID is never lost.
package verifyservice

import "context"

// Service is the Twilio Verify service that holds the factors, with the settings that Twilio's API shows. Nil and
// empty mean that Twilio gave no value, and its default holds (docs/facts/twilio-verify.md §1.1, §5).
type Service struct {
	SID          string
	AccountSID   string
	FriendlyName string
	Issuer       string // empty where unset; apps then show FriendlyName
	TOTP         TOTPDefaults
	CodeLength   int // digits of a code by SMS or call, 4 to 10; 0 where not told

	LookupEnabled      *bool // Twilio looks numbers up, and knows landlines
	SkipSMSToLandlines *bool // an SMS to a landline is refused (60205); needs LookupEnabled
	PSD2Enabled        *bool // every verification needs an amount and a payee (60206, 60214)
	DoNotShareWarning  *bool // the SMS tells the user to give the code to nobody
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

// Creator makes Verify services, for an account that has none for uzERP yet. Its errors are *errs.Error.
type Creator interface {
	// CreateService makes a service: friendlyName is what SMS and calls show, issuer what authenticator apps show. It is
	// never repeated by itself: with errs.ErrLostReply in the chain there may be one more service than before.
	CreateService(ctx context.Context, friendlyName, issuer string) (Service, error)
}
