package cmd

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/output"
	"uzerp-mfa/internal/reconcile"
)

type reconcileOptions struct {
	writeFlags
	fix         bool
	only        []string
	limit       *int // nil: the default
	concurrency int
	columns     columnChoice
}

// maxConcurrency is the largest number of calls at a time that a helpdesk machine should make.
const maxConcurrency = 32

func newReconcileCmd(app *App) *cobra.Command {
	opts := &reconcileOptions{}
	limit := 0
	c := &cobra.Command{
		Use:   "reconcile",
		Short: "Find and repair differences between uzERP and Twilio",
		Long: `Compares every user's row with the factors at Twilio and shows each difference and what it means for the user. Without
--fix nothing is changed. --fix repairs what is safe, after showing it and asking: users who are locked out are made to
enroll again, users without a uuid get one, and factors that nobody uses are deleted. uzerp-mfa help reconcile has the kinds.

If Twilio does not answer, that is never taken for a difference: the user is then "unknown", and not repaired. If more
repairs are needed than --max allows, none is made. Entities that belong to no user are only repaired with
--only orphan-entity, because a copy of the database shares them with the live one.`,
		Annotations: exitCodes(errs.Partial, errs.Config, errs.NotFound, errs.Refused, errs.Unavailable, errs.Declined, errs.Findings),
		Example: `  uzerp-mfa reconcile
  uzerp-mfa reconcile --only factor-missing,sid-missing -o json
  uzerp-mfa reconcile --fix --dry-run
  uzerp-mfa reconcile --fix --max 50 --yes`,
		Args: noArgs,
	}
	f := c.Flags()
	f.BoolVar(&opts.fix, "fix", false, "repair what is safe to repair")
	f.StringSliceVar(&opts.only, "only", nil, "only these kinds, comma-separated: "+strings.Join(differenceKinds(), ", "))
	f.IntVar(&limit, "max", 0, "repair nothing if more than so many repairs are needed (default the smaller of 20 and a tenth of the enrolled users)")
	f.IntVar(&opts.concurrency, "concurrency", 4, "how many users are looked at at a time, 1 to "+strconv.Itoa(maxConcurrency))
	opts.columns.register(app, c, differenceTable)
	completeList(c, "only", differenceKinds()...)
	opts.register(c)
	c.RunE = app.run(listFormats, func(ctx context.Context, _ []string) error {
		if c.Flags().Changed("max") {
			opts.limit = &limit
		}
		return runReconcile(ctx, app, opts)
	})
	return c
}

func differenceKinds() []string {
	var names []string
	for _, k := range reconcile.Kinds() {
		names = append(names, string(k))
	}
	return names
}

func (o *reconcileOptions) validate() error {
	for _, k := range o.only {
		if !slices.Contains(differenceKinds(), k) {
			return usageError(fmt.Sprintf("--only: there is no kind %q", k), "the kinds are "+strings.Join(differenceKinds(), ", "))
		}
	}
	switch {
	case o.limit != nil && *o.limit < 0:
		return usageError("--max must not be negative", "")
	case o.limit != nil && !o.fix:
		return usageError("--max is for --fix", "without --fix nothing is repaired")
	case o.concurrency < 1 || o.concurrency > maxConcurrency:
		return usageError("--concurrency must be from 1 to "+strconv.Itoa(maxConcurrency), "")
	}
	return nil
}

func runReconcile(ctx context.Context, app *App, opts *reconcileOptions) error {
	if err := opts.validate(); err != nil {
		return err
	}
	var ch *changes // nil without --fix
	if opts.fix {
		if err := app.requireConfirmation(opts.writeFlags); err != nil {
			return err
		}
		var err error
		if ch, err = app.changes(opts.writeFlags); err != nil {
			return err
		}
		if _, err := ch.Users(ctx); err != nil { // before Twilio is asked about everybody
			return err
		}
	}
	r, err := app.reconciler(ctx, opts)
	if err != nil {
		return err
	}
	out := newDifferenceWriter(app, opts)
	result, err := checkDifferences(ctx, app, opts, r, out)
	if err != nil {
		return errors.Join(err, out.flush())
	}
	var plan reconcile.Repairs
	if opts.fix {
		plan = result.PlanRepairs(opts.limit)
		err := repairsAllowed(ctx, ch, plan)
		if err == nil {
			err = confirmRepairs(ctx, app, opts, plan)
		}
		if err != nil {
			return errors.Join(err, out.flush())
		}
	} else if result.WrongService() {
		app.streams.Warnf("so many factors are missing that this is probably not the Verify service the users enrolled with; check TWILIO_SERVICE_SID")
	}
	if opts.repairs() {
		err = repair(ctx, app, ch, plan, out)
	}
	if err := errors.Join(err, out.document(result, opts.dryRun)); err != nil {
		return err
	}
	app.noteIfOff(ctx)
	return reconcileError(app, opts, plan, result.Checked, result.Outcome(plan, opts.fix && ctx.Err() != nil))
}

