package cmd

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"uzerp-mfa/docs"
)

// These tests find the command lines of this program in texts, and check that they exist in the command tree.

// wording says how a command line is written in a text.
type wording int

const (
	asCode      wording = iota // on its own line, to be run as it is
	asMention                  // in `…`: the arguments may be left out
	inProse                    // followed by words that are not part of it
	bareInProse                // without the program's name, and perhaps without the value of a flag
)

var (
	ourName = regexp.MustCompile(`(?:^|[^\w/.-])uzerp-mfa +`)
	// lineEnd matches the end of a command line.
	lineEnd     = regexp.MustCompile("[\n`|<;)#&…]|[0-9]?>")
	subshell    = regexp.MustCompile(`\$\([^)]*\)`)
	shellWord   = regexp.MustCompile(`(?:'[^']*'|"[^"]*"|[^\s'"])+`)
	placeholder = regexp.MustCompile(`^(?:%(?:\[\d+\])?[a-z]|[A-Z]{1,9}|['"].*)$`)
	anyFlag     = regexp.MustCompile(`(?:^|[^\w-])--([a-z][a-z-]+)`)
)

// checkText returns what is wrong with the command lines in a text, and how many there are.
func checkText(text string, w wording) (problems []string, found int) {
	for _, at := range ourName.FindAllStringIndex(text, -1) {
		line := subshell.ReplaceAllString(text[at[1]:], "OUTPUT") // its command is found separately
		if end := lineEnd.FindStringIndex(line); end != nil {
			line = line[:end[0]]
		}
		if first, _, _ := strings.Cut(line, " "); line == "" || first == strings.ToUpper(first) && !strings.HasPrefix(first, "-") || first[0] == '%' {
			continue // the beginning of a message
		}
		if w == asMention {
			line = strings.NewReplacer("[", "", "]", "").Replace(line) // optional parts
		}
		found++
		words := shellWord.FindAllString(line, -1)
		if topic, ok := strings.CutPrefix(line, "help "); ok && !isTopic(topic) {
			problems = append(problems, "there is no topic: uzerp-mfa "+line)
			continue
		}
		if problem := checkLine(looseTree(), words, w); problem != "" {
			problems = append(problems, problem+": uzerp-mfa "+line)
		}
	}
	return problems, found
}

// isTopic reports whether a text begins with a topic that "help" shows, or with a word in capitals that stands for one.
func isTopic(text string) bool {
	words := strings.Fields(text)
	if len(words) > 1 && strings.Contains(words[1], "-") && slices.Contains([]string{"runbook", "facts"}, words[0]) {
		_, ok := docs.Find(words[0] + " " + strings.TrimRight(words[1], ",.:;"))
		return ok
	}
	for n := min(len(words), 3); n > 0; n-- {
		topic := strings.Split(strings.TrimRight(strings.Join(words[:n], " "), ",.:;'\"’"), " ")
		if _, err := (helpPrinter{width: pipeWidth}).topic(looseTree(), topic); err == nil {
			return true
		}
	}
	return len(words) > 0 && words[0] == strings.ToUpper(words[0])
}

// namesFile matches a file of docs/, which may not be installed where the program is.
var namesFile = regexp.MustCompile(`(?:^|[^\w/.])docs/\w`)

// What the program says names topics, which it shows itself, and never a file of docs/.
func TestNoTextNamesAFileOfDocs(t *testing.T) {
	all := 0
	for _, dir := range []string{".", "../internal"} {
		goFiles(t, dir, func(name string, source []byte) {
			goTexts(t, name, source, func(where, text string) {
				all++
				if namesFile.MatchString(text) {
					t.Errorf("%s names a file of docs/; name the topic that uzerp-mfa help shows: %q", where, text)
				}
			})
		})
	}
	if all < 4000 {
		t.Errorf("only %d strings were found", all)
	}
	if !namesFile.MatchString("see docs/doctor.md") || namesFile.MatchString("https://www.twilio.com/docs/errors") {
		t.Error("the check finds nothing, or too much")
	}
}

