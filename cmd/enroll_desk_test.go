package cmd_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"uzerp-mfa/internal/emulator"
	"uzerp-mfa/internal/output"
	"uzerp-mfa/internal/output/screentest"
	"uzerp-mfa/internal/pgtemp/dbtest"
)

// desk is a place to enrol users: a database and an emulator. It remembers the last URI that the emulator gave.
type desk struct {
	database string
	verify   *emulator.Running
	dir      string
	env      []string

	mu  sync.Mutex
	uri string
}

func newDesk(t *testing.T, issuer string) *desk {
	t.Helper()
	d := &desk{database: dbtest.New(t, dbtest.Sample), dir: t.TempDir()}
	var err error
	// With this seed no four characters of a secret are all digits. Otherwise an address in a stack trace could look
	// like a part of the secret.
	d.verify, err = emulator.Start("", emulator.Options{AccountSID: accountSID, ServiceSID: serviceSID, Issuer: issuer, Seed: 3,
		Credentials: []emulator.Credential{{Username: accountSID, Password: authToken}}}, d.listen)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.verify.Close() })
	d.env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + d.dir, "LANG=C.UTF-8", "TERM=xterm-256color", "UZERP_MFA_AUDIT_LOG=" + filepath.Join(d.dir, "audit.jsonl"),
		"DATABASE_URL=" + d.database, "UZERP_MFA_VERIFY_URL=" + d.verify.URL,
		"TWILIO_ACCOUNT_SID=" + accountSID, "TWILIO_AUTH_TOKEN=" + authToken, "TWILIO_SERVICE_SID=" + serviceSID,
	}
	return d
}

// listen remembers the URI in the emulator's answer. All other URIs and codes must be equal to it.
func (d *desk) listen(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost || !strings.HasSuffix(r.URL.Path, "/Factors") {
			h.ServeHTTP(w, r)
			return
		}
		answer := httptest.NewRecorder()
		h.ServeHTTP(answer, r)
		var made struct{ Binding struct{ URI string } }
		if err := json.Unmarshal(answer.Body.Bytes(), &made); err == nil {
			d.mu.Lock()
			d.uri = made.Binding.URI
			d.mu.Unlock()
		}
		for name, values := range answer.Header() {
			w.Header()[name] = values
		}
		w.WriteHeader(answer.Code)
		_, _ = w.Write(answer.Body.Bytes())
	})
}

func (d *desk) given() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.uri
}

// secrets returns the secrets of all factors, in both forms.
func (d *desk) secrets() (all []string) {
	for _, e := range d.verify.Entities() {
		for _, f := range d.verify.Factors(e.Identity) {
			secret := d.verify.Secret(f.SID)
			all = append(append(all, secret), strings.Fields(output.Groups(secret))...)
		}
	}
	return all
}

// person is somebody at a terminal on which a program runs.
type person struct {
	d      *desk
	cmd    *exec.Cmd
	window *os.File
	done   chan struct{}

	mu      sync.Mutex
	screen  *screentest.Screen
	changed chan struct{}
}

func (d *desk) sit(t *testing.T, kind screentest.Kind, rows, cols int, c *exec.Cmd) *person {
	t.Helper()
	p := &person{d: d, cmd: c, screen: screentest.New(kind, rows, cols), changed: make(chan struct{}, 1), done: make(chan struct{})}
	c.Dir = d.dir
	if c.Env == nil {
		c.Env = d.env
	}
	var err error
	if p.window, err = startOnTerminalOf(c, rows, cols); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.cmd.Process.Kill(); _ = p.window.Close() })
	go func() {
		defer close(p.done)
		_, _ = io.Copy(p, p.window) // ends with EIO when the program ends
	}()
	return p
}

