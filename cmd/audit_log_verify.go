package cmd

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"uzerp-mfa/internal/audit"
	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/output"
)

type auditLogVerifyOptions struct {
	head string
}

func newAuditLogVerifyCmd(app *App) *cobra.Command {
	opts := &auditLogVerifyOptions{}
	c := &cobra.Command{
		Use:   "verify",
		Short: "Check that nobody changed the audit log",
		Long: `Checks the audit log from its first line to its last: each line carries its own hash and that of the line before, so a
line that was changed, removed, added or moved is found. A line that a crash left unfinished, and an intent without an
outcome, are reported, and are no findings. Files that were rotated away are checked with it, compressed ones (gz, bz2) too:
the first line of each names the last one of the file before, so a file that is missing in the middle is found.

If the end was cut off, the last line replaced, or the whole log written anew, the chain is still without a fault. Only a head
that you remember shows it: write down the head that this command prints, in a place that people who can write the log can't
change, and give it with --head the next time.`,
		Annotations: exitCodes(errs.Config, errs.NotFound, errs.Refused, errs.Unavailable, errs.Findings),
		Example: `  uzerp-mfa audit-log verify
  uzerp-mfa audit-log verify --head 3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b8555
  uzerp-mfa audit-log verify --audit-log audit.jsonl.2.gz`,
		Args: noArgs,
	}
	c.Flags().StringVar(&opts.head, "head", "", "head of the log that an earlier verify printed")
	c.RunE = app.run(oneFormats, func(ctx context.Context, _ []string) error { return runAuditLogVerify(ctx, app, opts) })
	return c
}

type auditFindingView struct {
	// what kind of finding it is
	ID   string  `json:"id"`
	File *string `json:"file"` // null if the log has only one
	Line *int    `json:"line"` // null for a whole file, or the log as a whole
	// what is wrong
	Message string `json:"message"`
}

type auditTornView struct {
	// null if the log has only one
	File *string `json:"file"`
	// its line
	Line int `json:"line"`
	// how many bytes are left of it
	Bytes int `json:"bytes"`
}

type auditFileView struct {
	// null if the log has only one
	File *string `json:"file"`
	// how many lines it has
	Lines int `json:"lines"`
	// how many of them are records
	Records int `json:"records"`
	// the hash of its last record
	Head string `json:"head"`
	// the head of the file before; null if it follows none
	Follows *string `json:"follows"`
}

type auditIntentView struct {
	// null if the log has only one
	File *string `json:"file"`
	// its line
	Line int `json:"line"`
	// the id of the change
	ID string `json:"id"`
	// when it began
	Time time.Time `json:"time"`
	// the command without its arguments
	Command string `json:"command"`
	// a user, or what else was to be changed
	Target string `json:"target"`
}

type auditReportView struct {
	SchemaVersion int `json:"schema_version"`
	// the log that was read
	Path string `json:"path"`
	// how many lines all files have
	Lines int `json:"lines"`
	// how many of them are records
	Records int `json:"records"`
	// of the first record; null for a log without records
	FirstTime *time.Time `json:"first_time"`
	// of the last record; null for a log without records
	LastTime *time.Time `json:"last_time"`
	// the hash of the last record, to be remembered
	Head           string  `json:"head"`
	RememberedHead *string `json:"remembered_head"` // what --head gave
	RememberedFile *string `json:"remembered_file"` // where it was found
	// null if the head was not found
	RememberedLine *int `json:"remembered_line"`
	TailChecked    bool `json:"tail_checked"` // whether a cut-off tail could have been noticed
	// what is not as it was written
	Findings []auditFindingView `json:"findings"`
	// lines that a crash cut off
	TornLines []auditTornView `json:"torn_lines"`
	// changes whose end no line tells
	OpenIntents []auditIntentView `json:"open_intents"`
	Files       []auditFileView   `json:"files"` // oldest first
	Doubt       *string           `json:"doubt"` // why another user may have written it
}

