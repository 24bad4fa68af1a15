package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
)

// allowed lists what each package may import beside the standard library (docs/architecture.md §1). A rule that ends in
// /... also allows the packages below. Tests may import everything that is not forbidden.
var allowed = map[string][]string{
	"": {"uzerp-mfa/cmd"},
	"cmd": {
		"uzerp-mfa/docs", "uzerp-mfa/internal/page",
		"uzerp-mfa/internal/account",
		"uzerp-mfa/internal/caller", "uzerp-mfa/internal/history", "uzerp-mfa/internal/reconcile", "uzerp-mfa/internal/verifyservice",
		"uzerp-mfa/internal/alike", "uzerp-mfa/internal/assist", "uzerp-mfa/internal/errs", "uzerp-mfa/internal/secret", "uzerp-mfa/internal/finding",
		"uzerp-mfa/internal/audit", "uzerp-mfa/internal/config", "uzerp-mfa/internal/doctor",
		"uzerp-mfa/internal/injector/...", "uzerp-mfa/internal/installation/...", "uzerp-mfa/internal/mfa",
		"uzerp-mfa/internal/output", "uzerp-mfa/internal/release", "uzerp-mfa/internal/sessionconfig", "uzerp-mfa/internal/shell", "uzerp-mfa/internal/operator",
		"uzerp-mfa/internal/notify", "uzerp-mfa/internal/policy", "uzerp-mfa/internal/onetime", "uzerp-mfa/internal/handout",
		"uzerp-mfa/internal/session",
		"github.com/spf13/cobra", "github.com/spf13/pflag",
	},

	// Only connect imports db and twilio: another package could make changes that are not recorded.
	"internal/connect": {
		"uzerp-mfa/internal/db", "uzerp-mfa/internal/twilio", "uzerp-mfa/internal/audit",
		"uzerp-mfa/internal/config", "uzerp-mfa/internal/caller", "uzerp-mfa/internal/doctor", "uzerp-mfa/internal/history",
		"uzerp-mfa/internal/uzerplog",
		"uzerp-mfa/internal/errs", "uzerp-mfa/internal/injector", "uzerp-mfa/internal/installation",
		"uzerp-mfa/internal/installation/envwrite", "uzerp-mfa/internal/mfa", "uzerp-mfa/internal/notify", "uzerp-mfa/internal/policy",
		"uzerp-mfa/internal/verifyservice",
		"uzerp-mfa/internal/session", "uzerp-mfa/internal/sessionfile",
	},

	// All other packages may stand on these.
	"internal/errs":      {},
	"internal/libpq":     {"uzerp-mfa/internal/errs", "uzerp-mfa/internal/account"},
	"internal/secret":    {},
	"internal/finding":   {"uzerp-mfa/internal/errs"},
	"internal/release":   {},
	"internal/sidform":   {},
	"internal/shell":     {},
	"internal/pattern":   {},
	"internal/onetime":   {"uzerp-mfa/internal/errs"},
	"internal/invisible": {},
	"internal/numbering": {}, // table.txt has what its tests' library knows
	"internal/account":   {},
	"internal/alike":     {"uzerp-mfa/internal/invisible", "golang.org/x/text/unicode/norm"},
	"internal/safepath":  {"golang.org/x/sys/unix", "uzerp-mfa/internal/account"},
	"internal/operator":  {"golang.org/x/sys/unix", "uzerp-mfa/internal/account"},
	"internal/policy":    {"uzerp-mfa/internal/errs", "uzerp-mfa/internal/safepath", "uzerp-mfa/internal/alike", "uzerp-mfa/internal/invisible"},

	// The pages for users.
	"internal/handout": {"uzerp-mfa/internal/filelock", "uzerp-mfa/internal/safepath", "uzerp-mfa/internal/mfa", "golang.org/x/sys/unix"},

	// uzERP's files.
	"internal/filelock": {"uzerp-mfa/internal/errs", "uzerp-mfa/internal/safepath", "golang.org/x/sys/unix"},
	"internal/installation": {
		"uzerp-mfa/internal/account",
		"uzerp-mfa/internal/errs", "uzerp-mfa/internal/secret", "uzerp-mfa/internal/safepath", "uzerp-mfa/internal/installation/...",
	},
	"internal/installation/dotenv": {
		"uzerp-mfa/internal/secret", "uzerp-mfa/internal/safepath", "uzerp-mfa/internal/installation/file",
		"uzerp-mfa/internal/installation/php",
	},
	"internal/installation/envwrite": {
		"uzerp-mfa/internal/filelock", "uzerp-mfa/internal/errs", "uzerp-mfa/internal/safepath",
		"uzerp-mfa/internal/installation", "uzerp-mfa/internal/installation/file", "golang.org/x/sys/unix",
	},
	"internal/installation/file": {"uzerp-mfa/internal/safepath", "golang.org/x/sys/unix"},
	"internal/installation/php": {
		"uzerp-mfa/internal/secret", "uzerp-mfa/internal/safepath", "uzerp-mfa/internal/installation/file", "uzerp-mfa/internal/installation/webconf",
	},
	"internal/installation/treetest": {}, // test support
	"internal/installation/webconf":  {"uzerp-mfa/internal/safepath", "uzerp-mfa/internal/installation/file"},

	// PHP's session files.
	"internal/phpsession": {},
	"internal/session":    {"uzerp-mfa/internal/errs"},
	"internal/sessionfile": {
		"uzerp-mfa/internal/account",
		"uzerp-mfa/internal/errs", "uzerp-mfa/internal/filelock", "uzerp-mfa/internal/installation",
		"uzerp-mfa/internal/installation/file", "uzerp-mfa/internal/installation/php",
		"uzerp-mfa/internal/phpsession", "uzerp-mfa/internal/safepath", "uzerp-mfa/internal/session", "golang.org/x/sys/unix",
	},

	"internal/audit": {
		"uzerp-mfa/internal/account",
		"uzerp-mfa/internal/operator", "uzerp-mfa/internal/invisible",
		"uzerp-mfa/internal/filelock", "uzerp-mfa/internal/safepath", "uzerp-mfa/internal/caller", "uzerp-mfa/internal/verifyservice",
		"golang.org/x/sys/unix",
		"uzerp-mfa/internal/errs", "uzerp-mfa/internal/history", "uzerp-mfa/internal/injector", "uzerp-mfa/internal/mfa",
		"uzerp-mfa/internal/notify",
		"uzerp-mfa/internal/session",
	},
	"internal/config": {
		"uzerp-mfa/internal/sidform", "uzerp-mfa/internal/errs", "uzerp-mfa/internal/secret", "uzerp-mfa/internal/safepath",
		"uzerp-mfa/internal/injector", "uzerp-mfa/internal/installation/...", "uzerp-mfa/internal/mfa",
		"github.com/joho/godotenv",
	},
	"internal/crashtest": {}, // test support
	"internal/db": {
		"uzerp-mfa/internal/account",
		"uzerp-mfa/internal/caller", "uzerp-mfa/internal/history", "uzerp-mfa/internal/verifyservice", "uzerp-mfa/internal/errs",
		"uzerp-mfa/internal/injector", "uzerp-mfa/internal/libpq", "uzerp-mfa/internal/mfa", "github.com/jackc/pgx/v5/...",
		"golang.org/x/sys/unix",
	},
	"internal/db/storetest": {"uzerp-mfa/internal/errs", "uzerp-mfa/internal/mfa"}, // test support
	"internal/doctor": {
		"uzerp-mfa/internal/verifyservice", "uzerp-mfa/internal/errs", "uzerp-mfa/internal/finding",
		"uzerp-mfa/internal/injector", "uzerp-mfa/internal/mfa",
	},
	"internal/emulator": {"uzerp-mfa/internal/sidform", "github.com/pquerna/otp/..."},
	"internal/emulator/oracle": {
		"github.com/getkin/kin-openapi/...", "uzerp-mfa/internal/sharedtest", "uzerp-mfa/internal/emulator",
	},
	"internal/injector": {
		"uzerp-mfa/internal/verifyservice", "uzerp-mfa/internal/errs", "uzerp-mfa/internal/finding",
		"uzerp-mfa/internal/mfa",
	},
	"internal/injector/trial": {"uzerp-mfa/internal/errs", "uzerp-mfa/internal/injector"},
	"internal/mfa": {
		"uzerp-mfa/internal/alike", "uzerp-mfa/internal/sidform", "uzerp-mfa/internal/errs", "uzerp-mfa/internal/secret", "uzerp-mfa/internal/onetime",
	},
	"internal/mfa/mfatest": { // test support
		"uzerp-mfa/internal/errs", "uzerp-mfa/internal/secret", "uzerp-mfa/internal/mfa", "uzerp-mfa/internal/totp",
	},
	"internal/caller": {
		"uzerp-mfa/internal/errs", "uzerp-mfa/internal/secret", "uzerp-mfa/internal/mfa", "uzerp-mfa/internal/onetime",
		"uzerp-mfa/internal/invisible", "uzerp-mfa/internal/numbering",
	},
	"internal/notify": {
		"uzerp-mfa/internal/account",
		"uzerp-mfa/internal/errs", "uzerp-mfa/internal/mfa", "uzerp-mfa/internal/invisible", "uzerp-mfa/internal/safepath",
		"golang.org/x/text/unicode/norm",
	},
	"internal/reconcile": {"uzerp-mfa/internal/errs", "uzerp-mfa/internal/mfa"},
	"internal/assist": {
		"uzerp-mfa/internal/errs", "uzerp-mfa/internal/history", "uzerp-mfa/internal/mfa", "uzerp-mfa/internal/policy",
	},
	"internal/uzerplog": {"uzerp-mfa/internal/history", "uzerp-mfa/internal/errs", "uzerp-mfa/internal/safepath"},
	"internal/history":  {"uzerp-mfa/internal/errs", "uzerp-mfa/internal/mfa"},
	"internal/verifyservice": {
		"uzerp-mfa/internal/sidform", "uzerp-mfa/internal/errs", "uzerp-mfa/internal/finding",
		"uzerp-mfa/internal/mfa", "uzerp-mfa/internal/installation",
	},
	"internal/mutant": {}, // test support
	"internal/output": {
		"uzerp-mfa/internal/alike", "uzerp-mfa/internal/invisible",
		"golang.org/x/text/unicode/norm", "github.com/mattn/go-runewidth", "golang.org/x/sys/unix",
		"golang.org/x/term", "github.com/mdp/qrterminal/v3", "rsc.io/qr",
	},
	"docs":                       {},
	"internal/page":              {"uzerp-mfa/internal/output"},
	"internal/output/screentest": {"github.com/makiuchi-d/gozxing/..."}, // test support
	"internal/pgtemp":            {"uzerp-mfa/internal/account", "uzerp-mfa/internal/errs", "uzerp-mfa/internal/safepath", "github.com/jackc/pgx/v5/..."},
	"internal/pgtemp/dbtest": {
		"uzerp-mfa/internal/pgtemp", "uzerp-mfa/internal/sharedtest", "github.com/jackc/pgx/v5/...",
	},
	"internal/pgtemp/pooltest": {"uzerp-mfa/internal/account", "uzerp-mfa/internal/sharedtest", "github.com/jackc/pgx/v5/..."}, // test support
	"internal/sandbox": {
		"uzerp-mfa/internal/filelock",
		"uzerp-mfa/internal/caller", "uzerp-mfa/internal/errs", "uzerp-mfa/internal/safepath", "uzerp-mfa/internal/mfa",
		"uzerp-mfa/internal/emulator", "uzerp-mfa/internal/installation", "uzerp-mfa/internal/pgtemp", "github.com/jackc/pgx/v5/...",
	},
	"internal/sessionconfig": {
		"uzerp-mfa/internal/shell", "uzerp-mfa/internal/sidform", "uzerp-mfa/internal/errs",
		"uzerp-mfa/internal/secret", "uzerp-mfa/internal/finding", "uzerp-mfa/internal/installation/...", "uzerp-mfa/internal/safepath",
	},
	"internal/sharedtest": {},
	"scripts/man":         {"uzerp-mfa/cmd", "uzerp-mfa/docs", "uzerp-mfa/internal/page", "uzerp-mfa/internal/output", "uzerp-mfa/internal/release"},
	"scripts/packages":    {}, // these two are no part of the program
	"scripts/bench":       {}, // nor is what measures it
	"scripts/usage":       {},
	"internal/totp":       {"uzerp-mfa/internal/secret", "uzerp-mfa/internal/mfa", "github.com/pquerna/otp/..."},
	"internal/twilio": {
		"uzerp-mfa/internal/sidform", "uzerp-mfa/internal/caller", "uzerp-mfa/internal/history", "uzerp-mfa/internal/verifyservice",
		"uzerp-mfa/internal/errs", "uzerp-mfa/internal/secret", "uzerp-mfa/internal/mfa",
		"github.com/twilio/twilio-go/client", "github.com/twilio/twilio-go/rest/verify/v2",
	},
}

