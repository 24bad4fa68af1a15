package main

import (
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"uzerp-mfa/internal/mutant"
	"uzerp-mfa/internal/pgtemp/dbtest"
	"uzerp-mfa/internal/sharedtest"
)

// TestDiffsFit is the quick part of TestMutants: each diff still fits the code.
func TestDiffsFit(t *testing.T) {
	if _, err := mutant.ReadAll("."); err != nil {
		t.Error(err)
	}
}

// Each guard that is taken away turns a test of its own package red: testdata/mutants/README.md tells how to write one.
func TestMutants(t *testing.T) {
	t.Parallel()
	all, err := mutant.ReadAll(".")
	if err != nil {
		t.Fatal(err)
	}
	packages := make(map[string][]mutant.Mutant)
	for _, m := range all {
		packages[m.Package] = append(packages[m.Package], m)
	}
	b := bench{atOnce: make(chan struct{}, runtime.NumCPU()), clusters: dbtest.Clusters()}
	if b.clusters == "" {
		b.clusters = openDir(t)
	}
	for _, pkg := range slices.Sorted(maps.Keys(packages)) {
		t.Run(filepath.Base(pkg), func(t *testing.T) {
			t.Parallel()
			b.testPackage(t, pkg, packages[pkg])
		})
	}
}

// bench builds and runs tests, as many at once as there are processors.
type bench struct {
	atOnce   chan struct{}
	clusters string // for dbtest
}

// openDir makes a directory for a server, which does not run as root. Its name is short, because the path of a socket has
// a limit.
func openDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "m")
	if err = errors.Join(err, os.Chmod(dir, 0o777|os.ModeSticky)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func (b bench) testPackage(t *testing.T, pkg string, mutants []mutant.Mutant) {
	files, in, err := mutant.Combine(".", mutants)
	if err != nil {
		t.Fatal(err)
	}
	combined := b.build(t, mutant.Mutant{Package: pkg, Files: files})
	var runs []string
	for _, m := range mutants {
		runs = append(runs, m.Run)
	}
	if slices.Contains(runs, "") {
		runs = nil
	}
	// The same tests of the same program, unchanged: red because of something else says nothing.
	t.Run("unchanged", func(t *testing.T) {
		t.Parallel()
		if r := b.run(t, combined, mutant.Mutant{Package: pkg, Run: strings.Join(runs, "|")}); r.failed {
			t.Errorf("red without any mutant:\n%s", r.output)
		}
	})
	for _, m := range mutants {
		t.Run(m.Name, func(t *testing.T) {
			t.Parallel()
			if m.Root && os.Geteuid() != 0 {
				sharedtest.LeaveOut(t, sharedtest.Root, errors.New("only tests that root runs notice this"))
			}
			program := combined
			if !slices.ContainsFunc(in, func(c mutant.Mutant) bool { return c.Name == m.Name }) {
				program = b.build(t, m)
			}
			r := b.run(t, program, m, "-test.v")
			switch red := failedTest.FindStringSubmatch(r.output); {
			case !r.failed && strings.Contains(r.output, "\n--- SKIP: ") && !strings.Contains(r.output, "\n--- PASS: "):
				sharedtest.LeaveOut(t, sharedtest.Postgres, errors.New("the tests that must notice were left out"))
			case !r.failed:
				t.Errorf("no test of %s notices. The law: %s\n%s", pkg, m.Law, r.output)
			case red == nil:
				t.Errorf("the tests of %s end with an error, but no test fails:\n%s", pkg, r.output)
			default:
				t.Logf("red in %.1f s: %s", r.took.Seconds(), red[1])
			}
		})
	}
}

var failedTest = regexp.MustCompile(`(?m)^--- FAIL: (\S+)`)

// build builds the tests of a mutant's package. What does not compile ends t: it is not red.
func (b bench) build(t *testing.T, m mutant.Mutant) string {
	t.Helper()
	b.atOnce <- struct{}{}
	defer func() { <-b.atOnce }()
	began := time.Now()
	dir := t.TempDir()
	overlay, err := m.WriteOverlay(".", dir)
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(dir, "tests")
	c := exec.CommandContext(t.Context(), "go", "test", "-c", "-vet=off", "-ldflags=-s -w", "-overlay", overlay, "-o", program, m.Package)
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("does not compile: %v\n%s", err, out)
	}
	t.Logf("built in %.1f s", time.Since(began).Seconds())
	return program
}

type testRun struct {
	failed bool
	output string
	took   time.Duration
}

// run runs the tests that must notice a mutant, with flags beside the usual ones.
func (b bench) run(t *testing.T, program string, m mutant.Mutant, flags ...string) testRun {
	t.Helper()
	b.atOnce <- struct{}{}
	defer func() { <-b.atOnce }()
	began := time.Now()
	c := exec.CommandContext(t.Context(), program, append(flags, "-test.failfast", "-test.timeout=30m", "-test.run="+m.Run)...)
	c.Dir = filepath.FromSlash(m.Package)
	c.Env = append(os.Environ(), mutant.Choice+"="+m.Name, sharedtest.LeftOutFile+"=", // what is left out is counted once
		dbtest.ClustersVariable+"="+b.clusters,
		"TMPDIR="+openDir(t)) // its own, because a test that panics leaves its files behind
	out, err := c.CombinedOutput()
	return testRun{failed: err != nil, output: "\n" + string(out), took: time.Since(began)}
}
