package twilio

import (
	"encoding/base32"
	"encoding/json"
	"errors"
	"net/url"
	"strconv"
	"strings"
	"time"

	verify "github.com/twilio/twilio-go/rest/verify/v2"

	"uzerp-mfa/internal/mfa"
	"uzerp-mfa/internal/pattern"
	"uzerp-mfa/internal/secret"
	"uzerp-mfa/internal/sidform"
)

// This file checks answers. One that passes twilio-go's decoder may still be empty or about something else: in Twilio's
// own specification every field may be null and none is required (§1). The errors here complete the sentence "an answer
// that …" and never hold a value.

const typeTOTP = "totp"

var (
	identityForm = pattern.Lazy(`^[0-9A-Za-z]+(-[0-9A-Za-z]+)*$`)
)

// owner is the entity that an answer must be about.
type owner struct{ service, identity string }

func (w owner) check(service, identity *string) error {
	switch {
	case text(service) != w.service:
		return elsewhere("service", sidform.Service, service)
	case text(identity) != w.identity:
		return errors.New("names another identity")
	}
	return nil
}

// factor checks that f is a TOTP factor of w, and has this sid unless sid is empty.
func (w owner) factor(f *verify.VerifyV2Factor, sid string) (mfa.Factor, error) {
	if err := w.check(f.ServiceSid, f.Identity); err != nil {
		return mfa.Factor{}, err
	}
	got := mfa.Factor{
		SID:          text(f.Sid),
		EntitySID:    text(f.EntitySid),
		Status:       mfa.FactorStatus(text(f.Status)),
		FriendlyName: text(f.FriendlyName),
	}
	if f.DateCreated != nil {
		got.Created = f.DateCreated.UTC()
	}
	switch {
	case !mfa.ValidFactorSID(got.SID):
		return mfa.Factor{}, errors.New("has no valid factor SID")
	case sid != "" && got.SID != sid:
		return mfa.Factor{}, errors.New("is about another factor")
	case f.EntitySid != nil && !sidform.Entity.Valid(got.EntitySID):
		return mfa.Factor{}, errors.New("has no valid entity SID")
	case text(f.FactorType) != typeTOTP:
		return mfa.Factor{}, errors.New("is about a factor of another type")
	case got.Status != mfa.FactorUnverified && got.Status != mfa.FactorVerified:
		return mfa.Factor{}, errors.New("has an unknown factor status")
	}
	var err error
	got.TOTP, err = totpConfig(f.Config)
	return got, err
}

// totpConfig reads a factor's config. Fields that are null get Twilio's defaults (§1.2).
func totpConfig(raw *any) (mfa.TOTPConfig, error) {
	in := struct {
		Alg        *string `json:"alg"`
		Skew       *int    `json:"skew"`
		CodeLength *int    `json:"code_length"`
		TimeStep   *int    `json:"time_step"`
	}{}
	if err := remarshal(raw, &in); err != nil {
		return mfa.TOTPConfig{}, errors.New("has a TOTP configuration of another shape than documented")
	}
	out := mfa.TOTPConfig{
		Algorithm: or(in.Alg, "sha1"),
		Digits:    or(in.CodeLength, 6),
		Skew:      or(in.Skew, 1),
	}
	step := or(in.TimeStep, 30)
	out.Step = time.Duration(step) * time.Second
	switch {
	case out.Algorithm != "sha1" && out.Algorithm != "sha256" && out.Algorithm != "sha512":
		return mfa.TOTPConfig{}, errors.New("has an unknown TOTP algorithm")
	case out.Digits < 3 || out.Digits > 8:
		return mfa.TOTPConfig{}, errors.New("has a code length outside 3 to 8")
	case out.Skew < 0 || out.Skew > 2:
		return mfa.TOTPConfig{}, errors.New("has a skew outside 0 to 2")
	case step < 20 || step > 60:
		return mfa.TOTPConfig{}, errors.New("has a time step outside 20 to 60 s")
	}
	return out, nil
}

