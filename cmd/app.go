package cmd

import (
	"cmp"
	"context"
	"io"
	"iter"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/google/uuid"

	"uzerp-mfa/internal/audit"
	"uzerp-mfa/internal/caller"
	"uzerp-mfa/internal/config"
	"uzerp-mfa/internal/db"
	"uzerp-mfa/internal/doctor"
	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/injector"
	"uzerp-mfa/internal/mfa"
	"uzerp-mfa/internal/output"
	"uzerp-mfa/internal/reconcile"
	"uzerp-mfa/internal/sandbox"
	"uzerp-mfa/internal/totp"
	"uzerp-mfa/internal/twilio"
	"uzerp-mfa/internal/verifyservice"
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

	command  string          // "user reset", of the running command
	recorder *audit.Recorder // nil while nothing is to be changed
	openedDB *db.DB
	verify   *twilio.Client
	account  *twilio.Account
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
	s.Quiet, s.NoInput = a.flags.quiet, a.flags.noInput
	s.HoldNotes = a.wantsJSON() // an error is then the one object on stderr
	if a.flags.noColor {
		s.ColorOut, s.ColorErr = false, false
	}
}

func (a *App) wantsJSON() bool {
	return a.flags.output == formatJSON || a.flags.output == formatJSONL
}

// goodbye is how long a server may take to say it.
const goodbye = 500 * time.Millisecond