// allowedFiles are single files that may import more than their package: app.go puts the parts of the program
// together, and hints.go has the texts for all reasons.
var allowedFiles = map[string][]string{
	"cmd/app.go": {
		"uzerp-mfa/internal/connect", "uzerp-mfa/internal/sandbox", "uzerp-mfa/internal/totp",
		"github.com/google/uuid",
	},
	"cmd/hints.go": {"uzerp-mfa/internal/sandbox"},
}

// everywhere may be imported by every package.
const everywhere = "uzerp-mfa/internal/pattern"

// only has packages that may be imported by those named here and by no other, whatever the rules above say. envwrite
// replaces a file and sessionfile removes some, and only connect records that.
var only = map[string][]string{
	"uzerp-mfa/internal/installation/envwrite": {"internal/connect"},
	"uzerp-mfa/internal/sessionfile":           {"internal/connect"},
	"os/user":                                  {"internal/account"}, // a static program learns from it of /etc/passwd alone
}

// forbidden are packages that no file may import, not even a test. The values say why.
var forbidden = map[string]string{
	"github.com/twilio/twilio-go":           "takes 48 s to build; use its client and rest/verify/v2",
	"github.com/spf13/viper":                "settings are read by internal/config",
	"github.com/hashicorp/go-retryablehttp": "it repeats POSTs",
}

