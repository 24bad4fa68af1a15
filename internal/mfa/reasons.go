package mfa

import "uzerp-mfa/internal/errs"

// The reasons that hints have. The comments list the parts of each hint.
const (
	ReasonUnknownUser      errs.Reason = "unknown-user"      // no parts
	ReasonNobodyFound      errs.Reason = "nobody-found"      // no parts: by a user name, an e-mail address or a part of a name
	ReasonSharedUUID       errs.Reason = "shared-uuid"       // no parts
	ReasonLeftFactor       errs.Reason = "left-factor"       // no parts: Twilio has a verified factor that nobody uses
	ReasonRightsMissing    errs.Reason = "rights-missing"    // no parts: of the database role
	ReasonHistoryRights    errs.Reason = "history-rights"    // no parts: of the database role, for the history of logins
	ReasonUntranslatable   errs.Reason = "untranslatable"    // no parts: a text that is not in the database's encoding
	ReasonRoleTooPowerful  errs.Reason = "role-too-powerful" // no parts: the database role has rights that others could use
	ReasonPeer             errs.Reason = "peer"              // the operating system's user whom the database lets in
	ReasonPeerOther        errs.Reason = "peer-other"        // no parts: that user is not known here
	ReasonTooManyCodes     errs.Reason = "too-many-codes"    // no parts: Twilio takes no more codes for the factor for now
	ReasonOldFactorLeft    errs.Reason = "old-factor-left"   // no parts
	ReasonOtherFactorInUse errs.Reason = "other-factor"      // no parts: uzERP uses another factor than the named one
	ReasonLooksEnrolled    errs.Reason = "looks-enrolled"    // user: the app may be checked
	ReasonAlreadyEnrolled  errs.Reason = "already-enrolled"  // user: the phone may be replaced
	ReasonMayEnroll        errs.Reason = "may-enroll"        // user: the next login asks to
	ReasonNotEnrolled      errs.Reason = "not-enrolled"      // user
	ReasonNothingToCheck   errs.Reason = "nothing-to-check"  // user
	ReasonNothingPending   errs.Reason = "nothing-pending"   // user
	ReasonHalfEnrolled     errs.Reason = "half-enrolled"     // user, factor: its code was accepted, perhaps just now
	ReasonAttemptsUsedUp   errs.Reason = "attempts-used-up"  // user
	ReasonHalfReplaced     errs.Reason = "half-replaced"     // user, factor: the same for an enrolled user
	ReasonReplaceUsedUp    errs.Reason = "replace-used-up"   // user, who is enrolled with another factor
	ReasonReplaceGone      errs.Reason = "replace-gone"      // the same
	ReasonWhichFactor      errs.Reason = "which-factor"      // user: the factor must be named
	ReasonPageOfOther      errs.Reason = "page-of-other"     // no parts: a page may belong to another installation
	ReasonHasLeft          errs.Reason = "has-left"          // no parts: a page is made only if that is said
	ReasonPendingGone      errs.Reason = "pending-gone"      // user
	ReasonAnswerLost       errs.Reason = "answer-lost"       // user, factor: whether its code was accepted is not known
	ReasonRowNotWritten    errs.Reason = "row-not-written"   // user, factor: Twilio accepted the code
	ReasonRowNotReset      errs.Reason = "row-not-reset"     // user, whose factor was deleted meanwhile
	ReasonResetMeanwhile   errs.Reason = "reset-meanwhile"   // user
	ReasonRowChanged       errs.Reason = "row-changed"       // user
	ReasonLockedOut        errs.Reason = "locked-out"        // user
	ReasonFactorGone       errs.Reason = "factor-gone"       // user, who is locked out
	ReasonNoUUID           errs.Reason = "no-uuid"           // user
	ReasonBrokenEnrollment errs.Reason = "broken-enrollment" // user
	ReasonTwilioDown       errs.Reason = "twilio-down"       // no parts: the factors to be deleted are not known
	ReasonTwilioSilent     errs.Reason = "twilio-silent"     // user, whose code can't be checked
)
