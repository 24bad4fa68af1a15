package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"uzerp-mfa/docs"
	"uzerp-mfa/internal/page"
	"uzerp-mfa/internal/sharedtest"
)

// The folder of the project: scripts/ldflags.sh is named from there.
func TestMain(m *testing.M) {
	if err := os.Chdir("../.."); err != nil {
		panic(err)
	}
	os.Exit(sharedtest.Tests{M: m}.Run())
}

var someDay = time.Unix(1700000000, 0).UTC()

// Every command of docs/cli, which has all that are not hidden, has a page, and every page of docs/; nothing else has.
func TestEveryCommandAndTopicHasAPage(t *testing.T) {
	want := map[string]bool{}
	err := filepath.WalkDir("docs", func(name string, d fs.DirEntry, err error) error {
		name, isPage := strings.CutSuffix(strings.TrimPrefix(filepath.ToSlash(name), "docs/"), ".md")
		switch command, ok := strings.CutPrefix(name, "cli/"); {
		case err != nil || d.IsDir() || !isPage:
			return err
		case ok:
			want[strings.ReplaceAll(command, "_", "-")+".1"] = true
		default:
			name = strings.TrimSuffix(strings.Replace(name, "runbooks/", "runbook/", 1), "/README")
			want["uzerp-mfa-"+strings.ReplaceAll(name, "/", "-")+".7"] = true
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]bool{}
	for name := range pages("1.2.3", someDay) {
		got[name] = true
	}
	if diff := cmp.Diff(got, want); diff != "" || len(got) < 80 {
		t.Errorf("%d pages (-pages +docs):\n%s", len(got), diff)
	}
}

// request matches a line that roff obeys, and one that it does not.
var (
	request = regexp.MustCompile(`^\.(\\"|TH |fchar |nr HY 0$|nh$|ad l$|SH "|SS "|PP$|TP$|IP (\\\(bu|[0-9]+\.) [0-9]+$|PD( 0)?$|RS [0-9]+$|RE$|EX$|EE$)`)
	letters = regexp.MustCompile(`\\(f[BIR]|\((rs|aq|ga|ha|ti|dq|bu)|[-&: ]|\[u[0-9A-F]{4,6}\])`)
)

// check reports what in a page roff would take for something else than the requests of the writer.
func check(t *testing.T, name, text string) {
	t.Helper()
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		switch left := letters.ReplaceAllString(strings.TrimPrefix(line, `.\"`), ""); {
		case line == "" || strings.HasPrefix(line, "'") || line[0] == '.' && !request.MatchString(line):
			t.Errorf("%s: roff obeys %q", name, line)
		case strings.Contains(left, `\`) || strings.ContainsFunc(line, func(c rune) bool { return c < ' ' || c > '~' }):
			t.Errorf("%s: %q in %q", name, left, line)
		}
	}
}

// Every page is ASCII with the requests of the writer alone. A page that it names is there, and whatis finds a line for each.
func TestPages(t *testing.T) {
	all := pages("1.2.3", someDay)
	named := regexp.MustCompile(`\\fB(uzerp(?:\\-|[a-z])+)\\fR\(([17])\)`)
	references := 0
	for name, text := range all {
		check(t, name, text)
		if lost := regexp.MustCompile(`\n\.fchar (\S+) \?\n`).FindStringSubmatch(text); lost != nil && lost[1] != `\[u524D]` && lost[1] != `\[u540D]` {
			t.Errorf("%s: no text for %s in inASCII", name, lost[1]) // of Japanese there is none
		}
		base, section := name[:len(name)-2], name[len(name)-1:]
		if !strings.Contains(text, ".SH \"NAME\"\n"+strings.ReplaceAll(base, "-", `\-`)+` \- `) ||
			!strings.Contains(text, `" "`+section+`" "2023-11-14" "uzerp-mfa 1.2.3" "`) {
			t.Errorf("%s: no name, or no title: %.300s", name, text)
		}
		for _, m := range named.FindAllStringSubmatch(text, -1) {
			references++
			if to := strings.ReplaceAll(m[1], `\-`, "-") + "." + m[2]; all[to] == "" {
				t.Errorf("%s names %s, which is no page", name, to)
			}
		}
		if !strings.Contains(text, "\n.SH \"SEE ALSO\"\n\\fB") {
			t.Errorf("%s names no other page", name)
		}
	}
	if references < 300 {
		t.Errorf("only %d references", references)
	}
	if text := all["uzerp-mfa-user-reset.1"]; !strings.Contains(text, ".TP\n\\fB\\-\\-identify\\fR \\fIstring\\fR\n") ||
		!strings.Contains(text, ".TP\n\\fB10\\fR\n") || !strings.Contains(text, "\nuzerp\\-mfa user reset alice \\-\\-identify sms") {
		t.Errorf("a flag, an exit code or an example is missing: %s", text)
	}
}

// The pages are the same when they are written again. Their day is that of SOURCE_DATE_EPOCH, or else of the commit.
func TestWrittenAgain(t *testing.T) {
	write := func(epoch string) (map[string]string, error) {
		t.Setenv("SOURCE_DATE_EPOCH", epoch)
		dir := filepath.Join(t.TempDir(), "new", "folder")
		if err := run([]string{dir}); err != nil {
			return nil, err
		}
		got := map[string]string{}
		files, err := filepath.Glob(dir + "/*")
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				return nil, err
			}
			got[filepath.Base(file)] = string(text)
		}
		return got, err
	}
	out, err := exec.CommandContext(t.Context(), "env", "-u", "SOURCE_DATE_EPOCH", "scripts/ldflags.sh", "epoch").Output()
	if err != nil {
		t.Fatal(err)
	}
	ofCommit := "2001-09-09"
	var seconds int64
	if n, _ := fmt.Sscan(string(out), &seconds); n == 1 {
		ofCommit = time.Unix(seconds, 0).UTC().Format(time.DateOnly)
	}
	for epoch, day := range map[string]string{"86400": "1970-01-02", "": ofCommit} {
		t.Setenv("TZ", "UTC")
		one, err := write(epoch)
		if err != nil {
			t.Fatal(err)
		}
		t.Setenv("TZ", "Asia/Tokyo")
		two, err := write(epoch)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(one, two); diff != "" || len(one) < 80 || !strings.Contains(one["uzerp-mfa.1"], `"1" "`+day+`"`) {
			t.Errorf("%q: %d pages, %s %.100s", epoch, len(one), diff, one["uzerp-mfa.1"])
		}
	}
	if _, err := write("yesterday"); err == nil || !strings.Contains(err.Error(), `"yesterday" is no number`) {
		t.Errorf("%v", err)
	}
	for _, args := range [][]string{nil, {"a", "b"}, {"--help"}} {
		if err := run(args); err == nil {
			t.Errorf("%q is taken", args)
		}
	}
}

// hostile has lines that roff would obey, and letters that mean something to it.
const hostile = "# .so /etc/passwd and \\fBx \"y\"\n\n" +
	".so /etc/passwd\n\n'br is text, and so is \\n[.F] and `\\*[x]` ~ ^ -- a-b\n\n" +
	"    .de XX\n    'ig\n\n    \\&\ttabbed \x07 \\\n\n" +
	"## .SH \"quoted\\\" text\" \\\\\n\n" +
	"- .nf `.fi`\n- 'ti 5\n\n  .PP\n\n1. .bp\n\n" +
	"| .TS | 'x |\n|---|---|\n| .TE | `\\e \\h'1i'` |\n\n" +
	"名 is a letter, and so is \u202e …\n"

// What a text says stays text.
func TestHostileText(t *testing.T) {
	w := &writer{}
	w.section(".so \"x\" \\")
	w.blocks(page.Parse(hostile))
	w.tagged(bold(".x"), "'y \\z")
	text := w.page("uzerp-mfa-x", "7", "1.2.3", someDay)
	check(t, "hostile", text)
	got := shown(t, text)
	for _, want := range []string{
		".so /etc/passwd and \\fBx \"y\"", "\n       .so /etc/passwd\n", "'br is text, and so is \\n[.F] and \\*[x] ~ ^ -- a-b",
		"\n         .de XX\n         'ig\n\n         \\&    tabbed ? \\\n", "\n.SH \"quoted\" text\" \\\n", " .nf .fi\n", "'ti 5\n", " .PP\n", "1. .bp\n",
		".TS  'x\n", ".TE  \\e \\h'1i'\n", "名 is a letter", "…\n", "\n       .x     'y \\z\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
}

// shown returns what groff makes of a page for a terminal of 80 columns, without bold and italic.
func shown(t *testing.T, text string) string {
	t.Helper()
	return groff(t, text, "-Tutf8", "-P-cbou", "-rLL=78n")
}

// groff returns what groff makes of a page. A warning is an error.
func groff(t *testing.T, text string, args ...string) string {
	t.Helper()
	program, err := exec.LookPath("groff")
	if err != nil {
		sharedtest.LeaveOut(t, sharedtest.Manual, err)
	}
	c := exec.CommandContext(t.Context(), program, append([]string{"-man", "-ww"}, args...)...)
	var out, said bytes.Buffer
	c.Stdin, c.Stdout, c.Stderr = strings.NewReader(text), &out, &said
	if err := c.Run(); err != nil || said.Len() > 0 {
		t.Errorf("groff %q: %v %s", args, err, said.Bytes())
	}
	return out.String()
}

// groff and man have no warning for any page, on no kind of terminal and for no printer.
func TestNoWarnings(t *testing.T) {
	for name, text := range pages("1.2.3", someDay) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, device := range []string{"utf8", "ascii", "ps"} {
				if got := groff(t, text, "-z", "-T"+device); got != "" {
					t.Errorf("%s: %s", device, got)
				}
			}
			man, err := exec.LookPath("man")
			if err == nil {
				_, err = exec.LookPath("lexgrog")
			}
			if err != nil {
				sharedtest.LeaveOut(t, sharedtest.Manual, err)
			}
			file := filepath.Join(t.TempDir(), name)
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			c := exec.CommandContext(t.Context(), man, "--warnings", "-l", file)
			c.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "MANWIDTH=80", "MANPAGER=cat")
			var out, said bytes.Buffer
			c.Stdout, c.Stderr = &out, &said
			if err := c.Run(); err != nil || said.Len() > 0 || !strings.Contains(out.String(), "SEE ALSO") {
				t.Errorf("man: %v %s", err, said.Bytes())
			}
			// What whatis and apropos find.
			line, err := exec.CommandContext(t.Context(), "lexgrog", file).CombinedOutput()
			if err != nil || !strings.Contains(string(line), `: "`+name[:len(name)-2]+` - `) {
				t.Errorf("lexgrog: %v %s", err, line)
			}
		})
	}
}

