package session

import "uzerp-mfa/internal/errs"

// The reasons of this package's hints. The comment beside each names the parts of its hint.
const (
	ReasonNotListed   errs.Reason = "sessions-not-listed"   // no parts: this user may not list or read them
	ReasonNoPlace     errs.Reason = "sessions-no-place"     // no parts: where they are is not known
	ReasonNoFiles     errs.Reason = "sessions-no-files"     // no parts: they are in no files
	ReasonIgbinary    errs.Reason = "sessions-igbinary"     // the directory
	ReasonUnclear     errs.Reason = "sessions-unclear"      // the directory
	ReasonTooLarge    errs.Reason = "sessions-too-large"    // the directory
	ReasonTwoNames    errs.Reason = "sessions-two-names"    // the directory
	ReasonUntrusted   errs.Reason = "sessions-untrusted"    // the directory
	ReasonSettings    errs.Reason = "sessions-settings"     // the file of settings that was not read
	ReasonNoUser      errs.Reason = "sessions-no-user"      // the user as whom a web server runs, and who is not known
	ReasonRequestOpen errs.Reason = "sessions-request-open" // no parts: a request that may be a login has not ended
	// ReasonRequestGoesOn has no parts: requests go on with a session that is removed.
	ReasonRequestGoesOn errs.Reason = "sessions-request-goes-on"
	ReasonStillThere    errs.Reason = "sessions-still-there" // no parts: new ones came, again and again
)