// Write writes the program's output to the screen.
func (p *person) Write(text []byte) (int, error) {
	p.mu.Lock()
	_, _ = p.screen.Write(bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n")))
	p.mu.Unlock()
	select {
	case p.changed <- struct{}{}:
	default:
	}
	return len(text), nil
}

// await waits until the screen is as expected.
func (p *person) await(t *testing.T, what string, wanted func(s *screentest.Screen) bool) {
	t.Helper()
	deadline := time.After(hangs)
	for {
		p.mu.Lock()
		ok := wanted(p.screen)
		text := p.screen.Text()
		p.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-p.changed:
		case <-deadline:
			t.Fatalf("never saw %s; the screen:\n%s", what, text)
		}
	}
}

// awaitCode waits until both themes show the QR code that Twilio gave, and the question.
func (p *person) awaitCode(t *testing.T) {
	t.Helper()
	p.await(t, "the QR code and the question", func(s *screentest.Screen) bool {
		return strings.Contains(s.Text(), "Code that the app shows:") && p.showsCode(s)
	})
}

// showsCode reports whether both themes show the QR code that Twilio gave.
func (p *person) showsCode(s *screentest.Screen) bool {
	for _, theme := range []screentest.Theme{screentest.Dark, screentest.Light} {
		if got, err := screentest.Scan(s.Image(theme)); err != nil || got != p.d.given() {
			return false
		}
	}
	return true
}

func (p *person) awaitText(t *testing.T, text string) {
	t.Helper()
	p.await(t, text, func(s *screentest.Screen) bool { return strings.Contains(s.Text(), text) })
}

// awaitStopped waits until the uzerp-mfa in the terminal's session is stopped.
func (p *person) awaitStopped(t *testing.T) {
	t.Helper()
	stopped := regexp.MustCompile(fmt.Sprintf(`^\d+ \(uzerp-mfa\) T \d+ \d+ %d `, p.cmd.Process.Pid))
	for deadline := time.Now().Add(hangs); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		leaders, _ := filepath.Glob("/proc/[0-9]*/stat")
		for _, leader := range leaders {
			if stat, _ := os.ReadFile(leader); !stopped.Match(stat) {
				continue
			}
			// Each thread stops for itself. One that waits for a key still takes what is typed until it does.
			threads, _ := filepath.Glob(filepath.Join(filepath.Dir(leader), "task", "*", "stat"))
			running := func(thread string) bool {
				stat, err := os.ReadFile(thread)
				return err == nil && !regexp.MustCompile(`^\d+ \(.*\) T `).Match(stat)
			}
			if len(threads) > 0 && !slices.ContainsFunc(threads, running) {
				return
			}
		}
	}
	t.Fatal("never stopped")
}

func (p *person) keys(text string) { _, _ = io.WriteString(p.window, text) }

func (p *person) typeCode(t *testing.T, user string) {
	t.Helper()
	code, err := p.d.verify.Code(user)
	if err != nil {
		t.Fatal(err)
	}
	p.keys(code + "\n")
}

// end waits for the program. It returns its exit code, or -1 if a signal ended it, and the text left on the terminal.
func (p *person) end(t *testing.T) (code int, kept string) {
	t.Helper()
	hung := time.AfterFunc(hangs, func() { _ = p.cmd.Process.Kill() })
	defer hung.Stop()
	err := p.cmd.Wait()
	<-p.done
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		code = exit.ExitCode()
	} else if err != nil {
		t.Fatal(err)
	}
	if p.screen.Alternate() {
		t.Error("the alternate screen is still shown")
	}
	for _, complaint := range p.screen.Complaints() {
		t.Error(complaint)
	}
	return code, p.screen.Kept()
}

// nothingIn complains about any part of a secret in the text left on the terminal.
func (d *desk) nothingIn(t *testing.T, kept string) {
	t.Helper()
	secrets := d.secrets()
	if len(secrets) == 0 {
		t.Error("no factor was made")
	}
	for _, trace := range append(secrets, "otpauth", "▀", "▄", "█", "##", "Secret", "Code that the app shows") {
		if strings.Contains(kept, trace) {
			t.Errorf("%q is left on the terminal:\n%s", trace, kept)
		}
	}
}

func enrolling(args ...string) *exec.Cmd {
	return exec.Command("uzerp-mfa", append([]string{"enroll"}, args...)...)
}
