package caller

import "uzerp-mfa/internal/errs"

// The reasons that hints have. The comments list the parts of each hint.
const (
	ReasonLandline   errs.Reason = "landline"    // no parts: no SMS reaches the number
	ReasonSMSBlocked errs.Reason = "sms-blocked" // no parts: Twilio blocks SMS to such numbers for a time
	ReasonSMSRefused errs.Reason = "sms-refused" // no parts: Twilio sends no SMS to the number
	ReasonNoRegion   errs.Reason = "no-region"   // no parts: the number has no country, and none is set

	ReasonCodeWanted  errs.Reason = "code-wanted"  // channel, user: the number on file gets it
	ReasonCodeToGiven errs.Reason = "code-given"   // channel, user: the number that the operator gave gets it
	ReasonNotSent     errs.Reason = "not-sent"     // the hint for a code that is wanted
	ReasonSpent       errs.Reason = "spent"        // the hint for a code that is wanted
	ReasonMaybeSpent  errs.Reason = "maybe-spent"  // the hint for a code that is wanted
	ReasonOtherNumber errs.Reason = "other-number" // the hint for a code that is wanted: the last one went elsewhere
	ReasonSendLost    errs.Reason = "send-lost"    // the hint for a code that is wanted
	ReasonNoRecord    errs.Reason = "no-record"    // no parts: there is no log of what was sent
	ReasonBeginAgain  errs.Reason = "begin-again"  // the hint for a code that is wanted: the caller is not verified
)
