package cmd

import (
	"github.com/spf13/cobra"

	"uzerp-mfa/internal/verifyservice"
)

func newServiceCmd(app *App) *cobra.Command {
	c := &cobra.Command{
		Use:   "service",
		Short: "Show, check and make the Twilio Verify service",
		Long: `The Verify service is where Twilio keeps the users' factors, and what decides how authenticator apps make codes and what
an SMS says. uzerp-mfa help service lists every finding, and how to change a setting.

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

// serviceView is a service as scripts see it: with Twilio's names for the settings, and null where Twilio gives no
// value.
type serviceView struct {
	SID                *string         `json:"sid"` // null if it is only planned
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

// warnIfForeign warns if this is not uzERP's service: what is shown then says nothing about uzERP's logins.
func (a *App) warnIfForeign() {
	if why := a.reader.OtherService(); why != "" {
		a.streams.Warnf("%s", why)
	}
}
