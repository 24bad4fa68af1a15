package cmd

import (
	"cmp"
	"context"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"uzerp-mfa/internal/audit"
	"uzerp-mfa/internal/config"
	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/operator"
	"uzerp-mfa/internal/output"
	"uzerp-mfa/internal/policy"
)

func newPolicyCmd(app *App) *cobra.Command {
	c := &cobra.Command{
		Use:         "policy",
		Short:       "Show what the administrator of this machine allows",
		Long:        "Commands for the administrator's policy, /etc/uzerp-mfa/policy.env. uzerp-mfa help sudo explains it.",
		Annotations: exitCodes(),
		Example:     "  uzerp-mfa policy show",
		Args:        cobra.ArbitraryArgs,
		RunE:        runGroup,
	}
	c.AddCommand(newPolicyShowCmd(app))
	return c
}

func newPolicyShowCmd(app *App) *cobra.Command {
	c := &cobra.Command{
		Use:   "show",
		Short: "Show each setting of the policy and the line that it is from",
		Long: `Shows what the administrator of this machine allows: each setting of /etc/uzerp-mfa/policy.env, with its line, and the
default where there is none. Only root can change the file, and no flag or variable overrides it. uzerp-mfa help settings explains each
setting.`,
		Annotations: exitCodes(errs.Config, errs.Refused),
		Example:     "  uzerp-mfa policy show\n  uzerp-mfa policy show -o json",
		Args:        noArgs,
	}
	c.RunE = app.run(oneFormats, func(context.Context, []string) error { return runPolicyShow(app) })
	return c
}

type policySettingView struct {
	// its name
	Name  string  `json:"name"`
	Value *string `json:"value"` // null if there is neither a line nor a default
	Line  *int    `json:"line"`  // null for a default
}

type policyView struct {
	// the file
	Path string `json:"path"`
	// whether there is such a file
	Exists bool `json:"exists"`
	// each setting, also where the default holds
	Settings []policySettingView `json:"settings"`
}

type policyDocument struct {
	SchemaVersion int `json:"schema_version"`
	// what the administrator allows
	Policy policyView `json:"policy"`
}

func runPolicyShow(app *App) error {
	path, exists := app.policy.Path()
	view := policyView{Path: path, Exists: exists}
	var rows [][]string
	for _, s := range app.policy.Settings() {
		v, line := policySettingView{Name: s.Name, Value: optional(s.Value)}, "default"
		if s.Line > 0 {
			v.Line, line = &s.Line, strconv.Itoa(s.Line)
		}
		view.Settings = append(view.Settings, v)
		rows = append(rows, []string{s.Name, cmp.Or(s.Value, "-"), line})
	}
	if app.flags.output == formatJSON {
		return output.WriteJSON(app.streams.Out, policyDocument{SchemaVersion: schemaVersion, Policy: view})
	}
	if err := app.writeTable(nil, columnsNamed("setting", "value", "line"), rows); err != nil {
		return err
	}
	if exists {
		app.streams.Notef("note: this is %s", path)
	} else {
		app.streams.Notef("note: there is no %s, so the defaults hold", path)
	}
	return nil
}

// The commands that need no policy: they read and change nothing.
var withoutPolicy = []string{"version", "completion", "help"}

// The commands that go on without a policy that is wrong. doctor reports it, and guardCommand must always be able to
// switch back. The defaults hold then, which allow sudo's callers the least.
var despitePolicy = []string{"doctor", guardCommand}

// policyPath is policy.Path. Tests build the program with another one, so that a policy of the machine changes none of
// them. (Its value must be a text here, and no constant's name, for the linker to change it.)
var policyPath = "/etc/uzerp-mfa/policy.env"

// readPolicy reads the administrator's policy and refuses flags and variables that it forbids.
func (a *App) readPolicy(c *cobra.Command) error {
	if slices.Contains(withoutPolicy, a.command) {
		return nil
	}
	var err error
	if a.caller, err = operator.ThroughSudo(a.getenv); err != nil {
		return &errs.Error{Kind: errs.Config, Op: "find out who runs this as root", Err: err}
	}
	if a.caller != nil {
		if err := a.caller.LeaveHome(); err != nil {
			return err
		}
	}
	path := cmp.Or(a.process.Policy, policyPath)
	p, err := policy.Load(path)
	switch {
	case err == nil:
		a.policy = p
	case slices.Contains(despitePolicy, a.command):
		a.policy, a.policyErr = policy.Default(path), err
	default:
		return err
	}
	if root := a.policy.UzerpRoot(); root != "" {
		a.loader.FixedRoot, a.loader.FixedBy = root, path
	}
	a.loader.WebUsers = a.policy.WebServerUsers()
	if a.command == "sandbox" || a.command == "sandbox stop" { // it has its own settings
		return a.policy.CheckSandbox(a.caller != nil)
	}
	return a.policy.CheckChoices(a.caller != nil, a.choices(c))
}

