package cmd

import (
	"context"

	"github.com/spf13/cobra"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/finding"
	"uzerp-mfa/internal/installation"
	"uzerp-mfa/internal/output"
	"uzerp-mfa/internal/verifyservice"
)

type serviceCreateOptions struct {
	writeFlags
	request  verifyservice.Request
	writeEnv bool
}

func newServiceCreateCmd(app *App) *cobra.Command {
	opts := &serviceCreateOptions{}
	c := &cobra.Command{
		Use:   "create --friendly-name NAME",
		Short: "Make a Verify service, and let uzERP use it",
		Long: `Makes a Verify service in the account of TWILIO_ACCOUNT_SID and prints the line that uzERP needs in conf/.env. With
--write-env it writes that line itself, as session-config set does: all or nothing, with the old file beside it as a backup.

Factors belong to one service. So --write-env refuses while anybody is enrolled: none of their codes would be accepted any more.
Twilio is asked only once. If its answer is lost, this says where to look.`,
		Annotations: exitCodes(errs.Config, errs.Refused, errs.Unavailable, errs.Declined),
		Example: `  uzerp-mfa service create --friendly-name "Acme uzERP" --dry-run
  uzerp-mfa service create --friendly-name "Acme uzERP" --totp-issuer Acme --write-env
  uzerp-mfa service create --friendly-name "Acme uzERP" --yes -o json`,
		Args: noArgs,
	}
	f := c.Flags()
	f.StringVar(&opts.request.FriendlyName, "friendly-name", "", "what an SMS or a call says the code is for: at most 30 letters, digits, blanks, - and _")
	f.StringVar(&opts.request.Issuer, "totp-issuer", "", "what authenticator apps show beside the code, if not the friendly name")
	f.BoolVar(&opts.writeEnv, "write-env", false, "write TWILIO_SERVICE_SID into uzERP's conf/.env")
	opts.register(c)
	c.RunE = app.run(oneFormats, func(ctx context.Context, _ []string) error { return runServiceCreate(ctx, app, opts) })
	return c
}

func (o *serviceCreateOptions) complete() (err error) {
	if o.request.FriendlyName == "" {
		return usageError("a name for the service is needed", `give one that users recognise: --friendly-name "Acme uzERP"`)
	}
	o.request, err = o.request.Complete()
	return err
}

type serviceEnvView struct {
	File   *string `json:"file"`   // null without --write-env
	Before *string `json:"before"` // null where the setting was missing
	Line   *string `json:"line"`   // what belongs into the file; null before there is a service
	// whether the line was written into the file
	Written bool `json:"written"`
	// the old file; null if nothing was written
	Backup *string `json:"backup"`
}

type serviceCreateView struct {
	SchemaVersion int  `json:"schema_version"`
	Changed       bool `json:"changed"`
	DryRun        bool `json:"dry_run"`
	// the new service
	Service serviceView `json:"service"`
	// what was done to conf/.env
	Env serviceEnvView `json:"env"`
}

func runServiceCreate(ctx context.Context, app *App, opts *serviceCreateOptions) error {
	if err := opts.complete(); err != nil {
		return err
	}
	if err := app.requireConfirmation(opts.writeFlags); err != nil {
		return err
	}
	setup, err := app.serviceSetup(opts.writeFlags)
	if err != nil {
		return err
	}
	plan, err := setup.Plan(ctx, opts.request, opts.writeEnv)
	if err != nil {
		return err
	}
	for _, w := range plan.Warnings {
		app.streams.Warnf("%s", w)
	}
	if opts.dryRun {
		return showServicePlan(app, plan)
	}
	if !opts.yes {
		sayServicePlan(app, plan)
		if err := app.confirm(ctx, opts.writeFlags, "Make this service?"); err != nil {
			return err
		}
	}
	made, err := setup.Apply(ctx, plan)
	if made.SID == "" {
		return err
	}
	showErr := showMade(app, plan, made)
	if showErr == nil {
		showErr = app.streams.Out.Flush() // only then the SID is out
	}
	if err == nil && showErr != nil {
		return made.NotShown(showErr)
	}
	return err
}

