package cmd_test

import (
	"io/fs"
	"os/exec"
	"path/filepath"
	"slices"
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
	for _, name := range examples(t) {
		if filepath.Ext(name) == ".sh" {
			scripts = append(scripts, "../examples/"+name)
		}
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

// Every example is on the page, and is run by a test: by a script, or by an example that one runs. A role is run by its playbook.
func TestExamplesAreDescribedAndRun(t *testing.T) {
	page := readFile(t, "../docs/scripting.md")
	scripts, err := filepath.Glob("testdata/script/examples_*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	var running strings.Builder
	for _, script := range scripts {
		running.WriteString(readFile(t, script))
	}
	for rest := examples(t); ; {
		before := len(rest)
		rest = slices.DeleteFunc(rest, func(name string) bool {
			named := []string{"EXAMPLES/" + name, "examples/" + name, "/" + filepath.Base(name) + "\"\n"}
			if _, role, ok := strings.Cut(name, "/roles/"); ok {
				role, _, _ = strings.Cut(role, "/")
				named = append(named, "- "+role+"\n")
			}
			run := slices.ContainsFunc(named, func(n string) bool { return strings.Contains(running.String(), n) })
			if run {
				running.WriteString(readFile(t, "../examples/"+name))
			}
			return run
		})
		if len(rest) == before {
			for _, name := range rest {
				t.Errorf("no test runs examples/%s: write testdata/script/examples_%s.txtar", name, strings.TrimSuffix(filepath.Base(name), filepath.Ext(name)))
			}
			break
		}
	}
	for _, name := range examples(t) {
		described := false
		for at := name; at != "."; at = filepath.Dir(at) {
			described = described || strings.Contains(page, "`examples/"+at+"`")
		}
		if !described {
			t.Errorf("docs/scripting.md does not describe examples/%s", name)
		}
	}
}

// examples returns every file below examples.
func examples(t *testing.T) (names []string) {
	t.Helper()
	err := filepath.WalkDir("../examples", func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			names = append(names, strings.TrimPrefix(path, "../examples/"))
		}
		return err
	})
	if err != nil || len(names) < 5 {
		t.Fatal(names, err)
	}
	return names
}
