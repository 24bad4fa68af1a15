package cmd

import (
	"context"
	"fmt"
	"iter"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"uzerp-mfa/internal/audit"
	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/mfa"
	"uzerp-mfa/internal/output"
)

type userListOptions struct {
	states []string
	access string
	match  string
	sort   string
	limit  int

	columns columnChoice
}

func newUserListCmd(app *App) *cobra.Command {
	opts := &userListOptions{}
	c := &cobra.Command{
		Use:   "list",
		Short: "List users with their two-factor state",
		Long: `Lists uzERP's users with the state of their second factor: enrolled, not-enrolled, skip-next-login (password only, once)
and broken (locked out). uzerp-mfa help states explains them. The state says what happens while two-factor login is switched on.

With --state skip-next-login it says how long ago that was allowed, as the audit log knows.

What -o jsonl prints can be given to --from-file of other commands.`,
		Annotations: exitCodes(errs.Config, errs.Refused, errs.Unavailable),
		Example: `  uzerp-mfa user list
  uzerp-mfa user list --state broken,skip-next-login
  uzerp-mfa user list --match smith --columns username,email
  uzerp-mfa user list --match smith -o csv
  uzerp-mfa user list --state not-enrolled -o jsonl >names`,
		Args: noArgs,
	}
	f := c.Flags()
	f.StringSliceVar(&opts.states, "state", nil, "only users in these states, comma-separated: "+strings.Join(stateNames(), ", "))
	f.StringVar(&opts.access, "access", "", "only users whose access is enabled, or disabled")
	f.StringVar(&opts.match, "match", "", "only users whose name, person and email have all of these words, without letter case and accents")
	f.StringVar(&opts.sort, "sort", "username", "order: username, or last-login (latest first)")
	f.IntVar(&opts.limit, "limit", 0, "at most so many users; 0 for all")
	opts.columns.register(app, c, userTable(false))
	c.RunE = app.run(listFormats, func(ctx context.Context, _ []string) error {
		if err := opts.validate(c); err != nil {
			return err
		}
		return runUserList(ctx, app, opts)
	})
	completeList(c, "state", stateNames()...)
	completeValues(c, "access", "enabled", "disabled")
	completeValues(c, "sort", "username", "last-login")
	return c
}

func stateNames() []string {
	var names []string
	for _, s := range mfa.States() {
		names = append(names, string(s))
	}
	return names
}

func (o *userListOptions) validate(c *cobra.Command) error {
	for _, s := range o.states {
		if !slices.Contains(stateNames(), s) {
			return usageError(fmt.Sprintf("--state: there is no state %q", s), "the states are "+strings.Join(stateNames(), ", "))
		}
	}
	switch {
	case c.Flags().Changed("state") && len(o.states) == 0:
		return usageError("--state needs at least one state", "the states are "+strings.Join(stateNames(), ", "))
	case c.Flags().Changed("access") && o.access != "enabled" && o.access != "disabled":
		return usageError(fmt.Sprintf("--access: %q is neither enabled nor disabled", o.access), "")
	case o.sort != "username" && o.sort != "last-login":
		return usageError(fmt.Sprintf("--sort: %q is neither username nor last-login", o.sort), "")
	case o.limit < 0:
		return usageError("--limit must not be negative", "")
	}
	return nil
}

// filter returns what the flags select. Access disabled means every user who can't log in.
func (o *userListOptions) filter() mfa.Filter {
	f := mfa.Filter{Match: o.match, Limit: o.limit}
	for _, s := range o.states {
		f.States = append(f.States, mfa.State(s))
	}
	if o.access != "" {
		enabled := o.access == "enabled"
		f.Access = &enabled
	}
	return f
}

