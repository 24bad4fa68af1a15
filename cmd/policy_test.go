package cmd

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"uzerp-mfa/internal/config"
	"uzerp-mfa/internal/sessionconfig"
)

// choicesOf returns the names of what the policy may forbid of these arguments and variables.
func choicesOf(t *testing.T, command []string, getenv func(string) (string, bool), args ...string) []string {
	t.Helper()
	app := newApp(Process{In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Getenv: getenv})
	c, _, err := newRootCmd(app).Find(command)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.ParseFlags(args); err != nil {
		return nil // a flag with a form of its own chooses no file, address or database
	}
	var names []string
	for _, choice := range app.choices(c) {
		names = append(names, choice.Name)
	}
	return names
}

// Through sudo nobody chooses which files root reads or deletes as sessions: each command that has --php-ini leaves it to the policy.
func TestAnotherPHPIniIsAChoice(t *testing.T) {
	var have []string
	walk(looseTree(), func(c *cobra.Command) {
		if c.NonInheritedFlags().Lookup(sessionconfig.FlagPHPIni) == nil {
			return
		}
		command := strings.Fields(c.CommandPath())[1:]
		have = append(have, strings.Join(command, " "))
		if got := choicesOf(t, command, noVariables, "--php-ini=/x"); !slices.Contains(got, "--php-ini") {
			t.Errorf("%v: the policy may forbid %q, want --php-ini among them", command, got)
		}
	})
	for _, command := range []string{"session end", "session list", "set-injector", "user disable-next-login", "user reset"} {
		if !slices.Contains(have, command) {
			t.Errorf("%s has no --php-ini", command)
		}
	}
}

func noVariables(string) (string, bool) { return "", false }

// docs/sudo.md says what becomes of each flag and variable that the program may refuse through sudo, and of no other.
func TestSudoPageListsWhatIsRefused(t *testing.T) {
	refused := map[string]bool{}
	everyVariable := func(string) (string, bool) { return "/x", true }
	for _, name := range choicesOf(t, nil, everyVariable) {
		if !strings.HasPrefix(name, "PG") || name == "PGHOST" { // the page calls the others libpq's
			refused[name] = true
		}
	}
	walk(looseTree(), func(c *cobra.Command) {
		command := strings.Fields(c.CommandPath())[1:]
		flags := c.NonInheritedFlags()
		if !c.HasParent() {
			flags = c.PersistentFlags()
		}
		flags.VisitAll(func(f *pflag.Flag) {
			value := map[string]string{"bool": "true"}[f.Value.Type()]
			if value == "" {
				value = "/x"
			}
			for _, name := range choicesOf(t, command, noVariables, "--"+f.Name+"="+value) {
				refused[name] = true
			}
		})
	})

	page, err := os.ReadFile("../docs/sudo.md")
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]bool{}
	for _, row := range regexp.MustCompile(`(?m)^\| (.*?) \| (refused|the same|allowed, unless)`).FindAllStringSubmatch(string(page), -1) {
		for _, name := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(row[1], -1) {
			listed[name[1]] = true
		}
	}
	if !maps.Equal(refused, listed) {
		t.Errorf("refused: %q\nlisted:  %q", slices.Sorted(maps.Keys(refused)), slices.Sorted(maps.Keys(listed)))
	}
}

// A flag that is given, but says no, chooses nothing.
func TestFlagThatSaysNo(t *testing.T) {
	for value, want := range map[string]int{"true": 1, "false": 0} {
		if got := choicesOf(t, []string{"user", "reset"}, noVariables, "--"+config.FlagNotUzerps+"="+value); len(got) != want {
			t.Errorf("%s: %q", value, got)
		}
	}
}
