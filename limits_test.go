package main

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
)

var (
	readsAll = regexp.MustCompile(`\b(?:os\.ReadFile|io\.ReadAll|os\.ReadDir)\(`)
	limited  = regexp.MustCompile(`io\.LimitReader\(|http\.MaxBytesReader\(|io\.NewSectionReader\(|"/proc/|"/dev/fd"`)
)

// The program reads nothing as a whole without a limit: a file of 8 GB that somebody has put into uzERP's directory would
// fill the memory. safepath.ReadAll and safepath.ReadFile have one.
func TestWhatIsReadIsLimited(t *testing.T) {
	for _, p := range unlimitedReads(t, os.DirFS(".")) {
		t.Error(p)
	}
	broken := fstest.MapFS{
		"internal/x/a.go": {Data: []byte("package x\n\nvar a, _ = os.ReadFile(path)\nvar b, _ = io.ReadAll(io.LimitReader(r, 5))\nvar c, _ = io.ReadAll(r)\n")},
	}
	if problems := unlimitedReads(t, broken); len(problems) != 2 {
		t.Errorf("%q", problems)
	}
}

func unlimitedReads(t *testing.T, tree fs.FS) (problems []string) {
	t.Helper()
	for name := range goFiles(t, tree) {
		dir := path.Dir(name)
		if strings.HasPrefix(dir, "scripts/") || strings.HasSuffix(name, "_test.go") || strings.HasSuffix(dir, "test") || dir == "internal/mutant" {
			continue
		}
		source, err := fs.ReadFile(tree, name)
		if err != nil {
			t.Fatal(err)
		}
		for i, line := range strings.Split(string(source), "\n") {
			if readsAll.MatchString(line) && !limited.MatchString(line) {
				problems = append(problems, fmt.Sprintf("%s:%d reads without a limit", name, i+1))
			}
		}
	}
	return problems
}
