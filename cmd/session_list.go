package cmd

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/mfa"
	"uzerp-mfa/internal/output"
)

type sessionListOptions struct {
	names  nameList
	phpIni string

	columns columnChoice
}

func newSessionListCmd(app *App) *cobra.Command {
	opts := &sessionListOptions{}
	c := &cobra.Command{
		Use:   "list [USER...]",
		Short: "List who is logged in to uzERP now",
		Long: `Lists the sessions of users who are logged in: the first page view, the last request, the company, and the login handler
that the browser keeps. Nothing else that is in a session is shown. Without names it needs no database.

USER is a user name, an e-mail address, or a part of a person's name that fits nobody else; letter case and accents don't
matter. The command says whom it took.

It reads the files in which PHP keeps sessions, where the settings of the web server's PHP say. Only root may do that on most
machines: others get 4, and so does it if one PHP of several keeps its sessions elsewhere. Sessions that are not in files, are
written by igbinary, are too large, or stand in a file with a second name are not read: 6. What was read is listed all the same.`,
		Annotations: exitCodes(errs.Config, errs.NotFound, errs.Refused, errs.Unavailable),
		Example: `  uzerp-mfa session list
  uzerp-mfa session list alice bob -o json`,
	}
	registerPHPIni(c.Flags(), &opts.phpIni)
	opts.names.register(c)
	opts.columns.register(app, c, sessionTable)
	named := c.Args
	c.Args = func(c *cobra.Command, args []string) error {
		if len(args) == 0 {
			return nil
		}
		return named(c, args)
	}
	c.ValidArgsFunction = app.completeUsers(0)
	c.RunE = app.run(listFormats, func(ctx context.Context, args []string) error { return runSessionList(ctx, app, opts, args) })
	return c
}

// sessionTable has the columns of the table, and of the CSV.
var sessionTable = []column{columnUsername, {name: "since"}, {name: "last request"}, {name: "company", fit: output.Short},
	{name: "login handler"}}

type sessionView struct {
	// the user
	Username string `json:"username"`
	// the first page view; null if it is not known
	Started *time.Time `json:"started"`
	// the last one; null if it is not known
	LastRequest *time.Time `json:"last_request"`
	// the company that the user works in; null if it is not known
	Company *string `json:"company"`
	// the login handler that the browser keeps; null if it is not known
	LoginHandler *string `json:"login_handler"`
}

type sessionsView struct {
	SchemaVersion int `json:"schema_version"`
	// those of users who are logged in
	Sessions []sessionView `json:"sessions"`
	// where PHP keeps sessions
	Places []placeView `json:"places"`
	// what could not be read there
	NotRead []notReadView `json:"not_read"`
	// server interfaces whose sessions are not in files
	Elsewhere []elsewhereView `json:"elsewhere"`
}

func runSessionList(ctx context.Context, app *App, opts *sessionListOptions, args []string) error {
	names, err := opts.names.read(ctx, app, args)
	if err != nil {
		return err
	}
	sessions, err := app.sessions(opts.phpIni)
	if err != nil {
		return err
	}
	var users []string // nil means everybody
	if len(names) > 0 {
		store, err := app.reader.Users(ctx)
		if err != nil {
			return err
		}
		taken, err := app.takeUsers(ctx, store, &opts.names, names, len(args))
		if err != nil {
			return err
		}
		users = usernamesOf(taken)
	}
	listing, err := sessions.List(ctx)
	if err != nil {
		return err
	}
	views := []sessionView{}
	for _, s := range listing.LoggedIn(users) {
		views = append(views, sessionView{Username: s.User, Started: viewTime(s.Started), LastRequest: viewTime(s.LastRequest),
			Company: optional(s.Company), LoginHandler: optional(s.Handler)})
	}
	document := sessionsView{SchemaVersion: schemaVersion, Sessions: views, Places: viewPlaces(listing), NotRead: viewNotRead(listing),
		Elsewhere: viewElsewhere(listing)}
	err = showListOf(app, &opts.columns, document, views, sessionTable, func(v sessionView) []string {
		return []string{v.Username, instantOf(v.Started), instantOf(v.LastRequest), text(v.Company), text(v.LoginHandler)}
	})
	if err != nil {
		return err
	}
	if app.flags.output == formatTable {
		app.streams.Notef("%s in %s%s", count(len(views), "session"), pathsOf(listing), asFarAsRead(listing))
	}
	app.tellUnseen(listing)
	return unlisted(listing)
}

func usernamesOf(users []mfa.User) []string {
	names := make([]string, len(users))
	for i, u := range users {
		names[i] = u.Username
	}
	return names
}