// close gives back what was opened.
func (a *App) close() {
	if a.openedDB != nil {
		closed := make(chan struct{})
		go func() {
			defer close(closed)
			a.openedDB.Close()
		}()
		select {
		case <-closed:
		case <-time.After(goodbye): // a server that does not answer is left to notice our end by itself
		}
	}
	if a.verify != nil {
		a.verify.CloseIdle()
	}
	if a.account != nil {
		a.account.CloseIdle()
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

// recordChanges opens the audit log, before anything else is: from here on every change is recorded in it, or refused. A
// dry run changes nothing and records nothing.
func (a *App) recordChanges(w writeFlags) error {
	if w.dryRun || a.flags.noAuditLog {
		return nil
	}
	log, err := audit.Open(a.auditLogPath(audit.DefaultPath), audit.Options{Now: a.now})
	if err != nil {
		return err
	}
	a.recorder = &audit.Recorder{Log: log, Actor: audit.CurrentActor(a.getenv), Self: a.self(w), Command: a.command, Reason: w.reason, Ticket: w.ticket,
		Warn: func(err error) { a.streams.Warnf("the outcome could not be recorded: %s", err) }}
	return nil
}

// The settings that are variables only, or flags of single commands.
const (
	auditLogVariable = "UZERP_MFA_AUDIT_LOG"
	phoneRegion      = "UZERP_MFA_PHONE_REGION"
	selfUser         = "UZERP_MFA_SELF"
)

// self is the operator's own uzERP user, as far as the operator said.
func (a *App) self(w writeFlags) string { return cmp.Or(w.self, a.getenv(selfUser)) }

// isSelf tells whether the operator is about to change their own user.
func (a *App) isSelf(w writeFlags, username string) bool {
	return audit.CurrentActor(a.getenv).Is(username, a.self(w))
}

// auditLogPath gives the log that is named, or else the default one.
func (a *App) auditLogPath(defaultPath func(getenv func(string) string) string) string {
	if named := cmp.Or(a.flags.auditLog, a.getenv(auditLogVariable)); named != "" {
		return named
	}
	return defaultPath(a.getenv)
}

// refused records what was asked for and not done.
func (a *App) refused(target string, err error) error {
	if a.recorder != nil && errs.KindOf(err) == errs.Refused {
		a.recorder.Refused(target, err)
	}
	return err
}

func (a *App) getenv(name string) string {
	v, _ := a.process.Getenv(name)
	return v
}

func (a *App) store(ctx context.Context) (mfa.Store, error) {
	d, err := a.database(ctx)
	return port(a, d, err, func(d *db.DB) mfa.Store { return d }, (*audit.Recorder).Store)
}

func (a *App) injectorStore(ctx context.Context) (injector.Store, error) {
	d, err := a.database(ctx)
	return port(a, d, err, func(d *db.DB) injector.Store { return d }, (*audit.Recorder).Injector)
}

func (a *App) copyStore(ctx context.Context) (mfa.CopyStore, error) {
	d, err := a.database(ctx)
	return port(a, d, err, func(d *db.DB) mfa.CopyStore { return d }, (*audit.Recorder).Copy)
}

func (a *App) directory(ctx context.Context) (caller.Directory, error) {
	d, err := a.database(ctx)
	if err != nil {
		return nil, err // and no nil database that looks like one
	}
	return d, nil
}

// port gives what was opened, or not, as one of its ports, with changes recorded once recordChanges has been called.
func port[T, P any](a *App, opened T, err error, as func(T) P, recorded func(*audit.Recorder, P) P) (P, error) {
	switch {
	case err != nil:
		var none P // and no nil T that looks like one
		return none, err
	case a.recorder == nil:
		return as(opened), nil
	}
	return recorded(a.recorder, as(opened)), nil
}

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

// factors gives Twilio's factors of uzERP's users, with changes recorded.
func (a *App) factors() (mfa.Factors, error) {
	client, err := a.ownService()
	return port(a, client, err, func(c *twilio.Client) mfa.Factors { return c }, (*audit.Recorder).Factors)
}

// parsePhone gives what reads a phone number, with the region of those that are written without a country: the flag's, or else
// the environment's: one that is none is a mistake in the command there, and in the settings here.
func (a *App) parsePhone(region string) func(text string) (caller.Phone, error) {
	return func(text string) (caller.Phone, error) {
		if region != "" {
			return caller.ParsePhone(text, region)
		}
		setting := a.getenv(phoneRegion)
		if err := checkRegion(setting); err != nil {
			return caller.Phone{}, err
		}
		return caller.ParsePhone(text, setting)
	}
}

// verifications gives what sends codes to phones and checks them, with both recorded.
func (a *App) verifications() (caller.Verifications, error) {
	client, err := a.verifyClient()
	return port(a, client, err, func(c *twilio.Client) caller.Verifications { return c }, (*audit.Recorder).Verifications)
}

// services gives what makes Verify services, with each one recorded: it needs an account and credentials, and no service.
func (a *App) services() (verifyservice.Creator, error) {
	account, err := a.twilioAccount()
	return port(a, account, err, func(t *twilio.Account) verifyservice.Creator { return t }, (*audit.Recorder).Services)
}

// twilioAccount makes what needs no service, once.
func (a *App) twilioAccount() (*twilio.Account, error) {
	if a.account != nil {
		return a.account, nil
	}
	settings, err := a.loader.TwilioAccount()
	if err != nil {
		return nil, err
	}
	a.account, err = twilio.NewAccount(a.verifyConfig(settings, 0))
	return a.account, err
}

// ownService gives the service that uzERP's users have their factors in. In another one they have none: whoever went by its
// answers would take everybody for locked out.
func (a *App) ownService() (*twilio.Client, error) {
	if err := a.checkOwnService(); err != nil {
		return nil, err
	}
	return a.verifyClient()
}

// verifyClient makes the Verify client, once. It opens no connection yet.
func (a *App) verifyClient() (*twilio.Client, error) {
	if a.verify != nil {
		return a.verify, nil
	}
	settings, err := a.loader.Twilio()
	if err != nil {
		return nil, err
	}
	a.verify, err = a.newVerify(settings, 0)
	return a.verify, err
}

// newVerify makes a client with at most so many calls at a time; 0 is the default.
func (a *App) newVerify(t config.Twilio, concurrency int) (*twilio.Client, error) {
	return twilio.New(a.verifyConfig(t, concurrency))
}

func (a *App) verifyConfig(t config.Twilio, concurrency int) twilio.Config {
	return twilio.Config{
		AccountSID: t.AccountSID, ServiceSID: t.ServiceSID, Username: t.Username, Password: t.Password,
		BaseURL: t.VerifyURL, Logger: a.logger(), Now: a.now, UserAgent: "uzerp-mfa/" + readBuild().Version, Concurrency: concurrency,
	}
}

// verifyService fetches the Verify service that this tool's settings name.
func (a *App) verifyService(ctx context.Context) (verifyservice.Service, error) {
	client, err := a.verifyClient()
	if err != nil {
		return verifyservice.Service{}, err
	}
	return client.FetchService(ctx)
}

// uzerpSettings gives what uzERP itself will read of the Twilio settings.
func (a *App) uzerpSettings() injector.Settings { return a.loader.UzerpSettings() }

// injectorSite is what set-injector looks at before a switch: of Twilio, the Verify service as uzERP will see it, with uzERP's
// own settings if there are any.
func (a *App) injectorSite(store injector.Store) injector.Site {
	return injector.Site{
		Database: store, Settings: a.uzerpSettings, NewUUID: a.newUUID,
		Users: func(ctx context.Context) (iter.Seq2[mfa.User, error], error) { return a.users(ctx, false) },
		Service: func(ctx context.Context) (verifyservice.Service, string, error) {
			settings, err := a.loader.UzerpTwilio()
			if err != nil {
				return verifyservice.Service{}, "", err
			}
			service, _, err := a.fetchService(ctx, settings)
			return service, settings.From(), err
		},
	}
}

// fetchService fetches the Verify service with these settings, and compares the clocks.
func (a *App) fetchService(ctx context.Context, settings config.Twilio) (verifyservice.Service, doctor.Offset, error) {
	client, err := a.newVerify(settings, 0)
	if err != nil {
		return verifyservice.Service{}, doctor.Offset{}, err
	}
	defer client.CloseIdle()
	service, err := client.FetchService(ctx)
	ahead, known := client.ClockOffset()
	return service, doctor.Offset{Ahead: ahead, Known: known}, err
}

// checkTwilio finds settings that can't be right, without a call.
func (a *App) checkTwilio(settings config.Twilio) error {
	client, err := a.newVerify(settings, 0)
	if err == nil {
		client.CloseIdle()
	}
	return err
}

// checkRegion refuses a region that phone numbers can't be read by.
func checkRegion(region string) error {
	if _, err := caller.ParsePhone("", region); errs.KindOf(err) == errs.Usage {
		return &errs.Error{Kind: errs.Config, Op: phoneRegion, Err: err, Hint: errs.HintOf(err)}
	}
	return nil
}

// doctorDatabase gives the database as doctor asks it.
func (a *App) doctorDatabase(ctx context.Context) (doctor.Database, error) {
	d, err := a.database(ctx)
	if err != nil {
		return nil, err
	}
	return doctorDatabase{d}, nil
}

type doctorDatabase struct{ *db.DB }

// Schema returns what doctor wants to know of the server and the tables.
func (d doctorDatabase) Schema(ctx context.Context) (doctor.Schema, error) {
	s, err := d.CheckSchema(ctx)
	return doctor.Schema{Version: s.ServerVersion, ReadOnly: s.ReadOnly || s.Standby, Problem: s.Problem()}, err
}

func (d doctorDatabase) AllUsers(ctx context.Context) iter.Seq2[mfa.User, error] {
	return d.Users(ctx, db.ByUsername)
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

func (a *App) startSandbox(ctx context.Context) (*sandbox.Sandbox, error) { return sandbox.Start(ctx) }

func shadowsSandbox(variable string) bool { return sandbox.Shadowing(variable) }

// sandboxPhones gives the emulated phones, and outside of a sandbox an error.
func (a *App) sandboxPhones() (sandbox.Phones, error) {
	return sandbox.FindPhones(a.getenv(sandbox.VerifyURLVariable))
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
func (a *App) reconciler(ctx context.Context, only []reconcile.Kind, concurrency int) (*reconcile.Reconciler, error) {
	d, err := a.database(ctx)
	if err != nil {
		return nil, err
	}
	r := &reconcile.Reconciler{Store: d, Users: d.Users(ctx, db.ByUsername), Only: only, Concurrency: concurrency, NewUUID: a.newUUID}
	if a.recorder != nil {
		r.Store = a.recorder.Store(d)
	}
	if !reconcile.NeedsTwilio(only) {
		return r, nil
	}
	if err := a.checkOwnService(); err != nil {
		return nil, err
	}
	settings, err := a.loader.Twilio()
	if err != nil {
		return nil, err
	}
	client, err := a.newVerify(settings, concurrency)
	if err != nil {
		return nil, err
	}
	a.verify, r.Factors = client, client
	if a.recorder != nil {
		r.Factors = a.recorder.Factors(client)
	}
	return r, nil
}
