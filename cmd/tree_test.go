package cmd

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
	"github.com/spf13/pflag"

	"uzerp-mfa/internal/errs"
)

// testRoot is the command tree of a program without an environment.
func testRoot() *cobra.Command {
	app := newApp(Process{In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Getenv: func(string) (string, bool) { return "", false }})
	return newRootCmd(app)
}

func walk(c *cobra.Command, visit func(*cobra.Command)) {
	visit(c)
	for _, child := range c.Commands() {
		walk(child, visit)
	}
}

// The help of every command has the same form.
func TestEveryCommandIsDescribed(t *testing.T) {
	n := 0
	walk(testRoot(), func(c *cobra.Command) {
		n++
		name := c.CommandPath()
		if c.Short == "" || !unicode.IsUpper([]rune(c.Short)[0]) || strings.HasSuffix(c.Short, ".") {
			t.Errorf("%s: short help %q", name, c.Short)
		}
		if c.RunE == nil || c.Args == nil && c.Name() != "help" {
			t.Errorf("%s: no RunE or no Args: cobra would print help and exit 0", name)
		}
		if c.Name() == "help" {
			return
		}
		if !strings.Contains(c.Example, "uzerp-mfa") {
			t.Errorf("%s: no example", name)
		}
		if c.HasParent() && !strings.Contains(c.Long, "Exit codes:\n  0 ") {
			t.Errorf("%s: no exit codes", name)
		}
		c.Flags().VisitAll(func(f *pflag.Flag) {
			if f.Usage == "" || strings.HasSuffix(f.Usage, ".") {
				t.Errorf("%s --%s: usage %q", name, f.Name, f.Usage)
			}
		})
	})
	if n < 14 {
		t.Errorf("only %d commands", n)
	}
}

// A flag means the same everywhere.
func TestFlagsMeanTheSameEverywhere(t *testing.T) {
	usages := map[string]string{}
	walk(testRoot(), func(c *cobra.Command) {
		c.LocalFlags().VisitAll(func(f *pflag.Flag) {
			if was, ok := usages[f.Name]; ok && was != f.Usage && f.Name != "help" {
				t.Errorf("--%s: %q and %q", f.Name, was, f.Usage)
			}
			usages[f.Name] = f.Usage
		})
	})
}

// Every command that can be tried dry takes --yes, also one that asks for nothing: a wrapper gives it everywhere.
func TestEveryChangingCommandTakesYes(t *testing.T) {
	n := 0
	walk(testRoot(), func(c *cobra.Command) {
		if c.Flags().Lookup("dry-run") == nil {
			return
		}
		n++
		if f := c.Flags().ShorthandLookup("y"); f == nil || f.Name != "yes" {
			t.Errorf("%s has no -y", c.CommandPath())
		}
	})
	if n < 10 {
		t.Errorf("only %d commands", n)
	}
}

// docs/cli is made from the commands. go test ./cmd -run TestDocs -update writes it.
func TestDocs(t *testing.T) {
	const dir = "../docs/cli"
	want := map[string]string{}
	walk(testRoot(), func(c *cobra.Command) {
		c.DisableAutoGenTag = true
		c.InitDefaultHelpFlag()
		if c.Name() == "help" || c.Hidden {
			return
		}
		var page bytes.Buffer
		if err := doc.GenMarkdown(c, &page); err != nil {
			t.Fatal(err)
		}
		want[strings.ReplaceAll(c.CommandPath(), " ", "_")+".md"] = page.String()
	})
	if flag.Lookup("update").Value.String() == "true" {
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		for name, page := range want {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(page), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	got := map[string]string{}
	files, err := filepath.Glob(dir + "/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		page, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		got[filepath.Base(file)] = string(page)
	}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Errorf("docs/cli is not what the commands say, run make docs (-docs +commands):\n%s", diff)
	}
}

// docs/exit-codes.md and docs/contract.md have the exit codes of exit.go and no others, and a script ends with each of them.
func TestExitCodesAreDocumented(t *testing.T) {
	row := regexp.MustCompile("(?m)^\\| (\\d+) \\| (?:`(\\w+)`)? *\\| (.*) \\|$")
	want, meanings := map[string]string{"0": ""}, map[string]string{}
	for k := errs.Failure; k <= errs.Interrupted; k++ {
		want[strconv.Itoa(statusOf(k).code)], meanings[statusOf(k).word] = statusOf(k).word, statusOf(k).meaning
	}
	for _, name := range []string{"exit-codes.md", "contract.md"} {
		got := map[string]string{}
		for _, m := range row.FindAllStringSubmatch(pageText(t, name), -1) {
			got[m[1]] = m[2]
			if meaning := meanings[m[2]]; name == "exit-codes.md" && m[2] != "" && strings.ReplaceAll(m[3], "`", "") != meaning {
				t.Errorf("docs/exit-codes.md says of %s %q, and the help %q", m[1], m[3], meaning)
			}
		}
		if diff := cmp.Diff(got, want); diff != "" {
			t.Errorf("the exit codes of docs/%s are not those of the program (-page +program):\n%s", name, diff)
		}
	}
	scripts, err := filepath.Glob("testdata/script/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	ended := map[string]bool{}
	for _, name := range scripts {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`(?m)^(?:run(?: -in \S+)?|tty(?: -out \S+)? \S+|step) (\d+)\b`).FindAllStringSubmatch(string(text), -1) {
			ended[m[1]] = true
		}
	}
	for code := range want {
		if !ended[code] {
			t.Errorf("no script ends with %s", code)
		}
	}
}

// DocumentedExitCodes returns the command that args run, and the exit codes in its help.
func DocumentedExitCodes(args []string) (command string, codes []int) {
	c, _, err := testRoot().Find(args)
	if err != nil { // no such command: what is wrong with the root
		c = testRoot()
	}
	help := c.Long
	if !c.HasParent() {
		help = exitCodes()
	}
	for _, m := range regexp.MustCompile(`(?m)^  (\d+) +\S`).FindAllStringSubmatch(help, -1) {
		n, _ := strconv.Atoi(m[1])
		codes = append(codes, n)
	}
	return c.CommandPath(), codes
}
