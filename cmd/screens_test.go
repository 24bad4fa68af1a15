package cmd_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/url"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/mattn/go-runewidth"

	"uzerp-mfa/internal/output/screentest"
)

// docs/screens.md shows what people see. TestScreens writes it with -update, and is red if a screen has changed.

// sizes are the terminals on that page: the usual one, a small one, and a large one.
var sizes = []struct{ cols, rows int }{{80, 24}, {50, 20}, {120, 40}}

// A showing is a command whose screen is on the page.
type showing struct {
	args  string
	log   string      // the audit log, if there is one
	typed [][2]string // what is waited for, and what is typed then
	at    string      // the screen is that on which this is seen; "" for the last one

	overTCP bool // the database is reached at an address, which is as long on every machine; the path of a socket is not
}

var showings = []showing{
	{args: "user list"},
	{args: "user show grace"},
	{args: "user reset grace", typed: [][2]string{{"[y/N]", "n"}}},
	{args: "enroll alice", typed: [][2]string{{"Code that the app shows:", "\x04"}}, at: "Code that the app shows:"},
	{args: "doctor", overTCP: true},
	{args: "reconcile"},
	{args: "set-injector --dry-run"},
	{args: "session-config plan --users 25"},
	{args: "audit-log show", log: someRecords},
	{args: "--help"},
	{args: "assist archer", typed: [][2]string{{"q:", "q"}}},
}

func TestScreens(t *testing.T) {
	t.Parallel()
	var page strings.Builder
	page.WriteString(aboutScreens)
	for _, s := range showings {
		_, _ = fmt.Fprintf(&page, "\n## %s\n", s.args)
		for _, size := range sizes {
			_, _ = fmt.Fprintf(&page, "\n%d columns, %d lines:\n\n```text\n%s```\n", size.cols, size.rows, shownOn(t, s, size.cols, size.rows))
		}
	}
	const file = "../docs/screens.md"
	if *update {
		writeFile(t, file, page.String())
		return
	}
	was := strings.Split(readFile(t, file), "\n")
	for n, line := range strings.Split(page.String(), "\n") {
		if n >= len(was) || was[n] != line {
			t.Fatalf("%s is not what is seen: write it anew with -update, and read what has changed. Line %d is now: %s", file, n+1, line)
		}
	}
}

const aboutScreens = `# Screens

What commands that are used much look like on a terminal of 80 columns and 24 lines, on a small one, and on a large one. A test
writes this page (TestScreens, with -update) and is red if a screen has changed. SIDs, times and addresses are others on your
machine; a QR code is a block of ▒ here. What is longer than a screen is shown as it ends, as without a pager.
[contract.md](contract.md) says what happens on a narrow terminal.
`

// shownOn returns the screen of a command on a terminal of a size.
func shownOn(t *testing.T, s showing, cols, rows int) string {
	t.Helper()
	d := newDesk(t, "Example Ltd")
	c := exec.Command("uzerp-mfa", strings.Fields(s.args)...)
	c.Env = append(slices.Clone(d.env), "PAGER=", "UZERP_MFA_PHONE_REGION=GB", "UZERP_MFA_AUDIT_LOG=audit.jsonl")
	if s.overTCP {
		c.Env = append(c.Env, "DATABASE_URL="+overTCP(t, d.database))
	}
	if s.log != "" {
		writeFile(t, filepath.Join(d.dir, "audit.jsonl"), s.log)
	}
	p := d.sit(t, screentest.XTerm, rows, cols, c)
	text := ""
	for _, step := range s.typed {
		p.awaitText(t, step[0])
		if s.at == step[0] {
			// The question stands beside the QR code, and is drawn before the rest of it.
			p.await(t, "the whole page", func(s *screentest.Screen) bool { return strings.Contains(s.Text(), "No QR code") || p.showsCode(s) })
			text = p.text()
		}
		p.keys(step[1] + "\n")
	}
	_, _ = p.end(t)
	if text == "" {
		text = p.text()
	}
	if s.log == "" {
		text = aTime.ReplaceAllString(text, "2026-11-27T09:30:00Z")
	}
	return steady(d, text)
}

// overTCP returns the URL of an address at which the server of a database URL with a socket answers.
func overTCP(t *testing.T, database string) string {
	t.Helper()
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	socket := filepath.Join(u.Query().Get("host"), ".s.PGSQL."+u.Query().Get("port"))
	go func() {
		for {
			from, err := l.Accept()
			if err != nil {
				return // the test is over
			}
			to, err := (&net.Dialer{}).DialContext(context.WithoutCancel(t.Context()), "unix", socket)
			if err != nil {
				_ = from.Close()
				continue
			}
			go func() { _, _ = io.Copy(to, from); _ = to.Close() }()
			go func() { _, _ = io.Copy(from, to); _ = from.Close() }()
		}
	}()
	return "postgres://postgres@" + l.Addr().String() + u.EscapedPath() + "?sslmode=disable"
}