// connectionFlags are flags of single commands that name a file which is read (and with session-config set also written),
// or that let another database than uzERP's be changed.
var connectionFlags = []string{"file", "php-ini", config.FlagNotUzerps}

// choices returns the flags and variables that the policy may forbid.
func (a *App) choices(c *cobra.Command) []policy.Choice {
	var given []policy.Choice
	add := func(name, value string, of policy.Object) {
		if value != "" {
			given = append(given, policy.Choice{Name: name, Value: a.absolute(value), Of: of})
		}
	}
	add("--"+audit.Flag, a.flags.auditLog, policy.TheAuditLog)
	add(audit.Variable, a.getenv(audit.Variable), policy.TheAuditLog)
	if a.flags.noAuditLog {
		given = append(given, policy.Choice{Name: "--no-audit-log", Of: policy.TheAuditLog})
	}
	add("--"+config.FlagUzerpRoot, a.loader.UzerpRoot, policy.TheUzerpRoot)
	add(config.VariableUzerpRoot, a.getenv(config.VariableUzerpRoot), policy.TheUzerpRoot)
	given = append(given, a.chosenRegions(c)...)
	add("--"+config.FlagDatabaseURL, a.loader.DatabaseURL, policy.TheConnection)
	add("--"+config.FlagEnvFile, a.loader.EnvFile, policy.TheConnection)
	for _, name := range connectionFlags {
		if f := c.Flags().Lookup(name); f != nil && f.Value.String() != f.DefValue {
			given = append(given, policy.Choice{Name: "--" + name, Of: policy.TheConnection})
		}
	}
	return append(given, policy.Connections(a.getenv)...)
}

// chosenRegions returns by what the operator chose the country of phone numbers.
func (a *App) chosenRegions(c *cobra.Command) []policy.Choice {
	var given []policy.Choice
	if f := c.Flags().Lookup(flagRegion); f != nil && f.Value.String() != "" {
		given = append(given, policy.Choice{Name: "--" + flagRegion, Value: strings.ToUpper(f.Value.String()), Of: policy.ThePhoneRegion})
	}
	if code := a.getenv(phoneRegion); code != "" {
		given = append(given, policy.Choice{Name: phoneRegion, Value: strings.ToUpper(code), Of: policy.ThePhoneRegion})
	}
	return given
}

func (a *App) absolute(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(a.loader.Dir, path)
}

// recordRefusal records that the policy forbids this command, in the log that no flag and no variable chooses. A dry run
// records nothing.
func (a *App) recordRefusal(c *cobra.Command, refused error) {
	dry := c.Flags().Lookup("dry-run")
	if errs.KindOf(refused) != errs.Refused || dry != nil && dry.Value.String() == "true" {
		return
	}
	warn := func(err error) { a.streams.Warnf("the refusal could not be recorded: %s", err) }
	if err := a.record(a.auditLog(forRefusals), refused, warn); err != nil {
		warn(err)
	}
}

// logUse is what an audit log is looked for.
type logUse int

// The uses.
const (
	forChanges  logUse = iota // to write what is changed
	forReading                // to read
	forRefusals               // to write that the policy has refused this command
)

// auditLog returns the path of the audit log. The policy's comes first. Through sudo it is the log of the whole machine, unless
// the caller has named one; and a refusal is always in a log that the caller has not named.
func (a *App) auditLog(use logUse) string {
	named := a.flags.auditLog != "" || a.getenv(audit.Variable) != ""
	switch {
	case a.policy.AuditLog() != "":
		return a.policy.AuditLog()
	case a.caller != nil && (use == forRefusals || !named):
		return a.machineAuditLog()
	case use == forRefusals:
		return audit.DefaultPath(a.getenv)
	case use == forReading:
		return audit.ReadPath(a.flags.auditLog, a.getenv)
	}
	path, _ := audit.WritePath(a.flags.auditLog, a.getenv)
	return path
}

// machineAuditLog is the log of the whole machine. It does not depend on any variable.
func (a *App) machineAuditLog() string {
	return cmp.Or(a.process.MachineAuditLog, audit.DefaultPath(func(string) string { return "" }))
}

// asCaller runs f, which opens or makes files that the operator has named: through sudo with the caller's rights.
func (a *App) asCaller(f func() error) error {
	if a.caller == nil {
		return f()
	}
	return a.caller.Do(f)
}
