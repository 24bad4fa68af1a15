package sessionconfig

import "uzerp-mfa/internal/errs"

// The reasons for what helps. Behind each stand the parts of its hint.
const (
	ReasonLimitsLockOut errs.Reason = "limits-lock-out" // the flags of the limits that have to be set too
)

// The names of the flags that messages name.
const (
	FlagActivityTimeout = "activity-timeout"
	FlagMaxAge          = "max-age"
	FlagPHPIni          = "php-ini"
)
