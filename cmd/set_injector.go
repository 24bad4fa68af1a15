package cmd

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/finding"
	"uzerp-mfa/internal/injector"
	"uzerp-mfa/internal/injector/trial"
	"uzerp-mfa/internal/mfa"
	"uzerp-mfa/internal/output"
	"uzerp-mfa/internal/pattern"
	"uzerp-mfa/internal/session"
	"uzerp-mfa/internal/verifyservice"
)

type setInjectorOptions struct {
	writeFlags
	request    injector.Request
	skipEnv    bool
	skipTwilio bool
	try        time.Duration
	tryFlag    *pflag.Flag
	confirm    bool
	ends       endSessions
}

func newSetInjectorCmd(app *App) *cobra.Command {
	opts := &setInjectorOptions{}
	c := &cobra.Command{
		Use:   "set-injector",
		Short: "Switch two-factor login on or off for the whole site",
		Long: `Switches uzERP's login handler to the one that asks for a one-time code, and sets the validator that asks Twilio, in one
transaction; users without a uuid, who could never enroll, get one. With --off it goes back to the password only, for
example when Twilio is down.

It refuses, and changes nothing, whenever the switch would lock everybody out or let anybody in: uzerp-mfa help set-injector
lists the checks. Running it again changes nothing.

With --try 5m it switches, and waits for you to log in from another browser and say that it worked; without a yes, or if
the terminal or this program goes away, it is switched back. Somebody at another terminal can say so with --confirm-trial.`,
		Annotations: exitCodes(errs.Config, errs.Refused, errs.Unavailable, errs.Declined),
		Example: `  uzerp-mfa set-injector --uzerp-root /var/www/uzerp --dry-run
  uzerp-mfa set-injector --uzerp-root /var/www/uzerp
  uzerp-mfa set-injector --off --yes`,
		Args: noArgs,
	}
	f := c.Flags()
	opts.registerSwitch(f)
	completeValues(c, "login-handler", injector.MFAHandler)
	completeValues(c, "mfa-validator", injector.TwilioValidator)
	completeValues(c, "gateway", injector.DatabaseGateway)
	f.BoolVar(&opts.request.Off, "off", false, "switch back to "+injector.PlainHandler+": password only")
	f.BoolVar(&opts.skipEnv, "skip-env-check", false, "switch without looking at uzERP's conf/.env")
	f.BoolVar(&opts.skipTwilio, "skip-twilio-check", false, "switch without asking Twilio")
	f.BoolVar(&opts.confirm, "confirm-trial", false, "keep the switch that is on trial: a login with the code has worked")
	opts.ends.register(c)
	opts.register(c)
	c.RunE = app.run(oneFormats, func(ctx context.Context, _ []string) error { return runSetInjector(ctx, app, opts) })
	return c
}

// registerSwitch adds the flags that a trial's guard has too.
func (o *setInjectorOptions) registerSwitch(f *pflag.FlagSet) {
	f.StringVar(&o.request.Handler, "login-handler", "", "login handler class (default "+injector.MFAHandler+")")
	f.StringVar(&o.request.Validator, "mfa-validator", "", "validator class (default "+injector.TwilioValidator+")")
	registerGateway(f, &o.request.Gateway)
	f.DurationVar(&o.try, "try", 0, "switch back after this time, for example 5m, unless you confirm that a login works")
	o.tryFlag = f.Lookup("try")
}

// registerGateway adds the flag with which the operator vouches for a class that this program does not know.
func registerGateway(f *pflag.FlagSet, class *string) {
	f.StringVar(class, "gateway", "", "authentication gateway class that you know to check passwords, if it is not "+injector.DatabaseGateway)
}

var phpClass = pattern.Lazy(`^\\?[A-Za-z_][A-Za-z0-9_]*(\\[A-Za-z_][A-Za-z0-9_]*)*$`)

