// Package cmd is the command line.
//
// Its law: flags in, one call, a view out. It decides nothing that a second front end would have to decide again, and
// has no state outside the App. Only here is a command line of this program spelled.
package cmd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"uzerp-mfa/internal/audit"
	"uzerp-mfa/internal/config"
	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/output"
)

// Process is what a program gets from the operating system.
type Process struct {
	In, Out, Err *os.File
	Getenv       func(string) (string, bool)

	// Tests set these; the program itself has fixed paths.
	Policy          string // the administrator's policy
	MachineAuditLog string // the audit log of the whole machine
}

// Run runs the program and returns its exit code.
func Run() int {
	return run(Process{In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Getenv: os.LookupEnv})
}

func run(p Process) int {
	// A reader that goes away (| head) must not kill a change half-way: writes then give EPIPE, which output knows. Not
	// signal.Ignore, which the commands run by sandbox would inherit.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	go func() {
		<-ctx.Done()
		stop() // a second Ctrl-C ends the program at once
	}()
	return Main(ctx, os.Args[1:], p)
}

// Main runs one command line and returns its exit code.
func Main(ctx context.Context, args []string, p Process) int {
	app := newApp(p)
	only := ""
	if len(args) > 0 {
		only = args[0]
	}
	return app.execute(ctx, newTree(app, only), args)
}

// execute runs one command line in the tree, and returns its exit code.
func (a *App) execute(ctx context.Context, root *cobra.Command, args []string) int {
	defer a.reader.Close()
	a.completing = len(args) > 0 && strings.HasPrefix(args[0], cobra.ShellCompRequestCmd)
	if a.completing {
		a.completeTheRest(root)
	}
	root.SetArgs(args)
	root.SetIn(a.process.In)
	root.SetOut(a.streams.Out)
	root.SetErr(a.streams.Err)
	err := root.ExecuteContext(ctx)
	if a.streams.Out.ReaderLeft(err) {
		err = nil // the reader has seen enough (| head): the command has not failed
	}
	err = withLostOutput(err, a.streams.Out.Flush())
	if err == nil {
		a.streams.ReleaseNotes()
		return 0
	}
	if code, ok := errors.AsType[childExit](err); ok {
		return int(code)
	}
	if a.ctx != nil {
		ctx = a.ctx // with the deadline of --timeout
	}
	if !a.started { // cobra and pflag report nothing but wrong usage
		if _, ok := errors.AsType[*errs.Error](err); !ok {
			err = usageError(err.Error(), root.Name()+" --help says more")
		}
	}
	return a.report(a.wantsJSON() || !a.started && asksForJSON(args), classify(ctx, err))
}

// withLostOutput returns what the command ends with if lost is why its output could not be written: that may show only at the end.
// What was done or found is then told to nobody, so the command has failed. Another error stays what it is, and says this too.
func withLostOutput(err, lost error) error {
	if lost == nil || output.IsBrokenPipe(lost) {
		return err
	}
	_, classified := errors.AsType[*errs.Error](err)
	switch kind := errs.KindOf(err); {
	case err == nil, errors.Is(err, lost) && !classified:
		return &errs.Error{Kind: errs.Failure, Op: "write the output", Err: lost}
	case errors.Is(err, lost), kind == errs.Failure: // it has the exit code already
		return err
	case kind == errs.Findings, kind == errs.Partial:
		return &errs.Error{Kind: errs.Failure, Op: "write the output", Err: fmt.Errorf("%w; %w", lost, err),
			Hint: errs.Plain("make room for the output and run the command again: that is safe")}
	default:
		return fmt.Errorf("%w; the output could not be written: %w", err, lost)
	}
}

// asksForJSON reports whether an error must be JSON, if the flags could not be parsed to the end.
func asksForJSON(args []string) bool {
	for i, a := range args {
		value, ok := strings.CutPrefix(a, "--output=")
		if !ok {
			value, ok = strings.CutPrefix(a, "-o")
			value = strings.TrimPrefix(value, "=")
		}
		if (a == "-o" || a == "--output") && i+1 < len(args) {
			value = args[i+1]
		}
		if ok || a == "--output" {
			return value == formatJSON || value == formatJSONL
		}
	}
	return false
}

// The output formats.
const (
	formatTable = "table"
	formatJSON  = "json"
	formatJSONL = "jsonl"
	formatCSV   = "csv"
)

// globalFlags mean the same for every command.
type globalFlags struct {
	output  string
	noColor bool
	quiet   bool
	verbose bool
	noInput bool
	timeout time.Duration

	auditLog   string
	noAuditLog bool
}

