package installation

import "uzerp-mfa/internal/errs"

// The reasons for what helps. None has parts.
const (
	ReasonEnvOdd errs.Reason = "env-odd" // conf/.env can't be edited with certainty
)
