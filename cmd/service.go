package cmd

import (
	"github.com/spf13/cobra"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/injector"
	"uzerp-mfa/internal/verifyservice"
)

func newServiceCmd(app *App) *cobra.Command {
	c := &cobra.Command{
		Use:   "service",
		Short: "Show, check and make the Twilio Verify service",
		Long: `The Verify service is where Twilio keeps the users' factors, and what decides how authenticator apps make codes and what
an SMS says. docs/service.md lists every finding, and how to change a setting.

` + exitCodes(),
		Example: `  uzerp-mfa service show
  uzerp-mfa service check --strict
  uzerp-mfa service create --friendly-name "Acme uzERP" --write-env`,
		Args: cobra.ArbitraryArgs,
		RunE: runGroup,
	}
	c.AddCommand(newServiceShowCmd(app), newServiceCheckCmd(app), newServiceCreateCmd(app))
	return c
}

// serviceView is a service as scripts see one: with Twilio's names for the settings, null where Twilio gives no value.
type serviceView struct {
	SID                *string         `json:"sid"` // null of one that is only planned
	AccountSID         *string         `json:"account_sid"`
	FriendlyName       string          `json:"friendly_name"`
	TOTP               serviceTOTPView `json:"totp"`
	CodeLength         *int            `json:"code_length"`
	LookupEnabled      *bool           `json:"lookup_enabled"`
	SkipSMSToLandlines *bool           `json:"skip_sms_to_landlines"`
	PSD2Enabled        *bool           `json:"psd2_enabled"`
	DoNotShareWarning  *bool           `json:"do_not_share_warning_enabled"`
	DTMFInputRequired  *bool           `json:"dtmf_input_required"`
	CustomCodeEnabled  *bool           `json:"custom_code_enabled"`
	DefaultTemplateSID *string         `json:"default_template_sid"`
	TTSName            *string         `json:"tts_name"`
}

type serviceTOTPView struct {
	Issuer     *string `json:"issuer"`
	TimeStep   *int    `json:"time_step"`
	CodeLength *int    `json:"code_length"`
	Skew       *int    `json:"skew"`
}

func viewService(s verifyservice.Service) serviceView {
	v := serviceView{
		SID: optional(s.SID), AccountSID: optional(s.AccountSID), FriendlyName: s.FriendlyName,
		TOTP:          serviceTOTPView{Issuer: optional(s.Issuer), TimeStep: s.TOTP.TimeStep, CodeLength: s.TOTP.CodeLength, Skew: s.TOTP.Skew},
		LookupEnabled: s.LookupEnabled, SkipSMSToLandlines: s.SkipSMSToLandlines, PSD2Enabled: s.PSD2Enabled,
		DoNotShareWarning: s.DoNotShareWarning, DTMFInputRequired: s.DTMFInputRequired, CustomCodeEnabled: s.CustomCodeEnabled,
		DefaultTemplateSID: optional(s.DefaultTemplateSID), TTSName: optional(s.TTSName),
	}
	if s.CodeLength > 0 {
		v.CodeLength = &s.CodeLength
	}
	return v
}

// foreign says what it means that the settings here name another service than uzERP uses; empty where they don't, or where
// that can't be told.
func (a *App) foreign() string {
	for _, c := range injector.CheckSettings(a.uzerpSettings()) {
		if c.ID == injector.CheckSameService {
			return c.Message
		}
	}
	return ""
}

// warnIfForeign tells of another service than uzERP's: what is told of this one then says nothing about uzERP's logins.
func (a *App) warnIfForeign() {
	if why := a.foreign(); why != "" {
		a.streams.Warnf("%s", why)
	}
}

// checkOwnService refuses to ask a service that is not the one uzERP uses about uzERP's users: their factors are not there,
// which is no lockout.
func (a *App) checkOwnService() error {
	if why := a.foreign(); why != "" {
		return errs.New(errs.Config, why, "take the TWILIO_ settings away from the environment and --env-file, and uzERP's own are used; or name another uzERP directory with --uzerp-root")
	}
	return nil
}
