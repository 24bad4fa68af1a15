package cmd

import (
	"context"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/output"
	"uzerp-mfa/internal/verifyservice"
)

func newServiceShowCmd(app *App) *cobra.Command {
	c := &cobra.Command{
		Use:   "show",
		Short: "Show the Verify service's settings",
		Long: `Shows the settings of the service that TWILIO_SERVICE_SID names, by the names that Twilio's API has for them. Nothing is
changed; service check says what they mean.`,
		Annotations: exitCodes(errs.Config, errs.NotFound, errs.Refused, errs.Unavailable),
		Example:     "  uzerp-mfa service show\n  uzerp-mfa service show -o json",
		Args:        noArgs,
	}
	c.RunE = app.run(oneFormats, func(ctx context.Context, _ []string) error { return runServiceShow(ctx, app) })
	return c
}

type serviceDocument struct {
	SchemaVersion int `json:"schema_version"`
	// the service of TWILIO_SERVICE_SID
	Service serviceView `json:"service"`
}

func runServiceShow(ctx context.Context, app *App) error {
	app.warnIfForeign() // first: Twilio may not know that service
	service, err := app.reader.Service(ctx)
	if err != nil {
		return err
	}
	v := viewService(service)
	if app.flags.output == formatJSON {
		return output.WriteJSON(app.streams.Out, serviceDocument{SchemaVersion: schemaVersion, Service: v})
	}
	return app.writeTable(nil, columnsNamed("setting", "value"), serviceRows(v))
}

func serviceRows(v serviceView) [][]string {
	return [][]string{
		{"sid", text(v.SID)},
		{"account_sid", text(v.AccountSID)},
		{"friendly_name", v.FriendlyName},
		{"totp.issuer", orUnset(v.TOTP.Issuer, "apps show the friendly name")},
		{"totp.time_step", numberOrUnset(v.TOTP.TimeStep, verifyservice.DefaultTimeStep)},
		{"totp.code_length", numberOrUnset(v.TOTP.CodeLength, verifyservice.DefaultCodeLength)},
		{"totp.skew", numberOrUnset(v.TOTP.Skew, verifyservice.DefaultSkew)},
		{"code_length", numberOrUntold(v.CodeLength)},
		{"lookup_enabled", boolOrUntold(v.LookupEnabled)},
		{"skip_sms_to_landlines", boolOrUntold(v.SkipSMSToLandlines)},
		{"psd2_enabled", boolOrUntold(v.PSD2Enabled)},
		{"do_not_share_warning_enabled", boolOrUntold(v.DoNotShareWarning)},
		{"dtmf_input_required", boolOrUntold(v.DTMFInputRequired)},
		{"custom_code_enabled", boolOrUntold(v.CustomCodeEnabled)},
		{"default_template_sid", orUnset(v.DefaultTemplateSID, "Twilio's own text")},
		{"tts_name", orUnset(v.TTSName, "Twilio's own voice")},
	}
}

// orUnset returns the value, or what holds if there is none.
func orUnset(s *string, then string) string {
	if s == nil {
		return "unset (" + then + ")"
	}
	return *s
}

func numberOrUnset(n *int, then int) string {
	if n == nil {
		return fmt.Sprintf("unset (%d)", then)
	}
	return strconv.Itoa(*n)
}

// notTold stands where Twilio gives no value and documents no default.
const notTold = "not told"

func numberOrUntold(n *int) string {
	if n == nil {
		return notTold
	}
	return strconv.Itoa(*n)
}

func boolOrUntold(b *bool) string {
	if b == nil {
		return notTold
	}
	return strconv.FormatBool(*b)
}
