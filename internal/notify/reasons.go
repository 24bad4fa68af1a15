package notify

import "uzerp-mfa/internal/errs"

// The reasons of this package's hints. The comment beside each names the parts of its hint.
const (
	ReasonText errs.Reason = "mail-text" // the path of the text
)
