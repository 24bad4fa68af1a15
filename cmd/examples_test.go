package cmd_test

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"uzerp-mfa/internal/sharedtest"
)

// The examples are without a fault that shellcheck knows.
func TestExamplesAreCheckedShell(t *testing.T) {
	shellcheck, err := exec.LookPath("shellcheck")
	if err != nil {
		sharedtest.LeaveOut(t, sharedtest.Examples, err)
	}
	var scripts []string
	for _, pattern := range []string{"../examples/*.sh", "../examples/*/*.sh"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		scripts = append(scripts, found...)
	}
	if len(scripts) < 5 {
		t.Fatalf("only %q", scripts)
	}
	for _, name := range scripts {
		if text := readFile(t, name); !strings.Contains(text, "set -euo pipefail") && filepath.Base(name) != "retry.sh" {
			t.Errorf("%s goes on after an error", name)
		}
	}
	if out, err := exec.Command(shellcheck, append([]string{"-x", "-P", "SCRIPTDIR"}, scripts...)...).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// The wrapper on the page is the one that the examples use.
func TestTheWrapperOnThePage(t *testing.T) {
	_, wrapper, _ := strings.Cut(readFile(t, "../examples/retry.sh"), "\nmfa() {")
	if page := readFile(t, "../docs/exit-codes.md"); wrapper == "" || !strings.Contains(page, "\n```sh\nmfa() {"+wrapper+"```\n") {
		t.Error("docs/exit-codes.md does not show mfa() of examples/retry.sh")
	}
}

// Every example is on the page.
func TestExamplesAreDescribed(t *testing.T) {
	page := readFile(t, "../docs/scripting.md")
	for _, name := range []string{
		"retry.sh", "roll-out.sh", "leaver.sh", "nightly.sh", "ansible", "ci/try-scripts.sh", "ci/github-actions.yml", "ci/gitlab-ci.yml",
	} {
		if !strings.Contains(page, "`examples/"+name+"`") {
			t.Errorf("docs/scripting.md does not describe examples/%s", name)
		}
	}
}
