package cmd

import (
	"cmp"
	"context"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"uzerp-mfa/internal/config"
	"uzerp-mfa/internal/connect"
	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/history"
	"uzerp-mfa/internal/mfa"
	"uzerp-mfa/internal/operator"
	"uzerp-mfa/internal/output"
	"uzerp-mfa/internal/policy"
	"uzerp-mfa/internal/release"
	"uzerp-mfa/internal/sandbox"
	"uzerp-mfa/internal/session"
	"uzerp-mfa/internal/totp"
)

// App has what the commands share: flags, streams, and what they work on, opened on first use.
type App struct {
	process Process
	streams *output.Streams
	flags   globalFlags
	loader  config.Loader
	reader  *connect.Reader // has the reading ports; the writing ports come from changes
	now     func() time.Time
	newUUID func() string

	policy    *policy.Policy
	policyErr error            // why it is not the administrator's; only doctor and the guard go on then
	caller    *operator.Caller // who runs this as root through sudo; else nil

	made    []*changes      // what was opened for changing: run sends their mails
	started bool            // a command's own code was reached: errors are no longer cobra's
	ctx     context.Context // that of the running command, with its deadline
	command string          // "user reset", of the running command
	typed   *cobra.Command  // the running command, with its flags; nil before it has started
	args    []string        // its arguments

	completing bool // the shell's completion is served

	all *cobra.Command // see tree
}

// tree returns all commands, to be looked at: what runs may be built without the others.
func (a *App) tree() *cobra.Command {
	if a.all == nil {
		a.all = looseTree()
	}
	return a.all
}

func newApp(p Process) *App {
	getenv := func(name string) string { v, _ := p.Getenv(name); return v }
	dir, _ := os.Getwd() // without one, relative paths fail where they are used, and say so
	a := &App{
		process: p,
		streams: output.NewStreams(p.In, p.Out, p.Err, false, getenv),
		policy:  policy.Default(policy.Path),
		loader:  config.Loader{Getenv: p.Getenv, Dir: dir},
		now:     time.Now,
		newUUID: uuid.NewString,
	}
	limit, _ := time.ParseDuration(answerLimit)
	a.reader = connect.New(connect.Options{Loader: &a.loader, Logger: a.logger, Now: func() time.Time { return a.now() },
		UserAgent: "uzerp-mfa/" + release.Read().Version, Warn: a.streams.HeldWarnf, Limit: limit})
	return a
}

// answerLimit is how long the database and Twilio may take for one answer, or "" for the limits of their packages. Tests
// that stop the program in the middle of a call build it with a longer one.
var answerLimit = ""

func (a *App) configureStreams() {
	s := a.streams
	s.Quiet, s.NoInput = a.flags.quiet, a.flags.noInput
	s.HoldNotes = a.wantsJSON() // an error is then the one object on stderr
	if a.flags.noColor {
		s.ColorOut, s.ColorErr = false, false
	}
	if !operator.IsLent(a.getenv) { // a sudo rule for this program must not be a rule for $PAGER, or for a shell in less
		s.Pager = output.FindPager(a.process.Getenv)
	}
}

func (a *App) wantsJSON() bool {
	return a.flags.output == formatJSON || a.flags.output == formatJSONL
}

func (a *App) getenv(name string) string {
	v, _ := a.process.Getenv(name)
	return v
}

// changes has the writing ports.
type changes = connect.Changes

// changes is the one way to writing ports. It opens the audit log, before anything else is opened.
func (a *App) changes(w writeFlags) (*changes, error) {
	path := ""
	if !a.flags.noAuditLog {
		path = a.auditLog(forChanges)
		if !w.dryRun && a.command != guardCommand { // what takes a switch back must always be able to
			if err := a.reader.OwnLog(path); err != nil {
				return nil, err
			}
		}
		if err := a.liftLimits(); err != nil {
			return nil, err
		}
	}
	ch, err := connect.NewChanges(a.reader, connect.Command{
		Name: a.command, Told: a.toldUser, Reason: w.reason, Ticket: w.ticket, VerifiedBy: w.verifiedBy, Self: cmp.Or(w.self, a.getenv(selfUser)),
		DryRun: w.dryRun, Unlogged: a.flags.noAuditLog, AuditLog: path, Syslog: a.syslog(), Getenv: a.getenv,
		Policy: a.policy, AsRoot: a.asRoot(), Identify: w.identified,
		Warn: func(err error) { a.streams.Warnf("the outcome could not be recorded: %s", err) },
	})
	if err == nil {
		a.made = append(a.made, ch)
	}
	return ch, err
}

// asRoot reports whether root itself runs the program, and not through sudo.
func (a *App) asRoot() bool { return os.Geteuid() == 0 && a.caller == nil }

// as returns the App for a step that is another command: the policy, the audit log and hints know it by that name.
func (a *App) as(command string) *App {
	step := *a
	step.command, step.made = command, nil
	return &step
}

// liftLimits lets no limit stop the program between a change and its record.
func (a *App) liftLimits() error {
	if err := operator.LiftLimits(); err != nil {
		return &errs.Error{Kind: errs.Config, Op: "nothing was changed, because a change could stay without its record", Err: err,
			Hint: errs.Plain("run it without that limit")}
	}
	return nil
}

