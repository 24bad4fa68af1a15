package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
	"unicode/utf8"
)

// maxColumns is the length of the longest line, in characters.
const maxColumns = 160

// Comments, messages and pages are in plain words (docs/architecture.md §2.11), and their lines can be read without
// scrolling.
func TestWords(t *testing.T) {
	problems, seen := checkWords(t, os.DirFS("."))
	for _, p := range problems {
		t.Error(p)
	}
	if seen < 400 {
		t.Errorf("only %d files were checked", seen)
	}
}

// A check that can't fail is worth nothing: each rule is broken here on purpose.
func TestWordsFailWhenBroken(t *testing.T) {
	long := strings.Repeat("lang ", 40)
	for _, broken := range []struct{ file, text, problem string }{
		{"a.go", "package a\n\n// X gives a number.\nfunc X() int { return 0 }\n", "a.go:3: a doc comment says X returns"},
		{"a.go", "package a\n\ntype t struct {\n\t// open tells whether it is open.\n\topen bool\n}\n", "a.go:4: a doc comment says open reports whether"},
		{"a.go", "package a\n\n// It is for whoever\n// asks.\n", `a.go:3: "whoever"`},
		{"a.go", "package a\n\n/* It tells\n   of a file. */\n", `a.go:3: "tells of"`},
		{"a.go", "package a\n\n// We know who\n// is done.\n", `a.go:3: "who is done"`},
		{"a.go", "package a\n\nconst b = \"Whoever asks\"\n", `a.go:3: "whoever"`},
		{"a.go", "package a\n\nconst b = `the list\ntells of it`\n", `a.go:4: "tells of"`},
		{"a.go", "package a\n\n// b\n// " + long + "\n", "a.go:4: 203 columns"},
		{"a.md", "# A\n\nWhoever asks.\n", `a.md:3: "whoever"`},
		{"a.md", "# A\n\nThe list of who\nis done.\n", `a.md:3: "who is done"`},
		{"a.md", "# A\n\n" + long + "\n", "a.md:3: 200 columns"},
		{"a.sh", "# who\n# is done\n", `a.sh:1: "who is done"`},
		{"a.sh", long + "\n", "a.sh:1: 200 columns"},
		{"a.sql", "-- tells\n-- of\nselect 1\n", `a.sql:1: "tells of"`},
		{"a.sql", "select " + long + "\n", "a.sql:1: 207 columns"},
		{"testdata/script/a.txtar", "# whoever\n", `a.txtar:1: "whoever"`},
		{"testdata/script/a.txtar", "# " + long + "\n", "a.txtar:1: 202 columns"},
		{"Makefile", "# whoever\n", `Makefile:1: "whoever"`},
	} {
		problems, _ := checkWords(t, fstest.MapFS{broken.file: {Data: []byte(broken.text)}})
		if len(problems) != 1 || !strings.Contains(problems[0].String(), broken.problem) {
			t.Errorf("%s: %q: want %s, got %v", broken.file, broken.text, broken.problem, problems)
		}
	}
	fine := fstest.MapFS{
		"a.go":                    {Data: []byte("package a\n\n// X returns what Twilio gives.\nfunc whoever() { _ = \"who has done it\" }\n")},
		"a.md":                    {Data: []byte("no \"whoever\"\n| " + long + " |\n```\n" + long + "\n```\n`" + strings.Repeat("x", 200) + "`\n")},
		"testdata/a.md":           {Data: []byte("whoever\n")},
		"testdata/script/a.txtar": {Data: []byte("exec " + long + "\n-- want --\n# " + long + "\n")},
	}
	if problems, seen := checkWords(t, fine); len(problems) > 0 || seen != 3 {
		t.Error(seen, problems)
	}
}

// hardWords are the words that may not be in a comment, a string or a page. A line break may be between two words.
var hardWords = func() map[string]*regexp.Regexp {
	forms := map[string]*regexp.Regexp{}
	for _, words := range []string{"whoever", "who is done", "tells of"} {
		forms[words] = regexp.MustCompile(`(?i)\b` + strings.ReplaceAll(words, " ", `(?:\s|//|#|--)+`) + `\b`)
	}
	return forms
}()

