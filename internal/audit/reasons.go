package audit

import "uzerp-mfa/internal/errs"

// The reasons of this package's hints. The comment beside each names the parts of its hint.
const (
	ReasonNoLog      errs.Reason = "no-log"       // no parts: there is no log to read
	ReasonUnreadable errs.Reason = "unreadable"   // no parts
	ReasonUnwritable errs.Reason = "unwritable"   // no parts
	ReasonNoPlace    errs.Reason = "no-log-place" // the account, the directory that root can make for its log
	ReasonUnfit      errs.Reason = "unfit"        // what to do about the file
	ReasonSandboxLog errs.Reason = "sandbox-log"  // no parts: a sandbox's log is named, outside of the sandbox
	ReasonRealLog    errs.Reason = "real-log"     // no parts: a real log is named in a sandbox
)

// Flag is the name of the flag that names the log.
const Flag = "audit-log"