func TestDependencyRules(t *testing.T) {
	problems, packages := checkImports(t, os.DirFS("."))
	for _, p := range problems {
		t.Error(p)
	}
	for dir := range allowed {
		if !packages[dir] {
			t.Errorf("a rule for %q, which is no package", dir)
		}
	}
}

// A rule that can't fail is useless. Here each rule is broken on purpose.
func TestDependencyRulesFailWhenBroken(t *testing.T) {
	for file, source := range map[string]string{
		"internal/mfa/x.go":       `package mfa; import _ "uzerp-mfa/internal/db"`,
		"internal/injector/x.go":  `package injector; import _ "github.com/jackc/pgx/v5"`,
		"internal/doctor/x.go":    `package doctor; import _ "uzerp-mfa/internal/db"`,
		"internal/twilio/x.go":    `package twilio; import _ "github.com/twilio/twilio-go"`,
		"internal/output/x.go":    `package output; import _ "uzerp-mfa/internal/mfa"`,
		"internal/caller/x.go":    `package caller; import _ "uzerp-mfa/internal/db"`,
		"cmd/user_list.go":        `package cmd; import _ "uzerp-mfa/internal/db"`,
		"cmd/app.go":              `package cmd; import _ "uzerp-mfa/internal/db"`,
		"cmd/user_reset.go":       `package cmd; import _ "uzerp-mfa/internal/twilio"`,
		"cmd/detach.go":           `package cmd; import _ "uzerp-mfa/internal/connect"`,
		"internal/reconcile/x.go": `package reconcile; import _ "uzerp-mfa/internal/connect"`,
		"internal/audit/x.go":     `package audit; import _ "uzerp-mfa/internal/db"`,
		"cmd/x.go":                `package cmd; import _ "github.com/jackc/pgx/v5"`,
		"cmd/session_config.go":   `package cmd; import _ "uzerp-mfa/internal/installation/envwrite"`,
		"internal/config/x.go":    `package config; import _ "os/user"`,
		"internal/helpers/x.go":   `package helpers; import _ "fmt"`,
		"internal/sandbox/x.go":   `package sandbox; import _ "testing"`,
		"internal/mfa/log/log.go": `package log`,
		"cmd/x_test.go":           `package cmd; import _ "github.com/spf13/viper"`,
	} {
		problems, _ := checkImports(t, fstest.MapFS{file: {Data: []byte(source)}})
		if len(problems) == 0 {
			t.Errorf("%s is allowed: %s", file, source)
		}
	}
	if problems, _ := checkImports(t, fstest.MapFS{"cmd/app.go": {Data: []byte(`package cmd; import _ "uzerp-mfa/internal/connect"`)}}); len(problems) > 0 {
		t.Error(problems)
	}
}

