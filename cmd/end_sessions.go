package cmd

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/injector"
	"uzerp-mfa/internal/session"
	"uzerp-mfa/internal/sessionconfig"
	"uzerp-mfa/internal/shell"
)

// endSessions is the flag with which a command also ends the sessions that its change does not reach.
type endSessions struct {
	wanted   bool
	phpIni   string
	iniFlag  *pflag.Flag
	sessions session.Writer
	listing  session.Listing // before the change
}

func (e *endSessions) register(c *cobra.Command) {
	c.Flags().BoolVar(&e.wanted, "end-sessions", false, "end the open sessions that the change does not reach, too")
	registerPHPIni(c.Flags(), &e.phpIni)
	e.iniFlag = c.Flags().Lookup(sessionconfig.FlagPHPIni)
}

// command returns the words of a session command that looks at the same place, with the flags that were given.
func (e *endSessions) command(app *App, words string) string {
	words = app.withFlags(words)
	if e.phpIni != "" {
		words += " " + spelled(e.iniFlag)
	}
	return words
}

// validate refuses a php.ini that nobody would read.
func (e *endSessions) validate() error {
	if e.phpIni != "" && !e.wanted {
		return usageError("--"+sessionconfig.FlagPHPIni+" is for --end-sessions, which is missing", "")
	}
	return nil
}

// open makes sure, before anything is changed, that sessions can be listed. ask is to be called once it is known whose they are.
func (e *endSessions) open(ctx context.Context, app *App, ch *changes) (err error) {
	if !e.wanted {
		return nil
	}
	if e.sessions, err = ch.Sessions(app.sessionSettings(e.phpIni)); err != nil {
		return ch.Refused("sessions", err)
	}
	if e.listing, err = e.sessions.List(ctx); err == nil {
		err = ch.Refused("sessions", unlisted(e.listing))
	}
	return err
}

// ask asks the administrator's policy, before anything is changed, whether the sessions that are meant may be ended. others are
// all else that the command changes.
func (e *endSessions) ask(ctx context.Context, ch *changes, sel session.Selection, others ...string) error {
	if !e.wanted {
		return nil
	}
	users, pages := targets(session.PlanEnd(e.listing, sel))
	for _, user := range sel.Users { // a session may be there by then
		if !slices.Contains(users, user) {
			users = append(users, user)
		}
	}
	return ch.MayEndSessions(ctx, users, append(others, pages...)...)
}

// afterRemedy ends the sessions of the users who have got what was asked for, and says so in their outcomes. The change
// stands if a session can't be ended.
func (e *endSessions) afterRemedy(ctx context.Context, app *App, outcomes []outcome) {
	var users []string
	for _, o := range outcomes {
		if o.err == nil {
			users = append(users, o.username)
		}
	}
	if !e.wanted || len(users) == 0 {
		return
	}
	ended, err := session.End(ctx, e.sessions, session.Selection{Users: users}, app.now)
	for i := range outcomes {
		o := &outcomes[i]
		if o.err != nil {
			continue
		}
		n, failed := 0, err
		for _, one := range ended {
			if one.User == o.username {
				n, failed = one.Ended, cmp.Or(one.Err, err)
			}
		}
		o.changed = o.changed || n > 0
		if n > 0 && o.status == statusUnchanged {
			o.status = statusChanged
		}
		o.message += "; " + count(n, "session") + " ended"
		if failed != nil {
			o.err = &errs.Error{Kind: errs.KindOf(failed), Op: "the user is changed, but an open session may be left", Err: failed,
				Hint: errs.Plain(e.command(app, "uzerp-mfa session end") + " " + shell.Quote(o.username))}
			o.status, o.message = statusIncomplete, o.message+"; "+o.err.Error()
		}
	}
}

// afterSwitch ends the sessions that keep another login handler than the present one.
func (e *endSessions) afterSwitch(ctx context.Context, app *App, present string) error {
	ended, err := session.End(ctx, e.sessions, session.Selection{All: true, Present: present}, app.now)
	n := 0
	for _, one := range ended {
		if n += one.Ended; err == nil {
			err = one.Err
		}
	}
	app.streams.Notef("%s that kept the old login ended", count(n, "session"))
	if err != nil {
		return &errs.Error{Kind: errs.KindOf(err), Op: "the switch is made, but not every session that keeps the old login is ended", Err: err,
			Hint: errs.Plain(e.command(app, "uzerp-mfa session end") + " --all --old-handler")}
	}
	return nil
}

// noteNoSwitch says that no session was ended, because nothing was switched, and what ends those that keep the old login.
func (e *endSessions) noteNoSwitch(app *App) {
	app.streams.Notef("no session was ended, because nothing was switched: %s --all --old-handler ends those that keep the old login",
		e.command(app, "uzerp-mfa session end"))
}

// endsIt says that a remedy has ended no session, and what ends them: of that only what holds on this machine. command is empty if
// nothing does.
func (a *App) endsIt(ctx context.Context, user string) (how, command string) {
	const open = "No session was ended: a browser that is logged in as the user stays logged in."
	command = a.withFlags("uzerp-mfa session end") + " " + user
	sessions, err := a.sessions("")
	var listing session.Listing
	if err == nil {
		if listing, err = sessions.List(ctx); err != nil && ctx.Err() != nil {
			return open + " Whether it can be ended from here was not looked at to the end; this tries it:", command
		}
	}
	switch {
	case err == nil && len(listing.Places) > 0:
		return open + " This ends it" + asFarAsRead(listing) + ":", command
	case errs.HintOf(err).Reason == session.ReasonNotListed:
		return open + " Root ends it:", command
	}
	err = cmp.Or(err, unlisted(listing))
	how = open + " It can't be ended from here: " + err.Error()
	if hint := a.hintOf(err); hint != "" {
		how += " (" + hint + ")"
	}
	return how + ".", ""
}

// noteOpenSessions says how many browsers still have another login handler than the present one, and what ends that.
func (e *endSessions) noteOpenSessions(ctx context.Context, a *App, present string) {
	help := e.command(a, "uzerp-mfa session end") + " --all --old-handler"
	sessions, err := a.sessions(e.phpIni)
	var listing session.Listing
	if err == nil {
		listing, err = sessions.List(ctx)
	}
	n, lacking := listing.OldHandler(present), unlisted(listing)
	var now string
	switch {
	case len(listing.Places) == 0:
		now = fmt.Sprintf("%s (%s)", err, a.hintOf(err))
	case err != nil:
		now = fmt.Sprintf("they are in %s; root lists them with %s, and ends them with %s", pathsOf(listing), e.command(a, "uzerp-mfa session list"), help)
	case n == 0 && lacking != nil:
		now = fmt.Sprintf("none is seen in %s, but %s", pathsOf(listing), lacking)
	case n == 0:
		now = "none is open in " + pathsOf(listing)
	case n == 1:
		now = fmt.Sprintf("1 session in %s does; it ends with %s", pathsOf(listing), help)
	default:
		now = fmt.Sprintf("%d sessions in %s do; they end with %s", n, pathsOf(listing), help)
	}
	if n > 0 && lacking != nil {
		now += "; and " + lacking.Error()
	}
	a.streams.Notef("%s: %s", injector.OpenSessions, now)
}
