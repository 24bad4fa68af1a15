package cmd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/google/uuid"

	"uzerp-mfa/internal/config"
	"uzerp-mfa/internal/db"
	"uzerp-mfa/internal/injector"
	"uzerp-mfa/internal/mfa"
	"uzerp-mfa/internal/output"
	"uzerp-mfa/internal/sandbox"
	"uzerp-mfa/internal/totp"
	"uzerp-mfa/internal/twilio"
)

// App wires everything, each thing on first use: help, completion and a usage error open nothing.
type App struct {
	process Process
	streams *output.Streams
	flags   globalFlags
	loader  config.Loader
	now     func() time.Time
	newUUID func() string

	started bool            // a command's own code was reached: errors are no longer cobra's
	ctx     context.Context // that of the running command, with its deadline

	openDB   func() (*db.DB, error)
	openedDB *db.DB
	verify   *twilio.Client
}

func newApp(p Process) *App {
	getenv := func(name string) string { v, _ := p.Getenv(name); return v }
	dir, _ := os.Getwd() // without one, relative paths fail where they are used, and say so
	return &App{
		process: p,
		streams: output.NewStreams(p.In, p.Out, p.Err, false, getenv),
		loader:  config.Loader{Getenv: p.Getenv, Dir: dir},
		now:     time.Now,
		newUUID: uuid.NewString,
	}
}

func (a *App) configureStreams() {
	s := a.streams
	// With JSON an error is the one object on stderr, so nothing that is not asked for may come before it.
	s.Quiet, s.NoInput = a.flags.quiet || a.wantsJSON(), a.flags.noInput
	if a.flags.noColor {
		s.ColorOut, s.ColorErr = false, false
	}
}

func (a *App) wantsJSON() bool {
	return a.flags.output == formatJSON || a.flags.output == formatJSONL
}

// close gives back what was opened.
func (a *App) close() {
	if a.openedDB != nil {
		a.openedDB.Close()
	}
	if a.verify != nil {
		a.verify.CloseIdle()
	}
}

// database connects, once.
func (a *App) database(ctx context.Context) (*db.DB, error) {
	if a.openedDB != nil {
		return a.openedDB, nil
	}
	settings, err := a.loader.Database()
	if err != nil {
		return nil, err
	}
	a.openedDB, err = db.Open(ctx, db.Config{ConnString: settings.ConnString.Reveal(), Logger: a.logger()})
	return a.openedDB, err
}

func (a *App) store(ctx context.Context) (mfa.Store, error) { return a.database(ctx) }

func (a *App) injectorStore(ctx context.Context) (injector.Store, error) { return a.database(ctx) }

func (a *App) copyStore(ctx context.Context) (mfa.CopyStore, error) { return a.database(ctx) }

// users streams every user.
func (a *App) users(ctx context.Context, byLastLogin bool) (iter.Seq2[mfa.User, error], error) {
	d, err := a.database(ctx)
	if err != nil {
		return nil, err
	}
	order := db.ByUsername
	if byLastLogin {
		order = db.ByLastLogin
	}
	return d.Users(ctx, order), nil
}

// factors makes the Verify client, once. It opens no connection yet.
func (a *App) factors() (mfa.Factors, error) {
	if a.verify != nil {
		return a.verify, nil
	}
	settings, err := a.loader.Twilio()
	if err != nil {
		return nil, err
	}
	a.verify, err = a.newVerify(settings)
	if err != nil {
		return nil, err
	}
	return a.verify, nil
}

func (a *App) newVerify(t config.Twilio) (*twilio.Client, error) {
	return twilio.New(twilio.Config{
		AccountSID: t.AccountSID, ServiceSID: t.ServiceSID, Username: t.Username, Password: t.Password,
		BaseURL: t.VerifyURL, Logger: a.logger(), Now: a.now, UserAgent: "uzerp-mfa/" + readBuild().Version,
	})
}

// uzerpSettings gives what uzERP itself will read of the Twilio settings.
func (a *App) uzerpSettings() injector.Settings { return a.loader.UzerpSettings() }

// uzerpService fetches the Verify service as uzERP will see it: with uzERP's own settings where there are any.
func (a *App) uzerpService(ctx context.Context) (mfa.VerifyService, error) {
	settings, err := a.loader.UzerpTwilio()
	if err != nil {
		return mfa.VerifyService{}, err
	}
	client, err := a.newVerify(settings)
	if err != nil {
		return mfa.VerifyService{}, err
	}
	defer client.CloseIdle()
	return client.FetchService(ctx)
}

func (a *App) enroller(ctx context.Context) (*mfa.Enroller, error) {
	store, err := a.store(ctx)
	if err != nil {
		return nil, err
	}
	factors, err := a.factors()
	if err != nil {
		return nil, err
	}
	return &mfa.Enroller{Store: store, Factors: factors, Code: totp.Code, NewUUID: a.newUUID}, nil
}

// logger prints what --verbose promises, and is silent without.
func (a *App) logger() *slog.Logger {
	if !a.flags.verbose {
		return nil
	}
	return slog.New(slog.NewTextHandler(verboseWriter{a.streams}, &slog.HandlerOptions{
		Level: slog.LevelDebug,
		ReplaceAttr: func(_ []string, attr slog.Attr) slog.Attr {
			if attr.Key == slog.TimeKey || attr.Key == slog.LevelKey {
				return slog.Attr{}
			}
			return attr
		},
	}))
}

