package cmd

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"uzerp-mfa/internal/account"
	"uzerp-mfa/internal/audit"
	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/output"
	"uzerp-mfa/internal/shell"
)

type auditLogShowOptions struct {
	since   string
	until   string
	results []string
	away    bool         // --elsewhere
	filter  audit.Filter // what all of them mean

	lastUnsaid bool // --last was not given
}

func newAuditLogShowCmd(app *App) *cobra.Command {
	opts := &auditLogShowOptions{}
	c := &cobra.Command{
		Use:   "show",
		Short: "Show what was changed, when and by whom",
		Long: `Shows the lines of the audit log and of the files that were rotated away, oldest first: what was changed from what to
what, by whom, why, and how it ended. It does not check the log; audit-log verify does. A line that is no record is left
out, with a warning on stderr.

A line about another database or service than the settings name now is marked, such as what was done in a test copy;
--elsewhere shows only those. To know, nothing is connected to.

An intent is written before a change and its outcome after it, with the same id. An intent without an outcome is a
command that is still running, or that died. Times are RFC 3339 (2026-07-14T08:00:00Z) or say how long ago (90m, 24h, 7d).`,
		Annotations: exitCodes(errs.Config, errs.NotFound, errs.Refused, errs.Unavailable),
		Example: `  uzerp-mfa audit-log show --since 24h
  uzerp-mfa audit-log show --user alice --result refused,failed,unknown
  uzerp-mfa audit-log show --actor ann --last 20 -o json
  uzerp-mfa audit-log show --elsewhere`,
		Args: noArgs,
	}
	f := c.Flags()
	f.StringVar(&opts.filter.Target, "user", "", "only lines about this user (or injector class)")
	f.StringVar(&opts.since, "since", "", "only lines from this time on")
	f.StringVar(&opts.until, "until", "", "only lines before this time")
	f.StringVar(&opts.filter.Actor, "actor", "", "only what this operating-system user did, also by sudo")
	f.StringSliceVar(&opts.results, "result", nil, "only these results, comma-separated: "+strings.Join(resultNames(), ", "))
	completeList(c, "result", resultNames()...)
	f.IntVar(&opts.filter.Last, "last", 0, "only the last so many of these lines; 0 for all (default: all, and on a terminal 50)")
	f.BoolVar(&opts.away, "elsewhere", false, "only lines about another database or service than the settings name")
	c.RunE = app.run(listFormats, func(ctx context.Context, _ []string) error {
		opts.lastUnsaid = !c.Flags().Changed("last")
		return runAuditLogShow(ctx, app, opts)
	})
	return c
}

func resultNames() []string {
	var names []string
	for _, r := range audit.Results() {
		names = append(names, string(r))
	}
	return names
}

func (o *auditLogShowOptions) complete(now time.Time) (err error) {
	for _, r := range o.results {
		if !slices.Contains(resultNames(), r) {
			return usageError(fmt.Sprintf("--result: there is no result %q", r), "the results are "+strings.Join(resultNames(), ", "))
		}
		o.filter.Results = append(o.filter.Results, audit.Result(r))
	}
	if o.filter.Last < 0 {
		return usageError("--last must not be negative", "")
	}
	if o.filter.From, err = parseSince(o.since, now); err != nil {
		return err
	}
	if o.filter.Until, err = parseTime("--until", o.until, now); err != nil {
		return err
	}
	if !o.filter.From.IsZero() && !o.filter.Until.IsZero() && !o.filter.From.Before(o.filter.Until) {
		return usageError("--since is not before --until", "")
	}
	return nil
}

// parseSince reads the value of --since. A time that is still to come is refused: nothing can be found after it, which looks like
// "all is well".
func parseSince(text string, now time.Time) (time.Time, error) {
	since, err := parseTime("--since", text, now)
	if err == nil && since.After(now) {
		return time.Time{}, usageError(fmt.Sprintf("--since: %q is still to come", text), "write a time that is over, or how long ago: 90m, 24h, 7d")
	}
	return since, err
}