// commands returns those below the root, by name.
func commands() []namedCommand {
	return []namedCommand{
		{"set-injector", newSetInjectorCmd}, {"user", newUserCmd}, {"enroll", newEnrollCmd}, {"verify", newVerifyCmd},
		{"grants", newGrantsCmd}, {"detach", newDetachCmd}, {guardCommand, newUndoGuardCmd}, {"sandbox", newSandboxCmd},
		{"completion", newCompletionCmd}, {"version", newVersionCmd}, {"assist", newAssistCmd}, {"session-config", newSessionConfigCmd},
		{"session", newSessionCmd}, {"reconcile", newReconcileCmd}, {"identity", newIdentityCmd}, {"service", newServiceCmd},
		{"audit-log", newAuditLogCmd}, {"doctor", newDoctorCmd}, {"policy", newPolicyCmd}, {"notify", newNotifyCmd},
	}
}

type namedCommand struct {
	name  string
	build func(*App) *cobra.Command
}

// newRootCmd returns all commands.
func newRootCmd(app *App) *cobra.Command { return newTree(app, "") }

// looseTree returns all commands, to be looked at and not run.
func looseTree() *cobra.Command {
	nothing := func(string) (string, bool) { return "", false }
	return newRootCmd(newApp(Process{In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Getenv: nothing}))
}

// newTree returns the root with the one command below it that is named, if there is such a one, and otherwise with all. Most starts
// need only the one, and all of them would make it slower. To look for another command there is App.tree.
func newTree(app *App, only string) *cobra.Command {
	root := &cobra.Command{
		Use:   "uzerp-mfa",
		Short: "Set up uzERP's two-factor login and help locked-out users",
		Long: `Sets up two-factor login to the uzERP ERP system, and gets locked-out users back in. It works directly on uzERP's
database and on Twilio Verify, and shows what it will change before it does.

Settings come from flags, the environment, and uzERP's own conf/ directory; uzerp-mfa help settings says which and in what order.`,
		Example: `  uzerp-mfa user list --state broken
  uzerp-mfa set-injector --dry-run
  uzerp-mfa user reset alice --identify sms`,
		Annotations:       exitCodes(),
		SilenceUsage:      true,
		SilenceErrors:     true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
		Args:              cobra.ArbitraryArgs,
	}
	version := false
	root.Flags().BoolVar(&version, "version", false, "print the version, as the command version does")
	root.RunE = func(c *cobra.Command, args []string) error {
		if !version {
			return runGroup(c, args)
		}
		v, _, err := c.Find([]string{"version"})
		if err == nil {
			err = v.Args(v, args)
		}
		if err != nil {
			return err
		}
		v.SetContext(c.Context())
		return v.RunE(v, nil)
	}
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return usageError(flagProblem(err), c.CommandPath()+" --help says more")
	})
	g, l, f := &app.flags, &app.loader, root.PersistentFlags()
	f.StringVarP(&g.output, "output", "o", formatTable, "output format: table, json; for lists jsonl and csv too")
	f.BoolVar(&g.noColor, "no-color", false, "print without colors (also: NO_COLOR)")
	f.BoolVarP(&g.quiet, "quiet", "q", false, "print no notes on stderr, only warnings and errors")
	f.BoolVarP(&g.verbose, "verbose", "v", false, "print each call to Twilio and each query on stderr")
	f.BoolVar(&g.noInput, "no-input", false, "never ask, as if there were no terminal")
	f.DurationVar(&g.timeout, "timeout", 0, "limit for the whole command, for example 30s; 0 for none (calls and queries have their own of 10s)")
	f.StringVar(&g.auditLog, audit.Flag, "", "audit log (also: UZERP_MFA_AUDIT_LOG; default /var/log/uzerp-mfa/audit.jsonl, or one of your own)")
	f.BoolVar(&g.noAuditLog, "no-audit-log", false, "change without writing the audit log, where it can't be written")
	f.StringVar(&l.DatabaseURL, config.FlagDatabaseURL, "", "uzERP's database, without a password (also: DATABASE_URL, with)")
	f.StringVar(&l.UzerpRoot, config.FlagUzerpRoot, "", "uzERP's directory, with system.php and conf/ (also: UZERP_ROOT)")
	f.StringVar(&l.EnvFile, config.FlagEnvFile, "", "file with TWILIO_... settings, used after the environment")
	f.BoolVar(&l.NotUzerps, config.FlagNotUzerps, false, "work on another database than the one that uzERP's own files name: a copy, or through a pooler")

	all := commands()
	if i := slices.IndexFunc(all, func(c namedCommand) bool { return c.name == only }); i >= 0 {
		all = all[i : i+1]
	}
	for _, c := range all {
		root.AddCommand(c.build(app))
	}
	completeValues(root, "output", listFormats...)
	help := newHelpCmd(app, root)
	root.AddCommand(help)
	root.SetHelpCommand(help)
	root.SetHelpFunc(app.showHelp)
	onlyOnce(root, &app.completing)
	return root
}

