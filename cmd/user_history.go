package cmd

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/history"
	"uzerp-mfa/internal/mfa"
	"uzerp-mfa/internal/output"
)

type userHistoryOptions struct {
	names      nameList
	all        bool
	since      string
	suspicious bool

	columns columnChoice

	from time.Time // what since means
}

// eventTable has the columns of a table of events. The first one is for events of several users.
var eventTable = []column{{name: "user", user: true}, {name: "time"}, {name: "what", fit: output.Prose}, {name: "from", fit: output.Short},
	{name: "address"}, {name: "browser", fit: output.Short}}

// historyWorkers is how many users Twilio is asked about at a time with --all. The pace of all calls is found by the client.
const historyWorkers = 16

func newUserHistoryCmd(app *App) *cobra.Command {
	opts := &userHistoryOptions{}
	c := &cobra.Command{
		Use:   "history [USER...]",
		Short: "Show what happened at users' logins, and why they did not get in",
		Long: `Puts what four sources know on one line of time, the newest first: the codes that reached Twilio, uzERP's table audit_lines,
uzERP's log, and this program's audit log. It says which of them could be read and how far back they go, what is the matter
if the user did not get in, and whether somebody else may have the password. It changes nothing. uzerp-mfa help user-history has more.

--all --suspicious looks for users of the whole site of whom somebody may have the password, for monitoring: it ends with 9
if there is one, and never with 0 if not all could be asked about.

Times are RFC 3339 (2026-07-14T08:00:00Z) or say how long ago (90m, 24h, 7d).`,
		Annotations: exitCodes(errs.Config, errs.NotFound, errs.Refused, errs.Unavailable, errs.Findings),
		Example: `  uzerp-mfa user history alice
  uzerp-mfa user history alice --since 7d -o json
  uzerp-mfa user history --all --suspicious`,
	}
	f := c.Flags()
	opts.names.register(c)
	f.StringVar(&opts.since, "since", "24h", "only lines from this time on")
	f.BoolVar(&opts.all, "all", false, "everybody, and not single users")
	f.BoolVar(&opts.suspicious, "suspicious", false, "only users of whom somebody else may have the password; ends with 9 if there is one")
	opts.columns.register(app, c, eventTable)
	named := c.Args
	c.Args = cobra.ArbitraryArgs
	c.ValidArgsFunction = app.completeUsers(0)
	c.RunE = app.run(listFormats, func(ctx context.Context, args []string) error {
		switch {
		case opts.suspicious && len(opts.columns.flag) > 0:
			return usageError("--columns is for events, and --suspicious shows users", "give one of the two")
		case opts.all && (len(args) > 0 || opts.names.file != ""):
			return usageError("--all is for all users, and users are named too", "give one of the two")
		case !opts.all:
			if err := named(c, args); err != nil {
				return err
			}
		}
		return runUserHistory(ctx, app, opts, args)
	})
	return c
}

func runUserHistory(ctx context.Context, app *App, opts *userHistoryOptions, args []string) error {
	app.streams.Out.OutliveReader(opts.suspicious) // the verdict of a survey; a list may end early
	var err error
	if opts.from, err = parseSince(opts.since, app.now()); err != nil {
		return err
	}
	names, err := opts.names.read(ctx, app, args)
	if err != nil {
		return err
	}
	app.warnIfOtherDatabase()
	store, err := app.reader.Users(ctx)
	if err != nil {
		return err
	}
	var users []mfa.User
	if opts.all {
		users, err = app.everybody(ctx)
	} else {
		users, err = app.takeUsers(ctx, store, &opts.names, names, len(args))
	}
	if err != nil {
		return err
	}
	all, err := app.histories(ctx, opts, users)
	if err != nil {
		return err
	}
	if opts.suspicious {
		return showSuspects(app, opts, all)
	}
	if err := showHistories(app, opts, all); err != nil {
		return err
	}
	return history.Outcome(all)
}

// The limits of what user show says of a history: it must not become slow, and never fails because of it.
const (
	latelyUsers = 20
	latelyLimit = 2 * time.Second
	latelyLines = 2
)