// checkLine returns what is wrong with a command line, whose words begin below command.
func checkLine(command *cobra.Command, words []string, w wording) string {
	var args []string
	dash, file := false, false
	for n := 0; n < len(words); n++ {
		word, last := words[n], false
		if w != asCode {
			if bare := strings.TrimRight(word, ",.:"); bare != word {
				word, last = bare, true
			}
		}
		sub := subcommand(command, word)
		switch {
		case dash:
			args = append(args, word)
		case word == "--":
			dash = true
		case len(word) > 1 && strings.HasPrefix(word, "-"):
			flag, value := lookUpFlag(command, word)
			if flag == nil {
				return command.CommandPath() + " has no flag " + word
			}
			file = file || flag.Name == "from-file"
			if !value && flag.NoOptDefVal == "" {
				if n++; n == len(words) || last {
					if w == bareInProse {
						return ""
					}
					return command.CommandPath() + " " + word + " needs a value"
				}
				last = w != asCode && strings.TrimRight(words[n], ",.:") != words[n]
			}
		case sub != nil && len(args) == 0:
			command = sub
		case command.HasSubCommands() && command.Name() != "sandbox":
			return command.CommandPath() + " has no command " + word
		case w >= inProse && !placeholder.MatchString(word):
			last = true
		default:
			args = append(args, word)
		}
		if last {
			break
		}
	}
	if dash && command.Name() == "sandbox" || len(args) == 0 && w != asCode {
		return ""
	}
	if w == asCode && command.HasSubCommands() && command.Name() != "sandbox" {
		return command.CommandPath() + " needs a command"
	}
	if file && len(args) == 0 { // the names are in the file
		return ""
	}
	if err := command.Args(command, args); err != nil {
		return command.CommandPath() + ": " + err.Error()
	}
	return ""
}

func subcommand(c *cobra.Command, name string) *cobra.Command {
	for _, sub := range c.Commands() {
		if sub.Name() == name {
			return sub
		}
	}
	return nil
}

// lookUpFlag returns the flag in a word, or nil if the command has no such flag, and whether the word has its value
// too.
func lookUpFlag(c *cobra.Command, word string) (flag *pflag.Flag, value bool) {
	c.InitDefaultHelpFlag()
	name, _, value := strings.Cut(strings.TrimLeft(word, "-"), "=")
	for _, flags := range []*pflag.FlagSet{c.Flags(), c.InheritedFlags()} {
		if flag = flags.Lookup(name); flag != nil && strings.HasPrefix(word, "--") {
			return flag, value
		}
		if !strings.HasPrefix(word, "--") && len(name) == 1 {
			if flag = flags.ShorthandLookup(name); flag != nil {
				return flag, value
			}
		}
	}
	return nil, false
}

// flagNames returns the names of all flags of the tree.
func flagNames() map[string]bool {
	names := map[string]bool{"help": true}
	walk(looseTree(), func(c *cobra.Command) {
		c.Flags().VisitAll(func(f *pflag.Flag) { names[f.Name] = true })
		c.PersistentFlags().VisitAll(func(f *pflag.Flag) { names[f.Name] = true })
	})
	return names
}

// bareCommands finds commands without the program's name: those of two words, and others before a flag.
func bareCommands() *regexp.Regexp {
	var paths []string
	walk(looseTree(), func(c *cobra.Command) {
		switch {
		case !c.HasParent():
		case c.Parent().HasParent():
			paths = append(paths, strings.TrimPrefix(c.CommandPath(), "uzerp-mfa "))
		default:
			paths = append(paths, c.Name()+" --[a-z]+")
		}
	})
	return regexp.MustCompile(`(?:^|[^\w-])((?:` + strings.Join(paths, "|") + `)(?:$|[^\w-][^\n` + "`" + `|<>;)#&…]*))`)
}

