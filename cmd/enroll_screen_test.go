package cmd_test

import (
	"fmt"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"

	"uzerp-mfa/internal/emulator"
	"uzerp-mfa/internal/output/screentest"
)

// The QR code on a terminal can be scanned, on dark and light themes, and is the one that Twilio gave. Afterwards
// nothing of it is left on the screen or in the scrollback.
func TestEnrollScreen(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name       string
		kind       screentest.Kind
		term       string
		rows, cols int
		stays      bool
	}{
		{"80x50", screentest.XTerm, "xterm-256color", 50, 80, false},
		{"80x24", screentest.XTerm, "xterm-256color", 24, 80, false},
		{"80x25 on a console", screentest.XTerm, "linux", 25, 80, false},
		{"GNU screen without altscreen", screentest.Single, "screen", 24, 80, false},
		{"no alternate screen", screentest.Single, "dumb", 50, 80, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t, "Test Ltd")
			c := enrolling("alice", "--png", "alice.png")
			c.Env = append(slices.Clone(d.env), "TERM="+tt.term)
			if tt.term == "dumb" { // it has no colour, so no code fits both themes
				c.Args = append(c.Args, "--qr", "ascii")
				tt.rows, tt.cols = 60, 160
			}
			p := d.sit(t, tt.kind, tt.rows, tt.cols, c)
			if tt.stays {
				p.await(t, "the QR code", func(s *screentest.Screen) bool {
					got, err := screentest.Scan(s.Image(screentest.Light))
					return err == nil && got == d.given()
				})
			} else {
				p.awaitCode(t)
			}
			p.mu.Lock()
			up := p.screen.Alternate()
			p.mu.Unlock()
			if up != (tt.kind == screentest.XTerm) {
				t.Errorf("on the alternate screen: %v", up)
			}
			p.keys("000000\n")
			if !tt.stays {
				p.awaitText(t, "this code is not one of the")
				p.awaitCode(t) // is still there
			} else {
				p.awaitText(t, "so no attempt is lost")
			}
			p.typeCode(t, "alice")
			code, kept := p.end(t)
			if code != 0 || !strings.Contains(kept, "alice     verified  YF") {
				t.Errorf("exit code %d:\n%s", code, kept)
			}
			if tt.stays != strings.Contains(kept, "stays in this terminal's scrollback") {
				t.Errorf("the warning:\n%s", kept)
			}
			if !tt.stays {
				d.nothingIn(t, kept)
			}
			picture, err := os.Open(filepath.Join(d.dir, "alice.png"))
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = picture.Close() }()
			img, err := png.Decode(picture)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := screentest.Scan(img); err != nil || got != d.given() {
				t.Errorf("the picture: %q, %v, want %q", got, err, d.given())
			}
		})
	}
}

// A window that is too low says how large it must be for the code. It shows the code when it is large enough.
func TestEnrollScreenResized(t *testing.T) {
	t.Parallel()
	d := newDesk(t, "The Extraordinarily Long Name of a Company Limited")
	p := d.sit(t, screentest.XTerm, 24, 80, enrolling("alice"))
	p.awaitText(t, "Code that the app shows:")
	p.awaitText(t, "No QR code: it needs a window of")
	p.keys("999") // an answer that is not finished
	p.awaitText(t, "999")
	p.mu.Lock()
	p.screen.Resize(40, 80)
	p.mu.Unlock()
	if err := pty.Setsize(p.window, winsize(40, 80)); err != nil {
		t.Fatal(err)
	}
	p.awaitCode(t)
	p.typeCode(t, "alice") // the 999 no longer counts
	code, kept := p.end(t)
	if code != 0 || !strings.Contains(kept, "alice     verified  YF") {
		t.Errorf("exit code %d:\n%s", code, kept)
	}
	d.nothingIn(t, kept)
}