// record writes into the log that this command was refused.
func (a *App) record(log string, refused error, warn func(error)) error {
	if err := a.liftLimits(); err != nil {
		return err
	}
	ch, err := connect.NewChanges(a.reader, connect.Command{Name: a.command, AuditLog: log, Syslog: a.syslog(), Getenv: a.getenv, Warn: warn})
	if err != nil {
		return err
	}
	_ = ch.Refused(a.command, refused)
	return nil
}

// syslog returns the socket that gets a line about each record too, or "" if the policy wants none.
func (a *App) syslog() string {
	if !a.policy.Syslog() {
		return ""
	}
	return syslogSocket
}

// syslogSocket is the socket that gets a line about each record too. Neither a flag nor a variable changes it: who runs a
// command must not be able to turn it off. Tests build the program with another one, so that none of them writes to the
// machine's syslog. (Its value must be a text here, and no constant's name, for the linker to change it.)
var syslogSocket = "/dev/log"

// The settings that are variables only, or flags of single commands.
const (
	phoneRegion = "UZERP_MFA_PHONE_REGION"
	selfUser    = "UZERP_MFA_SELF"
)

// enroller returns what enrols users.
func (a *App) enroller(ctx context.Context, ch *changes) (*mfa.Enroller, error) {
	store, err := ch.Users(ctx)
	if err != nil {
		return nil, err
	}
	factors, err := ch.Factors()
	if err != nil {
		return nil, err
	}
	return &mfa.Enroller{Store: store, Factors: factors, Code: totp.Code, NewUUID: a.newUUID}, nil
}

// waiting shows that a job about many users is under way, and for how long, until done is called. With JSON it shows nothing.
func (a *App) waiting(what string) (done func()) {
	if a.wantsJSON() {
		return func() {}
	}
	return a.streams.Waiting(what)
}

// teller returns what puts the histories of users together.
func (a *App) teller(ctx context.Context, offline bool, workers int) *history.Teller {
	return a.reader.History(ctx, connect.HistoryOptions{Offline: offline, Workers: workers, AuditLog: a.auditLog(forReading), Zone: time.Local})
}

// logger returns what prints calls and queries with --verbose. It is nil without.
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

// verboseWriter prints log lines as all messages are printed, which escapes them.
type verboseWriter struct{ s *output.Streams }

func (w verboseWriter) Write(p []byte) (int, error) {
	w.s.Sayf("%s", strings.TrimSuffix(string(p), "\n"))
	return len(p), nil
}

var _ io.Writer = verboseWriter{}

// startSandbox starts a sandbox. Through sudo this process becomes the caller before anything is made: a sandbox needs no
// rights, and what runs in one must not get root's.
func (a *App) startSandbox(ctx context.Context) (*sandbox.Sandbox, error) {
	if err := a.becomeCaller(); err != nil {
		return nil, err
	}
	return sandbox.Start(ctx)
}

// becomeCaller makes this process the caller's, if it came through sudo.
func (a *App) becomeCaller() error {
	if a.caller == nil {
		return nil
	}
	if err := a.caller.Become(); err != nil {
		return &errs.Error{Kind: errs.Config, Op: "give up root's rights", Err: err}
	}
	return nil
}

// stopResult says what became of a sandbox that was to end.
type stopResult = sandbox.Stopped

// The results.
const (
	stopStopped = sandbox.StoppedNow
	stopTidied  = sandbox.WasDead
	stopNone    = sandbox.WasNone
)

// stopSandbox ends the detached sandbox in root, as the caller who has started it.
func (a *App) stopSandbox(ctx context.Context, root string) (how stopResult, stopped string, err error) {
	if err := a.becomeCaller(); err != nil {
		return "", "", err
	}
	if root == "" {
		if root, err = sandbox.OnlyDetached(); root == "" {
			return stopNone, "", err
		}
	}
	how, err = sandbox.StopDetached(ctx, root)
	return how, root, err
}

// sandboxParent returns the directory in which stopSandbox looks for the only sandbox.
func sandboxParent() string { return sandbox.Parent() }

// sandboxPhones returns the emulated phones. It fails outside of a sandbox.
func (a *App) sandboxPhones() (sandbox.Phones, error) {
	return sandbox.FindPhones(a.getenv(sandbox.VerifyURLVariable))
}

// noteIfOff says so if two-factor login is off: what a command says about the next login holds only once it is on.
// The note is a courtesy, so an error here is no error of the command's.
func (a *App) noteIfOff(ctx context.Context) {
	site, err := a.siteLogin(ctx)
	a.noteSiteOff(err == nil && site == mfa.SiteOff)
}

func (a *App) noteSiteOff(off bool) {
	if off {
		a.streams.Notef("note: %s", mfa.SiteIsOff)
	}
}

// machineRoot is the root directory of the machine whose PHP's settings say where the sessions are. Tests build the
// program with another one: no test may look at, or end, a session of this machine.
var machineRoot = "/"

func (a *App) sessionSettings(phpIni string) connect.SessionSettings {
	return connect.SessionSettings{Root: machineRoot, PHPIni: phpIni, WebUsers: a.loader.WebUsers}
}

// sessions returns what lists sessions.
func (a *App) sessions(phpIni string) (session.Reader, error) {
	return a.reader.Sessions(a.sessionSettings(phpIni))
}

func grantsSQL(role string, withHistory bool) string { return connect.GrantsSQL(role, withHistory) }
