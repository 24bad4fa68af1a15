package doctor

import "uzerp-mfa/internal/errs"

// The reasons that hints have. The comments list the parts of each hint.
const (
	ReasonRootUnknown      errs.Reason = "root-unknown"        // no parts
	ReasonOtherDatabase    errs.Reason = "not-uzerps-database" // no parts
	ReasonRoleLacksRights  errs.Reason = "role-lacks-rights"   // no parts
	ReasonLoginOff         errs.Reason = "login-off"           // no parts
	ReasonForeignHandler   errs.Reason = "foreign-handler"     // no parts
	ReasonNoValidator      errs.Reason = "no-validator"        // no parts
	ReasonForeignValidator errs.Reason = "foreign-validator"   // no parts
	ReasonUsersBroken      errs.Reason = "users-broken"        // no parts
	ReasonBrokenNoAccess   errs.Reason = "broken-no-access"    // no parts
	ReasonUUIDMissing      errs.Reason = "users-no-uuid"       // no parts
	ReasonUUIDDuplicate    errs.Reason = "users-same-uuid"     // no parts
	ReasonUsersSkip        errs.Reason = "users-skip"          // no parts
	ReasonUsersLeft        errs.Reason = "users-left"          // no parts
	ReasonLogChanged       errs.Reason = "log-changed"         // the log's path
	ReasonLogTorn          errs.Reason = "log-torn"            // no parts
	ReasonChangesOpen      errs.Reason = "changes-open"        // no parts
	ReasonKeyLacks         errs.Reason = "key-lacks"           // no parts
	ReasonTrialOver        errs.Reason = "trial-over"          // no parts
)