// checkImports returns the imports of all Go files that break a rule, and the packages that it has seen.
func checkImports(t *testing.T, tree fs.FS) (problems []string, packages map[string]bool) {
	t.Helper()
	packages = map[string]bool{}
	for name, file := range goFiles(t, tree) {
		dir, test := strings.TrimPrefix(path.Dir(name), "."), strings.HasSuffix(name, "_test.go")
		rules, known := allowed[dir]
		if !test {
			packages[dir] = true
		}
		if !test && !known {
			problems = append(problems, name+": a package without a rule")
		}
		rules = slices.Concat(rules, allowedFiles[name], []string{everywhere})
		for _, spec := range file.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			switch {
			case forbidden[imported] != "":
				problems = append(problems, name+" must not import "+imported+": "+forbidden[imported])
			case !test && !mayImport(dir, imported, rules):
				problems = append(problems, name+" must not import "+imported)
			}
		}
	}
	return problems, packages
}

// goFiles returns all Go files outside testdata by their names. Of each it has the imports and the comments before them.
func goFiles(t *testing.T, tree fs.FS) map[string]*ast.File {
	t.Helper()
	files := map[string]*ast.File{}
	err := fs.WalkDir(tree, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() && (strings.HasPrefix(d.Name(), ".") && name != "." || d.Name() == "testdata") {
			if d != nil && d.IsDir() && err == nil {
				return fs.SkipDir
			}
			return err
		}
		if d.IsDir() || !strings.HasSuffix(name, ".go") {
			return nil
		}
		source, err := fs.ReadFile(tree, name)
		if err != nil {
			return err
		}
		files[name], err = parser.ParseFile(token.NewFileSet(), name, source, parser.ImportsOnly|parser.ParseComments)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// Every package has one doc comment, which says what the package is for and what its laws are.
func TestEveryPackageHasADocComment(t *testing.T) {
	for _, p := range checkDocs(t, os.DirFS(".")) {
		t.Error(p)
	}
}

func TestDocCommentRuleFailsWhenBroken(t *testing.T) {
	const good = "// Package mfa is the domain.\npackage mfa\n"
	for name, test := range map[string]struct {
		files map[string]string
		want  int // problems
	}{
		"good":               {map[string]string{"mfa/doc.go": good, "mfa/x.go": "package mfa"}, 0},
		"good command":       {map[string]string{"main.go": "// Command x does it.\npackage main"}, 0},
		"only tests":         {map[string]string{"mfa/x_test.go": "package mfa_test"}, 0},
		"none":               {map[string]string{"mfa/x.go": "package mfa"}, 1},
		"none in two":        {map[string]string{"mfa/x.go": "package mfa", "db/x.go": "package db"}, 2},
		"only in a test":     {map[string]string{"mfa/x.go": "package mfa", "mfa/x_test.go": good}, 1},
		"not a doc comment":  {map[string]string{"mfa/x.go": "// Package mfa is the domain.\n\npackage mfa"}, 1},
		"another name":       {map[string]string{"db/x.go": "// Package mfa is the domain.\npackage db"}, 1},
		"not Go's words":     {map[string]string{"mfa/x.go": "// The domain.\npackage mfa"}, 1},
		"two":                {map[string]string{"mfa/doc.go": good, "mfa/x.go": good}, 1},
		"command as package": {map[string]string{"main.go": "// Package main does it.\npackage main"}, 1},
	} {
		tree := fstest.MapFS{}
		for file, source := range test.files {
			tree[file] = &fstest.MapFile{Data: []byte(source)}
		}
		if problems := checkDocs(t, tree); len(problems) != test.want {
			t.Errorf("%s: %d problems, want %d: %q", name, len(problems), test.want, problems)
		}
	}
}

// checkDocs returns the packages that don't have exactly one doc comment in Go's words. Packages of tests need none.
func checkDocs(t *testing.T, tree fs.FS) (problems []string) {
	t.Helper()
	docs := map[string]int{}
	for name, file := range goFiles(t, tree) {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		begin := "Package " + file.Name.Name + " "
		if file.Name.Name == "main" {
			begin = "Command "
		}
		dir := path.Dir(name)
		docs[dir] += 0 // a package, with or without
		if file.Doc == nil {
			continue
		}
		docs[dir]++
		if !strings.HasPrefix(file.Doc.Text(), begin) {
			problems = append(problems, fmt.Sprintf("%s: the doc comment does not begin with %q", name, begin))
		}
	}
	for dir, n := range docs {
		if n != 1 {
			problems = append(problems, fmt.Sprintf("%s: %d doc comments of the package, want 1", dir, n))
		}
	}
	return problems
}

func mayImport(dir, imported string, rules []string) bool {
	if dirs, limited := only[imported]; limited && !slices.Contains(dirs, dir) {
		return false
	}
	first, _, _ := strings.Cut(imported, "/")
	if !strings.Contains(first, ".") && first != "uzerp-mfa" { // the standard library
		return imported != "testing" || strings.HasSuffix(dir, "test") // dbtest, sharedtest, crashtest
	}
	return slices.ContainsFunc(rules, func(rule string) bool {
		below, all := strings.CutSuffix(rule, "/...")
		return imported == rule || all && (imported == below || strings.HasPrefix(imported, below+"/"))
	})
}

// The shipped program must not contain the libraries of the tests.
func TestProgramHasNoTestLibraries(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	deps := strings.Fields(string(out))
	for _, unwanted := range []string{"testing", "github.com/twilio/twilio-go"} {
		if slices.Contains(deps, unwanted) {
			t.Errorf("the program depends on %s", unwanted)
		}
	}
	for _, d := range deps {
		if strings.Contains(d, "testscript") || strings.Contains(d, "testify") || strings.Contains(d, "kin-openapi") || strings.Contains(d, "jsonschema") ||
			strings.Contains(d, "phonenumbers") || strings.Contains(d, "protobuf") {
			t.Errorf("the program depends on %s", d)
		}
	}
	if len(deps) < 50 {
		t.Errorf("go list gave %d packages only", len(deps))
	}
}
