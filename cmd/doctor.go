package cmd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"uzerp-mfa/internal/audit"
	"uzerp-mfa/internal/config"
	"uzerp-mfa/internal/doctor"
	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/finding"
	"uzerp-mfa/internal/output"
)

type doctorOptions struct {
	oneline    bool
	prometheus string
	gateway    string
	file       string
	phpIni     string
}

func newDoctorCmd(app *App) *cobra.Command {
	opts := &doctorOptions{}
	c := &cobra.Command{
		Use:   "doctor",
		Short: "Check the whole installation",
		Long: `Checks everything that two-factor login depends on, and changes nothing: the settings and where each came from, the
database, uzERP's injector classes and its own settings, Twilio, the clock, session settings, users, and the audit log.

Each check ends as pass, info, warn, fail or skipped. A check that needs something that failed is skipped; it never passes.
If a check warns or fails, the command ends with 9, also if only Twilio or the database does not answer. Skipped checks alone
don't change the exit code. With -v every check is listed. uzerp-mfa help doctor explains all of them.

--oneline prints one line for monitoring: OK, WARNING, CRITICAL or UNKNOWN, the checks that failed or warned, and the number
of users by state. --prometheus FILE writes the same as metrics, for node_exporter's textfile collector, and prints nothing.`,
		Annotations: exitCodes(errs.Config, errs.Refused, errs.Unavailable, errs.Findings),
		Example: `  uzerp-mfa doctor --uzerp-root /var/www/uzerp
  uzerp-mfa doctor -o json
  uzerp-mfa doctor --oneline --timeout 20s
  uzerp-mfa doctor --prometheus /var/lib/prometheus/node-exporter/uzerp-mfa.prom`,
		Args: noArgs,
	}
	f := c.Flags()
	f.BoolVar(&opts.oneline, "oneline", false, "print one line for monitoring")
	f.StringVar(&opts.prometheus, "prometheus", "", "write metrics to this file, whose name ends in .prom, and print nothing")
	registerGateway(f, &opts.gateway)
	registerEnvFile(f, &opts.file)
	registerPHPIni(f, &opts.phpIni)
	c.RunE = app.run(oneFormats, func(ctx context.Context, _ []string) error { return runDoctor(ctx, app, opts) })
	return c
}

func runDoctor(ctx context.Context, app *App, opts *doctorOptions) error {
	switch {
	case opts.oneline && app.flags.output != formatTable:
		return usageError("--oneline is a format of its own: --output contradicts it", "")
	case opts.prometheus != "" && (opts.oneline || app.flags.output != formatTable):
		return usageError("--prometheus is a format of its own: --oneline and --output contradict it", "")
	case opts.prometheus != "" && filepath.Ext(opts.prometheus) != ".prom": // node_exporter reads no others, and no other file is replaced by mistake
		return usageError("the file of --prometheus must have a name that ends in .prom", "")
	}
	limited, cancel := leaveTimeToTell(ctx)
	defer cancel()
	chosen := doctor.Options{Now: app.now(), Gateway: opts.gateway, EnvFile: opts.file != ""}
	report := doctor.Examine(doctor.Gather(limited, newDoctorSource(app, opts), chosen))
	if ctx.Err() != nil {
		if opts.oneline {
			why := "interrupted"
			if errors.Is(context.Cause(ctx), errTimeout) {
				why = "no time left for an answer"
			}
			_ = output.Fprintf(app.streams.Out, "uzerp-mfa UNKNOWN - %s\n", why) // the error to come counts
		}
		return ctx.Err()
	}
	if err := showDoctor(app, opts, report); err != nil {
		return err
	}
	if report.Sound() {
		return nil
	}
	return errs.New(errs.Findings, "the installation is not in order: "+tell(report), doctorHint(report))
}

// leaveTimeToTell ends the questions shortly before --timeout ends the command, so that there is time to print the
// answers.
func leaveTimeToTell(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, limited := ctx.Deadline()
	if !limited {
		return context.WithCancel(ctx)
	}
	return context.WithTimeoutCause(ctx, time.Until(deadline)*9/10, errTimeout)
}

