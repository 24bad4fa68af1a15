package cmd

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/finding"
	"uzerp-mfa/internal/output"
	"uzerp-mfa/internal/sessionconfig"
)

type sessionConfigSetOptions struct {
	writeFlags
	file             string
	manage           string
	activity, maxAge limitValue
	request          sessionconfig.Request
}

func newSessionConfigSetCmd(app *App) *cobra.Command {
	opts := &sessionConfigSetOptions{}
	c := &cobra.Command{
		Use:   "set",
		Short: "Write uzERP's session settings into conf/.env",
		Long: `Writes the session settings into conf/.env: all or nothing, whatever happens, with every other byte, the owner and the mode
kept and the old file beside it as a backup, and only if uzERP's own reader then reads exactly what was meant. It refuses
what would lock everybody out. Running it again changes nothing.`,
		Annotations: exitCodes(errs.Config, errs.Refused, errs.Declined),
		Example: `  uzerp-mfa session-config set --manage on --activity-timeout 30m --max-age 8h
  uzerp-mfa session-config set --max-age 12h --dry-run
  uzerp-mfa session-config set --manage off --yes`,
		Args: noArgs,
	}
	f := c.Flags()
	registerEnvFile(f, &opts.file)
	f.StringVar(&opts.manage, "manage", "", "whether uzERP manages sessions: on or off")
	completeValues(c, "manage", "on", "off")
	registerLimits(f, &opts.activity, &opts.maxAge)
	opts.register(c)
	c.RunE = app.run(oneFormats, func(ctx context.Context, _ []string) error { return runSessionConfigSet(ctx, app, opts) })
	return c
}

func (o *sessionConfigSetOptions) complete() error {
	switch o.manage {
	case "":
	case "on", "off":
		on := o.manage == "on"
		o.request.Manage = &on
	default:
		return usageError(fmt.Sprintf("--manage: %q is neither on nor off", o.manage), "")
	}
	o.request.ActivityTimeout, o.request.MaxAge = o.activity.wanted(), o.maxAge.wanted()
	if o.request == (sessionconfig.Request{}) {
		return usageError("there is nothing to set", "give --activity-timeout, --max-age or --manage")
	}
	return nil
}

type sessionSetView struct {
	SchemaVersion int  `json:"schema_version"`
	Changed       bool `json:"changed"`
	DryRun        bool `json:"dry_run"`
	// the file that is changed
	File string `json:"file"`
	// the old file; null if nothing was written
	Backup *string `json:"backup"`
	// one for each setting that gets another value
	Changes  []envChangeView `json:"changes"`
	Findings []findingView   `json:"findings"` // of the file as it is then
}

func runSessionConfigSet(ctx context.Context, app *App, opts *sessionConfigSetOptions) error {
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
	if err := opts.request.Valid(); err != nil {
		return ch.Refused("session settings", err)
	}
	at, err := app.sessionPlace(opts.file, "")
	if err != nil {
		return err
	}
	in, err := sessionconfig.ReadEnv(at)
	if err != nil {
		return err
	}
	plan, err := sessionconfig.PlanSet(in, opts.request)
	if err != nil {
		return ch.Refused(in.Env.Path, err)
	}
	edit := plan.Edit
	view := sessionSetView{SchemaVersion: schemaVersion, DryRun: opts.dryRun, File: edit.Path, Changes: viewChanges(edit.Changes)}
	if len(edit.Changes) > 0 {
		if err := ch.Allowed(ctx, nil, edit.Path); err != nil {
			return err
		}
	}
	if len(edit.Changes) > 0 && !opts.dryRun {
		if err := confirmChange(ctx, app, opts, view); err != nil {
			return err
		}
		backup, err := ch.WriteEnv(ctx, edit)
		if err != nil {
			return err
		}
		view.Changed, view.Backup = true, optional(backup)
		for i := range view.Changes {
			view.Changes[i].Changed = true
		}
	}
	findings, err := plan.CheckAfter(at)
	if err != nil {
		return err
	}
	return showChange(app, view, findings)
}

func confirmChange(ctx context.Context, app *App, opts *sessionConfigSetOptions, v sessionSetView) error {
	if opts.yes {
		return nil
	}
	for _, c := range v.Changes {
		app.streams.Sayf("  %s", c.say())
	}
	return app.confirm(ctx, opts.writeFlags, "Write this into "+v.File+"?")
}

// showChange prints the change on stdout, and on stderr what else is wrong.
func showChange(app *App, v sessionSetView, findings []finding.Finding) error {
	if app.flags.output == formatJSON {
		v.Findings = viewFindings(app, findings)
		return output.WriteJSON(app.streams.Out, v)
	}
	var rows [][]string
	for _, c := range v.Changes {
		line := "new"
		if c.Line != nil {
			line = fmt.Sprint(*c.Line)
		}
		rows = append(rows, []string{c.Setting, line, orNone(c.Before), c.After})
	}
	if err := app.writeTable(nil, columnsNamed("setting", "line", "before", "after"), rows); err != nil {
		return err
	}
	for _, f := range findings {
		if f.Severity > finding.Info {
			app.streams.Warnf("%s: %s: %s", f.ID, findingPlace(f), f.Message)
		}
	}
	switch {
	case v.Changed:
		app.streams.Notef("the old file is %s", text(v.Backup))
		app.streams.Notef("uzERP reads its settings at every request: the change holds for each browser, also with a session that is open, from its next click on")
	case len(v.Changes) == 0:
		app.streams.Notef("nothing to do: %s says so already", v.File)
	}
	return nil
}
