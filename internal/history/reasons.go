package history

import "uzerp-mfa/internal/errs"

// The reasons that hints have. The comments list the parts of each hint.
const (
	ReasonPasswordKnown errs.Reason = "password-known"  // user: somebody may have the password
	ReasonTryACode      errs.Reason = "try-a-code"      // user: whether the app's codes are right can be tried
	ReasonSiteKey       errs.Reason = "site-key"        // no parts: uzERP's own key or service at Twilio
	ReasonWayToTwilio   errs.Reason = "way-to-twilio"   // no parts: the web server does not reach Twilio
	ReasonLetThemIn     errs.Reason = "let-them-in"     // user: once without a code, after the caller was verified
	ReasonLookAtUser    errs.Reason = "look-at-user"    // user: what the next login asks for
	ReasonReadMore      errs.Reason = "read-more"       // no parts: which rights the sources need
	ReasonTooManyWrong  errs.Reason = "too-many-wrong"  // user: Twilio takes no codes for now
	ReasonNewEnrollment errs.Reason = "new-enrollment"  // user: the factor is gone or was never verified
	ReasonSuspicious    errs.Reason = "suspicious-user" // no parts: of several users
)