// parseTime reads an instant, or a time before now.
func parseTime(flag, text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t, nil
	}
	ago, err := parseDuration(text)
	if err != nil || ago < 0 {
		return time.Time{}, usageError(fmt.Sprintf("%s: %q is no time", flag, text), "write 2026-07-14T08:00:00Z, or how long ago: 90m, 24h, 7d")
	}
	return now.Add(-ago), nil
}

type auditRecordsView struct {
	SchemaVersion int `json:"schema_version"`
	// the log that was read
	Path string `json:"path"`
	// the lines, oldest first
	Records []auditRecordView `json:"records"`
}

// auditRecordView is a line of the log, with null for what is not there. Its keys are those of the line.
type auditRecordView struct {
	SchemaVersion int `json:"schema_version"`
	// shared by an intent and its outcome
	ID string `json:"id"`
	// when the line was written
	Time time.Time `json:"time"`
	// who ran the command
	Actor auditActorView `json:"actor"`
	// the database that the command used; null if none
	Database *audit.Database `json:"database"`
	// Twilio's service that the command used; null if none
	Service *auditService `json:"service"`
	// the command without its arguments
	Command string `json:"command"`
	// a user, or what else was to be changed
	Target string `json:"target"`
	// the values before; null if they are not known
	Before audit.Values `json:"before"`
	// the values after, in an intent those that are meant; null if there are none
	After audit.Values `json:"after"`
	// what --reason said
	Reason *string `json:"reason"`
	// what --ticket said
	Ticket *string `json:"ticket"`
	// how else the caller was verified
	VerifiedBy *string `json:"verified_by"`
	// whether the target is the operator's own user
	Self bool `json:"self"`
	// how it ended, or an intent
	Result audit.Result `json:"result"`
	// what was wrong
	Message *string `json:"message"`
	// SHA-256 of what a crash left before this line
	Torn *string `json:"torn"`
	// in the first line of a file the head of the file before
	Follows *string `json:"follows"`
	// the hash of the line before
	Prev string `json:"prev"`
	// the hash of this line
	Hash      string       `json:"hash"`
	Elsewhere *bool        `json:"elsewhere"` // null if that is not known
	record    audit.Record // for the table and CSV
}

type auditActorView struct {
	// the user of the operating system
	User string `json:"user"`
	// who called sudo, doas or pkexec
	SudoUser *string `json:"sudo_user"`
	// the SSH client's address
	SSHClient *string `json:"ssh_client"`
	// the machine
	Host *string `json:"host"`
	// the process
	PID int `json:"pid"`
}

type auditService struct {
	// null if only an account was used
	SID *string `json:"sid"`
	// null if it is Twilio's own
	Address *string `json:"address"`
}

func viewAuditRecord(here audit.Here, r audit.Record) auditRecordView {
	a := r.Actor
	view := auditRecordView{
		SchemaVersion: r.SchemaVersion, ID: r.ID, Time: r.Time, Database: r.Database, Command: r.Command, Target: r.Target, Self: r.Self,
		Actor:  auditActorView{User: a.User, SudoUser: optional(a.SudoUser), SSHClient: optional(a.SSHClient), Host: optional(a.Host), PID: a.PID},
		Before: r.Before, After: r.After, Reason: optional(r.Reason), Ticket: optional(r.Ticket), VerifiedBy: optional(r.VerifiedBy),
		Result: r.Result, Message: optional(r.Message), Torn: optional(r.Torn), Follows: optional(r.Follows), Prev: r.Prev, Hash: r.Hash, record: r,
	}
	if s := r.Service; s != nil {
		view.Service = &auditService{optional(s.SID), optional(s.Address)}
	}
	if elsewhere, known := here.Elsewhere(r); known {
		view.Elsewhere = &elsewhere
	}
	return view
}

