package cmd

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"uzerp-mfa/internal/doctor"
	"uzerp-mfa/internal/finding"
)

// For every check that can fail or warn, a script makes it fail or warn, with a real database and the real program.
// Every check is in docs/doctor.md.
func TestDoctorChecksAreShownAndDocumented(t *testing.T) {
	files, err := filepath.Glob("testdata/script/doctor*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	var expected strings.Builder // the lines of scripts that expect something on stdout
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			if strings.HasPrefix(line, "stdout ") {
				expected.WriteString(line)
			}
		}
	}
	page, err := os.ReadFile("../docs/doctor.md")
	if err != nil {
		t.Fatal(err)
	}
	for id, worst := range doctor.IDs() {
		if !strings.Contains(string(page), "\n| `"+id+"` |") {
			t.Errorf("docs/doctor.md has no row for %s", id)
		}
		switch id {
		case doctor.DatabaseVersion: // there is one server to test with, and it is not that old
			continue
		case doctor.ServiceSettings: // its findings have their own ids
			id = "psd2"
		}
		failing := regexp.MustCompile(`(?m)\^(FAIL|WARN)  ` + id + `:|(CRITICAL|WARNING) - .*: (.*, )?` + id + `[,$ ']`)
		if worst == finding.Info || id == doctor.NoTrial {
			failing = regexp.MustCompile(`(?m)\^info  .*` + id)
		}
		if !failing.MatchString(expected.String()) {
			t.Errorf("no script makes %s fail", id)
		}
	}
	if len(files) < 4 {
		t.Errorf("only %d scripts", len(files))
	}
}
