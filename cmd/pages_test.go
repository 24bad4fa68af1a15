package cmd

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"uzerp-mfa/internal/policy"
	"uzerp-mfa/internal/reconcile"
)

// Pages say what exists. These tests find what a page lacks.

// Every command has a section in docs/contract.md §4, which has all of its flags, and no flag that it does not have. Beside it
// another page says what the flag is for, unless it is in docs/contract.md §1 or §2, which hold for every command.
func TestEveryCommandAndFlagIsDescribed(t *testing.T) {
	problems, found := checkContract(pageText(t, "contract.md"), topicPages(t))
	for _, p := range problems {
		t.Error(p)
	}
	if found.commands < 20 || found.flags < 150 {
		t.Errorf("only %+v were found", found)
	}
}

// A check that can't fail holds nothing: something is taken away, or laid in, on purpose.
func TestContractFailsWhenBroken(t *testing.T) {
	contract, topics := pageText(t, "contract.md"), topicPages(t)
	for _, broken := range []struct{ old, replacement, problem string }{
		{"### user list\n", "### user lits\n", "heading for user list"},
		{"### user list\n", "### user lits\n", "user lits, which is no command"},
		{"[--sort username|last-login]", "", "docs/contract.md §4 does not describe --sort of user list"},
		{"[--sort username|last-login]", "[--sort username|last-login] [--offline]", "gives --offline to user list"},
		{"`--no-input`", "", "--no-input"},
	} {
		if !strings.Contains(contract, broken.old) {
			t.Errorf("the contract has no %q", broken.old)
		}
		problems, _ := checkContract(strings.ReplaceAll(contract, broken.old, broken.replacement), topics)
		if !slices.ContainsFunc(problems, func(p string) bool { return strings.Contains(p, broken.problem) }) {
			t.Errorf("%q for %q: want a problem with %q, got %q", broken.replacement, broken.old, broken.problem, problems)
		}
	}
	if problems, _ := checkContract(contract, nil); !slices.Contains(problems, "no page but docs/contract.md describes --offline of user show") {
		t.Errorf("pages that are gone are not missed: %q", problems)
	}
}

// described counts what was looked for.
type described struct{ commands, flags int }

// checkContract returns what docs/contract.md and the other pages lack of the command tree, and what they have too much.
func checkContract(contract string, topics map[string]string) (problems []string, found described) {
	problem := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	common, rest, _ := strings.Cut(contract, "\n## 3. ")
	_, rest, _ = strings.Cut(rest, "\n## 4. Commands\n")
	sections := map[string]string{}
	owners := map[string][]string{} // the commands of each section, by its usage
	for _, section := range strings.Split("\n"+rest, "\n### ")[1:] {
		heading, body, _ := strings.Cut(section, "\n")
		usage, _, _ := strings.Cut(body, "\n\n")
		if !strings.HasPrefix(usage, "`") {
			usage = ""
		}
		for part := range strings.SplitSeq(heading, " · ") {
			name := regexp.MustCompile(`^[a-z][a-z-]*( [a-z][a-z-]*)*`).FindString(part)
			sections[name] += body
			owners[usage] = append(owners[usage], name)
		}
	}
	commands := map[string]*cobra.Command{"help": nil}
	walk(looseTree(), func(c *cobra.Command) {
		name := commandName(c)
		c.PersistentFlags().VisitAll(func(f *pflag.Flag) { // these are every command's
			found.flags++
			if !hasFlag(common, f) {
				problem("docs/contract.md §1 and §2 do not describe --%s", f.Name)
			}
		})
		commands[name] = c
		group := c.HasSubCommands() && c.Name() != "sandbox" && c.Name() != "completion"
		if !c.HasParent() || c.Hidden || group || strings.HasPrefix(name, "completion ") {
			return
		}
		found.commands++
		section, ok := sections[name]
		if !ok {
			problem("docs/contract.md §4 has no heading for %s", name)
			return
		}
		c.LocalNonPersistentFlags().VisitAll(func(f *pflag.Flag) {
			if f.Name == "help" || f.Hidden {
				return
			}
			found.flags++
			if !hasFlag(section, f) {
				problem("docs/contract.md §4 does not describe --%s of %s", f.Name, name)
			}
			if !hasFlag(common, f) && !slices.ContainsFunc(slices.Collect(maps.Values(topics)), func(page string) bool {
				return strings.Contains(page, name) && hasFlag(page, f)
			}) {
				problem("no page but docs/contract.md describes --%s of %s", f.Name, name)
			}
		})
	})
	for name := range sections {
		if _, ok := commands[name]; !ok {
			problem("docs/contract.md §4 has a heading for %s, which is no command", name)
		}
	}
	for usage, names := range owners {
		for _, m := range anyFlag.FindAllStringSubmatch(usage, -1) {
			if !slices.ContainsFunc(names, func(name string) bool { return commands[name] != nil && commands[name].Flag(m[1]) != nil }) {
				problem("docs/contract.md §4 gives --%s to %s", m[1], strings.Join(names, ", "))
			}
		}
	}
	return problems, found
}