func runUserList(ctx context.Context, app *App, opts *userListOptions) error {
	// What is made of a user is soon garbage, and the rest of the program is small. Collecting it half as often takes a few MiB more, and
	// leaves more of the processor to the server, which often runs on the same machine.
	defer debug.SetGCPercent(debug.SetGCPercent(200))
	filter := opts.filter()
	all, err := app.reader.FirstUsers(ctx, opts.sort == "last-login", filter.Needed())
	if err != nil {
		return err
	}
	selected, users := filter.Select(all)
	times := &skipTimes{app: app}
	if err := showUsers(ctx, app, opts, users, times); err != nil {
		return err
	}
	switch {
	case selected.Shown == 0 && (opts.match != "" || len(opts.states) > 0 || opts.access != ""):
		app.streams.Notef("no user matches")
	case selected.More:
		app.streams.Notef("There are more: these are the first %d.", selected.Shown)
	default:
		app.noteCount(selected.Shown, "user")
	}
	return nil
}

// skipTimes knows since when users skip the next code. It reads the audit log once, and only when there is such a user. If it
// can't be read, that is not known.
type skipTimes struct {
	app  *App
	read bool
	log  audit.Skips
}

func (t *skipTimes) since(ctx context.Context, u mfa.User) (at time.Time, known bool) {
	if u.State() != mfa.StateSkipNextLogin {
		return at, false
	}
	if !t.read {
		t.read, t.log = true, t.app.skips(ctx)
	}
	return t.log.Since(u)
}

// skips returns what the audit log says about skips: nothing if it can't be read.
func (a *App) skips(ctx context.Context) audit.Skips {
	path := a.auditLog(forReading)
	if path == "" {
		return audit.Skips{}
	}
	skips, _ := audit.ReadSkips(ctx, path, a.reader.Here(ctx))
	return skips
}

// listedUserView is a user as user list shows one.
type listedUserView struct {
	userView
	SkipAllowedAt *time.Time `json:"skip_allowed_at"` // since when the next login skips the code; null if it does not, or if that is not known
}

// skipAllowed is the column that says since when the next login skips the code.
const skipAllowed = "skip allowed"

// userTable returns the columns of userCells, and skipAllowed behind them. withSkips shows that one without being asked for.
func userTable(withSkips bool) []column {
	return []column{
		columnUsername, {name: "person", fit: output.Short}, {name: "state"}, {name: "access"}, {name: "last login"},
		{name: "email", fit: output.Short, asked: true}, {name: "enrolled", asked: true}, {name: "enabled", asked: true},
		{name: "uuid", asked: true}, {name: "factor", asked: true}, {name: skipAllowed, asked: !withSkips},
	}
}

// showUsers prints a list of users.
func showUsers(ctx context.Context, app *App, opts *userListOptions, users iter.Seq2[mfa.User, error], times *skipTimes) error {
	allowed := func(u mfa.User) *time.Time {
		if at, known := times.since(ctx, u); known {
			return viewTime(at)
		}
		return nil
	}
	view := func(u mfa.User) listedUserView { return listedUserView{viewUser(u), allowed(u)} }
	csv := columnsNamed(append(csvHeader(), "skip_allowed_at")...)
	var row []string // the last one, for the next
	cells := func(u mfa.User) []string {
		row = append(appendCSVCells(row[:0], u), instantOf(allowed(u)))
		return row
	}
	done, err := streamList(app, usersView{SchemaVersion: schemaVersion, Users: []listedUserView{}}, users,
		func(u mfa.User) any { return view(u) }, csv, cells)
	if done {
		return err
	}
	table := userTable(slices.Contains(opts.states, string(mfa.StateSkipNextLogin)))
	withSkips := slices.ContainsFunc(opts.columns.shown(table), func(i int) bool { return table[i].name == skipAllowed })
	return app.streams.Paged(func() error {
		l := app.newListTable(&opts.columns, table)
		for u, err := range users {
			if err != nil {
				return err
			}
			skip := ""
			if withSkips { // nothing else needs the audit log
				skip = skipWords(ctx, app, u, times)
			}
			if err := l.row(append(userCells(u), skip)); err != nil {
				return err
			}
		}
		return l.table.Close()
	})
}

func skipWords(ctx context.Context, app *App, u mfa.User, times *skipTimes) string {
	at, known := times.since(ctx, u)
	switch {
	case u.State() != mfa.StateSkipNextLogin:
		return ""
	case !known:
		return "not known"
	}
	return mfa.Age(app.now().Sub(at)) + " ago"
}
