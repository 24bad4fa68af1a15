package installation

import "uzerp-mfa/internal/errs"

// The reasons of this package's hints. None of them has parts.
const (
	ReasonEnvOdd errs.Reason = "env-odd" // no edit of conf/.env would certainly read as meant
)
