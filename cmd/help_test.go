package cmd

import (
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"uzerp-mfa/docs"
	"uzerp-mfa/internal/output"
	"uzerp-mfa/internal/page"
)

// Every command is in one group of the help, and every name in a group is a command.
func TestEveryCommandIsInAGroup(t *testing.T) {
	root := looseTree()
	var grouped []string
	for _, g := range commandGroups {
		if len(g.of(root)) != len(g.commands) {
			t.Errorf("%s names a command that does not exist: %q", g.title, g.commands)
		}
		grouped = append(grouped, g.commands...)
	}
	for _, c := range visible(root) {
		grouped = slices.DeleteFunc(grouped, func(name string) bool { return name == c.Name() })
	}
	if len(grouped) > 0 {
		t.Errorf("twice, or hidden: %q", grouped)
	}
	all := 0
	for _, g := range commandGroups {
		all += len(g.commands)
	}
	if n := len(visible(root)); all != n {
		t.Errorf("%d commands are in groups, of %d: add yours to commandGroups", all, n)
	}
}

// What is needed to type a command is on the first screen of its help: usage and examples, and its own flags where they fit.
func TestHelpFitsTheScreen(t *testing.T) {
	const height = 24 - 1 // the last row is the prompt's
	long := []string{"enroll", "reconcile", "set-injector", "user disable-next-login", "user reset"}
	walk(looseTree(), func(c *cobra.Command) {
		if c.Hidden {
			return
		}
		text := helpPrinter{width: 80}.command(c)
		for line := range strings.Lines(text) {
			if output.Width(line)-1 > 80 && !strings.Contains(c.Example, strings.TrimSpace(line)) {
				t.Errorf("%s: a line of %d columns: %s", c.CommandPath(), output.Width(line), line)
			}
		}
		if !c.HasParent() {
			if n := strings.Count(text, "\n"); n > height {
				t.Errorf("the help of the program has %d lines", n)
			}
			return
		}
		top := strings.Join(strings.SplitAfter(text, "\n")[:min(height, strings.Count(text, "\n"))], "")
		if !strings.Contains(top, "Usage: "+c.CommandPath()) || !strings.Contains(top, c.Example+"\n") {
			t.Errorf("%s: usage or examples are not on the first screen:\n%s", c.CommandPath(), top)
		}
		if fits := strings.Contains(top, "\nThe flags of every command: uzerp-mfa help flags\n"); fits == slices.Contains(long, commandName(c)) {
			t.Errorf("%s: its flags fit on the first screen: %v", c.CommandPath(), fits)
		}
	})
}

// From 40 columns up nothing is broken that must be copied, and only that is wider than the screen.
func TestHelpOnNarrowScreens(t *testing.T) {
	root := looseTree()
	for _, width := range []int{40, 60, 120} {
		h := helpPrinter{width: width}
		walk(root, func(c *cobra.Command) {
			if c.Hidden {
				return
			}
			for line := range strings.Lines(h.command(c)) {
				if output.Width(line)-1 > width && !strings.Contains(c.Example, strings.TrimSpace(line)) {
					t.Errorf("%d columns: %s: %s", width, c.CommandPath(), line)
				}
			}
		})
		for line := range strings.Lines(h.overview(root)) {
			if output.Width(line)-1 > width && !strings.Contains(root.Example, strings.TrimSpace(line)) {
				t.Errorf("%d columns: the overview: %s", width, line)
			}
		}
	}
}

// Every link to another page is shown as the command that shows it, and these commands exist.
func TestLinksOfPagesLeadSomewhere(t *testing.T) {
	root := looseTree()
	elsewhere := map[string]int{} // links to files that are no topics
	commands := 0
	for _, topic := range docs.Topics() {
		text, err := helpPrinter{width: 80}.topic(root, strings.Fields(topic.Name))
		if err != nil || !strings.Contains(text, strings.Fields(topic.Title())[0]) {
			t.Errorf("help %s: %v", topic.Name, err)
		}
		_ = page.Render(page.Parse(topic.Text()), page.Options{Width: 80, Link: func(target string) string {
			command := linkedCommand(root, linkedFile(topic.File, target))
			words, isOurs := strings.CutPrefix(command, "uzerp-mfa ")
			name, isHelp := strings.CutPrefix(words, "help ")
			switch {
			case command == "":
				elsewhere[target]++
			case !isOurs, isHelp && !isTopic(name), !isHelp && checkLine(root, strings.Fields(words), asMention) != "":
				t.Errorf("%s: a link to %s is shown as %q", topic.File, target, command)
			}
			commands++
			return command
		}})
	}
	if len(elsewhere) > 10 || commands < 100 {
		t.Errorf("of %d links these are no topics: %v", commands, elsewhere)
	}
}

