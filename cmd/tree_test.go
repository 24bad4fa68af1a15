package cmd

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/mfa"
	"uzerp-mfa/internal/page"
)

func walk(c *cobra.Command, visit func(*cobra.Command)) {
	visit(c)
	for _, child := range c.Commands() {
		walk(child, visit)
	}
}

// The help of every command has the same form.
func TestEveryCommandIsDescribed(t *testing.T) {
	n := 0
	walk(looseTree(), func(c *cobra.Command) {
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
		if exitsOf(c) == nil {
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

// A start with the name of a command builds that one alone, and any other start all of them.
func TestTreeOfOneCommand(t *testing.T) {
	below := func(only string) (names []string) {
		for _, c := range newTree(newApp(Process{Getenv: func(string) (string, bool) { return "", false }}), only).Commands() {
			names = append(names, c.Name())
		}
		return names
	}
	var all []string
	for _, c := range commands() {
		all = append(all, c.name)
		if got, want := below(c.name), []string{c.name, "help"}; !slices.Equal(slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(want))) {
			t.Errorf("a start with %s builds %v", c.name, got)
		}
	}
	all = slices.Sorted(slices.Values(append(all, "help")))
	for _, only := range []string{"", "help", "-o", "--version", "__complete", "usr"} {
		if got := slices.Sorted(slices.Values(below(only))); !slices.Equal(got, all) {
			t.Errorf("a start with %q builds %v, want %v", only, got, all)
		}
	}
}

// A flag means the same everywhere.
func TestFlagsMeanTheSameEverywhere(t *testing.T) {
	usages := map[string]string{}
	walk(looseTree(), func(c *cobra.Command) {
		c.LocalFlags().VisitAll(func(f *pflag.Flag) {
			if was, ok := usages[f.Name]; ok && was != f.Usage && f.Name != "help" {
				t.Errorf("--%s: %q and %q", f.Name, was, f.Usage)
			}
			usages[f.Name] = f.Usage
		})
	})
}

// readers change nothing of uzERP, of Twilio or of uzERP's files. A new command is named here, or takes what every changing
// command takes.
var readers = []string{
	"uzerp-mfa", "audit-log", "audit-log show", "audit-log verify", "completion", "doctor", "grants", "help", "identity", "notify", "notify pending",
	"policy", "policy show", "sandbox", "sandbox code", "sandbox stop", "service", "service check", "service show", "session", "session list", "session-config",
	"session-config check", "session-config plan", "user", "user history", "user list", "user show", "version",
	guardCommand, // set-injector --try starts it, and nobody else
}

// Every command says whether it changes something. A wrapper gives -y, --dry-run, --reason and --ticket to every one that
// does, also to one that asks for nothing; --no-input is a flag of the root.
func TestEveryCommandChangesOrReads(t *testing.T) {
	walk(looseTree(), func(c *cobra.Command) {
		name := strings.TrimPrefix(c.CommandPath(), "uzerp-mfa ")
		err := c.ParseFlags([]string{"-y", "--dry-run", "--reason", "r", "--ticket", "t"})
		switch reads := slices.Contains(readers, name); {
		case !reads && err != nil:
			t.Errorf("%s is no reader: %v", name, err)
		case reads && (c.Flags().Lookup("yes") != nil || c.Flags().Lookup("dry-run") != nil):
			t.Errorf("%s changes nothing and has --yes or --dry-run", name)
		}
		if err := c.ValidateFlagGroups(); !slices.Contains(readers, name) && err != nil {
			t.Errorf("%s: %v", name, err)
		}
	})
}

// Where a command says USER..., names may come from a file too.
func TestEveryCommandForSeveralUsersTakesAFile(t *testing.T) {
	n := 0
	walk(looseTree(), func(c *cobra.Command) {
		several := strings.Contains(c.Use, "USER...")
		if several {
			n++
		}
		if has := c.Flags().Lookup("from-file") != nil; has != several {
			t.Errorf("%s: USER... is %v, --from-file %v", c.CommandPath(), several, has)
		}
	})
	if n < 8 {
		t.Errorf("only %d commands", n)
	}
}

// A shell proposes files where nothing else is decided. So everything is: files only where a file is meant, and directories only
// where a directory is.
func TestEverythingIsCompletedAsWhatItIs(t *testing.T) {
	seen := map[string]bool{}
	app := newApp(Process{In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Getenv: func(string) (string, bool) { return "", false }})
	root := newRootCmd(app)
	app.completeTheRest(root)
	walk(root, func(c *cobra.Command) {
		if c.ValidArgsFunction == nil && c.ValidArgs == nil && !c.HasSubCommands() && c.Name() != "sandbox" {
			t.Errorf("%s proposes files for its arguments", c.CommandPath())
		}
		c.LocalFlags().VisitAll(func(f *pflag.Flag) {
			seen[f.Name] = true
			propose, has := c.GetFlagCompletionFunc(f.Name)
			isFile, isDir := slices.Contains(fileFlags, f.Name), slices.Contains(dirFlags, f.Name)
			if f.Value.Type() == "file" && !isFile || f.Value.Type() == "dir" && !isDir {
				t.Errorf("%s --%s takes a %s and is not completed as one", c.CommandPath(), f.Name, f.Value.Type())
			}
			if f.Value.Type() == "bool" || isFile {
				if has {
					t.Errorf("%s --%s: something is proposed", c.CommandPath(), f.Name)
				}
				return
			}
			if !has {
				t.Errorf("%s --%s: nothing is decided", c.CommandPath(), f.Name)
				return
			}
			want := cobra.ShellCompDirectiveNoFileComp
			if isDir {
				want = cobra.ShellCompDirectiveFilterDirs
			}
			if _, got := propose(c, nil, ""); got != want {
				t.Errorf("%s --%s: directive %d, want %d", c.CommandPath(), f.Name, got, want)
			}
		})
	})
	for _, name := range slices.Concat(fileFlags, dirFlags, userFlags) {
		if !seen[name] {
			t.Errorf("there is no flag --%s", name)
		}
	}
}

// Lists are completed after each comma, with the values that are not there yet.
func TestListsAreCompleted(t *testing.T) {
	c := &cobra.Command{}
	c.Flags().StringSlice("only", nil, "")
	completeList(c, "only", "one", "other", "two")
	propose, _ := c.GetFlagCompletionFunc("only")
	for typed, want := range map[string][]string{
		"": {"one", "other", "two"}, "o": {"one", "other"}, "two,": {"two,one", "two,other"}, "two,one,o": {"two,one,other"}, "x,t": {"x,two"}, "one,other,two,": nil,
	} {
		if got, _ := propose(c, nil, typed); !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", typed, got, want)
		}
	}
}

// Bash gets names that need no quotes. Zsh and fish, which quote, get all that a screen shows as they are.
func TestProposable(t *testing.T) {
	all := []string{"alice", "al ice", "al$(id)", "al`id`", "aé", "-al", "~al", "=al", "#al", `al\a`, "al\x1b", "al\na", "al ", "al\u202e", "al\t", ""}
	for quotes, want := range map[bool][]string{false: all[:1], true: all[:5]} {
		var got []string
		var proposals []mfa.Proposal
		for _, name := range all {
			proposals = append(proposals, mfa.Proposal{Username: name})
		}
		for _, p := range proposable(proposals, "", quotes) {
			got = append(got, p.Username)
		}
		if !slices.Equal(got, want) {
			t.Errorf("quotes %v: %q, want %q", quotes, got, want)
		}
	}
	both := proposable([]mfa.Proposal{{Username: "al"}, {Username: "AL"}}, "a", false)
	if len(both) != 1 || both[0].Username != "al" {
		t.Errorf("letter for letter: %v", both)
	}
	if other := proposable([]mfa.Proposal{{Username: "AL"}, {Username: "Al"}}, "a", false); len(other) != 2 {
		t.Errorf("in another case: %v", other)
	}
}

// The scripts are cobra's with our changes, each of them at its place.
func TestScriptsOfTheShells(t *testing.T) {
	for name, want := range map[string][]string{
		"bash": {"# the program has chosen", "if false; then", `args+=("$REPLY")`, `"$REPLY" __complete "${args[@]}"`},
		"zsh":  {completingShell + `=zsh "${words[1]}" __complete "${(@)words[2,-1]}"`, `-M "'m:{a-zA-Z}={A-Za-z}'"`},
		"fish": {completingShell + "=fish ", "(string escape -- $args[2..-1])", "__fish_complete_directories"},
	} {
		c, err := os.CreateTemp(t.TempDir(), "")
		if err != nil {
			t.Fatal(err)
		}
		nothing := func(string) (string, bool) { return "", false }
		code := Main(t.Context(), []string{"completion", name}, Process{In: os.Stdin, Out: c, Err: os.Stderr, Getenv: nothing})
		script, err := os.ReadFile(c.Name())
		if code != 0 || err != nil {
			t.Fatal(name, code, err)
		}
		for _, text := range want {
			if !strings.Contains(string(script), text) {
				t.Errorf("%s: no %s", name, text)
			}
		}
	}
}

// docs/cli is made from the commands. go test ./cmd -run TestDocs -update writes it.
func TestDocs(t *testing.T) {
	const dir = "../docs/cli"
	want := map[string]string{}
	walk(looseTree(), func(c *cobra.Command) {
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
	wide := helpPrinter{width: page.Widest}
	var b strings.Builder
	block := func(title, text string) {
		if text = strings.Trim(text, "\n"); text != "" {
			fmt.Fprintf(&b, "\n### %s\n\n```\n%s\n```\n", title, text)
		}
	}
	fmt.Fprintf(&b, "## %s\n\n%s\n\n```\n%s\n```\n", c.CommandPath(), c.Short, useLine(c))
	block("Examples", c.Example)
	block("Flags", wide.flagList(ownFlags(c)))
	if c.HasParent() {
		fmt.Fprintf(&b, "\nThe flags of every command: [%s](%s#flags-of-every-command)\n", c.Root().Name(), cliPage(c.Root()))
	} else {
		block("Flags of every command", wide.flagList(c.PersistentFlags()))
	}
	fmt.Fprintf(&b, "\n### Description\n\n%s\n", c.Long)
	if c.HasParent() {
		block("Exit codes", exitLines(exitsOf(c)))
	}
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

// docs/exit-codes.md and docs/contract.md have the exit codes of exit.go and no others, and a script ends with each of them.
func TestExitCodesAreDocumented(t *testing.T) {
	row := regexp.MustCompile("(?m)^\\| (\\d+) \\| (?:`(\\w+)`)? *\\| (.*) \\|$")
	want, meanings := map[string]string{"0": ""}, map[string]string{}
	for k := errs.Failure; k <= errs.Interrupted; k++ {
		want[strconv.Itoa(statusOf(k).code)], meanings[string(statusOf(k).word)] = string(statusOf(k).word), statusOf(k).meaning
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
	c, _, err := looseTree().Find(args)
	if err != nil { // no such command: what is wrong with the root
		c = looseTree()
	}
	for _, s := range exitsOf(c) {
		codes = append(codes, s.code)
	}
	return c.CommandPath(), codes
}
