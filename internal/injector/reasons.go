package injector

import "uzerp-mfa/internal/errs"

// The reasons that hints have. The comments list the parts of each hint.
const (
	ReasonNoSettings     errs.Reason = "no-settings"      // no parts: uzERP's settings can't be read
	ReasonNoDirectory    errs.Reason = "no-directory"     // no parts: uzERP's directory is not known
	ReasonTwilioNotAsked errs.Reason = "twilio-not-asked" // no parts: Twilio can't be asked from here
	ReasonTwilioNoAnswer errs.Reason = "twilio-no-answer" // no parts
	ReasonBrokenUsers    errs.Reason = "broken-users"     // no parts: a switch locks them out
	ReasonUnknownGateway errs.Reason = "unknown-gateway"  // no parts
	ReasonNotKnownKept   errs.Reason = "not-known-kept"   // no parts: whether a switch on trial stays
	ReasonSwitchOnTrial  errs.Reason = "switch-on-trial"  // the SQL that ends the session of its guard
)
