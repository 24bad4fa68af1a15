package cmd

import (
	"cmp"
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/finding"
	"uzerp-mfa/internal/installation"
	"uzerp-mfa/internal/mfa"
	"uzerp-mfa/internal/output"
	"uzerp-mfa/internal/sessionconfig"
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

Factors live in one service. So --write-env refuses while anybody is enrolled: none of their codes would be accepted any more.
Twilio is asked once and never again by itself; where its answer is lost, this says where to look.

` + exitCodes(errs.Config, errs.Refused, errs.Unavailable, errs.Declined),
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

func (o *serviceCreateOptions) complete() error {
	if o.request.FriendlyName == "" {
		return usageError("a name for the service is needed", `give one that users recognise: --friendly-name "Acme uzERP"`)
	}
	if err := verifyservice.CheckFriendlyName(o.request.FriendlyName); err != nil {
		return err
	}
	if err := verifyservice.CheckIssuer(o.request.Issuer); err != nil {
		return err
	}
	// Said outright, the issuer stays when the friendly name is changed one day.
	o.request.Issuer = cmp.Or(o.request.Issuer, o.request.FriendlyName)
	return nil
}

type serviceEnvView struct {
	File    *string `json:"file"`   // null without --write-env
	Before  *string `json:"before"` // null where the setting was missing
	Line    *string `json:"line"`   // what belongs into the file; null before there is a service
	Written bool    `json:"written"`
	Backup  *string `json:"backup"`
}

type serviceCreateView struct {
	SchemaVersion int            `json:"schema_version"`
	DryRun        bool           `json:"dry_run"`
	Service       serviceView    `json:"service"`
	Env           serviceEnvView `json:"env"`
}

func runServiceCreate(ctx context.Context, app *App, opts *serviceCreateOptions) error {
	if err := opts.complete(); err != nil {
		return err
	}
	if err := app.requireConfirmation(opts.writeFlags); err != nil {
		return err
	}
	ch, err := app.changes(opts.writeFlags)
	if err != nil {
		return err
	}
	services, err := ch.Services()
	if err != nil {
		return err
	}
	plan, err := planService(ctx, app, opts)
	if err != nil {
		return ch.Refused(opts.request.FriendlyName, err)
	}
	plan.warn(app)
	if opts.dryRun {
		return plan.showDry(app)
	}
	if !opts.yes {
		plan.show(app)
		if err := app.confirm(ctx, opts.writeFlags, "Make this service?"); err != nil {
			return err
		}
	}
	if err := plan.env.rehearse(ctx, app); err != nil {
		return ch.Refused(opts.request.FriendlyName, err)
	}
	made, err := verifyservice.Create(ctx, services, opts.request)
	if err != nil {
		return err
	}
	view := plan.view(made)
	envErr := plan.env.write(context.WithoutCancel(ctx), app, ch, made.SID, &view.Env) // what is begun is ended
	err = showCreated(app, view, plan, made)
	if err == nil {
		err = app.streams.Out.Flush() // only then it is told
	}
	if err != nil && envErr == nil {
		return &errs.Error{Kind: errs.Failure, Err: fmt.Errorf("the service %s is made, but that could not be written: %w", made.SID, err),
			Hint: "keep its SID; running the command again would make another service"}
	}
	return envErr
}

// servicePlan is what is going to be made, and where its SID goes.
type servicePlan struct {
	request verifyservice.Request
	account string
	present string   // where TWILIO_SERVICE_SID is set now; "" if it is not
	env     *envPlan // nil without --write-env
}

// envPlan is the change of conf/.env.
type envPlan struct {
	file  installation.EnvFile
	place mfa.Place
}

func planService(ctx context.Context, app *App, opts *serviceCreateOptions) (servicePlan, error) {
	settings, err := app.loader.TwilioAccount()
	if err != nil {
		return servicePlan{}, err
	}
	plan := servicePlan{request: opts.request, account: settings.AccountSID, present: settings.ServiceFrom()}
	if opts.writeEnv {
		plan.env, err = planEnv(ctx, app, settings.AccountSID)
	}
	return plan, err
}

// anySID stands for that of a service that does not exist yet.
const anySID = "VA00000000000000000000000000000000"

// planEnv finds out all that could keep a new service out of conf/.env, before there is one.
func planEnv(ctx context.Context, app *App, account string) (*envPlan, error) {
	at, err := app.sessionPlace("", "")
	if err != nil {
		return nil, err
	}
	env, err := at.Installation.ReadEnv()
	if err != nil {
		return nil, err
	}
	if err := env.Editable(); err != nil {
		return nil, err
	}
	if theirs := env.Settings[sessionconfig.AccountSID].Value.Reveal(); theirs != "" && theirs != account {
		return nil, errs.New(errs.Refused, "TWILIO_ACCOUNT_SID here is not the account in "+env.Path+", where uzERP would look for the service in vain",
			"make the service in uzERP's own account: without TWILIO_ settings in the environment and --env-file, those of that file are used")
	}
	if from := app.loader.ForeignDatabase(); from != "" {
		return nil, errs.New(errs.Refused, fmt.Sprintf("not written: the database is the one of %s, and whom a new service would lock out is in the one that uzERP's own files name", from),
			"give no database of another place; or leave out --write-env, and the line for conf/.env is printed")
	}
	plan := &envPlan{file: env}
	if _, err := plan.edit(anySID); err != nil {
		return nil, err
	}
	plan.place, err = nobodyEnrolled(ctx, app)
	return plan, err
}

// nobodyEnrolled refuses while there are users whom another service would lock out, and where that can't be told.
func nobodyEnrolled(ctx context.Context, app *App) (mfa.Place, error) {
	place, err := func() (mfa.Place, error) {
		store, err := app.reader.Copy(ctx)
		if err != nil {
			return mfa.Place{}, err
		}
		return store.Place(ctx)
	}()
	if err != nil {
		return place, &errs.Error{Kind: errs.KindOf(err), Err: fmt.Errorf("not written, for the database can't say who is enrolled and would be locked out: %w", err),
			Hint: "without --write-env the service is made, and the line for conf/.env printed"}
	}
	return place, verifyservice.CheckNobodyEnrolled(place)
}

func (p *envPlan) change(sid string) installation.Change {
	return sessionconfig.PlanService(p.file, sid)
}

func (p *envPlan) edit(sid string) (*installation.EnvEdit, error) { return p.file.Plan(p.change(sid)) }

// rehearse looks again after the question was answered, and does all but putting the new file in the old one's place:
// Twilio can't be told to forget a service.
func (p *envPlan) rehearse(ctx context.Context, app *App) error {
	if p == nil {
		return nil
	}
	if _, err := nobodyEnrolled(ctx, app); err != nil {
		return err
	}
	edit, err := p.edit(anySID)
	if err != nil {
		return err
	}
	return edit.Rehearse(ctx)
}

// write puts the new service into conf/.env, unless somebody enrolled in the old one meanwhile.
func (p *envPlan) write(ctx context.Context, app *App, ch *changes, sid string, v *serviceEnvView) error {
	if p == nil {
		return nil
	}
	if _, err := nobodyEnrolled(ctx, app); err != nil {
		return p.unwritten(sid, err, "once nobody is enrolled (user list shows it), ")
	}
	return p.put(ctx, ch, sid, v)
}

func (p *envPlan) put(ctx context.Context, ch *changes, sid string, v *serviceEnvView) error {
	edit, err := p.edit(sid)
	if err != nil {
		return p.unwritten(sid, err, "")
	}
	backup, err := edit.Apply(ctx, ch.Settings)
	v.Written, v.Backup = err == nil || backup != "", optional(backup)
	switch {
	case err == nil:
		return nil
	case v.Written:
		return &errs.Error{Kind: errs.Failure, Err: fmt.Errorf("the service %s is made and written: %w", sid, err), Hint: errs.HintOf(err)}
	}
	return p.unwritten(sid, err, "")
}

// unwritten is the error of a service that exists and that conf/.env does not name. It is no refusal and no failure to
// reach something, after which nothing is changed and it is safe to run the command again.
func (p *envPlan) unwritten(sid string, err error, first string) error {
	return &errs.Error{Kind: errs.Failure, Err: fmt.Errorf("the service %s is made, but %s does not name it: %w", sid, p.file.Path, err),
		Hint: fmt.Sprintf("%sput %s=%s into %s by hand; running the command again would make another service", first, sessionconfig.ServiceSID, sid, p.file.Path)}
}

// view gives what there is; made is empty before there is a service.
func (p servicePlan) view(made verifyservice.Service) serviceCreateView {
	v := serviceCreateView{SchemaVersion: schemaVersion, Service: viewService(made)}
	if made.SID != "" {
		v.Env.Line = optional(sessionconfig.ServiceSID + "=" + made.SID)
	}
	if p.env != nil {
		v.Env.File, v.Env.Before = &p.env.file.Path, p.env.change(made.SID).Before
	}
	return v
}

// newSID stands for the SID that Twilio will choose.
const newSID = "(the new service's SID)"

func (p servicePlan) showDry(app *App) error {
	if app.flags.output == formatJSON {
		v := p.view(verifyservice.Service{AccountSID: p.account, FriendlyName: p.request.FriendlyName, Issuer: p.request.Issuer})
		v.DryRun = true
		return output.WriteJSON(app.streams.Out, v)
	}
	rows := [][]string{{"account_sid", p.account}, {"friendly_name", p.request.FriendlyName}, {"totp.issuer", p.request.Issuer}}
	if p.env != nil {
		rows = append(rows, []string{p.env.file.Path, viewChange(p.env.change(newSID)).say()})
	}
	return output.Table(app.streams.Out, []string{"setting", "value"}, rows)
}

// show tells before the question what is going to happen.
func (p servicePlan) show(app *App) {
	s := app.streams
	s.Sayf("  account        %s", p.account)
	s.Sayf("  friendly name  %q, in an SMS or a call", p.request.FriendlyName)
	s.Sayf("  issuer         %q, in authenticator apps", p.request.Issuer)
	if p.env == nil {
		s.Sayf("  conf/.env      stays as it is; the line for it is printed")
		return
	}
	s.Sayf("  %s, %s", p.env.file.Path, viewChange(p.env.change(newSID)).say())
	s.Sayf("  nobody of %s is enrolled, so nobody is locked out by it", count(p.env.place.Users, "user"))
}

// warn tells of settings that the new service's SID will not go with.
func (p servicePlan) warn(app *App) {
	switch {
	case p.present == "" || p.env != nil && p.present == p.env.file.Path: // then the plan says it
	case p.env == nil:
		app.streams.Warnf("TWILIO_SERVICE_SID is set already (%s): users who are enrolled in that service can not log in with another", p.present)
	default:
		app.streams.Warnf("TWILIO_SERVICE_SID is set in %s too: this program goes on using that service until you take it away there", p.present)
	}
	if p.env == nil {
		return
	}
	for _, name := range []string{sessionconfig.AccountSID, sessionconfig.AuthToken} {
		if !p.env.file.Settings[name].Value.IsSet() {
			app.streams.Warnf("%s lacks %s, without which uzERP can not use the service", p.env.file.Path, name)
		}
	}
}

// showCreated prints the one thing that must not get lost, and on stderr what is to be done with it.
func showCreated(app *App, v serviceCreateView, p servicePlan, made verifyservice.Service) error {
	for _, f := range verifyservice.Check(made) {
		if f.Severity > finding.Info {
			app.streams.Warnf("%s: %s", f.ID, f.Message)
		}
	}
	switch {
	case v.Env.Written:
		app.streams.Notef("%s names the new service; the old file is %s", text(v.Env.File), text(v.Env.Backup))
	case p.env == nil:
		app.streams.Notef("put this line into conf/.env in uzERP's directory; uzERP reads it from no other place")
	}
	if app.flags.output == formatJSON {
		return output.WriteJSON(app.streams.Out, v)
	}
	return output.Fprintf(app.streams.Out, "%s\n", *v.Env.Line)
}
