package main

import (
	"go/ast"
	"os"
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
