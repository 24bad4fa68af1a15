package verifyservice

import "uzerp-mfa/internal/errs"

// The reasons that hints have. The comments list the parts, if there are any.
const (
	ReasonNotPermitted errs.Reason = "not-permitted" // the permission that the API key lacks, the settings that name the key

	ReasonSkipsLandlines  errs.Reason = "skips-landlines"  // the service sends no SMS to one
	ReasonOtherAccount    errs.Reason = "other-account"    // the account is not uzERP's
	ReasonOtherDatabase   errs.Reason = "other-database"   // the database is not uzERP's
	ReasonEnrolledUnknown errs.Reason = "enrolled-unknown" // the database does not answer
	ReasonUsersEnrolled   errs.Reason = "users-enrolled"   // in another service than the new one
)
