package uzerp

import "uzerp-mfa/internal/mfa"

// Secret is text that may be a password or token.
type Secret = mfa.Secret

// NewSecret wraps text.
func NewSecret(text string) Secret { return mfa.NewSecret(text) }
