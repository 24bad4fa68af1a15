package cmd

import (
	"fmt"
	"strings"

	"github.com/spf13/pflag"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/finding"
	"uzerp-mfa/internal/output"
)

// severity is the word for how much a finding matters.
type severity string

// The severities.
const (
	severityError   severity = "error"
	severityWarning severity = "warning"
	severityInfo    severity = "info"
)

func severityOf(s finding.Severity) severity {
	switch s {
	case finding.Error:
		return severityError
	case finding.Warning:
		return severityWarning
	default:
		return severityInfo
	}
}

// findingView is the JSON of a finding, whatever was checked.
type findingView struct {
	// what kind of finding it is
	ID string `json:"id"`
	// how much it matters
	Severity severity `json:"severity"`
	// which setting it is about
	Setting *string `json:"setting"`
	// its value; null if it is missing, empty or secret
	Value *string `json:"value"`
	// in which file it stands
	File *string `json:"file"`
	// in which line
	Line *int `json:"line"`
	// what is wrong and why it matters
	Message string `json:"message"`
	// what to write, run or do; several lines are separated by line feeds
	Fix *string `json:"fix"`
}

func viewFindings(app *App, findings []finding.Finding) []findingView {
	views := []findingView{}
	for _, f := range findings {
		v := findingView{
			ID: f.ID, Severity: severityOf(f.Severity), Setting: optional(f.Setting), Value: optional(f.Value), File: optional(f.File),
			Message: f.Message, Fix: optional(app.hint(f.Fix)),
		}
		if f.Line > 0 {
			v.Line = &f.Line
		}
		views = append(views, v)
	}
	return views
}

// findingPlace returns what a finding is about and where it is.
func findingPlace(f finding.Finding) string {
	what, where := f.Setting, f.File
	switch {
	case f.Value == "":
	case strings.TrimSpace(f.Value) != f.Value:
		what += `="` + f.Value + `"`
	default:
		what += "=" + f.Value
	}
	if f.Line > 0 {
		where += fmt.Sprintf(" line %d", f.Line)
	}
	if what != "" && where != "" {
		what += ": "
	}
	return what + where
}

// findingText returns a few lines: what was found and where, why it matters, and what to write.
func findingText(app *App, f finding.Finding) string {
	said := output.Sprintf("  %s", f.ID)
	if at := findingPlace(f); at != "" {
		said += output.Sprintf(": %s", at)
	}
	said += output.Sprintf("\n    %s\n", f.Message)
	for fix := range strings.SplitSeq(app.hint(f.Fix), "\n") {
		if fix != "" {
			said += output.Sprintf("    fix: %s\n", fix)
		}
	}
	return said
}

// writeFindings prints the report of a check. The findings are sorted, the most severe first.
func writeFindings(app *App, findings []finding.Finding) error {
	for i, f := range findings {
		said := findingText(app, f)
		if i == 0 || findings[i-1].Severity != f.Severity {
			said = "\n" + strings.ToUpper(f.Severity.String()) + "\n" + said
		}
		if err := app.streams.Print(said); err != nil {
			return err
		}
	}
	return nil
}

// registerStrict adds the flag that makes a check's warnings count like its errors.
func registerStrict(f *pflag.FlagSet, strict *bool) {
	f.BoolVar(strict, "strict", false, "end with 9 for warnings too")
}

// verdict returns how a check ends: errs.Findings for an error, and for a warning if strict.
func verdict(findings []finding.Finding, strict bool, what, hint string) error {
	errorCount, warnings := finding.Count(findings, finding.Error), finding.Count(findings, finding.Warning)
	if errorCount == 0 && (warnings == 0 || !strict) {
		return nil
	}
	return errs.New(errs.Findings, fmt.Sprintf("%s and %s in %s", count(errorCount, "error"), count(warnings, "warning"), what), hint)
}
