package reconcile

import "uzerp-mfa/internal/errs"

// The reasons that hints have. The comments list the parts of each hint.
const (
	ReasonNoAnswer     errs.Reason = "no-answer"     // no parts: nothing is repaired without an answer
	ReasonOutage       errs.Reason = "outage"        // no parts: Twilio stopped answering
	ReasonWrongService errs.Reason = "wrong-service" // no parts: too many factors are missing
	ReasonTooMany      errs.Reason = "too-many"      // the number of repairs
	ReasonSkips        errs.Reason = "skips-code"    // user, whose next login skips the code, so the row stays
	ReasonKeepsUUID    errs.Reason = "keeps-uuid"    // no parts: enrolled with a uuid that others have too
	ReasonMayBeCopy    errs.Reason = "may-be-copy"   // no parts: the database may be a copy of the live one
)
