package main

import (
	"go/ast"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// What every start of the program would pay for is made when it is first used: no regular expression is compiled at the top of a file.
func TestNoPatternIsCompiledAtTheStart(t *testing.T) {
	for name, file := range goFiles(t, os.DirFS(".")) {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		for _, d := range file.Decls {
			top, ok := d.(*ast.GenDecl)
			if !ok {
				continue
			}
			ast.Inspect(top, func(n ast.Node) bool {
				if _, inFunction := n.(*ast.FuncLit); inFunction {
					return false
				}
				if s, ok := n.(*ast.SelectorExpr); ok && s.Sel.Name == "MustCompile" {
					t.Errorf("%s compiles a regular expression at the start: use pattern.Lazy", name)
				}
				return true
			})
		}
	}
}

// A template calls methods by name, so the linker keeps every method of every type, for nothing. Cobra imports text/template, but has
// it linked only for those who use its templates.
func TestNoTemplateIsLinked(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "-f", `{{range .Imports}}{{$.ImportPath}} {{.}}{{"\n"}}{{end}}`, ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	cobras := false
	for line := range strings.Lines(string(out)) {
		importer, imported, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch {
		case importer == "github.com/spf13/cobra" && imported == "text/template":
			cobras = true
		case strings.HasSuffix(imported, "/template") && importer != "html/template":
			t.Errorf("%s imports %s", importer, imported)
		}
	}
	if !cobras {
		t.Error("nothing was looked at: cobra imports text/template")
	}
}
