// Package totp computes one-time codes (RFC 6238), so that a typed code can be checked before it is sent to Twilio.
//
// Its law: no error holds a secret.
package totp

import (
	"errors"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/totp"

	"uzerp-mfa/internal/mfa"
	"uzerp-mfa/internal/secret"
)

// Code returns the code that an app with this secret shows at the time at. It fails if the secret is not Base32 or the
// algorithm is not one of Twilio's.
func Code(secret secret.Secret, c mfa.TOTPConfig, at time.Time) (string, error) {
	algorithm, ok := map[string]otp.Algorithm{"sha1": otp.AlgorithmSHA1, "sha256": otp.AlgorithmSHA256, "sha512": otp.AlgorithmSHA512}[c.Algorithm]
	if !ok {
		return "", errors.New("unknown TOTP algorithm")
	}
	code, err := totp.GenerateCodeCustom(secret.Reveal(), at, totp.ValidateOpts{
		Period:    uint(c.Step / time.Second),
		Digits:    otp.Digits(c.Digits),
		Algorithm: algorithm,
	})
	if err != nil {
		return "", errors.New("the secret is not Base32")
	}
	return code, nil
}
