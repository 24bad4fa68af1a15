package cmd

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
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
		if c.RunE == nil || c.Args == nil {
			t.Errorf("%s: no RunE or no Args: cobra would print help and exit 0", name)
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
		if !c.Hidden {
			want[cliPage(c)] = markdown(c)
		}
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

// cliPage returns the name of a command's page in docs/cli.
func cliPage(c *cobra.Command) string { return strings.ReplaceAll(c.CommandPath(), " ", "_") + ".md" }

// markdown returns a command's page in docs/cli: what its help says, in the same order.
func markdown(c *cobra.Command) string {
	wide := helpPrinter{width: widestHelp}
	var b strings.Builder
	block := func(title, text string) {
		if text = strings.Trim(text, "\n"); text != "" {
			fmt.Fprintf(&b, "\n### %s\n\n```\n%s\n```\n", title, text)
		}
	}
	fmt.Fprintf(&b, "## %s\n\n%s\n\n```\n%s\n```\n", c.CommandPath(), c.Short, c.UseLine())
	block("Examples", c.Example)
	block("Flags", wide.flagList(ownFlags(c)))
	if c.HasParent() {
		fmt.Fprintf(&b, "\nThe flags of every command: [%s](%s#flags-of-every-command)\n", c.Root().Name(), cliPage(c.Root()))
	} else {
		block("Flags of every command", wide.flagList(c.PersistentFlags()))
	}
	about, codes := longHelp(c)
	fmt.Fprintf(&b, "\n### Description\n\n%s\n", about)
	block("Exit codes", codes)
	b.WriteString("\n### See also\n\n")
	if t, ok := topicAbout(c); ok {
		fmt.Fprintf(&b, "* [%s](../%s)\n", t.Title(), t.File)
	}
	if c.HasParent() {
		fmt.Fprintf(&b, "* [%s](%s): %s\n", c.Parent().CommandPath(), cliPage(c.Parent()), c.Parent().Short)
	}
	for _, sub := range visible(c) {
		fmt.Fprintf(&b, "* [%s](%s): %s\n", sub.CommandPath(), cliPage(sub), sub.Short)
	}
	return b.String()
}

// docs/exit-codes.md has the exit codes of exit.go.
func TestExitCodesAreDocumented(t *testing.T) {
	page, err := os.ReadFile("../docs/exit-codes.md")
	if err != nil {
		t.Fatal(err)
	}
	for k := errs.Failure; k <= errs.Interrupted; k++ {
		s := statusOf(k)
		row := regexp.MustCompile(`(?m)^\| ` + strconv.Itoa(s.code) + ` \| .` + s.word + `. \| (.*) \|$`)
		m := row.FindSubmatch(page)
		if m == nil || strings.ReplaceAll(string(m[1]), "`", "") != s.meaning {
			t.Errorf("docs/exit-codes.md has no row for %d %s: %s", s.code, s.word, s.meaning)
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