// At every end the normal screen comes back first, and the outcome is shown there, but nothing of the secret.
func TestEnrollScreenEnds(t *testing.T) {
	t.Parallel()
	send := func(signal syscall.Signal) func(*testing.T, *person) {
		return func(_ *testing.T, p *person) { _ = p.cmd.Process.Signal(signal) }
	}
	keys := func(text string) func(*testing.T, *person) {
		return func(_ *testing.T, p *person) { p.keys(text) }
	}
	rightCode := func(t *testing.T, p *person) { p.typeCode(t, "alice") }
	panics := mutantOf(t, map[string]string{"internal/totp/totp.go": `package totp

import (
	"time"

	"uzerp-mfa/internal/mfa"
	"uzerp-mfa/internal/secret"
)

func Code(secret.Secret, mfa.TOTPConfig, time.Time) (string, error) { panic("out of order") }
`})
	for _, tt := range []struct {
		name    string
		program string
		args    []string
		fault   *emulator.Fault
		do      func(*testing.T, *person)
		code    int
		told    []string
	}{
		{name: "success, and the output of -v comes after", args: []string{"-v"}, do: rightCode, code: 0,
			told: []string{"alice     verified", "method=POST", "Factors/YF"}},
		{name: "gives up", args: []string{"--attempts", "1"}, do: keys("000000\n"), code: 10,
			told: []string{"uzerp-mfa: this code is not one of the account just added", "hint: "}},
		{name: "Twilio takes no more", fault: &emulator.Fault{Operation: "UpdateFactor", Code: 60310}, do: rightCode, code: 6,
			told: []string{"uzerp-mfa: verify the factor"}},
		{name: "end of input", do: keys("\x04"), code: 8, told: []string{"uzerp-mfa: nothing was typed"}},
		{name: "Ctrl-C", do: keys("\x03"), code: 130, told: []string{`uzerp-mfa: interrupted: "alice" is not enrolled`, "hint: "}},
		{name: "SIGTERM", do: send(syscall.SIGTERM), code: 130, told: []string{"uzerp-mfa: interrupted"}},
		{name: "SIGHUP", do: send(syscall.SIGHUP), code: 130, told: []string{"uzerp-mfa: interrupted"}},
		{name: "SIGQUIT", do: send(syscall.SIGQUIT), code: 2, told: []string{"SIGQUIT: quit"}},
		{name: "panic", program: panics, do: keys("123456\n"), code: 2, told: []string{"panic: out of order"}},
		{name: "Ctrl-C twice, while Twilio does not answer", fault: &emulator.Fault{Operation: "UpdateFactor", Hang: true}, code: -1,
			do: func(t *testing.T, p *person) {
				rightCode(t, p)
				for !slices.ContainsFunc(p.d.verify.Requests(), func(r emulator.Request) bool { return r.Operation == "UpdateFactor" }) {
					time.Sleep(10 * time.Millisecond)
				}
				p.keys("\x03")
				p.await(t, "the normal screen", func(s *screentest.Screen) bool { return !s.Alternate() })
				for {
					p.keys("\x03")
					select {
					case <-p.done:
						return
					case <-time.After(100 * time.Millisecond):
					}
				}
			}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t, "Test Ltd")
			if tt.fault != nil {
				d.verify.AddFault(*tt.fault)
			}
			c := enrolling(append([]string{"alice"}, tt.args...)...)
			if tt.program != "" {
				c = exec.Command(tt.program, c.Args[1:]...)
			}
			p := d.sit(t, screentest.XTerm, 24, 80, c)
			p.awaitCode(t)
			tt.do(t, p)
			code, kept := p.end(t)
			if code != tt.code {
				t.Errorf("exit code %d, want %d", code, tt.code)
			}
			d.nothingIn(t, kept)
			for _, want := range tt.told {
				if !strings.Contains(kept, want) {
					t.Errorf("not told: %q", want)
				}
			}
			if t.Failed() {
				t.Log(kept)
			}
		})
	}
}

// Ctrl-Z brings the shell's screen back, and fg the page. Without a shell nothing happens.
func TestEnrollScreenStopped(t *testing.T) {
	t.Parallel()
	d := newDesk(t, "Test Ltd")
	// The program is a job itself, or a part of one, as under sudo or in a script. It must not read what is typed for the
	// shell.
	for user, job := range map[string]string{"alice": "uzerp-mfa enroll alice", "carol": `sh -c "uzerp-mfa enroll carol; true"`} {
		// stty: here a Ctrl-Z throws away what was typed before it, as on any terminal (see keepOutput).
		p := d.sit(t, screentest.XTerm, 24, 80, exec.Command("bash", "-c", `set -m; stty -noflsh; `+job+`; read -r line; echo "for the shell: $line."; fg`))
		p.awaitCode(t)
		p.keys("12\x1a")
		p.await(t, "the normal screen", func(s *screentest.Screen) bool { return !s.Alternate() })
		p.awaitStopped(t) // not the shell's message, which may come before the screen is back
		p.mu.Lock()
		d.nothingIn(t, p.screen.Kept())
		p.mu.Unlock()
		p.keys("ls\n")
		p.awaitCode(t)
		p.typeCode(t, user)
		code, kept := p.end(t)
		if code != 0 || !strings.Contains(kept, user+"     verified") || !strings.Contains(kept, "for the shell: ls.") {
			t.Errorf("%s: exit code %d:\n%s", user, code, kept)
		}
		d.nothingIn(t, kept)
	}

	p := d.sit(t, screentest.XTerm, 24, 80, enrolling("bob"))
	p.awaitCode(t)
	p.keys("\x1a")
	p.typeCode(t, "bob")
	if code, kept := p.end(t); code != 0 {
		t.Errorf("exit code %d:\n%s", code, kept)
	}
}

// If stdout is a file, the page is on the terminal with the question. The secret is in the file because the operator
// asked for it.
func TestEnrollScreenJSON(t *testing.T) {
	t.Parallel()
	d := newDesk(t, "Test Ltd")
	c := enrolling("alice", "-o", "json", "--reveal")
	data, err := os.Create(filepath.Join(d.dir, "out.json"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = data.Close() }()
	c.Stdout = data
	p := d.sit(t, screentest.XTerm, 24, 80, c)
	p.awaitCode(t)
	p.typeCode(t, "alice")
	code, kept := p.end(t)
	d.nothingIn(t, kept)
	text, err := os.ReadFile(data.Name())
	if code != 0 || err != nil || !strings.Contains(string(text), fmt.Sprintf("%q: %q", "status", "verified")) || strings.Contains(string(text), "\x1b") {
		t.Errorf("exit code %d, %v: %s", code, err, text)
	}
}