// repairs reports whether something is to be changed.
func (o *reconcileOptions) repairs() bool { return o.fix && !o.dryRun }

// checkDifferences compares uzERP with Twilio, and prints what is not to be repaired as it comes.
func checkDifferences(ctx context.Context, app *App, opts *reconcileOptions, r *reconcile.Reconciler, out *differenceWriter) (*reconcile.Result, error) {
	var progress *output.Progress
	r.Progress = func(checked, users int) {
		if checked == 1 {
			progress = app.streams.NewProgress("users compared", users)
		}
		progress.Step()
	}
	clear := func() {
		if progress != nil {
			progress.Done()
		}
	}
	defer clear()
	return r.Check(ctx, func(f reconcile.Difference) error {
		if opts.repairs() && f.Fixable {
			return nil // printed after the repair, with its result
		}
		clear()
		return out.stream(f)
	})
}

// reconciler returns what compares uzERP with Twilio. If none of the kinds is about Twilio, its settings are not
// needed.
func (a *App) reconciler(ctx context.Context, opts *reconcileOptions) (*reconcile.Reconciler, error) {
	r := &reconcile.Reconciler{Only: opts.kinds(), Concurrency: opts.concurrency}
	var err error
	if r.Store, err = a.reader.Users(ctx); err != nil {
		return nil, err
	}
	if r.Users, err = a.reader.AllUsers(ctx); err != nil {
		return nil, err
	}
	if reconcile.NeedsTwilio(r.Only) {
		r.Factors, err = a.reader.FactorsAtOnce(opts.concurrency)
	}
	return r, err
}

func (o *reconcileOptions) kinds() (only []reconcile.Kind) {
	for _, k := range o.only {
		only = append(only, reconcile.Kind(k))
	}
	return only
}

// repairsAllowed asks the administrator's policy whether all repairs may be made.
func repairsAllowed(ctx context.Context, ch *changes, plan reconcile.Repairs) error {
	if !plan.Needed() {
		return nil
	}
	users, identities := plan.Targets()
	return ch.Allowed(ctx, users, identities...)
}

// confirmRepairs shows the repairs and asks, if there are any to make.
func confirmRepairs(ctx context.Context, app *App, opts *reconcileOptions, plan reconcile.Repairs) error {
	if !plan.Needed() || !opts.repairs() {
		return nil
	}
	if plan.Deletes() {
		app.streams.Warnf("factors are deleted at Twilio, for every database that uses this Verify service: go on only if this is the live database and no copy")
	}
	if !opts.yes {
		showRepairs(app, plan)
	}
	return app.confirm(ctx, opts.writeFlags, "Make "+theseRepairs(len(plan.Differences))+"?")
}

// repair makes the repairs, or records why none is made, and prints what became of each. Its error is one of printing.
func repair(ctx context.Context, app *App, ch *changes, plan reconcile.Repairs, out *differenceWriter) (writeErr error) {
	told := func(f reconcile.Difference) {
		if err := out.stream(f); writeErr == nil {
			writeErr = err
		}
	}
	if plan.Refusal != nil {
		_ = ch.Refused("reconcile", plan.Refusal)
		for _, f := range plan.Differences {
			told(*f)
		}
		return writeErr
	}
	r, err := app.repairer(ctx, ch, plan)
	if err != nil {
		return err
	}
	plan.Apply(ctx, r, told)
	return writeErr
}

// repairer returns what makes the repairs.
func (a *App) repairer(ctx context.Context, ch *changes, plan reconcile.Repairs) (*reconcile.Repairer, error) {
	r := &reconcile.Repairer{NewUUID: a.newUUID}
	var err error
	if r.Store, err = ch.Users(ctx); err == nil && plan.NeedsTwilio() {
		r.Factors, err = ch.Factors()
	}
	return r, err
}