// Each page says on a terminal what the page of docs/ says: every line of code as it is, and every word of the rest.
func TestNothingIsLost(t *testing.T) {
	all := pages("1.2.3", someDay)
	blanks := regexp.MustCompile(`\s+`)
	for _, topic := range docs.Topics() {
		text := shown(t, all[topicName(topic)+".7"])
		words := blanks.ReplaceAllString(text, "") // very long words are broken
		sentences := 0
		var visit func(blocks []page.Block)
		visit = func(blocks []page.Block) {
			for _, b := range blocks {
				for _, line := range b.Lines {
					if line = strings.TrimRight(line, " "); !strings.Contains(text, " "+strings.ReplaceAll(line, "\t", "    ")+"\n") && line != "" {
						t.Errorf("%s: no line %q", topic.File, line)
					}
				}
				sentence := plain(page.Linked(b.Text, nil))
				hasLink := strings.Contains(fmt.Sprint(b.Text), ".md")
				if !hasLink && !strings.Contains(words, blanks.ReplaceAllString(sentence, "")) {
					t.Errorf("%s: no %q", topic.File, sentence)
				}
				sentences++
				for _, item := range b.Items {
					visit(item)
				}
				for i, row := range b.Rows {
					for j, cell := range row {
						if i == 0 && j == 0 {
							continue // where there is no room for columns, each row is named by its first cell
						}
						for _, span := range cell {
							for word := range strings.FieldsSeq(span.Text) {
								if !strings.Contains(words, word) && !strings.Contains(word, ".md") {
									t.Errorf("%s: no %q", topic.File, word)
								}
							}
						}
					}
				}
			}
		}
		visit(page.Parse(topic.Text())[1:])
		if sentences < 2 { // a paragraph and a table
			t.Errorf("%s has %d blocks", topic.File, sentences)
		}
	}
}
