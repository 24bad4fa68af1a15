package trial

import "uzerp-mfa/internal/errs"

// The reasons that hints have. None has parts.
const (
	ReasonNoTrial   errs.Reason = "no-trial"   // there is nothing to confirm
	ReasonNotKept   errs.Reason = "not-kept"   // nobody confirmed the switch
	ReasonNoGuard   errs.Reason = "no-guard"   // the process that would switch back did not start
	ReasonUnclear   errs.Reason = "unclear"    // whether that process has switched back
	ReasonStillMade errs.Reason = "still-made" // the switch could not be taken back
)
