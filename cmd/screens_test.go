package cmd_test

import (
	"fmt"
	"io"
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
}

var showings = []showing{
	{args: "user list"},
	{args: "user show grace"},
	{args: "user reset grace", typed: [][2]string{{"[y/N]", "n"}}},
	{args: "enroll alice", typed: [][2]string{{"Code that the app shows:", "\x04"}}, at: "Code that the app shows:"},
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
	page := readFile(t, "../docs/doctor.md") // code in it stays as it is
	long := 0
	for _, width := range []int{40, 50, 80} {
		for _, args := range fitting {
			c := exec.Command("uzerp-mfa", strings.Fields(args)...)
			c.Env = append(slices.Clone(d.env), "PAGER=", "NO_COLOR=1")
			screen := &terminal{changed: make(chan struct{}, 1)}
			window, err := startOnTerminalOf(c, 24, width)
			if err != nil {
				t.Fatal(err)
			}
			read := make(chan struct{})
			go func() {
				defer close(read)
				_, _ = io.Copy(screen, window)
			}()
			_ = c.Wait()
			<-read
			_ = window.Close()
			for line := range strings.SplitSeq(screen.text(), "\n") {
				line = line[strings.LastIndexByte(line, '\r')+1:]
				line = strings.TrimPrefix(line, "\x1b[K")
				if runewidth.StringWidth(line) <= width {
					continue
				}
				long++
				if text := strings.TrimSpace(line); strings.Contains(text, " ") && !strings.HasPrefix(text, "uzerp-mfa ") &&
					!strings.Contains(page, text+"\n") && !strings.HasPrefix(text, `"`) {
					t.Errorf("%s at %d: %q", args, width, line)
				}
			}
		}
	}
	t.Logf("%d lines could not be divided", long)
}