// lately returns the newest events of each user, as far as they are known at once. What could not be read is left out:
// user history says what that is.
func (a *App) lately(ctx context.Context, offline bool, seen []mfa.Inspection) [][]eventView {
	lines := make([][]eventView, len(seen))
	for i := range lines {
		lines[i] = []eventView{}
	}
	if len(seen) > latelyUsers {
		return lines
	}
	var users []mfa.User
	for _, s := range seen {
		users = append(users, s.User)
		offline = offline || s.Twilio.Err != nil // it gave no answer a moment ago
	}
	ctx, cancel := context.WithTimeout(ctx, latelyLimit)
	defer cancel()
	all, err := a.teller(ctx, offline, 0).Tell(ctx, users, a.now().Add(-day))
	if err != nil {
		return lines
	}
	for i, h := range all {
		for _, e := range h.Events[:min(latelyLines, len(h.Events))] {
			lines[i] = append(lines[i], viewEvent(h.User.Username, e))
		}
	}
	return lines
}

// everybody returns all users.
func (a *App) everybody(ctx context.Context) ([]mfa.User, error) {
	all, err := a.reader.AllUsers(ctx)
	if err != nil {
		return nil, err
	}
	var users []mfa.User
	for u, err := range all {
		if err != nil {
			return nil, err
		}
		users = append(users, u)
	}
	return users, nil
}

// histories asks all sources. Of the whole site the service must answer before and after: otherwise "no codes" may be the answer of
// an outage, or of another service.
func (a *App) histories(ctx context.Context, opts *userHistoryOptions, users []mfa.User) ([]history.History, error) {
	workers := 0
	if opts.all {
		workers = historyWorkers
	}
	teller := a.teller(ctx, false, workers)
	if opts.suspicious && teller.Challenges != nil {
		factors, err := a.reader.Factors()
		if err == nil {
			err = factors.CheckService(ctx)
		}
		if err != nil {
			return nil, err
		}
	}
	progress := a.streams.NewProgress("users asked about", len(users))
	teller.Step = progress.Step
	defer progress.Done()
	if opts.all {
		return teller.TellAll(ctx, users, opts.from)
	}
	return teller.Tell(ctx, users, opts.from)
}

func showSuspects(app *App, opts *userHistoryOptions, all []history.History) error {
	s := history.NewSurvey(all)
	if s.Early > 0 {
		app.streams.Notef("note: %s had wrong codes just now, and may still get in", count(s.Early, "more user"))
	}
	views := []historyView{}
	for _, h := range s.Found {
		views = append(views, viewHistory(app, h))
	}
	document := historiesDocument{SchemaVersion: schemaVersion, Since: wholeSeconds(opts.from), Checked: len(all), Suspicious: len(s.Found),
		Unknown: []string{}, Histories: views}
	for _, h := range s.Unknown {
		document.Unknown = append(document.Unknown, h.User.Username)
	}
	err := showList(app, document, views, []column{columnUsername, {name: "seen"}, {name: "addresses"}}, func(v historyView) []string {
		return []string{v.Username, v.Suspicious.Message, strings.Join(v.Suspicious.Addresses, ", ")}
	})
	if err != nil {
		return err
	}
	if err := s.Outcome(); err != nil {
		return err
	}
	app.streams.Notef("%s asked about: of none does it look as if somebody else had the password, as far as Twilio still has the codes.", count(len(all), "user"))
	return nil
}

type historiesDocument struct {
	SchemaVersion int `json:"schema_version"`
	// what was asked for
	Since time.Time `json:"since"`
	// how many users were asked about
	Checked int `json:"checked"`
	// of how many somebody else may have the password
	Suspicious int      `json:"suspicious"`
	Unknown    []string `json:"unknown"` // users about whom Twilio could not be asked
	// one for each user, with --suspicious only those
	Histories []historyView `json:"histories"`
}

type historyView struct {
	// the user
	Username string `json:"username"`
	// why somebody else may have the password; null if nothing says so
	Suspicious *suspicionView `json:"suspicious"`
	// why the user did not get in
	Diagnosis diagnosisView `json:"diagnosis"`
	// what happened, the newest first
	Events []eventView `json:"events"`
	// which sources could be read, and how far back they go
	Sources []coverageView `json:"sources"`
	// how many refused passwords belong to nobody by name
	Nameless int             `json:"nameless_refused_passwords"`
	told     history.History // for the table
}

type suspicionView struct {
	// what was seen
	Message string `json:"message"`
	// how many wrong codes there were
	Codes int `json:"codes"`
	// the first of them; null if the zone is not known
	First *time.Time `json:"first"`
	// the last of them; null if the zone is not known
	Last *time.Time `json:"last"`
	// where they came from
	Addresses []string `json:"addresses"`
	// with which browsers
	Browsers []string `json:"browsers"`
	// whether the user may still get in by themselves
	TooEarly bool `json:"too_early"`
	// whether a code was accepted from another address
	OtherPlace bool `json:"accepted_elsewhere"`
	// what to do
	Help *string `json:"help"`
}