var (
	notIdiom = regexp.MustCompile(`^// (\w+) (gives|tells whether) `)
	idiom    = map[string]string{"gives": "returns", "tells whether": "reports whether"}
)

// wordProblem is a line whose words or length break a rule.
type wordProblem struct {
	file string
	line int
	what string
}

func (p wordProblem) String() string { return fmt.Sprintf("%s:%d: %s", p.file, p.line, p.what) }

// checkWords checks every file that people write, and returns how many these are. Files in testdata are what programs
// read and write; only scripts are checked there.
func checkWords(t *testing.T, tree fs.FS) (problems []wordProblem, seen int) {
	t.Helper()
	err := fs.WalkDir(tree, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && strings.HasPrefix(d.Name(), ".") && name != ".":
			return fs.SkipDir
		case d.IsDir(), !readByPeople(name):
			return nil
		}
		text, err := fs.ReadFile(tree, name)
		if err != nil {
			return err
		}
		seen++
		problems = append(problems, longLines(name, string(text))...)
		if path.Ext(name) != ".go" {
			problems = append(problems, wordsIn(name, string(text), 1)...)
			return nil
		}
		found, err := wordsOfGo(name, text)
		problems = append(problems, found...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return problems, seen
}

// readByPeople reports whether a file is checked. This one breaks the rules on purpose.
func readByPeople(name string) bool {
	inTestdata := strings.Contains("/"+name, "/testdata/")
	switch path.Ext(name) {
	case ".txtar":
		return true
	case ".go", ".md", ".sh", ".sql":
		return !inTestdata && name != "words_test.go"
	}
	return path.Base(name) == "Makefile"
}

// longLines returns the lines that are too long. It leaves out what can't be broken: in a page the rows of tables, code
// blocks and a single long word; in a script its commands, which testscript needs in one line, and the files inside it.
func longLines(name, text string) (problems []wordProblem) {
	ext, fenced := path.Ext(name), false
	number := 0
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimRight(line, "\n")
		if ext == ".md" && strings.HasPrefix(strings.TrimSpace(line), "```") {
			fenced = !fenced
		}
		if ext == ".txtar" && strings.HasPrefix(line, "-- ") && strings.HasSuffix(line, " --") {
			return problems
		}
		columns := utf8.RuneCountInString(line)
		switch {
		case columns <= maxColumns, fenced:
		case ext == ".md" && (strings.HasPrefix(line, "|") || !strings.Contains(strings.TrimSpace(line), " ")):
		case ext == ".txtar" && !strings.HasPrefix(line, "#"):
		default:
			problems = append(problems, wordProblem{name, number, fmt.Sprintf("%d columns, %d are allowed", columns, maxColumns)})
		}
	}
	return problems
}

// wordsIn returns the hard words in a text that begins at a line of a file. A page may quote a word, as the rule does.
func wordsIn(name, text string, line int) (problems []wordProblem) {
	for words, form := range hardWords {
		for _, at := range form.FindAllStringIndex(text, -1) {
			if path.Ext(name) == ".md" && strings.HasSuffix(text[:at[0]], `"`) && strings.HasPrefix(text[at[1]:], `"`) {
				continue
			}
			problems = append(problems, wordProblem{name, line + strings.Count(text[:at[0]], "\n"), fmt.Sprintf("%q is no plain word", words)})
		}
	}
	return problems
}

// wordsOfGo checks the comments and the strings of a Go file.
func wordsOfGo(name string, text []byte) (problems []wordProblem, err error) {
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, name, text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	for _, group := range file.Comments {
		line := files.Position(group.Pos()).Line
		start, end := files.Position(group.Pos()).Offset, files.Position(group.End()).Offset
		problems = append(problems, wordsIn(name, string(text[start:end]), line)...)
		if m := notIdiom.FindSubmatch(text[start:end]); m != nil {
			problems = append(problems, wordProblem{name, line, fmt.Sprintf("a doc comment says %s %s", m[1], idiom[string(m[2])])})
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			problems = append(problems, wordsIn(name, lit.Value, files.Position(lit.Pos()).Line)...)
		}
		return true
	})
	return problems, nil
}