// checkProse returns what is wrong with a text that people read: with its command lines, with those without the
// program's name, and with flags without a command.
func checkProse(text string) (problems []string, found int) {
	problems, found = checkText(text, inProse)
	for _, m := range knownCommands.FindAllStringSubmatch(text, -1) {
		found++
		if problem := checkLine(looseTree(), shellWord.FindAllString(m[1], -1), bareInProse); problem != "" {
			problems = append(problems, problem+": "+m[1])
		}
	}
	for _, m := range groupBeforeFlag.FindAllStringSubmatch(text, -1) {
		if group := subcommand(looseTree(), m[1]); subcommand(group, m[2]) == nil {
			problems = append(problems, "there is no command "+m[1]+" "+m[2])
		}
	}
	for _, m := range anyFlag.FindAllStringSubmatch(text, -1) {
		if !knownFlags[m[1]] {
			problems = append(problems, "there is no flag --"+m[1]+": "+text)
		}
	}
	return problems, found
}

var (
	knownFlags    = flagNames()
	knownCommands = bareCommands()
	// groupBeforeFlag finds a command of two words by the words after it, even if it does not exist.
	groupBeforeFlag = regexp.MustCompile(`(?:^|[^\w-])(user|identity|service|session-config|audit-log) ([a-z][a-z-]*) (?:--[a-z]|%)`)
)

// goTexts calls visit with every string of a Go file. Strings that are joined with + count as one, with %s for other
// values. Imports, and the examples of commands, are left out.
func goTexts(t *testing.T, name string, source []byte, visit func(where, text string)) {
	t.Helper()
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, name, source, 0)
	if err != nil {
		t.Fatal(err)
	}
	var textOf func(e ast.Expr) (text string, isText bool)
	textOf = func(e ast.Expr) (string, bool) {
		switch e := e.(type) {
		case *ast.BasicLit:
			text, err := strconv.Unquote(e.Value)
			return text, e.Kind == token.STRING && err == nil
		case *ast.ParenExpr:
			return textOf(e.X)
		case *ast.BinaryExpr:
			left, isLeft := textOf(e.X)
			right, isRight := textOf(e.Y)
			return left + right, e.Op == token.ADD && (isLeft || isRight)
		}
		return "%s", false
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.ImportSpec:
			return false
		case *ast.KeyValueExpr:
			if key, ok := n.Key.(*ast.Ident); ok && key.Name == "Example" {
				return false
			}
		case *ast.BasicLit, *ast.BinaryExpr:
			if text, ok := textOf(n.(ast.Expr)); ok {
				visit(set.Position(n.Pos()).String(), text)
				return false
			}
		}
		return true
	})
}

// goFiles calls visit with every Go file below dir that is not a test.
func goFiles(t *testing.T, dir string, visit func(name string, source []byte)) {
	t.Helper()
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return err
		}
		source, err := os.ReadFile(name)
		if err == nil {
			visit(name, source)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Every command line and every flag in a string of this package exists.
func TestCommandLinesExist(t *testing.T) {
	all := 0
	goFiles(t, ".", func(name string, source []byte) {
		goTexts(t, name, source, func(where, text string) {
			problems, found := checkProse(text)
			all += found
			for _, p := range problems {
				t.Errorf("%s: %s", where, p)
			}
		})
	})
	walk(looseTree(), func(c *cobra.Command) {
		for line := range strings.Lines(c.Example) {
			problems, found := checkText(line, asCode)
			all += found
			for _, p := range problems {
				t.Errorf("the example of %s: %s", c.CommandPath(), p)
			}
		}
	})
	if all < 150 {
		t.Errorf("only %d command lines were found", all)
	}
}

// So does what a package's timers run: a wrong flag there would fail on the machine alone.
func TestPackagedTimersRun(t *testing.T) {
	files, err := filepath.Glob("../packaging/systemd/*.service")
	if err != nil {
		t.Fatal(err)
	}
	run := 0
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			command, ours := strings.CutPrefix(line, "ExecStart=/usr/bin/uzerp-mfa ")
			if !ours {
				continue
			}
			run++
			if problem := checkLine(looseTree(), strings.Fields(command), asCode); problem != "" {
				t.Errorf("%s: %s: %s", name, problem, command)
			}
		}
	}
	if run != 3 {
		t.Errorf("%d units run the program", run)
	}
}