// doctorHint names the first thing to do.
func doctorHint(r doctor.Report) string {
	for _, severity := range []finding.Severity{finding.Error, finding.Warning} {
		for _, c := range r.Checks {
			if c.Severity == severity {
				return "begin with " + c.ID + "; uzerp-mfa help doctor says what each check means"
			}
		}
	}
	return "uzerp-mfa help doctor says what each check means"
}

// doctorStatus is that of the worst check.
type doctorStatus string

// The statuses.
const (
	doctorOK      doctorStatus = "ok"
	doctorWarning doctorStatus = "warning"
	doctorError   doctorStatus = "error"
)

type doctorView struct {
	SchemaVersion int `json:"schema_version"`
	// that of the worst check
	Status doctorStatus `json:"status"`
	// all settings of the program
	Settings []settingView `json:"settings"`
	// all checks
	Checks []doctorCheckView `json:"checks"`
	// how many users are in each state; null where they could not be counted
	Users doctorUsersView `json:"users"`
}

type settingView struct {
	// its name
	Name  string  `json:"name"`
	Value *string `json:"value"` // null where it is not set; "set" for a secret
	// where the value is from; null where it is not set
	Source *string `json:"source"`
}

type doctorCheckView struct {
	// what was checked
	ID string `json:"id"`
	// what it belongs to
	Group string `json:"group"`
	// what came out
	Status checkStatus `json:"status"`
	// what was seen
	Message string `json:"message"`
	// what to do about it
	Hint  *string `json:"hint"`
	Needs *string `json:"needs"` // of a skipped check: the one that it needs
}

// doctorUsersView has nulls where the users could not be counted.
type doctorUsersView struct {
	// users who are asked for a code
	Enrolled *int `json:"enrolled"`
	// users without a second factor
	NotEnrolled *int `json:"not_enrolled"`
	// users who get in once without a code
	SkipNextLogin *int `json:"skip_next_login"`
	// users who are locked out
	Broken *int `json:"broken"`
}

func viewDoctor(app *App, settings []config.Setting, r doctor.Report) doctorView {
	v := doctorView{SchemaVersion: schemaVersion, Status: statusOfReport(r, doctorOK, doctorWarning, doctorError),
		Settings: []settingView{}, Checks: []doctorCheckView{}}
	for _, s := range settings {
		v.Settings = append(v.Settings, settingView{s.Name, optional(s.Value), optional(s.Source)})
	}
	for _, c := range r.Checks {
		v.Checks = append(v.Checks, doctorCheckView{c.ID, c.Group, checkStatusOf(c.Severity), c.Message, optional(app.hint(c.Fix)), optional(c.Needs)})
	}
	if u := r.Users; u != nil {
		v.Users = doctorUsersView{&u.Enrolled, &u.NotEnrolled, &u.SkipNextLogin, &u.Broken}
	}
	return v
}

func statusOfReport[T any](r doctor.Report, ok, warning, failed T) T {
	switch {
	case r.Count(finding.Error) > 0:
		return failed
	case r.Count(finding.Warning) > 0:
		return warning
	}
	return ok
}

// doctorSettings are all settings of the program.
func doctorSettings(app *App) []config.Setting {
	log := config.Setting{Name: "audit log"}
	log.Value, log.Source = audit.WritePath(app.flags.auditLog, app.getenv)
	settings := app.loader.Settings()
	settings = slices.Insert(settings, 1, app.reader.DatabaseSettings()...) // after "database"
	if t, err := app.loader.Twilio(); err == nil {
		if way, err := app.reader.Way(t); err == nil && way.Proxy != "" {
			settings = append(settings, config.Setting{Name: way.Setting, Value: way.Proxy, Source: "the environment"})
		}
	}
	return append(settings, log, app.loader.Variable(phoneRegion), app.loader.Variable(selfUser))
}

func showDoctor(app *App, opts *doctorOptions, r doctor.Report) error {
	out := app.streams.Out
	switch {
	case opts.prometheus != "":
		return writePrometheus(app, opts.prometheus, r)
	case opts.oneline:
		return output.Fprintf(out, "%s\n", oneline(r))
	}
	settings := doctorSettings(app)
	if app.flags.output == formatJSON {
		return output.WriteJSON(out, viewDoctor(app, settings, r))
	}
	var rows [][]string
	for _, s := range databaseInOneRow(settings) {
		rows = append(rows, []string{s.Name, orDash(s.Value), orDash(s.Source)})
	}
	if err := writeDoctorSettings(app, rows); err != nil {
		return err
	}
	if err := writeDoctorChecks(app, r, app.flags.verbose); err != nil {
		return err
	}
	return writeDoctorGroups(app, r)
}

