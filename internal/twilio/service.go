package twilio

import (
	"context"
	"errors"

	verify "github.com/twilio/twilio-go/rest/verify/v2"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/mfa"
	"uzerp-mfa/internal/sidform"
	"uzerp-mfa/internal/verifyservice"
)

// FetchService returns the Verify service. It fails with errs.NotFound if there is none, or if these credentials can't
// see it.
func (c *Client) FetchService(ctx context.Context) (verifyservice.Service, error) {
	o := c.begin(ctx, "fetch the Verify service", verifyservice.MayReadService)
	got, err := o.api().FetchService(c.service)
	if err != nil {
		if f, ok := errors.AsType[*callError](err); ok && f.kind == errs.NotFound {
			f.words = "no such Verify service"
			f.causes = append(f.causes, mfa.ErrNoService)
			f.hint = errs.Plain("check " + c.named("TWILIO_SERVICE_SID") +
				", and that it belongs to the account of " + c.credentials + " and was not deleted" + c.elsewhereToo())
		}
		return verifyservice.Service{}, o.fail(err)
	}
	sv, err := serviceOf(got)
	switch {
	case err != nil:
		return verifyservice.Service{}, o.distrust(err)
	case sv.SID != c.service:
		return verifyservice.Service{}, o.distrust(elsewhere("service", sidform.Service, got.Sid))
	}
	c.proven.Store(true)
	return sv, nil
}

// CheckService checks that the service exists. It asks Twilio at every call, and fails as FetchService does.
func (c *Client) CheckService(ctx context.Context) error {
	_, err := c.FetchService(ctx)
	return err
}

// codeLength is the number of digits in a new service's codes by SMS and call.
const codeLength = 6

// CreateService makes a Verify service with Twilio's own defaults, except for two settings that `service check` would
// complain about: the length of codes, which has no documented default, and the key to press in a call, without which
// a voicemail gets codes. If issuer is empty, apps show the friendly name. It fails with errs.ErrLostReply if there may
// be one more service now: the request is not repeated then.
func (c *Client) CreateService(ctx context.Context, friendlyName, issuer string) (verifyservice.Service, error) {
	o := c.begin(ctx, "create the Verify service", verifyservice.MayCreateService)
	o.invalid = problem{kind: errs.Usage, words: "Twilio does not accept this friendly name or issuer",
		hint: errs.Plain("choose plain words of letters and spaces for both")}
	o.ifLost = "there may be one more Verify service now: look in Twilio's console before running the command again"
	for _, err := range []error{verifyservice.CheckFriendlyName(friendlyName), verifyservice.CheckIssuer(issuer)} {
		if err != nil {
			return verifyservice.Service{}, err
		}
	}
	params := (&verify.CreateServiceParams{}).SetFriendlyName(friendlyName).SetCodeLength(codeLength).SetDtmfInputRequired(true)
	if issuer != "" {
		params.SetTotpIssuer(issuer)
	}
	got, err := o.api().CreateService(params)
	if err != nil {
		if f, ok := errors.AsType[*callError](err); ok && f.kind == errs.NotFound { // no service was asked for
			f.is(rejected("the account has no Verify API"), c)
		}
		return verifyservice.Service{}, o.fail(err)
	}
	sv, err := serviceOf(got)
	switch {
	case err != nil:
		return verifyservice.Service{}, o.distrust(err)
	case !sidform.Service.Valid(sv.SID):
		return verifyservice.Service{}, o.distrust(errors.New("has no valid service SID"))
	case sv.AccountSID != c.account:
		return verifyservice.Service{}, o.distrust(elsewhere("account", sidform.Account, got.AccountSid))
	}
	return sv, nil
}

// serviceOf reads a service. Settings that are null stay nil, empty or 0: Twilio's default holds.
func serviceOf(got *verify.VerifyV2Service) (verifyservice.Service, error) {
	var totp struct {
		Issuer     *string `json:"issuer"`
		TimeStep   *int    `json:"time_step"`
		CodeLength *int    `json:"code_length"`
		Skew       *int    `json:"skew"`
	}
	if remarshal(got.Totp, &totp) != nil {
		return verifyservice.Service{}, errors.New("has TOTP settings of another shape than documented")
	}
	return verifyservice.Service{
		SID:                text(got.Sid),
		AccountSID:         text(got.AccountSid),
		FriendlyName:       text(got.FriendlyName),
		Issuer:             text(totp.Issuer),
		TOTP:               verifyservice.TOTPDefaults{TimeStep: totp.TimeStep, CodeLength: totp.CodeLength, Skew: totp.Skew},
		CodeLength:         got.CodeLength,
		LookupEnabled:      got.LookupEnabled,
		SkipSMSToLandlines: got.SkipSmsToLandlines,
		PSD2Enabled:        got.Psd2Enabled,
		DoNotShareWarning:  got.DoNotShareWarningEnabled,
		DTMFInputRequired:  got.DtmfInputRequired,
		CustomCodeEnabled:  got.CustomCodeEnabled,
		DefaultTemplateSID: text(got.DefaultTemplateSid),
		TTSName:            text(got.TtsName),
	}, nil
}

// failed returns the error of a call about an entity or a factor, or gone if that does not exist. A "not found" counts
// only if the service itself can be fetched. Twilio answers an unknown entity and a mistyped service SID with the same
// 404 and code 20404, and callers change things because something was not found.
func (o *call) failed(err error) (gone bool, _ error) {
	if err = o.fail(err); !notFound(err) {
		return false, err
	}
	if unproven := o.c.prove(o.ctx); unproven != nil {
		return false, unproven
	}
	return true, err
}

// prove checks once in the client's life that the service can be fetched.
func (c *Client) prove(ctx context.Context) error {
	if c.proven.Load() {
		return nil
	}
	select {
	case c.proving <- struct{}{}:
		defer func() { <-c.proving }()
	case <-ctx.Done():
		return c.begin(ctx, "fetch the Verify service", verifyservice.MayReadService).fail(stopped(ctx))
	}
	if c.proven.Load() {
		return nil
	}
	_, err := c.FetchService(ctx)
	return err
}
