package policy

import "uzerp-mfa/internal/errs"

// The reasons of this package's hints. The comment beside each names the parts of its hint.
const (
	ReasonFile          errs.Reason = "policy-file"          // the path of the policy
	ReasonRule          errs.Reason = "policy-rule"          // no parts: a line of the policy forbids it
	ReasonSudoDefault   errs.Reason = "policy-sudo-default"  // the line that allows it, and the path of the policy
	ReasonCallerNeeded  errs.Reason = "policy-caller"        // the user: the caller must be verified
	ReasonEachNeeded    errs.Reason = "policy-callers"       // the user: the same, of a command for several users
	ReasonEachByCode    errs.Reason = "policy-callers-code"  // the user: the same, and one of the others is protected
	ReasonBothNeeded    errs.Reason = "policy-caller-twice"  // no parts: a code, and the operator's own word
	ReasonNoEnrollment  errs.Reason = "policy-enrollment"    // the user: enroll must be run, or the caller verified
	ReasonFlagMissing   errs.Reason = "policy-flag-missing"  // "reason" or "ticket"
	ReasonTooManyByHour errs.Reason = "policy-changes-limit" // no parts
)