// writeDoctorSettings writes settings as a table. On a terminal that is too narrow for it each is a line, so that the problems below
// stay on the screen.
func writeDoctorSettings(app *App, rows [][]string) error {
	names := []string{"setting", "value", "source"}
	widest := make([]int, len(names))
	for _, row := range append([][]string{names}, rows...) {
		for i, cell := range row {
			widest[i] = max(widest[i], output.Width(output.Escape(cell)))
		}
	}
	if width := app.streams.OutTerminal().Width; width == 0 || widest[0]+2+widest[1]+2+widest[2] <= width {
		return app.writeTable(nil, columnsNamed(names...), rows)
	}
	for _, row := range rows {
		source := ""
		if row[2] != orDash("") {
			source = output.Sprintf(" (%s)", row[2])
		}
		if err := app.streams.Printf("%-*s  %s%s\n", widest[0], row[0], row[1], source); err != nil {
			return err
		}
	}
	return nil
}

// databaseInOneRow puts what says where the database is into one row, if all of it comes from one place.
func databaseInOneRow(settings []config.Setting) []config.Setting {
	parts := make(map[string]config.Setting)
	var places, lines []string
	for _, s := range settings {
		name, ok := strings.CutPrefix(s.Name, "database ")
		if !ok {
			continue
		}
		parts[name] = s
		if place, line, _ := strings.Cut(s.Source, " line "); s.Source != "the default" {
			places, lines = addOnce(places, place), addOnce(lines, line)
		}
	}
	if len(parts) == 0 {
		return settings
	}
	settings = settings[1:] // that it is set goes without saying
	if len(places) > 1 {
		return settings
	}
	one := config.Setting{Name: "database", Value: fmt.Sprintf("%s on %s, port %s, as %s",
		parts["name"].Value, parts["host"].Value, parts["port"].Value, parts["role"].Value)}
	one.Source = strings.Join(places, "")
	if lines[0] != "" {
		slices.SortFunc(lines, func(a, b string) int { return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b)) })
		one.Source += " lines " + strings.Join(lines, ", ")
	}
	return append([]config.Setting{one}, settings[len(parts):]...)
}

func addOnce(all []string, text string) []string {
	if slices.Contains(all, text) {
		return all
	}
	return append(all, text)
}

// mark is how the report writes a severity.
func mark(s finding.Severity) string {
	switch s {
	case finding.Pass:
		return "ok"
	case finding.Info:
		return "info"
	case finding.Skipped:
		return "skip"
	case finding.Warning:
		return "WARN"
	default:
		return "FAIL"
	}
}

// reportOrder is the order of the checks in the report.
func reportOrder() []finding.Severity {
	return []finding.Severity{finding.Error, finding.Warning, finding.Skipped, finding.Info, finding.Pass}
}

// writeDoctorChecks prints what is not as it should be, and what to do about it. Of the other checks it prints only
// the IDs, and nothing of those that passed, so that a sound installation fits on a screen. With all it prints every
// check.
func writeDoctorChecks(app *App, r doctor.Report, all bool) error {
	var err error
	said := false
	say := func(format string, args ...any) {
		if !said {
			format, said = "\n"+format, true
		}
		if err == nil {
			err = app.streams.Printf(format, args...)
		}
	}
	for _, severity := range reportOrder() {
		if !all && severity == finding.Pass {
			continue
		}
		var short []string
		for _, c := range r.Checks {
			switch {
			case c.Severity != severity:
			case !all && (severity == finding.Info || c.Needs != ""):
				short = append(short, c.ID)
			default:
				say("%-4s  %s: %s\n", mark(severity), c.ID, c.Message)
				if !c.Fix.Empty() {
					say("      hint: %s\n", app.hint(c.Fix))
				}
			}
		}
		switch {
		case len(short) == 0:
		case severity == finding.Info:
			say("info  %s (-v shows more)\n", strings.Join(short, ", "))
		default:
			for _, need := range needs(r) {
				say("skip  %s: not checked, needs %s\n", strings.Join(need.ids, ", "), need.id)
			}
		}
	}
	return err
}