// someRecords is an audit log of a morning: a caller whose phone was lost, a refused skip, and a new phone.
var someRecords = strings.Join([]string{
	record("A", "08:41:07", "user reset", "grace", `{"mfa_enrolled":true,"mfa_sid":"YF00000000000000000000000000000077"}`, `{"mfa_enrolled":false,"mfa_sid":null}`,
		"lost phone", "4711", "intent", ""),
	record("A", "08:41:08", "user reset", "grace", `{"mfa_enrolled":true,"mfa_sid":"YF00000000000000000000000000000077"}`, `{"mfa_enrolled":false,"mfa_sid":null}`,
		"lost phone", "4711", "done", ""),
	record("B", "09:02:55", "user disable-next-login", "alice", "null", "null", "", "4712", "refused",
		`\"alice\" is not enrolled: once two-factor login is switched on, the next login asks to enroll`),
	record("C", "09:05:31", "enroll", "alice", "null", `{"factor":"unverified"}`, "", "4712", "intent", ""),
	record("C", "09:05:32", "enroll", "alice", "null", `{"factor":"unverified","factor_sid":"YF00000000000000000000000000000078"}`, "", "4712", "done", ""),
}, "")

func record(id, at, command, user, before, after, reason, ticket, result, message string) string {
	return fmt.Sprintf(`{"schema_version":1,"id":"%s","time":"2026-03-02T%sZ","actor":{"user":"ann","sudo_user":"","ssh_client":"","host":"desk","pid":1},`+
		`"database":null,"service":null,"command":"%s","target":"%s","before":%s,"after":%s,"reason":"%s","ticket":"%s","result":"%s","message":"%s",`+
		`"prev":"","hash":""}`+"\n", strings.Repeat(id, 26), at, command, user, before, after, reason, ticket, result, message)
}

func (p *person) text() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.screen.Text()
}

var (
	aCode   = regexp.MustCompile(`[▀▄█][▀▄█ ]*[▀▄█]`)
	aTime   = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`)
	aSecret = regexp.MustCompile(`\b[A-Z2-7]{4}\b`)
)

// steady returns a screen with what is another at each run replaced by something as wide.
func steady(d *desk, text string) string {
	if strings.Contains(text, "Code that the app shows:") {
		text = aSecret.ReplaceAllString(text, "ABCD")
	}
	text = aCode.ReplaceAllStringFunc(text, func(found string) string { return strings.Repeat("▒", runewidth.StringWidth(found)) })
	for found, instead := range map[string]string{
		`\bYF[0-9a-f]{32}\b`:    "YF00000000000000000000000000000001",
		`127\.0\.0\.1:\d{5}`:    "127.0.0.1:50000",
		`port \d{5}, as`:        "port 50001, as",
		`\btest_\d{4} on `:      "uzerp_own on ",
		regexp.QuoteMeta(d.dir): "/srv/uzerp",
	} {
		text = regexp.MustCompile(found).ReplaceAllString(text, instead)
	}
	return strings.TrimRight(text, "\n") + "\n"
}

// fitting are commands whose lines fit: what each prints when all is well, what a wrong usage and an unknown user give, and help.
var fitting = []string{
	"user list", "user list --columns all", "user show grace alice", "user history grace", "reconcile", "set-injector --dry-run",
	"user reset grace --dry-run", "user enable nobody", "session-config plan --users 0", "service show", "policy show", "service check", "grants --twilio",
	"--help", "help doctor", "help flags", "user reset --help", "user", "user list --columns nothing", "usr list", "assist --no-input",
	"user enable grace --dry-run", "user disable-next-login alice --dry-run", "enroll alice --dry-run", "verify alice 000000", "detach --dry-run",
	"doctor", "doctor --oneline", "audit-log show", "audit-log verify", "notify pending", "session list", "session-config check", "identity check grace 000000",
	"version", "policy",
}

// No line is wider than the terminal, but for one that nobody may divide: a word, a name or a command line.
func TestLinesFitTheTerminal(t *testing.T) {
	t.Parallel()
	d := newDesk(t, "Example Ltd")
	for _, width := range []int{40, 50, 80} {
		for _, args := range fitting {
			fits(t, args, width, printedOn(t, d, args, width, nil, "NO_COLOR=1"))
		}
	}
}

// A dialogue fits too: names that nobody has, a user who skips the code, another person, and the end.
func TestDialogueFitsTheTerminal(t *testing.T) {
	t.Parallel()
	d := newDesk(t, "Example Ltd")
	dialogue := [][2]string{{"Who is calling?", "archer"}}
	for _, answer := range []string{"nobody at all", "grace", "99", "carol carter", "q"} {
		dialogue = append(dialogue, [2]string{"or q:", answer})
	}
	for _, width := range []int{40, 50, 80, 120} {
		printed := printedOn(t, d, "assist nobody-at-all", width, dialogue, "NO_COLOR=1")
		for _, step := range dialogue {
			printed = strings.Replace(printed, ": "+step[1]+"\n", ": \n", 1) // the terminal folds what is typed
		}
		fits(t, "assist", width, printed)
	}
}

func fits(t *testing.T, args string, width int, printed string) {
	t.Helper()
	page := readFile(t, "../docs/doctor.md") // code in it stays as it is
	for line := range strings.SplitSeq(printed, "\n") {
		line = line[strings.LastIndexByte(line, '\r')+1:]
		line = strings.TrimPrefix(line, "\x1b[K")
		if runewidth.StringWidth(line) <= width {
			continue
		}
		if text := strings.TrimSpace(line); strings.Contains(text, " ") && !strings.HasPrefix(text, "uzerp-mfa ") &&
			!strings.Contains(page, text+"\n") && !strings.HasPrefix(text, `"`) {
			t.Errorf("%s at %d: %q", args, width, line)
		}
	}
}

