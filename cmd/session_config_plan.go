package cmd

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/installation"
	"uzerp-mfa/internal/sessionconfig"
)

type sessionConfigPlanOptions struct {
	users            int
	workday          time.Duration
	price            float64
	activity, maxAge limitValue
	columns          columnChoice
}

// choiceTable has the columns of the table.
var choiceTable = columnsNamed("choice", "activity timeout", "max age", "logins a day", "codes a month", "cost a month", "stolen, unused", "stolen, in use")

func newSessionConfigPlanCmd(app *App) *cobra.Command {
	opts := &sessionConfigPlanOptions{}
	c := &cobra.Command{
		Use:   "plan",
		Short: "Show what a choice of session limits means in logins, money and risk",
		Long: `Shows for several choices how often a person logs in on a working day, how many codes that is a month, what Twilio bills
for them, and how long a stolen session lives. The limits that hold now are marked "present", those of the flags "asked".
It only calculates: no database and no Twilio is asked, so the number of users is a flag.`,
		Annotations: exitCodes(errs.Config, errs.Refused),
		Example: `  uzerp-mfa session-config plan
  uzerp-mfa session-config plan --users 25 --price 0.05
  uzerp-mfa session-config plan --activity-timeout 1h --max-age 10h -o csv`,
		Args: noArgs,
	}
	f := c.Flags()
	f.IntVar(&opts.users, "users", 1, "number of people who log in")
	f.DurationVar(&opts.workday, "workday", 8*time.Hour, "how long a person works in uzERP on a working day")
	f.Float64Var(&opts.price, "price", sessionconfig.DefaultPrice, "price of an approved code; the default is Twilio's "+
		"as once documented, check the price list")
	registerLimits(f, &opts.activity, &opts.maxAge)
	opts.columns.register(app, c, choiceTable)
	c.RunE = app.run(listFormats, func(_ context.Context, _ []string) error { return runSessionConfigPlan(app, opts) })
	return c
}

func (o *sessionConfigPlanOptions) validate() error {
	switch {
	case o.users < 1:
		return usageError("--users must be at least 1", "")
	case o.workday <= 0 || o.workday > 24*time.Hour:
		return usageError("--workday must be more than 0 and at most 24h", "")
	case o.price < 0 || math.IsNaN(o.price) || math.IsInf(o.price, 0):
		return usageError("--price must be a number that is not negative", "")
	}
	for flag, v := range map[string]limitValue{"--activity-timeout": o.activity, "--max-age": o.maxAge} {
		if v.given && (v.duration < time.Second || v.duration%time.Second != 0) {
			return usageError(flag+" must be whole seconds and more than 0", "")
		}
	}
	return nil
}

// planMark says why a choice is in the table.
type planMark string

// The marks.
const (
	markPresent planMark = "present" // it holds now
	markAsked   planMark = "asked"   // the flags ask for it
)

type sessionChoiceView struct {
	// its name
	Choice string `json:"choice"`
	// why it is in the table
	Mark []planMark `json:"mark"`
	// after how many seconds without a click a session ends
	ActivityTimeout int64 `json:"activity_timeout_secs"`
	// after how many seconds it ends in any case
	MaxAge int64 `json:"max_age_secs"`
	// how often a person logs in on a working day
	LoginsADay float64 `json:"logins_per_workday"`
	// how many codes all people need in a month
	CodesAMonth float64 `json:"codes_per_month"`
	// what these cost, in the unit of the price
	CostAMonth float64 `json:"cost_per_month"`
	// how many seconds a stolen session lives that nobody uses
	StolenUnusedSecs int64 `json:"stolen_unused_secs"`
	// how many seconds one lives that is used all the time
	StolenInUseSecs int64 `json:"stolen_in_use_secs"`
}

type sessionPresentView struct {
	Managed *bool `json:"managed"` // null where it is not known
	// after how many seconds without a click a session ends; null if it is not known
	ActivityTimeout *int64 `json:"activity_timeout_secs"`
	// after how many seconds it ends in any case; null if it is not known
	MaxAge *int64 `json:"max_age_secs"`
}

type sessionPlanView struct {
	SchemaVersion int `json:"schema_version"`
	// how many people log in
	Users int `json:"users"`
	// how long they work a day, in seconds
	WorkdaySecs int64 `json:"workday_secs"`
	// the price of a code
	Price float64 `json:"price"`
	// the limits that hold now
	Present sessionPresentView `json:"present"`
	// the choices
	Choices []sessionChoiceView `json:"choices"`
}

