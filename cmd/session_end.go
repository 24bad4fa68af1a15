package cmd

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"uzerp-mfa/internal/audit"
	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/injector"
	"uzerp-mfa/internal/session"
)

type sessionEndOptions struct {
	writeFlags
	names      nameList
	phpIni     string
	all        bool
	oldHandler bool
}

func newSessionEndCmd(app *App) *cobra.Command {
	opts := &sessionEndOptions{}
	c := &cobra.Command{
		Use:   "end USER... | --all",
		Short: "End the open sessions of users, or all",
		Long: `Ends sessions: the next click of that browser shows the login page. A session in which the password was given and the code
was not is ended too, and with --all each login page that is open. It waits until no request uses a session, removes it, and
looks again until none is left. Input that was not saved is lost.

With --all --old-handler only those end whose browser keeps another login handler than uzERP has now: after set-injector they
would still log in in the old way.

If it is not certain that none is left, because a request does not end, it ends with 7. A session that requests keep busy is
removed after ten seconds if its user is logged in. Sessions that are not in files, are written
by igbinary, are too large, or stand in a file with a second name are left: 6. Whose they are is not known.`,
		Annotations: exitCodes(errs.Partial, errs.Config, errs.NotFound, errs.Refused, errs.Unavailable, errs.Declined),
		Example: `  uzerp-mfa session end alice
  uzerp-mfa session end alice bob --yes -o json
  uzerp-mfa session end --all --old-handler --dry-run`,
	}
	f := c.Flags()
	f.BoolVar(&opts.all, "all", false, "everybody, and not single users")
	f.BoolVar(&opts.oldHandler, "old-handler", false, "with --all: only where the browser keeps another login handler than uzERP has now")
	registerPHPIni(f, &opts.phpIni)
	opts.register(c)
	opts.names.register(c)
	named := c.Args
	c.Args = func(c *cobra.Command, args []string) error {
		if len(args) == 0 {
			return nil // --all
		}
		return named(c, args)
	}
	c.ValidArgsFunction = app.completeUsers(0)
	c.RunE = app.run(listFormats, func(ctx context.Context, args []string) error { return runSessionEnd(ctx, app, opts, args) })
	return c
}

func (o *sessionEndOptions) complete(args []string) error {
	named := len(args) > 0 || o.names.file != ""
	switch {
	case o.all && named:
		return usageError("--all means every user: names contradict it", "")
	case o.oldHandler && !o.all:
		return usageError("--old-handler is for --all, which is missing", "")
	case !o.all && !named:
		return usageError("a user name is needed, or --all", "")
	}
	return nil
}

type sessionEndView struct {
	SchemaVersion int  `json:"schema_version"`
	Changed       bool `json:"changed"`
	DryRun        bool `json:"dry_run"`
	// one for each user
	Results []sessionEnded `json:"results"`
	// where PHP keeps sessions
	Places []placeView `json:"places"`
	// what could not be read there
	NotRead []notReadView `json:"not_read"`
	// server interfaces whose sessions are not in files
	Elsewhere []elsewhereView `json:"elsewhere"`
}

// sessionEnded is what became of one user's sessions.
type sessionEnded struct {
	Username *string `json:"username"` // null for the open login pages, where nobody has given a password
	// what became of the sessions
	Status   userStatus `json:"status"`
	Changed  bool       `json:"changed"`
	Sessions int        `json:"sessions"` // how many were ended, or would be
	// the same in words
	Message string `json:"message"`
	// what to do about a failure or refusal
	Hint *string `json:"hint"`
}

func runSessionEnd(ctx context.Context, app *App, opts *sessionEndOptions, args []string) error {
	if err := opts.complete(args); err != nil {
		return err
	}
	names, err := opts.names.read(ctx, app, args)
	if err != nil {
		return err
	}
	if err := app.requireConfirmation(opts.writeFlags); err != nil {
		return err
	}
	ch, err := app.changes(opts.writeFlags)
	if err != nil {
		return err
	}
	sessions, err := ch.Sessions(app.sessionSettings(opts.phpIni))
	if err != nil {
		return ch.Refused("sessions", err)
	}
	sel := session.Selection{All: opts.all}
	if !opts.all {
		store, err := ch.UserReader(ctx)
		if err != nil {
			return err
		}
		users, err := opts.names.lookup(ctx, store, names)
		if err != nil {
			return err
		}
		sel.Users = usernamesOf(users)
	}
	if opts.oldHandler {
		if sel.Present, err = app.presentHandler(ctx); err != nil {
			return err
		}
	}
	listing, err := sessions.List(ctx)
	if err != nil {
		return err
	}
	groups := session.PlanEnd(listing, sel)
	users, others := targets(groups)
	if err := ch.Allowed(ctx, users, others...); err != nil {
		return err
	}
	if err := confirmEnd(ctx, app, opts, groups); err != nil {
		return err
	}
	var ended []session.Ended
	if !opts.dryRun {
		ended, err = session.End(ctx, sessions, sel, app.now)
	}
	return reportEnd(app, opts, listing, session.Outcomes(sel, groups, ended), err)
}

