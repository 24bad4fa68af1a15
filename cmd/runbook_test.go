package cmd_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"uzerp-mfa/internal/output/screentest"
)

// A runbook is a page of docs/runbooks. The commands after "$ " in its console blocks are run, and a terminal of 80
// columns must show the lines below each. So a page can't describe another program than this one.
//
// In an expected line "…" stands for any text and 123456 for any code. A line with only "…" stands for any lines.
type runbook struct {
	page  string
	steps []runbookStep
	next  int
}

type runbookStep struct {
	command string
	screen  []string
	line    int
}

// otherBlock matches lines of other blocks of code, in which nothing would be run.
var otherBlock = regexp.MustCompile("^\\s*(```|~~~|\\$ )|^( {4}|\t)\\s*\\S")

const runbooks = "../docs/runbooks"

// readRunbook reads the steps of a page.
func readRunbook(name string) (*runbook, error) {
	page, err := os.ReadFile(filepath.Join(runbooks, name+".md"))
	if err != nil {
		return nil, err
	}
	r := &runbook{page: name + ".md"}
	inBlock := false
	for i, line := range strings.Split(string(page), "\n") {
		command, isCommand := strings.CutPrefix(line, "$ ")
		last := len(r.steps) - 1
		goesOn := inBlock && last >= 0 && len(r.steps[last].screen) == 0 && strings.HasSuffix(r.steps[last].command, "\\")
		if (isCommand || goesOn) && len(line) > 80 {
			return nil, fmt.Errorf("%s:%d: a command of more than 80 columns: let it go on in another line, behind a backslash", r.page, i+1)
		}
		switch {
		case goesOn:
			r.steps[last].command = strings.TrimSuffix(r.steps[last].command, "\\") + line
		case line == "```console" && !inBlock, line == "```" && inBlock:
			inBlock = !inBlock
		case !inBlock && otherBlock.MatchString(line):
			return nil, fmt.Errorf("%s:%d: a block that nothing runs: %s", r.page, i+1, line)
		case !inBlock:
		case isCommand:
			r.steps = append(r.steps, runbookStep{command: command, line: i + 1})
		case len(r.steps) == 0:
			return nil, fmt.Errorf("%s:%d: output before any command", r.page, i+1)
		default:
			last := &r.steps[len(r.steps)-1]
			last.screen = append(last.screen, line)
		}
	}
	if inBlock {
		return nil, fmt.Errorf("%s: the last block has no end", r.page)
	}
	return r, nil
}

func cmdRunbook(ts *testscript.TestScript, args []string) {
	r, err := readRunbook(args[0])
	ts.Check(err)
	sceneOf(ts).runbook = r
	// Nearly every site keeps sessions in files; a script that has settings of its own keeps these.
	ts.Check(keepSessions(ts.MkAbs(".")))
	t := ts.Value("tb").(testing.TB)
	ts.Defer(func() {
		if r.next != len(r.steps) && !t.Failed() {
			t.Errorf("%s: %d of %d commands were run", r.page, r.next, len(r.steps))
		}
	})
}

// keepSessions makes settings of PHP's that name a directory of sessions, if there are none. Nobody is logged in.
func keepSessions(dir string) error {
	ini := filepath.Join(dir, "machine/etc/php/8.2/apache2/php.ini")
	if _, err := os.Stat(filepath.Join(dir, "machine")); err == nil {
		return nil
	}
	return errors.Join(os.MkdirAll(filepath.Dir(ini), 0o755), os.Mkdir(filepath.Join(dir, "sessions"), 0o755),
		os.WriteFile(ini, fmt.Appendf(nil, "session.save_path = %q\n", filepath.Join(dir, "sessions")), 0o644))
}

func cmdStep(ts *testscript.TestScript, args []string) {
	r := sceneOf(ts).runbook
	if r == nil || r.next == len(r.steps) {
		ts.Fatalf("the page has no more commands")
	}
	step := r.steps[r.next]
	r.next++
	exit, args := args[0], args[1:]
	typing := "/dev/null"
	if len(args) > 0 && args[0] == "-typing" {
		typing, args = args[1], args[2:]
	}
	command := step.command
	for _, replacement := range args {
		text, instead, _ := strings.Cut(replacement, "=")
		if !strings.Contains(command, text) {
			ts.Fatalf("%s:%d: no %q in: %s", r.page, step.line, text, command)
		}
		command = strings.ReplaceAll(command, text, instead)
	}
	words := shellWords(command)
	if words[0] != "uzerp-mfa" {
		ts.Fatalf("%s:%d: not a command of ours: %s", r.page, step.line, command)
	}
	cmdTTY(ts, append([]string{typing, exit}, words[1:]...))
	screen := whatStays(ts, sceneOf(ts).screen)
	if !showsAs(step.screen, strings.Split(screen, "\n")) {
		ts.Fatalf("%s:%d: $ %s\nthe page says\n%s\nthe terminal shows\n%s", r.page, step.line, step.command, strings.Join(step.screen, "\n"), screen)
	}
}

