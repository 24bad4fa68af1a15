package finding_test

import (
	"slices"
	"testing"

	"uzerp-mfa/internal/finding"
)

func TestSort(t *testing.T) {
	found := []finding.Finding{
		{ID: "forgotten"}, {ID: "pass", Severity: finding.Pass}, {ID: "info", Severity: finding.Info}, {ID: "error", Severity: finding.Error},
		{ID: "warning", Severity: finding.Warning}, {ID: "second error", Severity: finding.Error}, {ID: "skipped", Severity: finding.Skipped},
	}
	finding.Sort(found)
	var got []string
	for _, f := range found {
		got = append(got, f.Severity.String()+": "+f.ID)
	}
	want := []string{"error: error", "error: second error", "warning: warning", "info: info", "pass: pass", "skipped: forgotten", "skipped: skipped"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if n := finding.Count(found, finding.Error); n != 2 {
		t.Errorf("%d errors", n)
	}
}
