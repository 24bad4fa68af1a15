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
an SMS says. uzerp-mfa help service lists every finding, and how to change a setting.`,
		Annotations: exitCodes(),
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
	SID *string `json:"sid"` // null if it is only planned
	// the account it belongs to
	AccountSID *string `json:"account_sid"`
	// what an SMS or a call says the code is for
	FriendlyName string `json:"friendly_name"`
	// settings of authenticator apps
	TOTP serviceTOTPView `json:"totp"`
	// how many digits the codes have that Twilio sends
	CodeLength *int `json:"code_length"`
	// whether numbers are looked up first
	LookupEnabled *bool `json:"lookup_enabled"`
	// whether landlines get no SMS
	SkipSMSToLandlines *bool `json:"skip_sms_to_landlines"`
	// whether messages name a payment
	PSD2Enabled *bool `json:"psd2_enabled"`
	// whether an SMS says that the code must not be shared
	DoNotShareWarning *bool `json:"do_not_share_warning_enabled"`
	// whether a key must be pressed before a call tells the code
	DTMFInputRequired *bool `json:"dtmf_input_required"`
	// whether a program may choose the code
	CustomCodeEnabled *bool `json:"custom_code_enabled"`
	// the template of messages
	DefaultTemplateSID *string `json:"default_template_sid"`
	// how a call speaks the name
	TTSName *string `json:"tts_name"`
}

type serviceTOTPView struct {
	// what the app shows beside the code
	Issuer *string `json:"issuer"`
	// how many seconds a code is shown
	TimeStep *int `json:"time_step"`
	// how many digits a code has
	CodeLength *int `json:"code_length"`
	// how many codes before and after the present one are accepted
	Skew *int `json:"skew"`
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
