package main

import (
	"maps"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"uzerp-mfa/internal/mutant"
)

// Each guard that is taken away turns a test of its own package red: testdata/mutants/README.md tells how to write one. The
// mutants of cmd need a whole run of the program against a database, so cmd's own tests apply them.
func TestMutants(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("builds and runs the tests of several packages many times")
	}
	all, err := mutant.ReadAll(".")
	if err != nil {
		t.Fatal(err)
	}
	runs := make(map[string][]string)
	for _, m := range all {
		runs[m.Package] = append(runs[m.Package], m.Run)
	}
	delete(runs, "./cmd")
	atOnce := make(chan struct{}, runtime.NumCPU())
	// The same tests in the tree as it is, in the same way: red because of something else says nothing.
	for _, pkg := range slices.Sorted(maps.Keys(runs)) {
		unchanged := mutant.Mutant{Package: pkg, Run: strings.Join(runs[pkg], "|")}
		if slices.Contains(runs[pkg], "") {
			unchanged.Run = ""
		}
		t.Run("unchanged "+filepath.Base(pkg), func(t *testing.T) {
			t.Parallel()
			if r := runTests(t, unchanged, atOnce); r.failed {
				t.Errorf("without any mutant, and within %v:\n%s", r.took, r.output)
			}
		})
	}
	for _, m := range all {
		if m.Package == "./cmd" {
			continue
		}
		t.Run(m.Name, func(t *testing.T) {
			t.Parallel()
			r := runTests(t, m, atOnce)
			switch red := failedTest.FindStringSubmatch(r.output); {
			case !r.failed && !strings.Contains(r.output, "\n--- PASS: ") && strings.Contains(r.output, "\n--- SKIP: "):
				t.Skipf("the tests that must notice were left out:\n%s", r.output)
			case !r.failed:
				t.Errorf("no test of %s notices. The law: %s\n%s", m.Package, m.Law, r.output)
			case red == nil:
				t.Errorf("the tests of %s end with an error, but no test fails:\n%s", m.Package, r.output)
			default:
				t.Logf("red in %4.1f s: %s", r.took.Seconds(), red[1])
			}
		})
	}
}

var failedTest = regexp.MustCompile(`(?m)^--- FAIL: (\S+)`)

type testRun struct {
	failed bool
	output string
	took   time.Duration // to build and run
}

// runTests builds and runs a package's tests with the mutant's files in place of the tree's. One that does not compile ends t.
func runTests(t *testing.T, m mutant.Mutant, atOnce chan struct{}) testRun {
	t.Helper()
	atOnce <- struct{}{}
	defer func() { <-atOnce }()
	began := time.Now()
	dir := t.TempDir()
	overlay, err := m.WriteOverlay(".", dir)
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(dir, "tests")
	build := exec.CommandContext(t.Context(), "go", "test", "-c", "-vet=off", "-overlay", overlay, "-o", program, m.Package)
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("does not compile: %v\n%s", err, out)
	}
	tests := exec.CommandContext(t.Context(), program, "-test.v", "-test.failfast", "-test.timeout=5m", "-test.run="+m.Run)
	tests.Dir = filepath.FromSlash(m.Package)
	out, err := tests.CombinedOutput()
	return testRun{failed: err != nil, output: "\n" + string(out), took: time.Since(began)}
}