func runSessionConfigPlan(app *App, opts *sessionConfigPlanOptions) error {
	if err := opts.validate(); err != nil {
		return err
	}
	env, err := app.presentSettings()
	if err != nil {
		return err
	}
	present := sessionconfig.ReadPresent(env)
	use := sessionconfig.Use{Users: opts.users, Workday: opts.workday, Price: opts.price}
	view := sessionPlanView{
		SchemaVersion: schemaVersion, Users: opts.users, WorkdaySecs: int64(opts.workday / time.Second), Price: opts.price,
		Present: sessionPresentView{present.Managed, present.ActivityTimeout, present.MaxAge}, Choices: []sessionChoiceView{},
	}
	var outcomes []sessionconfig.Outcome
	for _, choice := range sessionconfig.Mark(sessionconfig.Choices(opts.workday), present.Choice, present.Asked(opts.activity.wanted(), opts.maxAge.wanted())) {
		o := sessionconfig.Plan(choice, use)
		outcomes = append(outcomes, o)
		view.Choices = append(view.Choices, viewChoice(o))
	}
	if app.flags.output == formatTable {
		err = showListOf(app, &opts.columns, nil, outcomes, choiceTable, choiceCells)
	} else {
		err = showList(app, view, view.Choices, columnsNamed("choice", "mark", "activity_timeout_secs", "max_age_secs",
			"logins_per_workday", "codes_per_month", "cost_per_month", "stolen_unused_secs", "stolen_in_use_secs"), choiceFields)
	}
	if err != nil {
		return err
	}
	app.streams.Notef("%s", sayPresent(present.State))
	app.streams.Notef("reckoned: %s, %s a working day at one go, %d working days a month, %s for a code",
		count(opts.users, "user"), brief(opts.workday), sessionconfig.WorkdaysAMonth, strconv.FormatFloat(opts.price, 'f', -1, 64))
	app.streams.Notef("each pause longer than the activity timeout adds a login; the price is as once documented " +
		"unless --price was given, check Twilio's price list")
	app.streams.Notef(`"every login" and "trust for 30 days" are what Twilio's own console offers: ` +
		`uzERP asks for a code at every login, so here the first is a session that ends with the working day or with half an hour's pause`)
	return nil
}

// presentSettings reads conf/.env if there is one to read; without one the plan has no present choice.
func (a *App) presentSettings() (installation.EnvFile, error) {
	inst, err := a.loader.Installation()
	if err != nil || inst == nil {
		return installation.EnvFile{}, err
	}
	return inst.ReadEnv()
}

// sayPresent says whether the choices have the present one.
func sayPresent(state sessionconfig.PresentState) string {
	switch state {
	case sessionconfig.PresentUnknown:
		return "what holds now is not known: name uzERP's directory with --uzerp-root"
	case sessionconfig.PresentUnreadable:
		return "what holds now is not known, as uzERP itself can not read its settings; see uzerp-mfa session-config check"
	case sessionconfig.PresentUnmanaged:
		return "now uzERP does not manage sessions: they last as long as PHP's own, and a stolen one that is kept in use has no end"
	case sessionconfig.PresentUnusable:
		return "the limits that are set now make no plan; see uzerp-mfa session-config check"
	default:
		return "the limits that hold now are marked present"
	}
}

func viewChoice(o sessionconfig.Outcome) sessionChoiceView {
	return sessionChoiceView{
		Choice: o.Label, Mark: marks(o.Choice), ActivityTimeout: int64(o.ActivityTimeout / time.Second), MaxAge: int64(o.MaxAge / time.Second),
		LoginsADay: round(o.LoginsADay, 4), CodesAMonth: round(o.CodesAMonth, 2), CostAMonth: round(o.CostAMonth, 2),
		StolenUnusedSecs: int64(o.StolenUnused / time.Second), StolenInUseSecs: int64(o.StolenInUse / time.Second),
	}
}

func round(x float64, digits int) float64 {
	scale := math.Pow10(digits)
	return math.Round(x*scale) / scale
}

func marks(c sessionconfig.Choice) []planMark {
	marks := []planMark{}
	if c.Present {
		marks = append(marks, markPresent)
	}
	if c.Asked {
		marks = append(marks, markAsked)
	}
	return marks
}

func choiceCells(o sessionconfig.Outcome) []string {
	label := o.Label
	var found []string
	for _, m := range marks(o.Choice) {
		found = append(found, string(m))
	}
	if len(found) > 0 {
		label += " (" + strings.Join(found, ", ") + ")"
	}
	return []string{
		label, brief(o.ActivityTimeout), brief(o.MaxAge), decimal(o.LoginsADay), decimal(o.CodesAMonth), fmt.Sprintf("%.2f", o.CostAMonth),
		brief(o.StolenUnused), brief(o.StolenInUse),
	}
}

func choiceFields(v sessionChoiceView) []string {
	mark := ""
	for _, m := range v.Mark {
		if mark != "" {
			mark += " "
		}
		mark += string(m)
	}
	number := func(x float64) string { return strconv.FormatFloat(x, 'f', -1, 64) }
	return []string{
		v.Choice, mark, fmt.Sprint(v.ActivityTimeout), fmt.Sprint(v.MaxAge), number(v.LoginsADay), number(v.CodesAMonth), number(v.CostAMonth),
		fmt.Sprint(v.StolenUnusedSecs), fmt.Sprint(v.StolenInUseSecs),
	}
}

// decimal shows two digits behind the point where the number isn't whole.
func decimal(x float64) string { return strconv.FormatFloat(round(x, 2), 'f', -1, 64) }