func (v auditRecordView) isElsewhere() bool { return v.Elsewhere != nil && *v.Elsewhere }

func runAuditLogShow(ctx context.Context, app *App, opts *auditLogShowOptions) error {
	if err := opts.complete(app.now()); err != nil {
		return err
	}
	path := app.auditLog(forReading)
	here := app.reader.Here(ctx)
	if opts.away {
		if len(here.Databases) == 0 && here.Service == nil {
			return errs.New(errs.Config, "--elsewhere: no database and no service is set that the lines could be compared with", "doctor shows the settings")
		}
		opts.filter.Here = &here
	}
	log, err := openAuditLog(ctx, app, path)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	records := func(yield func(audit.Record, error) bool) {
		for r, err := range opts.filter.Select(log.Records(opts.filter.From), func(bad error) {
			warnLeftOut(app, bad)
		}) {
			if err == nil && ctx.Err() != nil {
				err = context.Cause(ctx)
			}
			if !yield(r, err) || err != nil {
				return
			}
		}
	}
	app.streams.Notef("note: this is %s", path)
	viewed := func(r audit.Record) auditRecordView { return viewAuditRecord(here, r) }
	empty := auditRecordsView{SchemaVersion: schemaVersion, Path: path, Records: []auditRecordView{}}
	done, err := streamList(app, empty, records, func(r audit.Record) any { return viewed(r) }, columnsNamed(auditCSVHeader()...),
		func(r audit.Record) []string { return auditCSVCells(viewed(r)) })
	if done {
		return err
	}
	return showAuditEntries(app, opts, records, viewed)
}

// screenful is how many records a terminal gets if nobody says how many.
const screenful = 50

// showAuditEntries prints records for people. On a terminal these are the last ones, if --last does not say how many.
func showAuditEntries(app *App, opts *auditLogShowOptions, records iter.Seq2[audit.Record, error], viewed func(audit.Record) auditRecordView) error {
	limit := 0
	if opts.lastUnsaid && app.streams.OutTTY {
		limit = screenful
		opts.filter.Last = limit + 1 // one more, to know whether there are more
	}
	var last []audit.Record
	shown, more := 0, false
	err := app.streams.Paged(func() error {
		for r, err := range records {
			switch {
			case err != nil:
				return err
			case limit > 0:
				last = append(last, r)
				continue
			}
			shown++
			if err := writeAuditEntry(app.streams, viewed(r)); err != nil {
				return err
			}
		}
		more = len(last) > limit
		for _, r := range last[max(0, len(last)-limit):] {
			shown++
			if err := writeAuditEntry(app.streams, viewed(r)); err != nil {
				return err
			}
		}
		return nil
	})
	switch {
	case err != nil:
		return err
	case limit > 0 && more:
		app.streams.Notef("There are more: these are the last %d. --last 0 shows all.", shown)
	default:
		app.noteCount(shown, "record")
	}
	return nil
}

// warnLeftOut warns about a line or a file of the log that is not shown.
func warnLeftOut(app *App, bad error) {
	line, ok := errors.AsType[*audit.LineError](bad)
	switch {
	case !ok:
		app.streams.Warnf("a file of the audit log is left out: %s", bad)
	case line.File == "":
		app.streams.Warnf("line %d of the audit log is no record; audit-log verify tells more", line.Line)
	default:
		app.streams.Warnf("line %d of %s is no record; audit-log verify tells more", line.Line, line.File)
	}
}

