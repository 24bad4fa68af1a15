package verifyservice

import "uzerp-mfa/internal/errs"

// The reasons that hints have. None has parts.
const (
	ReasonSkipsLandlines  errs.Reason = "skips-landlines"  // the service sends no SMS to one
	ReasonOtherAccount    errs.Reason = "other-account"    // the account is not uzERP's
	ReasonOtherDatabase   errs.Reason = "other-database"   // the database is not uzERP's
	ReasonEnrolledUnknown errs.Reason = "enrolled-unknown" // the database does not answer
	ReasonUsersEnrolled   errs.Reason = "users-enrolled"   // in another service than the new one
)
