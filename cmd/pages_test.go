package cmd

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/reconcile"
)

// Pages say what exists. These tests find what a page lacks.

// Every command that has -o json has a row in docs/json.md.
func TestEveryJSONIsDocumented(t *testing.T) {
	page := pageText(t, "json.md")
	app := newApp(Process{In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Getenv: func(string) (string, bool) { return "", false }})
	n := 0
	walk(newRootCmd(app), func(c *cobra.Command) {
		app.flags.output = "none" // each command says first that it has no such format, and which it has
		e, ok := errors.AsType[*errs.Error](c.RunE(c, nil))
		if !ok || !strings.Contains((&App{}).hintOf(e), "it has table, json") {
			return
		}
		n++
		if !inFirstCell(page, commandName(c)) {
			t.Errorf("docs/json.md has no row for %s", commandName(c))
		}
	})
	if n < 20 {
		t.Errorf("only %d commands have JSON", n)
	}
}

// Every command has a heading in docs/contract.md §4.
func TestEveryCommandIsInTheContract(t *testing.T) {
	_, section, _ := strings.Cut(pageText(t, "contract.md"), "\n## 4. Commands\n")
	headed := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^### (.*)$`).FindAllStringSubmatch(section, -1) {
		for part := range strings.SplitSeq(m[1], " · ") {
			headed[regexp.MustCompile(`^[a-z-]+( [a-z-]+)*`).FindString(part)] = true
		}
	}
	n := 0
	walk(testRoot(), func(c *cobra.Command) {
		name := commandName(c)
		group := c.HasSubCommands() && c.Name() != "sandbox" && c.Name() != "completion"
		if !c.HasParent() || c.Hidden || group || strings.HasPrefix(name, "completion ") {
			return
		}
		n++
		if !headed[name] {
			t.Errorf("docs/contract.md §4 has no heading for %s", name)
		}
	})
	if n < 20 {
		t.Errorf("only %d commands", n)
	}
}

// Every finding that has an id, and every kind of difference, has a row in its page.
func TestEveryFindingIsDocumented(t *testing.T) {
	kinds := []string{string(reconcile.Unknown)}
	for _, k := range reconcile.Kinds() {
		kinds = append(kinds, string(k))
	}
	ids := literals(t, "sessionconfig")
	for _, id := range warnings(t) {
		ids = append(ids, "env-"+id)
	}
	for page, ids := range map[string][]string{"reconcile.md": kinds, "session-config.md": ids, "service.md": added(t)} {
		if len(ids) < 9 {
			t.Errorf("%s: only %d ids were found", page, len(ids))
		}
		for _, id := range ids {
			if !inFirstCell(pageText(t, page), id) {
				t.Errorf("docs/%s has no row for %s", page, id)
			}
		}
	}
}

func pageText(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../docs", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// inFirstCell reports whether the first cell of a table's row has `word`.
func inFirstCell(page, word string) bool {
	return regexp.MustCompile("(?m)^\\|[^|\n]*`" + regexp.QuoteMeta(word) + "`").MatchString(page)
}

// literals returns the texts in the code of a package that look like the id of a finding.
func literals(t *testing.T, pkg string) (found []string) {
	t.Helper()
	form := regexp.MustCompile(`^[a-z]+(-[a-z]+)+$`)
	for _, file := range sources(t, pkg) {
		ast.Inspect(file, func(n ast.Node) bool {
			if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
				if text, err := strconv.Unquote(lit.Value); err == nil && form.MatchString(text) {
					found = append(found, text)
				}
			}
			return true
		})
	}
	return found
}

// warnings returns the ids of the warnings of conf/.env's reader.
func warnings(t *testing.T) (ids []string) {
	t.Helper()
	for _, file := range sources(t, "installation/dotenv") {
		ast.Inspect(file, func(n ast.Node) bool {
			if spec, ok := n.(*ast.ValueSpec); ok && len(spec.Values) == 1 {
				if kind, ok := spec.Type.(*ast.Ident); ok && kind.Name == "WarningID" {
					ids = append(ids, strings.Trim(spec.Values[0].(*ast.BasicLit).Value, `"`))
				}
			}
			return true
		})
	}
	return ids
}

// added returns the ids of the findings about a Verify service: the first argument of each call of add.
func added(t *testing.T) (ids []string) {
	t.Helper()
	for _, file := range sources(t, "verifyservice") {
		ast.Inspect(file, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok {
				if f, ok := call.Fun.(*ast.SelectorExpr); ok && f.Sel.Name == "add" {
					ids = append(ids, strings.Trim(call.Args[0].(*ast.BasicLit).Value, `"`))
				}
			}
			return true
		})
	}
	return ids
}

// sources returns the code of a package without its tests, and without the reasons of hints, which look like ids.
func sources(t *testing.T, pkg string) (files []*ast.File) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join("../internal", pkg, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") || filepath.Base(name) == "reasons.go" {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	return files
}
