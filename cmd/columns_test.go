package cmd

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"uzerp-mfa/internal/output"
)

// However narrow the terminal, every command line that a hint names is in one line, and what follows it goes on in the next ones.
func TestHintsKeepCommandsWhole(t *testing.T) {
	text, err := os.ReadFile("testdata/hints.golden")
	if err != nil {
		t.Fatal(err)
	}
	all := 0
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		problems, want := checkText(line, inProse)
		if want == 0 || len(problems) > 0 {
			continue
		}
		all += want
		for _, width := range []int{40, 50, 80} {
			found := 0
			for _, shown := range output.Wrap(line, width) {
				problems, n := checkText(shown, inProse)
				found += n
				if len(problems) > 0 {
					t.Errorf("at %d %q: %s", width, shown, problems)
				}
				if at := strings.Index(shown, "uzerp-mfa "); at >= 0 && len(shown) > width && len(strings.Fields(shown[at:])) > longestCommand {
					t.Errorf("at %d what follows the command is taken for a part of it: add its word to follows in internal/output/fold.go: %q", width, shown)
				}
			}
			if found != want {
				t.Errorf("at %d %d command lines, want %d: %q", width, found, want, output.Wrap(line, width))
			}
		}
	}
	if all < 50 {
		t.Errorf("only %d command lines were looked at", all)
	}
}

// longestCommand is how many words the longest command line of a hint has.
const longestCommand = 10

// Every list has --columns, which names what there is and refuses the rest before anything is opened.
func TestColumnChoice(t *testing.T) {
	app := &App{}
	app.flags.output = formatTable
	choice := columnChoice{}
	c := &cobra.Command{Use: "list", Long: "Lists."}
	choice.register(app, c, append(columnsNamed("username", "last login", "stolen, in use"), column{name: "uuid", asked: true}))
	if c.Long != "Lists.\n\n--columns has: username, last-login, stolen-in-use, uuid." {
		t.Errorf("the long help does not name the columns: %s", c.Long)
	}
	for _, test := range []struct {
		flag    []string
		format  string
		shown   []int
		problem string
	}{
		{nil, formatTable, []int{0, 1, 2}, ""},
		{[]string{"all"}, formatTable, []int{0, 1, 2, 3}, ""},
		{[]string{"uuid", "username"}, formatTable, []int{3, 0}, ""},
		{[]string{"stolen-in-use", "last-login"}, formatTable, []int{2, 1}, ""},
		{[]string{"uuid", "mail"}, formatTable, nil, `there is no column "mail"`},
		{[]string{"uuid", "uuid"}, formatTable, nil, "given twice"},
		{[]string{"all", "uuid"}, formatTable, nil, "stands alone"},
		{[]string{"uuid"}, formatCSV, nil, "csv has everything"},
	} {
		choice.flag = test.flag
		if test.problem != "" {
			err := choice.validate(test.format)
			if err == nil || !strings.Contains(err.Error(), test.problem) {
				t.Errorf("%q: %v, want %q", test.flag, err, test.problem)
			}
			continue
		}
		if len(test.flag) > 0 {
			if err := choice.validate(test.format); err != nil {
				t.Errorf("%q: %v", test.flag, err)
			}
		}
		if got := choice.shown(choice.table); !slices.Equal(got, test.shown) {
			t.Errorf("%q: %d, want %d", test.flag, got, test.shown)
		}
	}
}

// A shell proposes the columns, each once, and all only where it can stand alone.
func TestColumnsAreCompleted(t *testing.T) {
	for typed, want := range map[string][]string{
		"":          {"all", "choice", "max-age"},
		"ma":        {"max-age"},
		"max-age,":  {"max-age,choice"},
		"choice,m":  {"choice,max-age"},
		"all,":      nil,
		"choice,al": nil,
	} {
		choice, c := columnChoice{}, &cobra.Command{Use: "list"}
		choice.register(&App{}, c, columnsNamed("choice", "max age"))
		propose, _ := c.GetFlagCompletionFunc("columns")
		if got, directive := propose(c, nil, typed); !slices.Equal(got, want) || directive != cobra.ShellCompDirectiveNoFileComp {
			t.Errorf("%q: %q, want %q", typed, got, want)
		}
	}
}