// runGroup runs a command that only has subcommands. Without it cobra prints help for an unknown one and exits 0.
func runGroup(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return usageError("a subcommand is needed", c.CommandPath()+" --help lists them")
	}
	hint := c.CommandPath() + " --help lists the commands"
	c.SuggestionsMinimumDistance = 2
	s := slices.DeleteFunc(c.SuggestionsFor(args[0]), func(name string) bool { return name == skipCommand && !strings.HasPrefix(args[0], "disable-") })
	if args[0] == "disable" {
		hint = "access to uzERP is enabled and disabled in uzERP's own administration; " + hint
	}
	switch {
	case len(s) > 0:
		hint = "did you mean: " + c.CommandPath() + " " + s[0]
	case !c.HasParent() && below(c, args[0]) != nil:
		hint = "did you mean: " + below(c, args[0]).CommandPath()
	case !c.HasParent() && slices.Contains(topicNames(), args[0]):
		hint = "did you mean: " + c.CommandPath() + " help " + args[0]
	}
	return usageError(fmt.Sprintf("unknown command %q for %q", args[0], c.CommandPath()), hint)
}

// below returns the command of a group that has a name which somebody typed without the group, as in "reset alice".
func below(root *cobra.Command, name string) *cobra.Command {
	for _, group := range root.Commands() {
		for _, c := range visible(group) {
			if c.Name() == name {
				return c
			}
		}
	}
	return nil
}

// onlyOnce makes it an error to give a flag twice: if two values contradict each other, nobody knows which is meant. While the
// shell's completion is served it is none: cobra then parses the flags twice.
func onlyOnce(c *cobra.Command, completing *bool) {
	wrap := func(f *pflag.Flag) { f.Value = &onceValue{Value: f.Value, completing: completing} }
	c.PersistentFlags().VisitAll(wrap)
	persistent := c.PersistentFlags()
	c.Flags().VisitAll(func(f *pflag.Flag) {
		if persistent.Lookup(f.Name) == nil {
			wrap(f)
		}
	})
	for _, child := range c.Commands() {
		onlyOnce(child, completing)
	}
}

type onceValue struct {
	pflag.Value
	given      bool
	completing *bool
}

var errGivenTwice = errors.New("given twice")

// Set takes the first value and refuses a second.
func (v *onceValue) Set(s string) error {
	if v.given && !*v.completing {
		return errGivenTwice
	}
	v.given = true
	return v.Value.Set(s)
}

// flagProblem returns pflag's message in our words.
func flagProblem(err error) string {
	invalid, ok := errors.AsType[*pflag.InvalidValueError](err)
	if !ok {
		return err.Error()
	}
	f := invalid.GetFlag()
	what := ""
	switch f.Value.Type() {
	case "duration":
		what = "is not a duration such as 30s or 5m"
	case "int":
		what = "is not a whole number"
	case "float64":
		what = "is not a number"
	case "bool":
		what = "is neither true nor false"
	case "file":
		what = "is no file name"
	}
	switch {
	case errors.Is(err, errGivenTwice):
		return fmt.Sprintf("--%s is given twice", f.Name)
	case what == "":
		return err.Error()
	}
	return fmt.Sprintf("--%s: %q %s", f.Name, invalid.GetValue(), what)
}

func usageError(message, hint string) error { return errs.New(errs.Usage, message, hint) }