// hasFlag reports whether a text has the flag, by its name or by its letter.
func hasFlag(text string, f *pflag.Flag) bool {
	return hasWord(text, "--"+f.Name) || f.Shorthand != "" && hasWord(text, "-"+f.Shorthand)
}

// hasWord reports whether a text has a flag that is not a part of a longer word.
func hasWord(text, flag string) bool {
	for {
		before, after, found := strings.Cut(text, flag)
		if !found {
			return false
		}
		if !partOfWord.MatchString(before[max(0, len(before)-1):]) && !partOfWord.MatchString(after[:min(1, len(after))]) {
			return true
		}
		text = after
	}
}

var partOfWord = regexp.MustCompile(`[\w-]`)

// handWritten returns the pages that people write, by their paths: everything but docs/cli, which is made from the commands.
func handWritten(t *testing.T) map[string]string {
	t.Helper()
	pages := map[string]string{}
	for _, pattern := range []string{"../*.md", "../docs/*.md", "../docs/runbooks/*.md"} {
		names, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			pages[name] = string(text)
		}
	}
	return pages
}

// topicPages returns the pages in which a reader looks up a flag: those of docs/, but for the contract and what is about the code.
func topicPages(t *testing.T) map[string]string {
	t.Helper()
	pages := map[string]string{}
	for name, text := range handWritten(t) {
		base := filepath.Base(name)
		if filepath.Dir(name) != ".." && !slices.Contains([]string{"contract.md", "architecture.md", "development.md", "security.md"}, base) {
			pages[base] = text
		}
	}
	return pages
}

// variable matches the names of environment variables that the program reads, beside the arguments of calls of getenv. libpq's have
// a test of their own.
var variable = regexp.MustCompile(
	`^(?:UZERP_MFA_[A-Z_]+|UZERP_ROOT|DATABASE_URL|TWILIO_[A-Z]+_?[A-Z]+|XDG_[A-Z_]+|SSL_CERT_[A-Z]+|NO_COLOR|[A-Z]+_PROXY|LC_[A-Z]+)$`)

// docs/settings.md has every variable that the program reads, and every setting of the policy, and no page names one of ours that
// there is not. (sudoers' own names of commands look like ours.)
func TestEverySettingIsDescribed(t *testing.T) {
	page, read, ours := pageText(t, "settings.md"), map[string]string{}, map[string]bool{}
	visit := func(name string, source []byte) {
		for _, m := range ourVariable.FindAllString(string(source), -1) {
			ours[m] = true
		}
		if notLinked.MatchString(name) {
			return
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, source, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.BasicLit:
				if text, err := strconv.Unquote(n.Value); n.Kind == token.STRING && err == nil && variable.MatchString(text) {
					read[text] = name
				}
			case *ast.CallExpr:
				if function := lastName(n.Fun); len(n.Args) == 1 && (strings.EqualFold(function, "getenv") || strings.EqualFold(function, "lookupenv")) {
					if lit, ok := n.Args[0].(*ast.BasicLit); ok {
						read[strings.Trim(lit.Value, `"`)] = name
					}
				}
			}
			return true
		})
	}
	goFiles(t, ".", visit)
	goFiles(t, "../internal", visit)
	for name, file := range read {
		if !regexp.MustCompile(`\b` + name + `\b`).MatchString(page) {
			t.Errorf("docs/settings.md does not describe %s, which %s reads", name, file)
		}
	}
	if len(read) < 25 {
		t.Errorf("only %d variables were found", len(read))
	}

	var settings []string
	for _, s := range policy.Default("policy.env").Settings() {
		settings = append(settings, s.Name)
	}
	_, table, _ := strings.Cut(page, "\n## The administrator's policy\n")
	table, _, _ = strings.Cut(table, "\n## ")
	var listed []string
	for _, row := range regexp.MustCompile("(?m)^\\| (`[^|]*) \\|").FindAllStringSubmatch(table, -1) {
		for _, m := range inBackticks.FindAllStringSubmatch(row[1], -1) {
			listed = append(listed, m[1])
		}
	}
	if slices.Sort(settings); !slices.Equal(settings, slices.Sorted(slices.Values(listed))) {
		t.Errorf("docs/settings.md has the settings %q of the policy, and the program %q", listed, settings)
	}

	for name, text := range handWritten(t) {
		for _, m := range ourVariable.FindAllString(text, -1) {
			if !ours[m] && !strings.Contains(text, "Cmnd_Alias "+m) {
				t.Errorf("%s names %s, which nothing reads", name, m)
			}
		}
	}
}

var (
	ourVariable = regexp.MustCompile(`\bUZERP_MFA_[A-Z]+(?:_[A-Z]+)*\b`)
	// notLinked matches the files of packages that are for tests alone.
	notLinked = regexp.MustCompile(`internal/(?:sharedtest|mutant|pgtemp/dbtest)/`)
)

// lastName returns the last name of an expression: Getenv of l.Getenv.
func lastName(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	}
	return ""
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