func theseRepairs(n int) string {
	if n == 1 {
		return "this repair"
	}
	return fmt.Sprintf("these %d repairs", n)
}

// showRepairs shows what is about to be done: how many of each kind, and each.
func showRepairs(app *App, plan reconcile.Repairs) {
	for _, f := range plan.Differences {
		app.streams.Sayf("%s  %s: %s", differenceSubject(*f), f.Kind, app.hint(f.Remedy))
	}
	counts := map[reconcile.Kind]int{}
	for _, f := range plan.Differences {
		counts[f.Kind]++
	}
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, fmt.Sprintf("%d %s", counts[k], k))
	}
	app.streams.Sayf("to repair: %s", strings.Join(parts, ", "))
}

// reconcileError prints the result in a line, and returns the error that the command ends with.
func reconcileError(app *App, opts *reconcileOptions, plan reconcile.Repairs, checked int, o reconcile.Outcome) error {
	app.streams.Notef("%s compared: %s", count(checked, "user"), countedDifferences(o.Left, o.Fixed, o.Unknown))
	if o.NotTried > 0 && app.flags.output == formatTable {
		app.streams.Warnf("%s more could not be asked about, since Twilio failed several times; they are counted as unknown", count(o.NotTried, "user"))
	}
	const again = "it is safe to run the command again"
	switch o.Verdict {
	case reconcile.Interrupted:
		return &interruption{done: fmt.Sprintf("%d of %s made", o.Fixed, count(len(plan.Differences), "repair")), hint: again}
	case reconcile.Refused:
		return plan.Refusal
	case reconcile.Unrecorded:
		return o.Err
	case reconcile.Unanswered:
		message := fmt.Sprintf("Twilio did not give %s that the comparison needs", count(o.Unknown, "answer"))
		if plan.Refusal != nil {
			message += "; and " + plan.Refusal.Error()
		}
		return errs.New(errs.Unavailable, message, "the report says for whom, and nothing of theirs was repaired; "+again)
	case reconcile.RepairsUnanswered:
		return errs.New(errs.Unavailable, fmt.Sprintf("%s not made, since Twilio or the database did not answer", count(o.Unanswered, "repair")), again)
	case reconcile.RepairsFailed:
		return errs.New(errs.Partial, fmt.Sprintf("%s failed", count(o.Failed, "repair")), "the report says which and why; "+again)
	case reconcile.DifferencesLeft:
		hint := "the report says what to do about each"
		if !opts.fix && o.Fixable {
			hint = "uzerp-mfa reconcile --fix --dry-run shows what can be repaired; uzerp-mfa help reconcile is about the rest"
		}
		return errs.New(errs.Findings, count(o.Left, "difference")+" between uzERP and Twilio", hint)
	}
	return nil
}

// differenceView is a difference as scripts see it.
type differenceView struct {
	// what kind of difference it is
	Kind reconcile.Kind `json:"kind"`
	// null for an entity that belongs to no user
	Username *string `json:"username"`
	// the user's identity at Twilio, or that of the entity
	UUID *string `json:"uuid"`
	// the factor it is about
	FactorSID *string `json:"factor_sid"`
	// what it means for the user
	Message string `json:"message"`
	// what --fix does, or what helps
	Remedy *string `json:"remedy"`
	// whether --fix repairs it
	Fixable bool `json:"fixable"`
	// whether this run has repaired it
	Fixed bool    `json:"fixed"`
	Error *string `json:"error"` // why the repair was not made
}

type reconcileView struct {
	SchemaVersion int  `json:"schema_version"`
	Changed       bool `json:"changed"`
	DryRun        bool `json:"dry_run"`
	// the differences, and the users about whom nothing is known
	Findings []differenceView `json:"findings"`
	// how many users were compared
	Checked int `json:"checked"`
	// how many answers are missing
	Unknown int `json:"unknown"`
	// how many differences were repaired
	Fixed int `json:"fixed"`
}

func viewDifference(app *App, f reconcile.Difference) differenceView {
	v := differenceView{Kind: f.Kind, Username: optional(f.Username), UUID: optional(f.UUID), FactorSID: optional(f.FactorSID),
		Message: f.Message, Remedy: optional(app.hint(f.Remedy)), Fixable: f.Fixable, Fixed: f.Fixed}
	if f.Err != nil && f.Kind != reconcile.Unknown {
		v.Error = optional(f.Err.Error())
	}
	return v
}

