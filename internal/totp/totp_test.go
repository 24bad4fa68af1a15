package totp_test

import (
	"encoding/base32"
	"strings"
	"testing"
	"time"

	"uzerp-mfa/internal/mfa"
	"uzerp-mfa/internal/secret"
	"uzerp-mfa/internal/totp"
)

// The vectors of RFC 6238, appendix B.
func TestRFC6238(t *testing.T) {
	secrets := map[string]string{
		"sha1":   "12345678901234567890",
		"sha256": "12345678901234567890123456789012",
		"sha512": "1234567890123456789012345678901234567890123456789012345678901234",
	}
	for _, v := range []struct {
		unix      int64
		algorithm string
		code      string
	}{
		{59, "sha1", "94287082"}, {59, "sha256", "46119246"}, {59, "sha512", "90693936"},
		{1111111109, "sha1", "07081804"}, {1111111109, "sha256", "68084774"}, {1111111109, "sha512", "25091201"},
		{20000000000, "sha1", "65353130"}, {20000000000, "sha256", "77737706"}, {20000000000, "sha512", "47863826"},
	} {
		secret := secret.New(strings.TrimRight(base32.StdEncoding.EncodeToString([]byte(secrets[v.algorithm])), "="))
		got, err := totp.Code(secret, mfa.TOTPConfig{Algorithm: v.algorithm, Digits: 8, Step: 30 * time.Second}, time.Unix(v.unix, 0))
		if err != nil || got != v.code {
			t.Errorf("%s at %d: %s, %v, want %s", v.algorithm, v.unix, got, err, v.code)
		}
	}
}

func TestErrorsShowNothing(t *testing.T) {
	for _, c := range []mfa.TOTPConfig{{Algorithm: "sha1", Digits: 6, Step: 30 * time.Second}, {Algorithm: "md5", Digits: 6, Step: 30 * time.Second}} {
		_, err := totp.Code(secret.New("no!base32"), c, time.Unix(0, 0))
		if err == nil || strings.Contains(err.Error(), "no!base32") {
			t.Errorf("%s: %v", c.Algorithm, err)
		}
	}
}
