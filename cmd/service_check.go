package cmd

import (
	"context"

	"github.com/spf13/cobra"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/finding"
	"uzerp-mfa/internal/output"
	"uzerp-mfa/internal/verifyservice"
)

func newServiceCheckCmd(app *App) *cobra.Command {
	var strict bool
	c := &cobra.Command{
		Use:   "check",
		Short: "Check the Verify service's settings",
		Long: `Checks the settings of the service that TWILIO_SERVICE_SID names: what keeps users from logging in, what lets somebody else
in, what the helpdesk must know, and what can't be seen from here. Nothing is changed.
An error ends with 9, with --strict a warning too.`,
		Annotations: exitCodes(errs.Config, errs.NotFound, errs.Refused, errs.Unavailable, errs.Findings),
		Example:     "  uzerp-mfa service check\n  uzerp-mfa service check --strict -o json",
		Args:        noArgs,
	}
	registerStrict(c.Flags(), &strict)
	c.RunE = app.run(oneFormats, func(ctx context.Context, _ []string) error { return runServiceCheck(ctx, app, strict) })
	return c
}

type serviceCheckView struct {
	SchemaVersion int `json:"schema_version"`
	// what was found, the most severe first
	Findings []findingView `json:"findings"`
	// the service that was checked
	Service serviceView `json:"service"`
}

func runServiceCheck(ctx context.Context, app *App, strict bool) error {
	app.warnIfForeign() // first: Twilio may not know that service
	service, err := app.reader.Service(ctx)
	if err != nil {
		return err
	}
	findings := verifyservice.Check(service)
	if err := showServiceCheck(app, viewService(service), findings); err != nil {
		return err
	}
	return verdict(findings, strict, "the Verify service's settings", "each finding names what to set; Twilio's console, under Verify, Services, is where")
}

func showServiceCheck(app *App, service serviceView, findings []finding.Finding) error {
	if app.flags.output == formatJSON {
		return output.WriteJSON(app.streams.Out, serviceCheckView{SchemaVersion: schemaVersion, Findings: viewFindings(app, findings), Service: service})
	}
	if err := app.writeTable(nil, columnsNamed("setting", "value"), serviceRows(service)); err != nil {
		return err
	}
	return writeFindings(app, findings)
}
