package audit

import "uzerp-mfa/internal/errs"

// The reasons for what helps. Behind each stand the parts of its hint.
const (
	ReasonNoLog       errs.Reason = "no-log"     // no parts: there is none to read
	ReasonUnreadable  errs.Reason = "unreadable" // no parts
	ReasonUnwritable  errs.Reason = "unwritable" // no parts
	ReasonUnfit       errs.Reason = "unfit"      // what to do about the file
	ReasonLineTooLong errs.Reason = "long-line"  // no parts: the operator's words are in it
)

// Flag is the name of the flag that names the log.
const Flag = "audit-log"
