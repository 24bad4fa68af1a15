package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
)

// TestNothingIsSkippedUncounted holds that internal/sharedtest is the only way to leave a test out: what is left out by
// another way is missing from the numbers at the end of `make test`, and passes in CI.
func TestNothingIsSkippedUncounted(t *testing.T) {
	problems, seen := findSkips(t, os.DirFS("."))
	for _, p := range problems {
		t.Error(p)
	}
	if seen < 200 {
		t.Errorf("only %d files were looked at", seen)
	}
}

func TestUncountedSkipsAreFound(t *testing.T) {
	for file, text := range map[string]string{
		"cmd/x_test.go":                `package cmd; func TestX(t *testing.T) { t.Skip("no") }`,
		"internal/mfa/x_test.go":       `package mfa; func BenchmarkX(b *testing.B) { if true { b.SkipNow() } }`,
		"internal/dbtest/x.go":         `package dbtest; func f(tb testing.TB) { tb.Skipf("no %d", 1) }`,
		"cmd/testdata/script/a.txtar":  "exec true\nskip\n",
		"cmd/testdata/script/b.txtar":  "[!exec:psql] skip 'no psql'\n",
		"cmd/testdata/script/b2.txtar": "[root] [!exec:psql] stop\n",
	} {
		if problems, _ := findSkips(t, fstest.MapFS{file: {Data: []byte(text)}}); len(problems) != 1 {
			t.Errorf("%s: %q", file, problems)
		}
	}
	for file, text := range map[string]string{
		"internal/sharedtest/x.go":    `package sharedtest; func f(tb testing.TB) { tb.Skip("counted") }`,
		"cmd/testdata/script/c.txtar": "stdout '^skip  x'\n# skip nothing\nneeds psql\n-- data --\nskip this\n",
	} {
		if problems, _ := findSkips(t, fstest.MapFS{file: {Data: []byte(text)}}); len(problems) > 0 {
			t.Errorf("%s: %q", file, problems)
		}
	}
}

var scriptSkip = regexp.MustCompile(`(?m)^[ \t]*(?:\[[^]]*\][ \t]*)*(?:skip|stop)(?:[ \t]|$)`)

func findSkips(t *testing.T, tree fs.FS) (problems []string, seen int) {
	t.Helper()
	err := fs.WalkDir(tree, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && strings.HasPrefix(d.Name(), ".") && name != ".":
			return fs.SkipDir
		case d.IsDir() || path.Dir(name) == "internal/sharedtest":
			return nil
		case strings.HasSuffix(name, ".go"), strings.HasSuffix(name, ".txtar"):
		default:
			return nil
		}
		seen++
		text, err := fs.ReadFile(tree, name)
		if err != nil {
			return err
		}
		if strings.HasSuffix(name, ".txtar") {
			script, _, _ := strings.Cut("\n"+string(text), "\n-- ")
			if line := scriptSkip.FindString(script); line != "" {
				problems = append(problems, name+": "+line+": use needs, which counts")
			}
			return nil
		}
		files := token.NewFileSet()
		file, err := parser.ParseFile(files, name, text, 0)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			call, _ := n.(*ast.CallExpr)
			if call == nil {
				return true
			}
			if f, ok := call.Fun.(*ast.SelectorExpr); ok && (f.Sel.Name == "Skip" || f.Sel.Name == "Skipf" || f.Sel.Name == "SkipNow") {
				problems = append(problems, files.Position(f.Pos()).String()+": use sharedtest.LeaveOut, which counts")
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return problems, seen
}