// presentHandler returns the login handler that uzERP uses now.
func (a *App) presentHandler(ctx context.Context) (string, error) {
	site, err := a.reader.Injector(ctx)
	if err != nil {
		return "", err
	}
	classes, err := site.InjectorClasses(ctx, []string{injector.LoginHandler})
	if err != nil {
		return "", err
	}
	present := injector.PresentHandler(classes)
	if present == "" {
		return "", errs.New(errs.Refused, "which login handler uzERP uses now is not certain", "")
	}
	return present, nil
}

// targets returns the users of the groups, and what else the audit log calls a target.
func targets(groups []session.Group) (users, others []string) {
	for _, g := range groups {
		if g.User == "" {
			others = append(others, audit.LoginPages)
		} else {
			users = append(users, g.User)
		}
	}
	return users, others
}

// confirmEnd shows whose sessions end, and asks.
func confirmEnd(ctx context.Context, app *App, opts *sessionEndOptions, groups []session.Group) error {
	if len(groups) == 0 || opts.yes && !opts.dryRun || opts.dryRun && app.flags.output != formatTable {
		return nil
	}
	for _, g := range groups {
		app.streams.Sayf("%s", sayGroup(g))
	}
	if opts.dryRun {
		return nil
	}
	question, number := session.Question(groups)
	if number == "" {
		return app.confirm(ctx, opts.writeFlags, question)
	}
	typed, err := app.streams.AskExact(ctx, question, number)
	if err == nil && !typed {
		err = errs.New(errs.Declined, "the number was not typed; nothing was changed", "")
	}
	return err
}

// sayGroup describes the sessions of one user before they end.
func sayGroup(g session.Group) string {
	who := fmt.Sprintf("%q", g.User)
	if g.User == "" {
		who = "open login pages"
	}
	said := who + ": " + count(len(g.Sessions), "session")
	if waiting := len(g.Sessions) - g.LoggedIn(); g.User != "" && waiting > 0 {
		said += fmt.Sprintf(" (%d without the code yet)", waiting)
	}
	if since := instant(g.Since()); since != "" {
		said += ", the oldest since " + since
	}
	if last := instant(g.LastRequest()); last != "" {
		said += ", last request " + last
	}
	return said
}

// endOutcome returns what became of a user's sessions, or would. Errors are recorded already, by the port that ends sessions.
func endOutcome(o session.Outcome, listing session.Listing, dryRun bool) outcome {
	out := outcome{username: o.User, status: statusUnchanged, message: "no open session", recorded: true}
	if o.User == "" {
		out.username = audit.LoginPages
	}
	if unlisted(listing) != nil {
		out.message = "no open session seen"
	}
	switch {
	case dryRun && o.Open > 0:
		out.status, out.message = statusPlanned, count(o.Open, "session")+" to end"
	case o.Ended.Ended > 0:
		out.status, out.message = statusChanged, count(o.Ended.Ended, "session")+" ended"
	}
	if o.Err != nil {
		done := out.message
		out.fail(o.Err)
		if o.Ended.Ended > 0 { // these are, whatever became of the others
			out.message = done + "; " + o.Err.Error()
		}
	}
	return out
}

// reportEnd prints what became of each user's sessions, and returns what the command ends with.
func reportEnd(app *App, opts *sessionEndOptions, listing session.Listing, outcomes []session.Outcome, endErr error) error {
	view := sessionEndView{SchemaVersion: schemaVersion, DryRun: opts.dryRun, Results: []sessionEnded{}, Places: viewPlaces(listing),
		NotRead: viewNotRead(listing), Elsewhere: viewElsewhere(listing)}
	results := make([]outcome, len(outcomes))
	for i, o := range outcomes {
		out := endOutcome(o, listing, opts.dryRun)
		results[i] = out
		ended := sessionEnded{Username: optional(o.User), Status: out.status, Changed: o.Ended.Ended > 0, Sessions: o.Ended.Ended, Message: out.message,
			Hint: optional(app.hintOfOne(o.Err))}
		if opts.dryRun {
			ended.Sessions = o.Open
		}
		view.Results = append(view.Results, ended)
		view.Changed = view.Changed || o.Ended.Ended > 0
	}
	err := endOf(nil, results, nil)
	switch {
	case errors.Is(endErr, context.Canceled):
		err = &interruption{done: "the report says whose sessions are ended", hint: "run the command again: what is ended stays ended"}
	case endErr != nil && (err == nil || errs.KindOf(endErr) != errs.Refused): // who failed is said before what can't be read
		err = endErr
	case err == nil:
		err = unlisted(listing)
	}
	showErr := showEnded(app, view, listing)
	app.tellUnseen(listing)
	return app.afterReport(results, err, showErr)
}

func showEnded(app *App, v sessionEndView, listing session.Listing) error {
	table := []column{columnUsername, {name: "status"}, columnMessage}
	if app.flags.output == formatCSV {
		table = columnsNamed("username", "status", "sessions", "message")
	}
	err := showList(app, v, v.Results, table, func(r sessionEnded) []string {
		switch {
		case app.flags.output == formatCSV:
			return []string{text(r.Username), string(r.Status), strconv.Itoa(r.Sessions), r.Message}
		case r.Username == nil:
			return []string{"(" + audit.LoginPages + ")", string(r.Status), r.Message}
		}
		return []string{*r.Username, string(r.Status), r.Message}
	})
	if err == nil && len(v.Results) == 0 && app.flags.output == formatTable {
		app.streams.Notef("nothing to do: no such session is open%s", asFarAsRead(listing))
	}
	return err
}
