package cmd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"uzerp-mfa/internal/audit"
	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/injector"
	"uzerp-mfa/internal/output"
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
removed after ten seconds if its user is logged in. Sessions that are not in files, or are
written by igbinary, are left: 6.

` + exitCodes(errs.Partial, errs.Config, errs.NotFound, errs.Refused, errs.Unavailable, errs.Declined),
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
	c.RunE = app.run(oneFormats, func(ctx context.Context, args []string) error { return runSessionEnd(ctx, app, opts, args) })
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
	SchemaVersion int             `json:"schema_version"`
	Changed       bool            `json:"changed"`
	DryRun        bool            `json:"dry_run"`
	Results       []sessionEnded  `json:"results"`
	Places        []placeView     `json:"places"`
	NotRead       []notReadView   `json:"not_read"`
	Elsewhere     []elsewhereView `json:"elsewhere"`
}

// sessionEnded is what became of one user's sessions.
type sessionEnded struct {
	Username *string `json:"username"` // null for the open login pages, where nobody has given a password
	Status   string  `json:"status"`
	Sessions int     `json:"sessions"` // how many were ended, or would be
	Message  string  `json:"message"`
	Hint     string  `json:"hint"`
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
		store, err := ch.Users(ctx)
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
	return reportEnd(app, opts, listing, sel, groups, ended, err)
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

func countSessions(groups []session.Group) int {
	n := 0
	for _, g := range groups {
		n += len(g.Sessions)
	}
	return n
}

// confirmEnd shows whose sessions end, and asks. For more than one user the number of sessions must be typed.
func confirmEnd(ctx context.Context, app *App, opts *sessionEndOptions, groups []session.Group) error {
	if len(groups) == 0 || opts.yes && !opts.dryRun || opts.dryRun && app.wantsJSON() {
		return nil
	}
	for _, g := range groups {
		app.streams.Sayf("%s", sayGroup(g))
	}
	if opts.dryRun {
		return nil
	}
	if len(groups) == 1 {
		return app.confirm(ctx, opts.writeFlags, "End "+count(len(groups[0].Sessions), "session")+"? Input that is not saved is lost.")
	}
	number := strconv.Itoa(countSessions(groups))
	typed, err := app.streams.AskExact(ctx, fmt.Sprintf("Type %s to end these sessions; input that is not saved is lost:", number), number)
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

// reportEnd prints what became of each user's sessions, and returns what the command ends with.
func reportEnd(app *App, opts *sessionEndOptions, listing session.Listing, sel session.Selection, groups []session.Group,
	ended []session.Ended, endErr error,
) error {
	view := sessionEndView{SchemaVersion: schemaVersion, DryRun: opts.dryRun, Results: []sessionEnded{}, Places: viewPlaces(listing),
		NotRead: viewNotRead(listing), Elsewhere: viewElsewhere(listing)}
	all := slices.Clone(sel.Users)
	for _, g := range groups {
		all = append(all, g.User)
	}
	for _, e := range ended {
		all = append(all, e.User)
	}
	slices.Sort(all)
	var first error
	failed := 0
	for _, user := range slices.Compact(all) {
		r := sessionEnded{Username: optional(user), Status: statusUnchanged, Message: "no open session"}
		if listing.Complete() != nil {
			r.Message = "no open session seen"
		}
		if i := slices.IndexFunc(groups, func(g session.Group) bool { return g.User == user }); i >= 0 && opts.dryRun {
			r.Status, r.Sessions, r.Message = statusPlanned, len(groups[i].Sessions), count(len(groups[i].Sessions), "session")+" to end"
		}
		if i := slices.IndexFunc(ended, func(e session.Ended) bool { return e.User == user }); i >= 0 {
			e := ended[i]
			if r.Sessions = e.Ended; e.Ended > 0 {
				r.Status, r.Message = statusChanged, count(e.Ended, "session")+" ended"
				view.Changed = true
			}
			if e.Err != nil {
				failed++
				o := outcome{}
				o.fail(e.Err)
				if e.Ended > 0 { // these are, whatever became of the others
					o.message = r.Message + "; " + e.Err.Error()
				}
				r.Status, r.Message, r.Hint = o.status, o.message, app.hintOfOne(e.Err)
				if first == nil {
					first = e.Err
				}
			}
		}
		view.Results = append(view.Results, r)
	}
	if err := showEnded(app, view); err != nil {
		return err
	}
	app.tellUnseen(listing)
	switch {
	case errors.Is(endErr, context.Canceled):
		return &interruption{done: "the report says whose sessions are ended", hint: "run the command again: what is ended stays ended"}
	case endErr != nil:
		return endErr
	case first != nil:
		return outcomeOf(first, nil, failed, len(view.Results))
	}
	return cmp.Or(listing.Readable(), listing.Complete())
}

func showEnded(app *App, v sessionEndView) error {
	if app.flags.output == formatJSON {
		return output.WriteJSON(app.streams.Out, v)
	}
	rows := make([][]string, len(v.Results))
	for i, r := range v.Results {
		name := "(open login pages)"
		if r.Username != nil {
			name = *r.Username
		}
		rows[i] = []string{name, r.Status, r.Message}
	}
	if err := output.Table(app.streams.Out, []string{"username", "status", "message"}, rows); err != nil {
		return err
	}
	if len(v.Results) == 0 {
		app.streams.Notef("nothing to do: no such session is open")
	}
	return nil
}