func (o *setInjectorOptions) complete() error {
	r := &o.request
	if r.Off && (r.Handler != "" || r.Validator != "") {
		return usageError("--off goes back to "+injector.PlainHandler+": --login-handler and --mfa-validator contradict it", "")
	}
	switch {
	case r.Off && o.try != 0:
		return usageError("--off is for emergencies: it is made at once, and --try contradicts it", "")
	case o.try < 0 || o.try > trial.MaxLimit || o.try == 0 && o.tryFlag.Changed: // who asks for a trial gets no switch that stays
		return usageError(fmt.Sprintf("--try must be more than 0 and at most %s", trial.MaxLimit), "")
	}
	if r.Handler == injector.PlainHandler {
		return usageError(injector.PlainHandler+" is the login without a code", "use --off to switch to it")
	}
	for flag, class := range map[string]string{"--login-handler": r.Handler, "--mfa-validator": r.Validator, "--gateway": r.Gateway} {
		if right, misspelt := injector.Misspelt(class); misspelt && flag != "--gateway" { // the checks look at the gateway
			return usageError(fmt.Sprintf("%s: uzERP's class is spelt %s", flag, right), "")
		}
		if class != "" && !phpClass().MatchString(class) {
			return usageError(fmt.Sprintf("%s: %q is not a PHP class name", flag, class), "")
		}
	}
	if o.skipEnv {
		r.SkipSettings = "--skip-env-check"
	}
	if o.skipTwilio {
		r.SkipTwilio = "--skip-twilio-check"
	}
	switch {
	case r.Off:
		r.Handler = injector.PlainHandler
	case r.Handler == "":
		r.Handler = injector.MFAHandler
	}
	if !r.Off && r.Validator == "" {
		r.Validator = injector.TwilioValidator
	}
	return nil
}

func runSetInjector(ctx context.Context, app *App, opts *setInjectorOptions) error {
	if opts.confirm {
		return confirmTrial(ctx, app, opts)
	}
	if err := opts.complete(); err != nil {
		return err
	}
	if opts.try > 0 && !opts.dryRun && !app.streams.CanAsk() {
		return usageError("--try asks whether a login works, and there is no terminal to ask on", "scripts switch without --try, with --yes")
	}
	if err := app.requireConfirmation(opts.writeFlags); err != nil {
		return err
	}
	ch, err := app.changes(opts.writeFlags)
	if err != nil {
		return err
	}
	store, err := ch.Injector(ctx)
	if err != nil {
		return err
	}
	if err := opts.ends.open(ctx, app, ch); err != nil {
		return err
	}
	if err := lookForTrial(ctx, app, store, opts.request.Off); err != nil {
		return ch.Refused(injector.LoginHandler, err)
	}
	plan, checks, err := injector.Prepare(ctx, app.injectorSite(store), opts.request)
	if err != nil {
		return err
	}
	users, names := plan.Targets()
	if err := ch.Allowed(ctx, users, names...); err != nil {
		return err
	}
	sel := session.Selection{All: true, Present: opts.request.Handler}
	if err := opts.ends.ask(ctx, ch, sel, slices.Concat(users, names)...); err != nil {
		return err
	}
	refusal := injector.Refusal(checks)
	asks := plan.Needed() && !opts.dryRun && !opts.yes
	if app.flags.output == formatTable || asks { // else the document alone has them
		showChecks(app, checks)
	}
	if refusal != nil || opts.dryRun || !plan.Needed() {
		if err := showSwitch(app, viewSwitch(app, plan, checks, false, opts.dryRun)); err != nil {
			return err
		}
		if refusal == nil && !plan.Needed() {
			app.streams.Notef("nothing to do: the site is set up like this already")
		}
		if refusal == nil && opts.ends.wanted {
			opts.ends.noteNoSwitch(app)
		}
		return ch.Refused(injector.LoginHandler, refusal)
	}
	if asks {
		showSwitchPlan(app, viewSwitch(app, plan, checks, false, false))
	}
	question := "Switch two-factor login on for everybody?"
	if opts.request.Off {
		question = "Switch two-factor login off for everybody?"
	}
	if err := app.confirm(ctx, opts.writeFlags, question); err != nil {
		return err
	}
	if opts.try > 0 {
		err = trySwitch(ctx, app, ch, store, plan, opts)
	} else {
		done := app.waiting(fmt.Sprintf("switching, with a uuid for %d users", len(plan.Assignments)))
		err = store.ApplySwitch(ctx, injector.Names(), plan)
		done()
	}
	if err != nil {
		return err
	}
	if err := showSwitch(app, viewSwitch(app, plan, checks, true, false)); err != nil {
		return err
	}
	app.streams.Notef("%s", opts.outcome())
	if opts.ends.wanted {
		return opts.ends.afterSwitch(ctx, app, opts.request.Handler)
	}
	opts.ends.noteOpenSessions(ctx, app, opts.request.Handler)
	return nil
}

