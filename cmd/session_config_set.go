package cmd

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"uzerp-mfa/internal/audit"
	"uzerp-mfa/internal/mfa"
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
what would lock everybody out. Running it again changes nothing.

` + exitCodes(mfa.KindConfig, mfa.KindRefused, mfa.KindDeclined),
		Example: `  uzerp-mfa session-config set --manage on --activity-timeout 30m --max-age 8h
  uzerp-mfa session-config set --max-age 12h --dry-run
  uzerp-mfa session-config set --manage off --yes`,
		Args: noArgs,
	}
	f := c.Flags()
	registerEnvFile(f, &opts.file)
	f.StringVar(&opts.manage, "manage", "", "whether uzERP manages sessions: on or off")
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

type sessionChangeView struct {
	Setting string  `json:"setting"`
	Line    *int    `json:"line"`   // null for a line that is added
	Before  *string `json:"before"` // null where the setting was missing
	After   string  `json:"after"`
}

type sessionSetView struct {
	SchemaVersion int                 `json:"schema_version"`
	Changed       bool                `json:"changed"`
	DryRun        bool                `json:"dry_run"`
	File          string              `json:"file"`
	Backup        *string             `json:"backup"`
	Changes       []sessionChangeView `json:"changes"`
	Findings      []findingView       `json:"findings"` // of the file as it is then
}

func runSessionConfigSet(ctx context.Context, app *App, opts *sessionConfigSetOptions) error {
	if err := opts.complete(); err != nil {
		return err
	}
	if err := app.requireConfirmation(opts.writeFlags); err != nil {
		return err
	}
	if err := app.recordChanges(opts.writeFlags); err != nil {
		return err
	}
	if err := opts.request.Valid(); err != nil {
		return app.refused("session settings", err)
	}
	at := thisMachine(opts.file, "")
	in, err := app.readEnv(at)
	if err != nil {
		return err
	}
	if err := canBeSet(in.Env); err != nil {
		return err
	}
	changes, err := sessionconfig.PlanChange(in.Env, opts.request)
	if err != nil {
		return app.refused(in.Env.Path, err)
	}
	content, err := editEnv(in.source, changes)
	if err != nil {
		return err
	}
	view := sessionSetView{SchemaVersion: schemaVersion, DryRun: opts.dryRun, File: in.Env.Path, Changes: viewChanges(changes)}
	if len(changes) > 0 && !opts.dryRun {
		if err := confirmChange(ctx, app, opts, view); err != nil {
			return err
		}
		var backup string
		err := app.recordSettings(ctx, in.Env.Path, view.Changes, func() (err error) {
			backup, err = writeEnv(in.Env.Path, in.source, content)
			return err
		})
		if err != nil {
			return err
		}
		view.Changed, view.Backup = true, optional(backup)
	}
	// What the check says afterwards, also of a dry run's file, which is not written.
	after := in
	after.Env.Settings, after.Env.Oddities = nil, nil
	if err := judgeEnv(&after.Env, content); err != nil {
		return err
	}
	if err := after.readPHP(at); err != nil {
		return err
	}
	return showChange(app, view, sessionconfig.Check(after.Input))
}

// recordSettings makes a change of settings, none of them a secret, and records it.
func (a *App) recordSettings(ctx context.Context, file string, changes []sessionChangeView, change func() error) error {
	if a.recorder == nil {
		return change()
	}
	before, after := audit.Values{}, audit.Values{}
	for _, c := range changes {
		before[c.Setting], after[c.Setting] = nil, c.After
		if c.Before != nil {
			before[c.Setting] = *c.Before
		}
	}
	return a.recorder.Record(ctx, file, before, after, change)
}

// canBeSet refuses a file in which a setting would have no effect, or that uzERP can't read.
func canBeSet(env sessionconfig.EnvFile) error {
	switch {
	case env.Misplaced != "":
		return mfa.NewError(mfa.KindConfig, fmt.Sprintf("nothing reads %s: uzERP reads %s", env.Misplaced, env.Path), "move the file there first")
	case !env.Found:
		return mfa.NewError(mfa.KindConfig, env.Path+" does not exist", "make it, readable for the web server only: install -m 0640 -g www-data /dev/null "+env.Path)
	case env.Syntax != nil:
		return mfa.NewError(mfa.KindConfig, fmt.Sprintf("%s line %d: uzERP's reader rejects this line, so nothing in the file holds (%s)", env.Path, env.Syntax.Line, env.Syntax.Reason),
			"correct that line first")
	}
	return nil
}

func confirmChange(ctx context.Context, app *App, opts *sessionConfigSetOptions, v sessionSetView) error {
	if opts.yes {
		return nil
	}
	for _, c := range v.Changes {
		where := "new line"
		if c.Line != nil {
			where = fmt.Sprintf("line %d", *c.Line)
		}
		before := "(none)"
		if c.Before != nil {
			before = c.Setting + "=" + *c.Before
		}
		app.streams.Sayf("  %s: %s -> %s", where, before, c.Setting+"="+c.After)
	}
	return app.confirm(ctx, opts.writeFlags, "Write this into "+v.File+"?")
}

func viewChanges(changes []sessionconfig.Change) []sessionChangeView {
	views := []sessionChangeView{}
	for _, c := range changes {
		v := sessionChangeView{Setting: c.Setting, Before: c.Before, After: c.After}
		if c.Line > 0 {
			v.Line = &c.Line
		}
		views = append(views, v)
	}
	return views
}

// showChange prints the change on stdout, and on stderr what else is wrong.
func showChange(app *App, v sessionSetView, findings []sessionconfig.Finding) error {
	if app.flags.output == formatJSON {
		v.Findings = viewFindings(findings)
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
	if err := output.Table(app.streams.Out, []string{"setting", "line", "before", "after"}, rows); err != nil {
		return err
	}
	for _, f := range findings {
		if f.Severity != sessionconfig.Info {
			app.streams.Warnf("%s: %s: %s", f.ID, place(f), f.Message)
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
