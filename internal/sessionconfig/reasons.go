package sessionconfig

import "uzerp-mfa/internal/errs"

// The reasons of this package's hints. The comment beside each names the parts of its hint.
const (
	ReasonLimitsLockOut errs.Reason = "limits-lock-out" // the flags of the limits that must be set too
)

// The names of the flags that messages name.
const (
	FlagActivityTimeout = "activity-timeout"
	FlagMaxAge          = "max-age"
	FlagPHPIni          = "php-ini"
)