func TestTopics(t *testing.T) {
	root := looseTree()
	h := helpPrinter{width: 80}
	for _, test := range []struct{ words, begins string }{
		{"", "Set up uzERP's two-factor login"},
		{"flags", "Flags of every command\n\n      --audit-log"},
		{"exit-codes", "Exit codes\n\n"},
		{"runbook", "Runbooks\n\n"},
		{"runbook lost-phone", "A user lost the phone\n\n"},
		{"facts", "Facts\n\n"},
		{"facts uzerp", "uzERP: what"},
		{"doctor", "The flags of this command: uzerp-mfa doctor --help\n\nIs everything in order"},
		{"user-show", "What happens at the next login\n\n"},
		{"user show", "Show "},
		{"user", "List users and change their two-factor state\nUsage: uzerp-mfa user [flags]\n\nCommands:\n"},
		{"help", "Show a page"},
	} {
		text, err := h.topic(root, strings.Fields(test.words))
		if err != nil || !strings.HasPrefix(text, test.begins) {
			t.Errorf("help %s: %v\n%.200s", test.words, err, text)
		}
	}
	for words, hint := range map[string]string{
		"docter":            "did you mean: uzerp-mfa help doctor",
		"exit-code":         "did you mean: uzerp-mfa help exit-codes",
		"lost-phone":        "did you mean: uzerp-mfa help runbook lost-phone",
		"runbook lostphone": "did you mean: uzerp-mfa help runbook lost-phone",
		"docs/doctor.md":    "did you mean: uzerp-mfa help doctor",
		"Doctor":            "did you mean: uzerp-mfa help doctor",
		"user rest":         "did you mean: uzerp-mfa help user reset",
		"lost":              "did you mean: uzerp-mfa help runbook lost-phone",
		"I lost my phone":   "did you mean: uzerp-mfa help runbook lost-phone",
		"home":              "did you mean: uzerp-mfa help runbook phone-left-at-home",
		"xyzzy":             "uzerp-mfa help lists the topics",
		"runbook xyzzy":     "uzerp-mfa help runbook lists the runbooks",
		"undo-guard":        "uzerp-mfa help lists the topics",
		"user reset alice":  "uzerp-mfa help lists the topics",
	} {
		_, err := h.topic(root, strings.Fields(words))
		if got := (&App{}).hintOf(err); got != hint {
			t.Errorf("help %s: %v: %q, want %q", words, err, got, hint)
		}
	}
}

// The list that "help" prints has every topic, or the topic that lists it.
func TestOverviewHasEveryTopic(t *testing.T) {
	text := helpPrinter{width: 80}.overview(looseTree())
	index, err := helpPrinter{width: 80}.topic(looseTree(), []string{"runbook"})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range topicNames() {
		runbook, isRunbook := strings.CutPrefix(name, "runbook ")
		switch {
		case isRunbook && !strings.Contains(index, "uzerp-mfa help "+name) && !strings.Contains(index, runbook):
			t.Errorf("the index of the runbooks has no %s", runbook)
		case !isRunbook && !strings.Contains(text, "\n  "+name+" "):
			t.Errorf("help lists no topic %s", name)
		}
	}
}

func TestCompleteTopics(t *testing.T) {
	root := looseTree()
	for words, want := range map[string][]string{
		"":        {"doctor", "flags", "runbook", "facts", "user", "user-show", "version"},
		"runbook": {"lost-phone", "roll-out"},
		"facts":   {"uzerp"},
		"user":    {"reset", "list"},
		"doctor":  nil,
	} {
		got := completeTopics(root, strings.Fields(words))
		for i := range got {
			got[i], _, _ = strings.Cut(got[i], "\t")
		}
		for _, name := range want {
			if !slices.Contains(got, name) {
				t.Errorf("help %s: %q lacks %s", words, got, name)
			}
		}
		if want == nil && len(got) > 0 || slices.Contains(got, guardCommand) || len(slices.Compact(slices.Clone(got))) != len(got) {
			t.Errorf("help %s: %q", words, got)
		}
	}
}