type diagnosisView struct {
	// the cause
	Cause history.Cause `json:"cause"`
	// the same in words
	Message string `json:"message"`
	// what helps
	Help []string `json:"help"`
}

type eventView struct {
	// the user
	Username  string     `json:"username"`
	Time      *time.Time `json:"time"`       // null if the zone is not known
	LocalTime *string    `json:"local_time"` // the clock's, without a zone, where that is not known
	// how the clock's zone is known
	Zone history.Zone `json:"zone"`
	// what happened
	What history.What `json:"what"`
	// who says so
	Sources []history.Source `json:"sources"`
	// the factor at Twilio
	FactorSID *string `json:"factor_sid"`
	// from which address
	Address *string `json:"address"`
	// with which browser
	Browser *string `json:"browser"`
	// what Twilio or uzERP said was wrong
	Errors []twilioErrorView `json:"errors"`
	// of another change: this program's command
	Command *string `json:"command"`
	// the operator who did it
	By *string `json:"by"`
	// whether it is not known that it took effect
	Uncertain  bool                `json:"uncertain"`
	Unverified *history.Unverified `json:"unverified"` // why a code shows nothing of who the caller is
}

type twilioErrorView struct {
	// Twilio's number of the error; null if there is none
	Code *int `json:"code"`
	// what was said
	Message *string `json:"message"`
}

// coverageStatus says whether a source could be read.
type coverageStatus string

// The statuses.
const (
	coverageRead     coverageStatus = "read"
	coverageUnread   coverageStatus = "unread"
	coverageNotAsked coverageStatus = "not-asked"
)

type coverageView struct {
	// which source it is
	Source history.Source `json:"source"`
	// whether it could be read
	Status coverageStatus `json:"status"`
	// why it could not be read
	Error *string `json:"error"`
	// the oldest that it still has; null if that is not known
	Oldest *time.Time `json:"oldest"`
	// whether it goes back to since
	Reaches bool `json:"reaches"`
	// how its clock's zone is known
	Zone  history.Zone `json:"zone"`
	Ahead *int         `json:"clock_ahead_secs"` // null if the clocks agree, or can't be compared
	// the source that its clock was compared with
	AheadOf *history.Source `json:"clock_ahead_of"`
	// what may be missing though it was read
	Missing []string `json:"missing"`
}

func viewHistory(app *App, h history.History) historyView {
	d := h.Diagnose()
	v := historyView{Username: h.User.Username, Events: []eventView{}, Sources: []coverageView{}, Nameless: h.Nameless, told: h,
		Diagnosis: diagnosisView{Cause: d.Cause, Message: d.Message, Help: []string{}}}
	for _, hint := range d.Help {
		v.Diagnosis.Help = append(v.Diagnosis.Help, app.hint(hint))
	}
	if s := h.Suspect(); s != nil {
		v.Suspicious = &suspicionView{Message: s.Message(h.Now), Codes: s.Codes, Addresses: notNil(s.Addresses), Browsers: notNil(s.Browsers),
			TooEarly: s.TooEarly, OtherPlace: s.OtherPlace, Help: optional(app.hint(s.Help(h.User.Username)))}
		if s.Zone != history.ZoneAssumed {
			v.Suspicious.First, v.Suspicious.Last = viewTime(s.First), viewTime(s.Last)
		}
	}
	for _, e := range h.Events {
		v.Events = append(v.Events, viewEvent(h.User.Username, e))
	}
	for _, c := range h.Coverage {
		v.Sources = append(v.Sources, viewCoverage(c))
	}
	return v
}

func viewEvent(username string, e history.Event) eventView {
	v := eventView{Username: username, Zone: e.Zone, What: e.What, Sources: append([]history.Source{}, e.Sources...), FactorSID: optional(e.FactorSID),
		Address: optional(e.Address), Browser: optional(e.Browser), Errors: []twilioErrorView{}, Command: optional(e.Command), By: optional(e.By),
		Uncertain: e.Uncertain}
	if e.Unverified != "" {
		v.Unverified = &e.Unverified
	}
	if e.Zone == history.ZoneAssumed {
		v.LocalTime = optional(e.At.Format("2006-01-02T15:04:05"))
	} else {
		v.Time = viewTime(e.At)
	}
	for _, t := range e.Errors {
		one := twilioErrorView{Message: optional(t.Message)}
		if t.Code != 0 {
			one.Code = &t.Code
		}
		v.Errors = append(v.Errors, one)
	}
	return v
}