// differenceWriter prints findings in the format asked for: line by line as they come, or all at the end.
type differenceWriter struct {
	app     *App
	columns *columnChoice
	changed bool // repairs were made: what became of them stays on the screen, and goes through no pager
	csv     *output.CSV
}

func newDifferenceWriter(app *App, opts *reconcileOptions) *differenceWriter {
	w := &differenceWriter{app: app, columns: &opts.columns, changed: opts.repairs()}
	if app.flags.output == formatCSV {
		w.csv = output.NewCSV(app.streams.Out, "kind", "username", "uuid", "factor_sid", "message", "remedy", "fixable", "fixed", "error")
	}
	return w
}

// stream prints a finding at once, where the format is one of lines.
func (w *differenceWriter) stream(f reconcile.Difference) error {
	v := viewDifference(w.app, f)
	switch w.app.flags.output {
	case formatJSONL:
		if err := output.JSONLine(w.app.streams.Out, v); err != nil {
			return err
		}
		return w.app.streams.Out.Flush()
	case formatCSV:
		if err := w.csv.Row(string(v.Kind), f.Username, f.UUID, f.FactorSID, v.Message, text(v.Remedy), strconv.FormatBool(v.Fixable),
			strconv.FormatBool(v.Fixed), text(v.Error)); err != nil {
			return err
		}
		return errors.Join(w.csv.Flush(), w.app.streams.Out.Flush())
	}
	return nil
}

// flush ends a listing of lines that broke off.
func (w *differenceWriter) flush() error {
	if w.csv == nil {
		return nil
	}
	return w.csv.Flush()
}

// document prints what comes at the end.
func (w *differenceWriter) document(result *reconcile.Result, dryRun bool) error {
	switch w.app.flags.output {
	case formatJSON:
		v := reconcileView{SchemaVersion: schemaVersion, DryRun: dryRun, Findings: []differenceView{}, Checked: result.Checked, Unknown: result.Unknown}
		for _, f := range result.Differences {
			v.Findings = append(v.Findings, viewDifference(w.app, f))
			if f.Fixed {
				v.Fixed++
				v.Changed = true
			}
		}
		return output.WriteJSON(w.app.streams.Out, v)
	case formatTable:
		var rows [][]string
		for _, f := range result.Differences {
			if !f.NotTried { // they are many, and one line counts them
				rows = append(rows, []string{differenceSubject(f), string(f.Kind), f.Message, differenceRemedy(w.app, f)})
			}
		}
		if w.changed {
			return w.app.writeTable(w.columns, differenceTable, rows)
		}
		return w.app.showTable(w.columns, differenceTable, rows)
	}
	return w.flush()
}

// differenceTable has the columns of the table.
var differenceTable = []column{{name: "user", user: true}, {name: "difference"}, {name: "meaning", fit: output.Prose},
	{name: "repair", fit: output.Prose}}

// differenceSubject returns the user or the entity that a difference is about.
func differenceSubject(f reconcile.Difference) string {
	switch {
	case f.Username != "":
		return f.Username
	case f.UUID != "":
		return "entity " + f.UUID
	default:
		return "-"
	}
}

// differenceRemedy returns what became of a difference, or what can be done about it.
func differenceRemedy(app *App, f reconcile.Difference) string {
	switch {
	case f.Fixed:
		return "fixed: " + app.hint(f.Remedy)
	case f.Err != nil && f.Kind != reconcile.Unknown:
		return "not fixed: " + f.Err.Error()
	case f.Fixable:
		return "with --fix: " + app.hint(f.Remedy)
	default:
		return app.hint(f.Remedy)
	}
}

// countedDifferences says what a comparison came to. What there is none of is not counted, but for differences.
func countedDifferences(left, fixed, unknown int) string {
	var all []string
	switch {
	case left > 0 && fixed > 0:
		all = append(all, count(left, "difference")+" left")
	case left > 0:
		all = append(all, count(left, "difference"))
	case fixed == 0:
		all = append(all, "no difference")
	}
	if fixed > 0 {
		all = append(all, count(fixed, "difference")+" fixed")
	}
	if unknown > 0 {
		all = append(all, fmt.Sprintf("%d unknown", unknown))
	}
	return strings.Join(all, ", ")
}
