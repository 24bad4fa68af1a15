package cmd

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/pflag"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/finding"
	"uzerp-mfa/internal/output"
	"uzerp-mfa/internal/sessionconfig"
	"uzerp-mfa/internal/verifyservice"
)

// findingView is what a check found, whatever it looked at: the shape of its JSON, and what its report is made of.
type findingView struct {
	ID       string  `json:"id"`
	Severity string  `json:"severity"`
	Setting  *string `json:"setting"`
	Value    *string `json:"value"`
	File     *string `json:"file"`
	Line     *int    `json:"line"`
	Message  string  `json:"message"`
	Fix      *string `json:"fix"`
}

func viewFindings(findings []sessionconfig.Finding) []findingView {
	views := []findingView{}
	for _, f := range findings {
		v := findingView{
			ID: f.ID, Severity: string(f.Severity), Setting: optional(f.Setting), Value: optional(f.Value), File: optional(f.File),
			Message: f.Message, Fix: optional(f.Fix),
		}
		if f.Line > 0 {
			v.Line = &f.Line
		}
		views = append(views, v)
	}
	return views
}

func viewServiceFindings(findings []verifyservice.Finding) []findingView {
	views := []findingView{}
	for _, f := range findings {
		views = append(views, findingView{
			ID: f.ID, Severity: string(f.Severity), Setting: optional(f.Setting), Value: optional(f.Value), Message: f.Message, Fix: optional(f.Fix),
		})
	}
	return views
}

// place says what a finding is about and where it stands.
func (v findingView) place() string {
	what, value, where := text(v.Setting), text(v.Value), text(v.File)
	switch {
	case value == "":
	case strings.TrimSpace(value) != value:
		what += `="` + value + `"`
	default:
		what += "=" + value
	}
	if v.Line != nil {
		where += fmt.Sprintf(" line %d", *v.Line)
	}
	if what != "" && where != "" {
		what += ": "
	}
	return what + where
}

// say tells of a finding in a few lines: what and where, why it matters, what to write.
func (v findingView) say() string {
	said := output.Sprintf("  %s", v.ID)
	if at := v.place(); at != "" {
		said += output.Sprintf(": %s", at)
	}
	said += output.Sprintf("\n    %s\n", v.Message)
	for fix := range strings.SplitSeq(text(v.Fix), "\n") {
		if fix != "" {
			said += output.Sprintf("    fix: %s\n", fix)
		}
	}
	return said
}

// writeFindings prints the report of a check, errors first.
func writeFindings(out io.Writer, findings []findingView) error {
	for _, severity := range finding.Severities() {
		heading := "\n" + strings.ToUpper(string(severity)) + "\n"
		for _, f := range findings {
			if f.Severity != string(severity) {
				continue
			}
			if _, err := io.WriteString(out, heading+f.say()); err != nil {
				return err
			}
			heading = ""
		}
	}
	return nil
}

// registerStrict adds the flag that makes a check's warnings count like its errors.
func registerStrict(f *pflag.FlagSet, strict *bool) {
	f.BoolVar(strict, "strict", false, "end with 9 for warnings too")
}

// verdict is how a check of what ends: errs.Findings for an error, and for a warning if strict.
func verdict(findings []findingView, strict bool, what, hint string) error {
	counts := map[string]int{}
	for _, f := range findings {
		counts[f.Severity]++
	}
	errorCount, warnings := counts[string(finding.Error)], counts[string(finding.Warning)]
	if errorCount == 0 && (warnings == 0 || !strict) {
		return nil
	}
	return errs.New(errs.Findings, fmt.Sprintf("%s and %s in %s", count(errorCount, "error"), count(warnings, "warning"), what), hint)
}