// newFactor checks the answer to a creation. An app that scans its URI must make the codes that Twilio expects.
func (w owner) newFactor(n *verify.VerifyV2NewFactor) (mfa.NewFactor, error) {
	f, err := w.factor(&verify.VerifyV2Factor{
		Sid: n.Sid, ServiceSid: n.ServiceSid, EntitySid: n.EntitySid, Identity: n.Identity, DateCreated: n.DateCreated,
		FriendlyName: n.FriendlyName, Status: n.Status, FactorType: n.FactorType, Config: n.Config,
	}, "")
	if err != nil {
		return mfa.NewFactor{}, err
	}
	if f.Status != mfa.FactorUnverified {
		return mfa.NewFactor{}, errors.New("calls a new factor verified")
	}
	var b struct{ Secret, URI string }
	if remarshal(n.Binding, &b) != nil {
		return mfa.NewFactor{}, errors.New("has a binding of another shape than documented")
	}
	base32Secret := strings.TrimRight(b.Secret, "=")
	if raw, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(base32Secret); err != nil || len(raw) == 0 {
		return mfa.NewFactor{}, errors.New("has no Base32 secret")
	}
	if err := checkURI(b.URI, base32Secret, f.TOTP); err != nil {
		return mfa.NewFactor{}, err
	}
	return mfa.NewFactor{Factor: f, Secret: secret.New(base32Secret), URI: secret.New(b.URI)}, nil
}

// checkURI compares an otpauth URI with the secret and the configuration that came with it (§1.2, otpauth URI).
func checkURI(raw, base32Secret string, cfg mfa.TOTPConfig) error {
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "otpauth" || u.Host != typeTOTP {
		return errors.New("has no URI for a TOTP app")
	}
	q, err := url.ParseQuery(u.RawQuery)
	agrees := func(name, want string) bool { return !q.Has(name) || strings.EqualFold(q.Get(name), want) }
	switch {
	case err != nil || strings.TrimRight(q.Get("secret"), "=") != base32Secret:
		return errors.New("has a URI with another secret")
	case !agrees("algorithm", cfg.Algorithm), !agrees("digits", strconv.Itoa(cfg.Digits)),
		!agrees("period", strconv.Itoa(int(cfg.Step/time.Second))):
		return errors.New("has a URI that contradicts the configuration")
	}
	return nil
}

// challenge checks that ch is a challenge of the factor with this sid, of any factor if sid is empty.
func (w owner) challenge(ch *verify.VerifyV2Challenge, sid string) (mfa.Challenge, error) {
	if err := w.check(ch.ServiceSid, ch.Identity); err != nil {
		return mfa.Challenge{}, err
	}
	got := mfa.Challenge{SID: text(ch.Sid), FactorSID: text(ch.FactorSid), Status: mfa.ChallengeStatus(text(ch.Status))}
	switch {
	case !sidform.Challenge.Valid(got.SID):
		return mfa.Challenge{}, errors.New("has no valid challenge SID")
	case !mfa.ValidFactorSID(got.FactorSID) || sid != "" && got.FactorSID != sid:
		return mfa.Challenge{}, errors.New("is about another factor")
	case text(ch.FactorType) != typeTOTP:
		return mfa.Challenge{}, errors.New("is about a factor of another type")
	}
	switch got.Status {
	case mfa.ChallengePending, mfa.ChallengeExpired, mfa.ChallengeApproved, mfa.ChallengeDenied:
	default:
		return mfa.Challenge{}, errors.New("has an unknown challenge status")
	}
	if ch.DateCreated != nil {
		got.Created = ch.DateCreated.UTC()
	}
	if ch.DateResponded != nil && got.Status == mfa.ChallengeApproved {
		got.Responded = ch.DateResponded.UTC()
	}
	return got, nil
}

// remarshal decodes into a struct what twilio-go left as any. A null leaves the struct as it is.
func remarshal(raw *any, into any) error {
	if raw == nil {
		return nil
	}
	b, err := json.Marshal(*raw)
	if err != nil {
		return err
	}
	return json.Unmarshal(b, into)
}

func text(s *string) string { return or(s, "") }

func or[T any](p *T, otherwise T) T {
	if p == nil {
		return otherwise
	}
	return *p
}