func viewCoverage(c history.Coverage) coverageView {
	v := coverageView{Source: c.Source, Status: coverageRead, Reaches: c.Reaches, Zone: c.Zone, Missing: notNil(c.Missing)}
	switch {
	case !c.Asked:
		v.Status = coverageNotAsked
	case c.Err != nil:
		v.Status, v.Error = coverageUnread, optional(c.Err.Error())
	}
	if c.Zone != history.ZoneAssumed {
		v.Oldest = viewTime(c.Oldest)
	}
	if seconds := int(c.Ahead / time.Second); seconds != 0 {
		v.Ahead, v.AheadOf = &seconds, &c.AheadOf
	}
	return v
}

func (v eventView) when() string { return cmp.Or(instantOf(v.Time), text(v.LocalTime)) }

// words says what happened, with what else is known of it.
func (v eventView) words() string {
	words := strings.ReplaceAll(string(v.What), "-", " ")
	if v.What == history.OtherChange {
		words = text(v.Command)
	}
	for _, t := range v.Errors {
		if t.Code != nil {
			words += fmt.Sprintf(" (Twilio's code %d)", *t.Code)
		} else if t.Message != nil {
			words += fmt.Sprintf(" (%q)", *t.Message)
		}
	}
	if by := text(v.By); by != "" {
		words += " by " + by
	}
	switch {
	case v.Unverified != nil:
		words += ": " + unverifiedWords[*v.Unverified]
	case v.Uncertain:
		words += "; whether it took effect is not known"
	}
	return words
}

// unverifiedWords says why a code shows nothing of who the caller is.
var unverifiedWords = map[history.Unverified]string{
	history.GivenNumber:   "the operator gave the number",
	history.ChangedNumber: "the number was changed lately",
	history.ChosenRegion:  "the country of the number is from --region or UZERP_MFA_PHONE_REGION, and not from uzERP",
	history.NotKnown:      "what came of the code is not known",
	history.DoubtfulLog:   "others may have written the audit log",
}

func (v eventView) csv() []string {
	var codes []string
	for _, t := range v.Errors {
		code := 0
		if t.Code != nil {
			code = *t.Code
		}
		codes = append(codes, strings.TrimSpace(strconv.Itoa(code)+" "+text(t.Message)))
	}
	unverified := ""
	if v.Unverified != nil {
		unverified = string(*v.Unverified)
	}
	return []string{v.Username, instantOf(v.Time), text(v.LocalTime), string(v.Zone), string(v.What), joined(v.Sources, " "), text(v.FactorSID),
		text(v.Address), text(v.Browser),
		strings.Join(codes, "; "), text(v.Command), text(v.By), strconv.FormatBool(v.Uncertain), unverified}
}

func showHistories(app *App, opts *userHistoryOptions, all []history.History) error {
	document := historiesDocument{SchemaVersion: schemaVersion, Since: wholeSeconds(opts.from), Checked: len(all), Unknown: []string{}, Histories: []historyView{}}
	var events []eventView
	for _, h := range all {
		v := viewHistory(app, h)
		document.Histories = append(document.Histories, v)
		events = append(events, v.Events...)
		if !h.Source(history.FromTwilio).Read() {
			document.Unknown = append(document.Unknown, h.User.Username)
		}
		if s := v.Suspicious; s != nil && !s.TooEarly {
			document.Suspicious++
		}
	}
	if app.flags.output == formatTable {
		return app.streams.Paged(func() error { return writeHistories(app, opts, document.Histories) })
	}
	if app.flags.output != formatJSON {
		warnUnread(app, all)
	}
	return showList(app, document, events, columnsNamed("username", "time", "local_time", "zone", "what", "sources", "factor_sid", "address", "browser", "errors",
		"command", "by", "uncertain", "unverified"), eventView.csv)
}

// warnUnread says which sources could not be read, where the format has no place for it.
func warnUnread(app *App, all []history.History) {
	said := map[string]bool{}
	for _, h := range all {
		for _, c := range h.Coverage {
			if words := c.Source.Words() + " could not be read: "; c.Err != nil && !said[words] {
				said[words] = true
				app.streams.Warnf("%s%s", words, c.Err)
			}
		}
	}
}

