package verifyservice

import "uzerp-mfa/internal/errs"

// The reasons for what helps. None has parts.
const (
	ReasonSkipsLandlines errs.Reason = "skips-landlines" // it sends no SMS to one
	ReasonUsersEnrolled  errs.Reason = "users-enrolled"  // in another service than the new one
)