// verboseWriter sends log lines the way of all messages, which escapes them.
type verboseWriter struct{ s *output.Streams }

func (w verboseWriter) Write(p []byte) (int, error) {
	w.s.Sayf("%s", strings.TrimSuffix(string(p), "\n"))
	return len(p), nil
}

var _ io.Writer = verboseWriter{}

// completeUsernames serves the shell's completion. Whatever fails, the shell gets no proposals and no message.
func (a *App) completeUsernames(prefix string) []string {
	ctx, cancel := context.WithTimeout(context.Background(), completionLimit)
	defer cancel()
	if a.loader.CheckFlags() != nil {
		return nil
	}
	d, err := a.database(ctx)
	if err != nil {
		return nil
	}
	names, err := d.Usernames(ctx, prefix, maxCompletions)
	if err != nil {
		return nil
	}
	var plain []string
	for _, name := range names {
		if output.Escape(name) == name { // a name with control characters must not reach the terminal raw
			plain = append(plain, name)
		}
	}
	return plain
}

const (
	completionLimit = 2 * time.Second
	maxCompletions  = 200
)

// writeResults shows what became of each user, and turns the outcomes into the command's own: a single user's own error,
// or KindPartial if of several some failed.
func (a *App) writeResults(results []outcome, dryRun bool) error {
	view := resultsView{SchemaVersion: schemaVersion, DryRun: dryRun, Results: []resultView{}}
	failed := 0
	var first, interrupted error
	for _, r := range results {
		view.Results = append(view.Results, r.view())
		if r.err != nil {
			failed++
			first = cmp.Or(first, r.err)
			if errors.Is(r.err, context.Canceled) || mfa.KindOf(r.err) == mfa.KindInterrupted {
				interrupted = &interruption{done: "the report says who is done", hint: "run the command again: who is done already stays as they are"}
			}
		}
	}
	if err := showList(a, view, view.Results, []string{"username", "status", "message"}, func(r resultView) []string {
		return []string{r.Username, r.Status, r.Message}
	}); err != nil {
		return err
	}
	switch {
	case failed == 0:
		return nil
	case len(results) == 1 || interrupted != nil:
		return cmp.Or(interrupted, first)
	default:
		return mfa.NewError(mfa.KindPartial, fmt.Sprintf("%d of %d users failed", failed, len(results)), "the report says which and why; what is done stays done, and running the command again is safe")
	}
}

// showList prints a list in the format asked for. document is the whole of it for JSON.
func showList[T any](a *App, document any, items []T, header []string, cells func(T) []string) error {
	out := a.streams.Out
	switch a.flags.output {
	case formatJSON:
		return output.WriteJSON(out, document)
	case formatJSONL:
		for _, item := range items {
			if err := output.JSONLine(out, item); err != nil {
				return err
			}
		}
		return nil
	case formatCSV:
		w := output.NewCSV(out, header...)
		for _, item := range items {
			if err := w.Row(cells(item)...); err != nil {
				return err
			}
		}
		return w.Flush()
	}
	rows := make([][]string, len(items))
	for i, item := range items {
		rows[i] = cells(item)
	}
	return output.Table(out, header, rows)
}

func (a *App) startSandbox(ctx context.Context) (*sandbox.Sandbox, error) { return sandbox.Start(ctx) }

func shadowsSandbox(variable string) bool { return sandbox.Shadowing(variable) }

func (a *App) sandboxCode(ctx context.Context, username string) (string, error) {
	address, _ := a.process.Getenv(sandbox.VerifyURLVariable)
	return sandbox.Code(ctx, address, username)
}

// noteIfOff says so if two-factor login is off: what a command tells of the next login then holds later. It is a courtesy,
// so an error is no error of the command's.
func (a *App) noteIfOff(ctx context.Context) {
	d, err := a.database(ctx)
	if err != nil {
		return
	}
	if classes, err := d.InjectorClasses(ctx, []string{injector.LoginHandler}); err == nil && injector.IsOff(classes) {
		a.streams.Notef("note: %s", injector.SiteOff)
	}
}

func grantsSQL(role string) string { return db.Grants(role) }

// reconciler makes what compares uzERP with Twilio. Where none of the kinds is about Twilio, its settings are not needed.
func (a *App) reconciler(ctx context.Context, only []mfa.FindingKind, concurrency int) (*mfa.Reconciler, error) {
	d, err := a.database(ctx)
	if err != nil {
		return nil, err
	}
	r := &mfa.Reconciler{Store: d, Users: d.Users(ctx, db.ByUsername), Only: only, Concurrency: concurrency, NewUUID: a.newUUID}
	if !mfa.NeedsTwilio(only) {
		return r, nil
	}
	settings, err := a.loader.Twilio()
	if err != nil {
		return nil, err
	}
	a.verify, err = twilio.New(twilio.Config{
		AccountSID: settings.AccountSID, ServiceSID: settings.ServiceSID, Username: settings.Username, Password: settings.Password,
		BaseURL: settings.VerifyURL, Logger: a.logger(), Now: a.now, UserAgent: "uzerp-mfa/" + readBuild().Version, Concurrency: concurrency,
	})
	if err != nil {
		return nil, err
	}
	r.Factors = a.verify
	return r, nil
}