// serviceSetup returns what makes services, with the ports that it needs.
func (a *App) serviceSetup(w writeFlags) (verifyservice.Setup, error) {
	ch, err := a.changes(w)
	if err != nil {
		return verifyservice.Setup{}, err
	}
	services, err := ch.Services()
	if err != nil {
		return verifyservice.Setup{}, err
	}
	otherDatabase := ""
	if compared, err := a.reader.CompareDatabases(); err == nil && compared.Differs() {
		otherDatabase = compared.Source
	}
	settings, err := a.loader.TwilioAccount()
	return verifyservice.Setup{
		Services: services, Users: a.reader.Copy, Log: ch,
		EnvFile: func() (installation.EnvFile, error) {
			at, err := a.sessionPlace("", "")
			if err != nil {
				return installation.EnvFile{}, err
			}
			return at.Installation.ReadEnv()
		},
		Account: settings.AccountSID, Present: settings.ServiceFrom(), OtherDatabase: otherDatabase,
	}, err
}

// viewCreated returns the view of a plan, and of what was made of it.
func viewCreated(p verifyservice.Plan, made verifyservice.Made) serviceCreateView {
	v := serviceCreateView{SchemaVersion: schemaVersion, Changed: made.SID != "", Service: viewService(made.Service),
		Env: serviceEnvView{Written: made.Written, Backup: optional(made.Backup)}}
	if made.SID != "" {
		v.Env.Line = optional(made.Line())
	}
	if p.Env != nil {
		v.Env.File, v.Env.Before = optional(p.Env.Path()), p.Env.Change(made.SID).Before
	}
	return v
}

// newSID stands for the SID that Twilio will choose.
const newSID = "(the new service's SID)"

// showServicePlan prints the plan of a dry run.
func showServicePlan(app *App, p verifyservice.Plan) error {
	if app.flags.output == formatJSON {
		planned := verifyservice.Service{AccountSID: p.Account, FriendlyName: p.Request.FriendlyName, Issuer: p.Request.Issuer}
		v := viewCreated(p, verifyservice.Made{Service: planned})
		v.DryRun = true
		return output.WriteJSON(app.streams.Out, v)
	}
	rows := [][]string{{"account_sid", p.Account}, {"friendly_name", p.Request.FriendlyName}, {"totp.issuer", p.Request.Issuer}}
	if p.Env != nil {
		rows = append(rows, []string{p.Env.Path(), viewChange(p.Env.Change(newSID)).say()})
	}
	return app.writeTable(nil, columnsNamed("setting", "value"), rows)
}

// sayServicePlan shows the plan before the question.
func sayServicePlan(app *App, p verifyservice.Plan) {
	s := app.streams
	s.Sayf("  account        %s", p.Account)
	s.Sayf("  friendly name  %q, in an SMS or a call", p.Request.FriendlyName)
	s.Sayf("  issuer         %q, in authenticator apps", p.Request.Issuer)
	if p.Env == nil {
		s.Sayf("  conf/.env      stays as it is; the line for it is printed")
		return
	}
	s.Sayf("  %s, %s", p.Env.Path(), viewChange(p.Env.Change(newSID)).say())
	s.Sayf("  nobody of %s is enrolled, so nobody is locked out by it", count(p.Env.Users, "user"))
}

// showMade prints the line for conf/.env, which must not get lost, and on stderr what to do with it.
func showMade(app *App, p verifyservice.Plan, made verifyservice.Made) error {
	for _, f := range verifyservice.Check(made.Service) {
		if f.Severity > finding.Info {
			app.streams.Warnf("%s: %s", f.ID, f.Message)
		}
	}
	switch {
	case made.Written:
		app.streams.Notef("%s names the new service; the old file is %s", p.Env.Path(), made.Backup)
	case p.Env == nil:
		app.streams.Notef("put this line into conf/.env in uzERP's directory; uzERP reads it from no other place")
	}
	if app.flags.output == formatJSON {
		return output.WriteJSON(app.streams.Out, viewCreated(p, made))
	}
	return output.Fprintf(app.streams.Out, "%s\n", made.Line())
}
