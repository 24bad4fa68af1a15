package cmd

import (
	"context"
	"fmt"
	"io"
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
outcome, are reported, and are no findings.

If the end was cut off, the last line replaced, or the whole log written anew, the chain is still without a fault. Only a head
that you remember shows it: write down the head that this command prints, in a place that people who can write the log can't
change, and give it with --head the next time.

` + exitCodes(errs.Config, errs.NotFound, errs.Refused, errs.Findings),
		Example: `  uzerp-mfa audit-log verify
  uzerp-mfa audit-log verify --head 3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b8555
  zcat audit.jsonl.2.gz | uzerp-mfa audit-log verify --audit-log /dev/stdin`,
		Args: noArgs,
	}
	c.Flags().StringVar(&opts.head, "head", "", "head of the log that an earlier verify printed")
	c.RunE = app.run(oneFormats, func(ctx context.Context, _ []string) error { return runAuditLogVerify(ctx, app, opts) })
	return c
}

type auditFindingView struct {
	ID      string `json:"id"`
	Line    *int   `json:"line"` // null for the log as a whole
	Message string `json:"message"`
}

type auditTornView struct {
	Line  int `json:"line"`
	Bytes int `json:"bytes"`
}

type auditIntentView struct {
	Line    int       `json:"line"`
	ID      string    `json:"id"`
	Time    time.Time `json:"time"`
	Command string    `json:"command"`
	Target  string    `json:"target"`
}

type auditReportView struct {
	SchemaVersion  int                `json:"schema_version"`
	Path           string             `json:"path"`
	Lines          int                `json:"lines"`
	Records        int                `json:"records"`
	FirstTime      *time.Time         `json:"first_time"`
	LastTime       *time.Time         `json:"last_time"`
	Head           string             `json:"head"`
	RememberedHead *string            `json:"remembered_head"` // what --head gave
	RememberedLine *int               `json:"remembered_line"` // where it was found
	TailChecked    bool               `json:"tail_checked"`    // whether a cut-off tail could have been noticed
	Findings       []auditFindingView `json:"findings"`
	TornLines      []auditTornView    `json:"torn_lines"`
	OpenIntents    []auditIntentView  `json:"open_intents"`
}

func viewAuditReport(path, remembered string, r audit.Report) auditReportView {
	v := auditReportView{
		SchemaVersion: schemaVersion, Path: path, Lines: r.Lines, Records: r.Records, Head: r.Head, TailChecked: remembered != "" && remembered != audit.Genesis,
		Findings: []auditFindingView{}, TornLines: []auditTornView{}, OpenIntents: []auditIntentView{},
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
		finding := auditFindingView{ID: f.ID, Message: f.Message}
		if f.Line > 0 {
			finding.Line = &f.Line
		}
		v.Findings = append(v.Findings, finding)
	}
	for _, t := range r.Torn {
		v.TornLines = append(v.TornLines, auditTornView(t))
	}
	for _, o := range r.Open {
		v.OpenIntents = append(v.OpenIntents, auditIntentView{o.Line, o.Record.ID, o.Record.Time, o.Record.Command, o.Record.Target})
	}
	return v
}

func runAuditLogVerify(ctx context.Context, app *App, opts *auditLogVerifyOptions) error {
	head := strings.ToLower(opts.head)
	if head != "" && !audit.ValidHash(head) {
		return usageError("--head: this is no hash", "a head has 64 hexadecimal digits; audit-log verify prints it")
	}
	path := auditLogPath(app)
	log, err := audit.OpenFile(ctx, path)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	report, err := audit.Verify(log, head)
	if err != nil {
		return err
	}
	view := viewAuditReport(path, head, report)
	if app.flags.output == formatJSON {
		err = output.WriteJSON(app.streams.Out, view)
	} else {
		err = writeAuditReport(app.streams.Out, view)
	}
	if err != nil || report.Intact() {
		return err
	}
	return errs.New(errs.Findings, fmt.Sprintf("%s is not what was written: %s", path, count(len(report.Findings), "finding")),
		"keep a copy of the file before anything else; docs/audit-log.md says what each finding means")
}

// writeAuditReport prints the report in words. What comes from the log goes through output, which escapes it.
func writeAuditReport(w io.Writer, v auditReportView) error {
	var err error
	say := func(format string, args ...any) {
		if err == nil {
			err = output.Fprintf(w, format+"\n", args...)
		}
	}
	switch {
	case v.Records == 0:
		say("%s holds no records.", v.Path)
	case v.FirstTime == nil: // every one of them was changed
		say("%s holds %s.", v.Path, count(v.Records, "record"))
	default:
		say("%s holds %s, from %s to %s.", v.Path, count(v.Records, "record"), v.FirstTime.Format(time.RFC3339), v.LastTime.Format(time.RFC3339))
	}
	for _, f := range v.Findings {
		if f.Line == nil {
			say("FINDING: %s", f.Message)
		} else {
			say("FINDING in line %d: %s", *f.Line, f.Message)
		}
	}
	if len(v.Findings) == 0 && v.Records > 0 {
		say("No line was changed, removed, added or moved.")
	}
	for _, t := range v.TornLines {
		say("Line %d is torn after %d bytes: the program or the machine stopped while it was written.", t.Line, t.Bytes)
	}
	for _, o := range v.OpenIntents {
		say("Line %d begins %s of %q at %s and no line says how it ended: it is running now, or it died; look at what it was to change.",
			o.Line, o.Command, o.Target, o.Time.Format(time.RFC3339))
	}
	switch {
	case v.RememberedLine != nil:
		say("The remembered head is line %d: up to there this is the log you saw then.", *v.RememberedLine)
	case !v.TailChecked:
		say("Whether lines at the end were cut off or replaced can't be known without a head remembered from an earlier run: --head HASH.")
	}
	say("Head to remember: %s", v.Head)
	return err
}