// A check that can't fail is useless. Here each kind of mistake is made on purpose.
func TestCommandLinesFailWhenBroken(t *testing.T) {
	for _, broken := range []string{
		`"uzerp-mfa enrol alice"`,
		`"uzerp-mfa help docter says more"`,
		`"uzerp-mfa help runbook lost-fone."`,
		`"run uzerp-mfa user rest %q: the user is locked out"`,
		`"uzerp-mfa user"+" reste %q"`,
		`"uzerp-mfa user list --mach TEXT finds them"`,
		`"uzerp-mfa user list --match"`,
		`"uzerp-mfa user list --match, which finds them"`,
		`"uzerp-mfa verify --factor " + sid + " --chek " + user`,
		`"uzerp-mfa verify --factor " + sid + " " + user + " CODE CODE"`,
		`"uzerp-mfa enroll %q CODE"`,
		`"uzerp-mfa enroll 'a b' %[2]s enrolls the user"`,
		`"uzerp-mfa grants %s prints the SQL"`,
		`"uzerp-mfa version --fix"`,
		`"call such a user: identity send --chanel call"`,
		`"call such a user: identity sent --channel call"`,
		`"(session-config chek %s)"`,
		`"and run reconcile --chek"`,
		`"leave out --facter to check the one in use"`,
		"`for a raw one too: uzerp-mfa user lits`",
		`fmt.Sprintf("send one: %s", "uzerp-mfa identity send --channel call alice --bob")`,
	} {
		problems := []string{}
		goTexts(t, "x.go", []byte("package x\nvar x = "+broken), func(_, text string) {
			more, _ := checkProse(text)
			problems = append(problems, more...)
		})
		if len(problems) == 0 {
			t.Errorf("nothing is wrong with %s", broken)
		}
	}
	for _, broken := range []string{
		"enroll", "enroll alice bob", "enroll alice --yess", "verify", "user", "user list alice", "reconcile --only", "sandbox cod alice",
	} {
		if problems, _ := checkText("uzerp-mfa "+broken, asCode); len(problems) == 0 {
			t.Errorf("nothing is wrong with uzerp-mfa %s", broken)
		}
	}
	for text, w := range map[string]wording{
		"uzerp-mfa enroll %q enrolls the user now":                         inProse,
		"uzerp-mfa help doctor; uzerp-mfa help runbook lost-phone.":        inProse,
		"uzerp-mfa help TOPIC":                                             asCode,
		"uzerp-mfa user reset, and then uzerp-mfa enroll":                  inProse,
		"uzerp-mfa user list --match=%v shows the row":                     inProse,
		"uzerp-mfa verify --factor %[2]s %[1]q CODE; else":                 inProse,
		"look at user reset --identify":                                    inProse,
		"let Twilio call instead (identity send --channel call)":           inProse,
		"uzerp-mfa identity check alice $(uzerp-mfa sandbox code alice)":   asCode,
		"uzerp-mfa sandbox -- uzerp-mfa user list":                         asCode,
		"uzerp-mfa user list -o json --state=broken | jq .":                asCode,
		"uzerp-mfa user reset -y -- '-y'":                                  asCode,
		"uzerp-mfa user reset":                                             asMention,
		"UZERP-MFA 1.0, uzerp-mfa.service, /usr/share/uzerp-mfa and so on": inProse,
	} {
		check := checkText
		if w == inProse {
			check = func(text string, _ wording) ([]string, int) { return checkProse(text) }
		}
		if problems, _ := check(text, w); len(problems) > 0 {
			t.Error(problems)
		}
	}
}