// need is a check, and the checks that were skipped because of it.
type need struct {
	id  string
	ids []string
}

func needs(r doctor.Report) []need {
	var all []need
	for _, c := range r.Checks {
		if c.Severity != finding.Skipped || c.Needs == "" {
			continue
		}
		i := slices.IndexFunc(all, func(n need) bool { return n.id == c.Needs })
		if i < 0 {
			i, all = len(all), append(all, need{id: c.Needs})
		}
		all[i].ids = append(all[i].ids, c.ID)
	}
	return all
}

// writeDoctorGroups ends the report with a line for each group, and the sum.
func writeDoctorGroups(app *App, r doctor.Report) error {
	var rows [][]string
	var worst []finding.Severity
	for _, group := range doctor.Groups() {
		counts := doctor.Report{Checks: slices.DeleteFunc(slices.Clone(r.Checks), func(c doctor.Check) bool { return c.Group != group })}
		severity := finding.Pass
		for _, s := range []finding.Severity{finding.Skipped, finding.Warning, finding.Error} {
			if counts.Count(s) > 0 {
				severity = s
			}
		}
		worst = append(worst, severity)
		rows = append(rows, []string{group, mark(severity), groupSummary(group, r, counts)})
	}
	if _, err := io.WriteString(app.streams.Out, "\n"); err != nil {
		return err
	}
	l := app.newListTable(&columnChoice{}, []column{{name: "group"}, {name: "result"}, {name: "checks", fit: output.Prose}})
	if app.streams.ColorOut {
		l.table.Style = func(row, col int) output.Style {
			if col != 1 {
				return output.Plain
			}
			return map[finding.Severity]output.Style{finding.Pass: output.Green, finding.Warning: output.Yellow, finding.Error: output.Red}[worst[row]]
		}
	}
	for _, row := range rows {
		if err := l.row(row); err != nil {
			return err
		}
	}
	if err := l.table.Close(); err != nil || !r.Sound() { // the error to come has the numbers
		return err
	}
	return app.streams.Printf("%s\n", tell(r))
}

func groupSummary(group string, all, counts doctor.Report) string {
	said := tell(counts)
	if u := all.Users; group == doctor.GroupUsers && u != nil {
		said += fmt.Sprintf("; enrolled %d, not enrolled %d, skip %d, broken %d", u.Enrolled, u.NotEnrolled, u.SkipNextLogin, u.Broken)
	}
	return said
}

// tell returns the numbers of checks: "2 failed, 1 warning, 3 skipped, 20 passed".
func tell(r doctor.Report) string {
	var parts []string
	for _, part := range []struct {
		severity finding.Severity
		say      func(n int) string
	}{
		{finding.Error, func(n int) string { return fmt.Sprintf("%d failed", n) }},
		{finding.Warning, func(n int) string { return count(n, "warning") }},
		{finding.Skipped, func(n int) string { return fmt.Sprintf("%d skipped", n) }},
		{finding.Info, func(n int) string { return count(n, "remark") }},
		{finding.Pass, func(n int) string { return fmt.Sprintf("%d passed", n) }},
	} {
		if n := r.Count(part.severity); n > 0 {
			parts = append(parts, part.say(n))
		}
	}
	return strings.Join(parts, ", ")
}

// oneline returns the line for monitoring: the state, the numbers of checks, the IDs of those that failed or warned
// (or else of those that were skipped), and after a bar the numbers that monitoring can plot.
func oneline(r doctor.Report) string {
	line := "uzerp-mfa " + statusOfReport(r, "OK", "WARNING", "CRITICAL") + " - " + tell(r)
	severities := []finding.Severity{finding.Error, finding.Warning}
	if r.Sound() {
		severities = []finding.Severity{finding.Skipped}
	}
	var ids []string
	for _, severity := range severities {
		for _, c := range r.Checks {
			if c.Severity == severity && !slices.Contains(ids, c.ID) {
				ids = append(ids, c.ID)
			}
		}
	}
	if len(ids) > 0 {
		line += ": " + strings.Join(ids, ", ")
	}
	if u := r.Users; u != nil {
		line += fmt.Sprintf(" | enrolled=%d not_enrolled=%d skip_next_login=%d broken=%d", u.Enrolled, u.NotEnrolled, u.SkipNextLogin, u.Broken)
	}
	return line
}