var shellWord = regexp.MustCompile(`'[^']*'|"[^"]*"|[^\s'"]+`)

// shellWords splits a command as a shell does, as far as the pages need it: a quoted text is one word.
func shellWords(command string) []string {
	words := shellWord.FindAllString(command, -1)
	for i, w := range words {
		words[i] = strings.Trim(w, `'"`)
	}
	return words
}

// mustBeTold matches lines that "…" in a page may not leave out: errors and warnings of a command, and their hints.
var mustBeTold = regexp.MustCompile(`^(uzerp-mfa|hint|warning|fail): `)

// showsAs reports whether the lines of a screen are those of a page.
func showsAs(page, screen []string) bool {
	for len(page) > 0 && page[len(page)-1] == "" { // the empty lines before the next command
		page = page[:len(page)-1]
	}
	if len(screen) == 1 && screen[0] == "" {
		screen = nil
	}
	if len(page) > 0 && page[0] == "…" {
		for n := 0; ; n++ {
			if showsAs(page[1:], screen[n:]) {
				return true
			}
			if n == len(screen) || mustBeTold.MatchString(screen[n]) {
				return false
			}
		}
	}
	if len(page) == 0 || len(screen) == 0 {
		return len(page) == len(screen)
	}
	return lineShowsAs(page[0], strings.TrimRight(screen[0], " ")) && showsAs(page[1:], screen[1:])
}

func lineShowsAs(page, screen string) bool {
	pattern := regexp.QuoteMeta(page)
	pattern = strings.ReplaceAll(pattern, "…", ".*")
	pattern = strings.ReplaceAll(pattern, "123456", "[0-9]{6}")
	return regexp.MustCompile("^" + pattern + "$").MatchString(screen)
}

// whatStays returns the text that is left on a terminal when a program has ended, without line breaks at the
// terminal's width.
func whatStays(ts *testscript.TestScript, printed string) string {
	screen := screentest.New(screentest.XTerm, 50, 1000)
	_, err := screen.Write([]byte(printed))
	ts.Check(err)
	return strings.TrimRight(screen.Kept(), "\n")
}

// Every page has a script that runs it. Otherwise it is not tested.
func TestRunbooksHaveScripts(t *testing.T) {
	pages, err := filepath.Glob(filepath.Join(runbooks, "*.md"))
	if err != nil || len(pages) == 0 {
		t.Fatalf("no runbooks: %v", err)
	}
	for _, page := range pages {
		name := strings.TrimSuffix(filepath.Base(page), ".md")
		if name == "README" {
			continue
		}
		r, err := readRunbook(name)
		if err != nil || len(r.steps) == 0 {
			t.Errorf("%s has no commands: %v", page, err)
		}
		script, err := os.ReadFile(filepath.Join("testdata/script", "runbook_"+strings.ReplaceAll(name, "-", "_")+".txtar"))
		if strings.Contains(string(script), "step any") {
			t.Errorf("%s: the script takes any exit code", page)
		}
		if err != nil || !strings.Contains(string(script), "\nrunbook "+name+"\n") {
			t.Errorf("no script goes through %s: %v", page, err)
		}
	}
}

func TestScreenComparison(t *testing.T) {
	for _, c := range []struct {
		page, screen string
		want         bool
	}{
		{"a\nb", "a\nb", true},
		{"a\nb\n", "a\nb", true},
		{"a\n…", "a\nb\nc", true},
		{"…\nc", "a\nb\nc", true},
		{"a\n…\nb", "a\nb", true},
		{"code 123456", "code 987654", true},
		{"a … c", "a b c", true},
		{"", "", true},
		{"a", "", false},
		{"", "a", false},
		{"a", "a\nb", false},
		{"a\nb", "a", false},
		{"code 123456", "code 98765", false},
		{"a.c", "abc", false},
		{"…\nd", "a\nb\nc", false},
		{"a\n…", "a\nuzerp-mfa: it failed", false},
		{"…\nc", "warning: b\nc", false},
		{"…\nuzerp-mfa: it failed", "a\nuzerp-mfa: it failed", true},
	} {
		if got := showsAs(strings.Split(c.page, "\n"), strings.Split(c.screen, "\n")); got != c.want {
			t.Errorf("%q shows as %q: %v", c.page, c.screen, got)
		}
	}
}

// README.md leads to every page.
func TestEveryRunbookIsInTheReadme(t *testing.T) {
	readme, err := os.ReadFile(filepath.Join(runbooks, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	pages, err := filepath.Glob(filepath.Join(runbooks, "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range pages {
		if name := filepath.Base(page); name != "README.md" && !strings.Contains(string(readme), "]("+name+")") {
			t.Errorf("%s is not in README.md", name)
		}
	}
}