// writeHistories prints histories for people: what they come to first, then the events, then what could be read.
func writeHistories(app *App, opts *userHistoryOptions, views []historyView) error {
	assumed := false
	if opts.all {
		var rows [][]string
		for _, v := range views {
			for _, e := range v.Events {
				rows = append(rows, append([]string{v.Username}, e.row()...))
				assumed = assumed || e.LocalTime != nil
			}
		}
		slices.SortStableFunc(rows, func(a, b []string) int { return strings.Compare(b[1], a[1]) })
		if err := app.writeTable(&opts.columns, eventTable, rows); err != nil {
			return err
		}
		if len(views) > 0 {
			if err := writeCoverage(app, siteCoverage(views)); err != nil {
				return err
			}
		}
	} else {
		for n, v := range views {
			if n > 0 {
				if err := app.streams.Printf("\n"); err != nil {
					return err
				}
			}
			if err := writeHistory(app, opts, v); err != nil {
				return err
			}
			assumed = assumed || slices.ContainsFunc(v.Events, func(e eventView) bool { return e.LocalTime != nil })
		}
	}
	if assumed {
		app.streams.Notef("note: a time without Z is that of a clock whose zone nobody knows; it stands where it belongs if that is this machine's zone")
	}
	return nil
}

// joined returns the sources in one text.
func joined(sources []history.Source, between string) string {
	var names []string
	for _, s := range sources {
		names = append(names, string(s))
	}
	return strings.Join(names, between)
}

func (v eventView) row() []string {
	return []string{v.when(), v.words(), joined(v.Sources, ", "), text(v.Address), text(v.Browser)}
}

func writeHistory(app *App, opts *userHistoryOptions, v historyView) error {
	p := &pairs{}
	p.whole("user", output.EscapeName(v.Username))
	if s := v.Suspicious; s != nil && !s.TooEarly {
		p.add("warning", "somebody else may have the password: "+s.Message)
		p.add("  or", "it was the user, whose phone shows wrong codes; only the user can say which of the two")
		if len(s.Addresses) > 0 {
			p.add("  from", strings.Join(s.Addresses, ", "))
		}
		p.advice(text(s.Help))
	}
	p.add("in short", v.Diagnosis.Message)
	for _, hint := range v.Diagnosis.Help {
		p.advice(hint)
	}
	p.blank()
	if err := app.streams.Card(*p); err != nil {
		return err
	}
	var rows [][]string
	for _, e := range v.Events {
		rows = append(rows, e.row())
	}
	if len(rows) > 0 {
		if err := app.writeTable(&opts.columns, eventTable[1:], rows); err != nil {
			return err
		}
	}
	return writeCoverage(app, v.told.Coverage)
}

// advice puts down what helps.
func (p *pairs) advice(hint string) { p.add("  do", hint) }

// siteCoverage returns what the sources could tell about all users: of Twilio the worst answer.
func siteCoverage(views []historyView) []history.Coverage {
	all := slices.Clone(views[0].told.Coverage)
	for _, v := range views {
		if c := v.told.Source(history.FromTwilio); !c.Read() {
			all[0] = c
			break
		}
	}
	return all
}

func writeCoverage(app *App, all []history.Coverage) error {
	p := &pairs{}
	p.blank()
	for _, c := range all {
		p.add(string(c.Source), coverageWords(app, c))
		for _, m := range c.Missing {
			p.add("", m)
		}
		if clock := c.Clock(); clock != "" {
			p.add("", clock)
		}
	}
	return app.streams.Card(*p)
}

func coverageWords(app *App, c history.Coverage) string {
	switch {
	case !c.Asked:
		return "not asked"
	case c.Err != nil:
		return "could not be read: " + c.Err.Error() + app.advice(c.Err)
	}
	words := "read"
	switch {
	case c.Reaches:
		words += ", back to the beginning"
	case c.Oldest.IsZero() && c.Source == history.FromTwilio:
		words += "; it has no codes, as far as it still knows"
	case c.Oldest.IsZero():
		words += "; it has nothing at all"
	case c.Source == history.FromTwilio:
		words += ", as far as it still has the codes"
	default:
		words += "; it begins " + viewOldest(c)
	}
	if c.Zone == history.ZoneMeasured {
		words += "; its clock was compared with the other sources"
	}
	return words
}

func viewOldest(c history.Coverage) string {
	if c.Zone == history.ZoneAssumed {
		return c.Oldest.Format("2006-01-02T15:04:05")
	}
	return instant(c.Oldest)
}

// advice returns the hint of an error, as a message has it after the error.
func (a *App) advice(err error) string {
	if hint := a.hintOf(err); hint != "" {
		return "; " + hint
	}
	return ""
}
