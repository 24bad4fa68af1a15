package sandbox

import "uzerp-mfa/internal/errs"

// The reasons that hints have. Behind each stand the parts of its hint.
const (
	ReasonNotInside errs.Reason = "not-inside" // no parts: there is no sandbox here
	ReasonNoAccount errs.Reason = "no-account" // user
	ReasonSeveral   errs.Reason = "several"    // no parts: of several sandboxes, none is named
	ReasonOther     errs.Reason = "other"      // no parts: UZERP_ROOT names something else than a detached sandbox
	ReasonLeft      errs.Reason = "left"       // PostgreSQL's directory
	ReasonNoMessage errs.Reason = "no-message" // no parts
)