// run starts every command. It refuses what can be refused without opening anything.
func (a *App) run(formats []string, f func(ctx context.Context, args []string) error) func(*cobra.Command, []string) error {
	return func(c *cobra.Command, args []string) error {
		if !slices.Contains(formats, a.flags.output) {
			return usageError(fmt.Sprintf("%s has no output format %q", c.CommandPath(), a.flags.output), "it has "+strings.Join(formats, ", "))
		}
		if a.flags.timeout < 0 {
			return usageError("--timeout must not be negative", "")
		}
		if a.flags.auditLog != "" && a.flags.noAuditLog {
			return usageError("--audit-log and --no-audit-log contradict each other", "")
		}
		for _, name := range recordedFlags {
			if f := c.Flags().Lookup(name); f != nil && len(f.Value.String()) > longestRecorded {
				return usageError(fmt.Sprintf("--%s has %d bytes; it may have %d", name, len(f.Value.String()), longestRecorded), "shorten it")
			}
		}
		if err := a.loader.CheckFlags(); err != nil {
			return err
		}
		a.configureStreams()
		a.streams.Out.OutliveReader(mayEndWith(c, errs.Findings))
		a.started = true
		a.command = strings.TrimPrefix(c.CommandPath(), c.Root().Name()+" ")
		a.typed, a.args = c, args
		if err := a.readPolicy(c); err != nil {
			a.recordRefusal(c, err)
			return err
		}
		ctx := c.Context()
		if a.flags.timeout > 0 {
			limited, cancel := context.WithTimeoutCause(ctx, a.flags.timeout, errTimeout)
			defer cancel()
			ctx = limited
		}
		a.ctx = ctx
		real, err := a.realArgs(ctx, c, args)
		if err == nil {
			err = a.withLogSource(f(ctx, real))
		}
		a.deliver(ctx)
		a.noteDryRun(c, err)
		return a.proposeUsers(ctx, c, args, err)
	}
}

// noteDryRun says at the end of a dry run that it was one.
func (a *App) noteDryRun(c *cobra.Command, err error) {
	if dry := c.Flags().Lookup("dry-run"); dry == nil || dry.Value.String() != "true" {
		return
	}
	if kind := errs.KindOf(err); err == nil || kind == errs.Refused || kind == errs.Partial || kind == errs.Findings {
		a.streams.Notef("dry run: nothing was changed")
	}
}

var (
	oneFormats  = []string{formatTable, formatJSON}
	listFormats = []string{formatTable, formatJSON, formatJSONL, formatCSV}
)

// writeFlags are the flags of every command that changes something.
type writeFlags struct {
	dryRun bool
	yes    bool
	reason string
	ticket string
	self   string // only user reset has a flag for it

	verifiedBy string // of the commands that help a caller
	identified bool   // a code will verify the caller before anything is changed
}

// register adds the flags. --yes is one of every such command, also of one that asks for a code only: so a script can give
// it everywhere.
func (w *writeFlags) register(c *cobra.Command) {
	c.Flags().BoolVar(&w.dryRun, "dry-run", false, "show what would be done, and do nothing")
	c.Flags().StringVar(&w.reason, "reason", "", "why, for the audit log")
	c.Flags().StringVar(&w.ticket, "ticket", "", "number of a ticket, for the audit log")
	c.Flags().BoolVarP(&w.yes, "yes", "y", false, "do not ask for a confirmation; a code is asked for all the same")
}

// recordedFlags hold free text for the audit log.
var recordedFlags = []string{"reason", "ticket"}

// longestRecorded is how many bytes each of them may have, so that they fill no line of the log.
const longestRecorded = 4 << 10

// requireConfirmation fails if the command must ask and there is no terminal to ask on.
func (a *App) requireConfirmation(w writeFlags) error {
	if w.yes || w.dryRun || a.streams.CanAsk() {
		return nil
	}
	return usageError("this needs a confirmation, and there is no terminal to ask on", "--yes goes ahead without asking; --dry-run shows what would be done")
}

// confirm asks, unless --yes was given. The answer no is an error of errs.Declined.
func (a *App) confirm(ctx context.Context, w writeFlags, question string) error {
	if w.yes {
		return nil
	}
	yes, err := a.streams.Confirm(ctx, question)
	if err != nil {
		return err
	}
	if !yes {
		return errs.New(errs.Declined, "not confirmed; nothing was changed", "")
	}
	return nil
}

// usernames returns the Args function of USER...: at least one name, none of them empty, and at most limit (0: any
// number).
func usernames(limit int) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		switch {
		case len(args) == 0:
			return usageError("a user name is needed", c.CommandPath()+" --help says more")
		case limit > 0 && len(args) > limit:
			return usageError(fmt.Sprintf("too many arguments: at most %d", limit), c.CommandPath()+" --help says more")
		case slices.Contains(args, ""):
			return usageError("a user name must not be empty", "")
		}
		return nil
	}
}

// noArgs is the Args function of a command without any.
func noArgs(c *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usageError(fmt.Sprintf("unexpected argument %q", args[0]), c.CommandPath()+" --help says more")
	}
	return nil
}