// outcome says what holds after the switch.
func (o *setInjectorOptions) outcome() string {
	switch {
	case o.request.Off:
		return "two-factor login is off for everybody"
	case o.try > 0:
		return "two-factor login is on for everybody, and stays on"
	default:
		return "two-factor login is on for everybody"
	}
}

// lookForTrial returns why there must be no other switch now. Switching off never waits: the guard of a trial leaves
// alone what it finds switched off.
func lookForTrial(ctx context.Context, app *App, store injector.Reader, off bool) error {
	mark, err := store.OnTrial(ctx)
	switch {
	case off && err != nil, err == nil && mark == nil:
		return nil //nolint:nilerr // --off goes on whatever is known about a trial
	case err != nil:
		return err
	case mark.Over:
		app.streams.Warnf("the time of a switch on trial is over, and its guard has neither switched back nor ended: it may still do so; %s", mark)
	case off:
		app.streams.Warnf("a switch is on trial %s; it ends with this", mark)
	default:
		return mark.Forbids()
	}
	return nil
}

// injectorSite is what set-injector looks at before a switch: of Twilio, the Verify service as uzERP will see it,
// with uzERP's own settings if there are any.
func (a *App) injectorSite(database injector.Reader) injector.Site {
	return injector.Site{
		Database: database, Settings: a.loader.UzerpSettings, NewUUID: a.newUUID,
		Users: func(ctx context.Context) (iter.Seq2[mfa.User, error], error) { return a.reader.AllUsers(ctx) },
		Service: func(ctx context.Context) (verifyservice.Service, error) {
			settings, err := a.loader.UzerpTwilio()
			if err != nil {
				return verifyservice.Service{}, err
			}
			service, _, err := a.reader.ServiceOf(ctx, settings)
			return service, err
		},
	}
}

// showSwitch prints the outcome.
func showSwitch(app *App, v switchView) error {
	if app.flags.output == formatJSON {
		return output.WriteJSON(app.streams.Out, v)
	}
	var rows [][]string
	for _, c := range v.Classes {
		rows = append(rows, []string{c.Name, text(c.Before), text(c.After)})
	}
	for i, name := range v.UUIDsAssigned {
		if i == maxUsersShown {
			rows = append(rows, []string{count(len(v.UUIDsAssigned)-i, "more user"), "no uuid", "a new uuid"})
			break
		}
		rows = append(rows, []string{"user " + name, "no uuid", "a new uuid"})
	}
	return app.writeTable(nil, columnsNamed("name", "before", "after"), rows)
}

// maxUsersShown is how many users a table shows. JSON has them all.
const maxUsersShown = 20

// showSwitchPlan shows the same before the question, on stderr like the question.
func showSwitchPlan(app *App, v switchView) {
	for _, c := range v.Classes {
		if text(c.Before) == text(c.After) {
			app.streams.Sayf("  %s: stays %s", c.Name, orNone(c.Before))
		} else {
			app.streams.Sayf("  %s: %s -> %s", c.Name, orNone(c.Before), orNone(c.After))
		}
	}
	for i, name := range v.UUIDsAssigned {
		if i == maxUsersShown {
			app.streams.Sayf("  %d more users: each gets a uuid", len(v.UUIDsAssigned)-i)
			break
		}
		app.streams.Sayf("  user %q: gets a uuid", name)
	}
}

// showChecks prints what the checks found, on stderr, but for the one that the command's error says. With JSON it leaves out those
// that passed: the document has them all.
func showChecks(app *App, checks []finding.Finding) {
	decisive := injector.Decisive(checks)
	for n, c := range checks {
		switch c.Severity {
		case finding.Pass:
			if !app.wantsJSON() {
				app.streams.Notef("ok:      %s", c.Message)
			}
		case finding.Warning:
			app.streams.Warnf("%s", checkMessage(app, c))
		default:
			if n != decisive {
				app.streams.Sayf("fail:    %s", c.Message)
			}
		}
	}
}

// checkMessage returns what a check found, and for a warning what helps too.
func checkMessage(app *App, f finding.Finding) string {
	if f.Severity == finding.Warning && !f.Fix.Empty() {
		return f.Message + ": " + app.hint(f.Fix)
	}
	return f.Message
}

func orNone(s *string) string {
	if s == nil {
		return "(none)"
	}
	return injector.Shown(*s)
}