// printedOn returns what a command prints on a terminal of a width, where somebody answers its questions.
func printedOn(t *testing.T, d *desk, args string, width int, typed [][2]string, env ...string) string {
	t.Helper()
	c := exec.Command("uzerp-mfa", strings.Fields(args)...)
	c.Dir = d.dir
	c.Env = append(append(slices.Clone(d.env), "PAGER=", "UZERP_MFA_PHONE_REGION=GB"), env...)
	screen := &terminal{changed: make(chan struct{}, 1)}
	window, err := startOnTerminalOf(c, 24, width)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = window.Close() }()
	read := make(chan struct{})
	go func() {
		defer close(read)
		_, _ = io.Copy(screen, window)
	}()
	for _, step := range typed {
		if !screen.await(step[0]) {
			t.Fatalf("there is no %q in\n%s", step[0], screen.text())
		}
		if _, err := window.WriteString(step[1] + "\n"); err != nil {
			t.Fatal(err)
		}
	}
	_ = c.Wait()
	<-read
	return screen.text()
}

// meanings are the words that each colour may have: what the colour says, the word says. Bold is for headings and words of a page.
var meanings = map[string]*regexp.Regexp{
	"1": regexp.MustCompile(`\pL`), "31": regexp.MustCompile(`^FAIL *$`), "32": regexp.MustCompile(`^ok *$`), "33": regexp.MustCompile(`^(WARN *|warning:)$`),
}

// Colours say nothing that words do not say: without them the text is the same, and each has a word of its own.
func TestColorsCarryNoMeaning(t *testing.T) {
	t.Parallel()
	d := newDesk(t, "Example Ltd")
	painted, seen := regexp.MustCompile(`\x1b\[([\d;]+)m([^\x1b]*)\x1b\[0m`), map[string]bool{}
	for _, args := range fitting {
		colored := printedOn(t, d, args, 80, nil)
		for _, found := range painted.FindAllStringSubmatch(colored, -1) {
			seen[found[1]] = true
			if meaning := meanings[found[1]]; meaning == nil || !meaning.MatchString(found[2]) {
				t.Errorf("%s: the colour %s of %q says more than the word", args, found[1], found[2])
			}
		}
		bare := painted.ReplaceAllString(colored, "$2")
		for _, without := range []string{"NO_COLOR=1", "TERM=dumb"} {
			plain := printedOn(t, d, args, 80, nil, without)
			if strings.Contains(plain, "\x1b[") && painted.MatchString(plain) {
				t.Errorf("%s has colours with %s", args, without)
			}
			page := strings.HasPrefix(args, "help ") // signs stand in it where colours would be: backticks, say
			if without == "NO_COLOR=1" && !page && said(d, bare) != said(d, plain) {
				t.Errorf("%s says something else in colours:\n%s\nand without\n%s", args, bare, plain)
			}
		}
	}
	if len(seen) != len(meanings) {
		t.Errorf("only these colours were seen: %v", seen)
	}
}

// said returns what a text says, without what is another at each run.
func said(d *desk, text string) string {
	var lines []string
	for line := range strings.SplitSeq(text, "\n") {
		lines = append(lines, strings.TrimPrefix(line[strings.LastIndexByte(line, '\r')+1:], "\x1b[K")) // progress is gone
	}
	return aTime.ReplaceAllString(steady(d, strings.Join(lines, "\n")), "T")
}