// isCommandName reports whether a text is the name of a command as the audit log records it.
func isCommandName(text string) bool {
	return text == "user reset" || text == "user enable" || text == "user disable-next-login"
}

// Only this package spells command lines and flags. Other packages give reasons.
func TestOnlyCmdSpellsCommandLines(t *testing.T) {
	all := 0
	goFiles(t, "../internal", func(name string, source []byte) {
		goTexts(t, name, source, func(where, text string) {
			all++
			if text == "--version" && strings.Contains(where, "/pooltest/") {
				return // of another program
			}
			if text == "set-injector" && strings.Contains(where, "internal/policy/") || isCommandName(text) && strings.Contains(where, "internal/audit/") {
				return // the name of an action in the policy's file, and of a command in a record
			}
			if spelled := spells(text); spelled != "" {
				t.Errorf("%s spells %q: give a reason, for which hints.go has the text", where, spelled)
			}
		})
	})
	if all < 3000 {
		t.Errorf("only %d strings were found", all)
	}
	for _, broken := range []string{
		"uzerp-mfa enroll alice", "see uzerp-mfa doctor", "user reset mends them", "(identity send)", "give --skip-env-check", "--env-file=x",
		"set-injector switches it on",
	} {
		if spells(broken) == "" {
			t.Errorf("%q is allowed", broken)
		}
	}
	for _, fine := range []string{"uzerp-mfa/internal/mfa", "--pgdata=", "the user resets", "a mistake in uzerp-mfa: please report it", "user list-like"} {
		if spelled := spells(fine); spelled != "" {
			t.Errorf("%q is not allowed, for %q", fine, spelled)
		}
	}
}

// spells returns the first of our commands or flags in a text.
func spells(text string) string {
	for _, m := range anyFlag.FindAllStringSubmatch(text, -1) {
		if knownFlags[m[1]] {
			return "--" + m[1]
		}
	}
	for _, at := range ourName.FindAllStringIndex(text, -1) {
		word, _, _ := strings.Cut(text[at[1]:], " ")
		if subcommand(looseTree(), strings.TrimRight(word, ",.:;)")) != nil {
			return "uzerp-mfa " + word
		}
	}
	if m := knownCommands.FindStringSubmatch(text); m != nil {
		return m[1]
	}
	if m := regexp.MustCompile(`(?:^|[^\w-])set-injector(?:$|[^\w-])`).FindString(text); m != "" {
		return "set-injector"
	}
	return ""
}

// Every command and flag in the hand-written pages exists, and so does every target of make and every script.
func TestDocsNameWhatExists(t *testing.T) {
	commands := 0
	for name, page := range handWritten(t) {
		for where, line := range docLines(name, page) {
			problems, found := checkDocLine(t, line)
			commands += found
			for _, p := range problems {
				t.Errorf("%s: %s", where, p)
			}
		}
	}
	if commands < 500 {
		t.Errorf("only %d commands were found", commands)
	}
}

// Each kind of mistake that a page can have is made on purpose.
func TestDocsFailWhenBroken(t *testing.T) {
	for _, broken := range []string{
		"uzerp-mfa user lits", "$ uzerp-mfa user lits", "      hint: try uzerp-mfa user lits", "see `uzerp-mfa user lits`", "see `user lits --state x`",
		"see `user list --stat`", "see `--stat`", "see `--state a --stat`", "see `reconcile --fixx`", "see `make tests`", "see `scripts/tests.sh`",
		"```sh\nsudo -u www-data uzerp-mfa user lits\n```", "```sh\nmake tests\n```", "```\nmake build && uzerp-mfa enroll\n```",
	} {
		n := 0
		for _, line := range docLines("x.md", broken) {
			problems, _ := checkDocLine(t, line)
			n += len(problems)
		}
		if n == 0 {
			t.Errorf("nothing is wrong with %q", broken)
		}
	}
	for _, fine := range []string{
		"see `user list --state a`", "see `--state`, `--skip-…`", "`psql --csv`", "`verify` and `enroll --replace`", "`make test BROWSER=no`", "make sure",
		"```sh\nmake demo   # makes tests\nsudo -u postgres psql --csv\n```", "`user`, `service` and `help`",
	} {
		for _, line := range docLines("x.md", fine) {
			if problems, _ := checkDocLine(t, line); len(problems) > 0 {
				t.Error(problems)
			}
		}
	}
}

