package emulator

import (
	"encoding/base32"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"
)

// totpConfig says how a factor's codes are made, in Twilio's shape and units.
type totpConfig struct {
	Alg        string `json:"alg"`
	Skew       int    `json:"skew"`
	CodeLength int    `json:"code_length"`
	TimeStep   int    `json:"time_step"` // in seconds
}

// algorithms has the algorithms of RFC 6238 by Twilio's names.
var algorithms = map[string]otp.Algorithm{
	"sha1": otp.AlgorithmSHA1, "sha256": otp.AlgorithmSHA256, "sha512": otp.AlgorithmSHA512,
}

// config returns the config of a factor for which the call asks none: the service's, else 30 s, 6 digits, skew 1.
func (t ServiceTOTP) config() totpConfig {
	config := totpConfig{Alg: "sha1", Skew: 1, CodeLength: t.CodeLength, TimeStep: t.TimeStep}
	orDefault(&config.CodeLength, 6)
	orDefault(&config.TimeStep, 30)
	if t.Skew != nil {
		config.Skew = *t.Skew
	}
	return config
}

// totpConfig returns a call's Config.* parameters, and def's value for each that is missing (ranges: §1.2).
func (c *call) totpConfig(def totpConfig) (config totpConfig, err error) {
	if config.Alg, err = c.oneOf("Config.Alg", def.Alg, "sha1", "sha256", "sha512"); err != nil {
		return config, err
	}
	if config.TimeStep, err = c.integer("Config.TimeStep", 20, 60, def.TimeStep); err != nil {
		return config, err
	}
	if config.Skew, err = c.integer("Config.Skew", 0, 2, def.Skew); err != nil {
		return config, err
	}
	config.CodeLength, err = c.integer("Config.CodeLength", 3, 8, def.CodeLength)
	return config, err
}

// step returns the number of the time step of t.
func (config totpConfig) step(t time.Time) int64 { return t.Unix() / int64(config.TimeStep) }

// code returns the code of a time step.
func (config totpConfig) code(secret string, step int64) (string, error) {
	return hotp.GenerateCodeCustom(secret, uint64(step), hotp.ValidateOpts{
		Digits:    otp.Digits(config.CodeLength),
		Algorithm: algorithms[config.Alg],
	})
}

// find returns the time step whose code this is, if it is near enough to now: the skew is the greatest distance.
func (config totpConfig) find(secret, code string, now time.Time) (int64, bool) {
	middle := config.step(now)
	for step := middle - int64(config.Skew); step <= middle+int64(config.Skew); step++ {
		if want, err := config.code(secret, step); err == nil && want == code {
			return step, true
		}
	}
	return 0, false
}

// uri returns the otpauth URI with Twilio's order and escaping (§1.2): a space is %20, the algorithm upper case.
func (config totpConfig) uri(issuer, account, secret string) string {
	label := func(s string) string { return strings.ReplaceAll(url.PathEscape(s), ":", "%3A") }
	value := strings.ReplaceAll(url.QueryEscape(issuer), "+", "%20")
	return fmt.Sprintf("otpauth://totp/%s:%s?secret=%s&issuer=%s&algorithm=%s&digits=%d&period=%d",
		label(issuer), label(account), secret, value, strings.ToUpper(config.Alg), config.CodeLength, config.TimeStep)
}

// normalSecret returns a Base32 secret in upper case without padding. ok is false if s is not Base32.
func normalSecret(s string) (string, bool) {
	s = strings.TrimRight(strings.ToUpper(s), "=")
	b, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(s)
	return s, err == nil && len(b) > 0
}