// writeAuditEntry prints a record for people: a line that says who did what to which user, in whole seconds, and a
// line for each thing more that is known. As a row of a table it would be wider than any terminal.
func writeAuditEntry(s *output.Streams, v auditRecordView) error {
	r := v.record
	actor := account.Shown(r.Actor.User) // no name goes on as "hilda as root"
	if r.Actor.SudoUser != "" && r.Actor.SudoUser != r.Actor.User {
		actor = account.Shown(r.Actor.SudoUser) + " as " + actor
	}
	target := shell.Quote(r.Target) // so that no name goes on as "bob, by somebody else"
	if r.Self {
		target += " (self)"
	}
	var more []string
	if r.Result != audit.ResultRefused && r.Result != audit.ResultFailed { // what was meant is in the line of the intent
		more = auditChanges(r)
	}
	where := ""
	if v.isElsewhere() {
		where = auditPlace(r)
	}
	for _, said := range []struct{ name, text string }{{"reason: ", r.Reason}, {"ticket: ", r.Ticket}, {"verified by: ", r.VerifiedBy}, {"", r.Message}} {
		if said.text != "" {
			more = append(more, said.name+said.text)
		}
	}
	err := s.Printf("%s  %-7s  %s %s, by %s%s\n", r.Time.Format(time.RFC3339), string(r.Result), r.Command, target, actor, where)
	for _, line := range more {
		if err == nil {
			err = s.Printf("    %s\n", line)
		}
	}
	return err
}

// auditPlace says which database and service a record is about.
func auditPlace(r audit.Record) string {
	var place string
	if d := r.Database; d != nil {
		place = fmt.Sprintf(", in %s on %s", shell.Quote(d.Name), net.JoinHostPort(d.Host, strconv.Itoa(d.Port)))
	}
	if s := r.Service; s != nil && s.SID != "" {
		place += ", with service " + s.SID
	}
	if s := r.Service; s != nil && s.Address != "" {
		place += " at " + s.Address
	}
	return place
}

// auditChanges returns the values that were changed, or that were to be. A value is new if none is recorded before it.
func auditChanges(r audit.Record) []string {
	var changes []string
	for _, name := range slices.Sorted(maps.Keys(r.After)) {
		after := auditValue(r.After[name])
		if before, known := r.Before[name]; !known {
			changes = append(changes, name+": "+after)
		} else if auditValue(before) != after {
			changes = append(changes, name+": "+auditValue(before)+" -> "+after)
		}
	}
	if r.After == nil && r.Result != audit.ResultRefused {
		for _, name := range slices.Sorted(maps.Keys(r.Before)) {
			changes = append(changes, name+": "+auditValue(r.Before[name])+" -> deleted")
		}
	}
	return changes
}

func auditValue(v any) string {
	if v == nil {
		return "NULL"
	}
	text := fmt.Sprint(v)
	if text == "" || text == "NULL" || strings.ContainsAny(text, `>"`) {
		return strconv.Quote(text) // so that no value goes on as "x -> y"
	}
	return text
}

func auditCSVHeader() []string {
	return []string{"time", "id", "user", "sudo_user", "ssh_client", "host", "pid", "command", "target", "result",
		"change", "reason", "ticket", "message", "prev", "hash", "self",
		"database_host", "database_port", "database_name", "service_sid", "service_address", "verified_by", "elsewhere"}
}

func auditCSVCells(v auditRecordView) []string {
	r := v.record
	elsewhere := ""
	if v.Elsewhere != nil {
		elsewhere = strconv.FormatBool(*v.Elsewhere)
	}
	a := r.Actor
	var host, port, name string
	if d := r.Database; d != nil {
		host, port, name = d.Host, strconv.Itoa(d.Port), d.Name
	}
	var service audit.Service
	if r.Service != nil {
		service = *r.Service
	}
	return []string{r.Time.Format(time.RFC3339Nano), r.ID, a.User, a.SudoUser, a.SSHClient, a.Host, strconv.Itoa(a.PID), r.Command, r.Target,
		string(r.Result), strings.Join(auditChanges(r), ", "), r.Reason, r.Ticket, r.Message, r.Prev, r.Hash, strconv.FormatBool(r.Self),
		host, port, name, service.SID, service.Address, r.VerifiedBy, elsewhere}
}