type docLine struct {
	text    string
	wording wording
}

var (
	inBackticks = regexp.MustCompile("`([^`]+)`")
	makeTarget  = regexp.MustCompile(`(?:^|[;&(] *)make +([a-z][a-z-]*)`)
	scriptFile  = regexp.MustCompile(`(?:^|[\s(])(scripts/[\w.-]+)`)
)

// docLines returns the texts of a page that may be command lines, each with its place.
func docLines(name, page string) map[string]docLine {
	lines := map[string]docLine{}
	fenced := false
	for n, line := range strings.Split(page, "\n") {
		where := fmt.Sprintf("%s:%d", name, n+1)
		if strings.HasPrefix(strings.TrimSpace(line), "```") {
			fenced = !fenced
			continue
		}
		switch code, comment, _ := strings.Cut(line, " #"); {
		case strings.HasPrefix(line, "      hint: "): // the output of a command
			lines[where] = docLine{line, inProse}
			continue
		case strings.HasPrefix(line, "$ "), strings.HasPrefix(line, "uzerp-mfa "), strings.HasPrefix(line, "    "), fenced && inShell.MatchString(line):
			lines[where], lines[where+", comment"] = docLine{code, asCode}, docLine{comment, inProse}
			continue
		}
		for i, m := range inBackticks.FindAllStringSubmatch(line, -1) {
			lines[fmt.Sprintf("%s, %d", where, i+1)] = docLine{m[1], asMention}
		}
	}
	return lines
}

// inShell matches a line in a block of code that is no output: a command that a person types.
var inShell = regexp.MustCompile(`^(?:sudo|make|cd|install|go|export|eval|for|if|while|[A-Z_]+=)\b|\| *uzerp-mfa |&& *uzerp-mfa `)

// checkDocLine returns what is wrong with a line of a page, and how many commands and flags it has.
func checkDocLine(t *testing.T, line docLine) (problems []string, found int) {
	t.Helper()
	problems, found = checkText(line.text, line.wording)
	if line.wording != asMention && line.wording != asCode {
		return problems, found
	}
	for _, m := range makeTarget.FindAllStringSubmatch(line.text, -1) {
		found++
		if !regexp.MustCompile(`(?m)^` + m[1] + `:`).MatchString(makefile(t)) {
			problems = append(problems, "there is no make "+m[1])
		}
	}
	for _, m := range scriptFile.FindAllStringSubmatch(line.text, -1) {
		found++
		if _, err := os.Stat(filepath.Join("..", m[1])); err != nil {
			problems = append(problems, "there is no "+m[1])
		}
	}
	if line.wording == asCode {
		return problems, found
	}
	words := shellWord.FindAllString(line.text, -1)
	switch {
	case len(words) == 0:
	case strings.HasPrefix(words[0], "--"):
		for _, m := range anyFlag.FindAllStringSubmatch(line.text, -1) {
			found++
			if !knownFlags[m[1]] && !strings.HasSuffix(m[1], "-") { // a beginning: --skip-…
				problems = append(problems, "there is no flag --"+m[1])
			}
		}
	case len(words) > 1 && subcommand(looseTree(), words[0]) != nil && anyFlag.MatchString(line.text):
		found++
		text := strings.NewReplacer("[", "", "]", "").Replace(line.text)
		if problem := checkLine(looseTree(), shellWord.FindAllString(text, -1), bareInProse); problem != "" {
			problems = append(problems, problem+": "+text)
		}
	}
	return problems, found
}

func makefile(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