func viewAuditReport(path, remembered, doubt string, r audit.Report) auditReportView {
	v := auditReportView{
		SchemaVersion: schemaVersion, Path: path, Lines: r.Lines, Records: r.Records, Head: r.Head, TailChecked: remembered != "" && remembered != audit.Genesis,
		Findings: []auditFindingView{}, TornLines: []auditTornView{}, OpenIntents: []auditIntentView{},
		Files: []auditFileView{}, Doubt: optional(doubt), RememberedFile: optional(r.HeadFile),
	}
	if !r.First.IsZero() {
		v.FirstTime, v.LastTime = &r.First, &r.Last
	}
	if remembered != "" {
		v.RememberedHead = &remembered
	}
	if r.HeadLine > 0 {
		v.RememberedLine = &r.HeadLine
	}
	for _, f := range r.Findings {
		finding := auditFindingView{ID: f.ID, File: optional(f.File), Message: f.Message}
		if f.Line > 0 {
			finding.Line = &f.Line
		}
		v.Findings = append(v.Findings, finding)
	}
	for _, t := range r.Torn {
		v.TornLines = append(v.TornLines, auditTornView{optional(t.File), t.Line, t.Bytes})
	}
	for _, o := range r.Open {
		v.OpenIntents = append(v.OpenIntents, auditIntentView{optional(o.File), o.Line, o.Record.ID, o.Record.Time, o.Record.Command, o.Record.Target})
	}
	for _, f := range r.Files {
		v.Files = append(v.Files, auditFileView{optional(f.Name), f.Lines, f.Records, f.Head, optional(f.Follows)})
	}
	return v
}

func runAuditLogVerify(ctx context.Context, app *App, opts *auditLogVerifyOptions) error {
	head := strings.ToLower(opts.head)
	if head != "" && !audit.ValidHash(head) {
		return usageError("--head: this is no hash", "a head has 64 hexadecimal digits; audit-log verify prints it")
	}
	path := app.auditLog(forReading)
	log, err := openAuditLog(ctx, app, path)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	report, err := log.Verify(head)
	if err != nil {
		return err
	}
	view := viewAuditReport(path, head, log.Doubt, report)
	if app.flags.output == formatJSON {
		err = output.WriteJSON(app.streams.Out, view)
	} else {
		err = writeAuditReport(app.streams, view)
	}
	if err != nil || report.Intact() {
		return err
	}
	return errs.New(errs.Findings, fmt.Sprintf("%s is not what was written: %s", path, count(len(report.Findings), "finding")),
		"keep a copy of the file before anything else; uzerp-mfa help audit-log says what each finding means")
}

// place says which line is meant; file is nil if the log has only one. word is "line" or "Line".
func place(word string, file *string, line int) string {
	if file == nil {
		return fmt.Sprintf("%s %d", word, line)
	}
	return fmt.Sprintf("%s, line %d", *file, line)
}

// writeAuditReport prints the report in words. What comes from the log goes through output, which escapes it.
func writeAuditReport(s *output.Streams, v auditReportView) error {
	var err error
	say := func(format string, args ...any) {
		if err == nil {
			err = s.Printf(format+"\n", args...)
		}
	}
	holds := "holds"
	if n := len(v.Files); n > 1 {
		holds = fmt.Sprintf("and %s that %s rotated away hold", count(n-1, "file"), map[bool]string{true: "was", false: "were"}[n == 2])
	}
	switch {
	case v.Records == 0:
		say("%s %s no records.", v.Path, holds)
	case v.FirstTime == nil: // every one of them was changed
		say("%s %s %s.", v.Path, holds, count(v.Records, "record"))
	default:
		say("%s %s %s, from %s to %s.", v.Path, holds, count(v.Records, "record"), v.FirstTime.Format(time.RFC3339), v.LastTime.Format(time.RFC3339))
	}
	for _, f := range v.Findings {
		switch {
		case f.Line == nil && f.File == nil:
			say("FINDING: %s", f.Message)
		case f.Line == nil:
			say("FINDING in %s: %s", *f.File, f.Message)
		default:
			say("FINDING in %s: %s", place("line", f.File, *f.Line), f.Message)
		}
	}
	if len(v.Findings) == 0 && v.Records > 0 {
		say("No line was changed, removed, added or moved.")
	}
	if n := len(v.Files); n > 0 && v.Files[0].Follows != nil {
		say("Before the first line there was another file, which is not here any more.")
	}
	for _, t := range v.TornLines {
		say("%s is torn after %d bytes: the program or the machine stopped while it was written.", place("Line", t.File, t.Line), t.Bytes)
	}
	for _, o := range v.OpenIntents {
		say("%s begins %s of %q at %s and no line says how it ended: it is running now, or it died; look at what it was to change.",
			place("Line", o.File, o.Line), o.Command, o.Target, o.Time.Format(time.RFC3339))
	}
	switch {
	case v.RememberedLine != nil:
		say("The remembered head is %s: up to there this is the log you saw then.", place("line", v.RememberedFile, *v.RememberedLine))
	case !v.TailChecked:
		say("Whether lines at the end were cut off or replaced can't be known without a head remembered from an earlier run: --head HASH.")
	}
	say("Head to remember: %s", v.Head)
	return err
}
