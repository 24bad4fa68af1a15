package cmd_test

import (
	"bytes"
	"context"
	"errors"
	"html"
	"image/png"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"uzerp-mfa/internal/mfa"
	"uzerp-mfa/internal/output"
	"uzerp-mfa/internal/output/screentest"
	"uzerp-mfa/internal/pgtemp/dbtest"
	"uzerp-mfa/internal/sharedtest"
)

// browser returns the path of a Chromium. Ubuntu's chromium-browser may be a script that only says where to get one.
func browser() (string, error) {
	if os.Getenv("BROWSER") == "no" {
		return "", errors.New("no browser is wanted: BROWSER=no")
	}
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		path, err := exec.LookPath(name)
		if err != nil {
			continue
		}
		f, err := os.Open(path)
		if err != nil {
			continue
		}
		start, _ := io.ReadAll(io.LimitReader(f, 16<<10))
		_ = f.Close()
		if !bytes.Contains(start, []byte("snap install")) {
			return path, nil
		}
	}
	return "", errors.New("no Chromium to look at the page with: scripts/deps.sh test installs one")
}

// screenshotOf returns a picture of a file in a headless browser. It ends the browser with all its processes.
func screenshotOf(t *testing.T, browser, file string) []byte {
	t.Helper()
	dir, err := os.MkdirTemp(t.TempDir(), "") // TempDir alone has the test's name in it, which is not fit for a URL
	if err != nil {
		t.Fatal(err)
	}
	picture := filepath.Join(dir, "page.png")
	ctx, cancel := context.WithTimeout(t.Context(), hangs)
	defer cancel()
	c := exec.CommandContext(ctx, browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
		"--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions", "--disable-dev-shm-usage",
		"--host-resolver-rules=MAP * ~NOTFOUND", "--user-data-dir="+filepath.Join(dir, "profile"), "--hide-scrollbars", "--window-size=800,1200",
		"--screenshot="+picture, (&url.URL{Scheme: "file", Path: file}).String())
	c.Env = append(os.Environ(), "HOME="+dir)
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	end := func() error { return syscall.Kill(-c.Process.Pid, syscall.SIGKILL) }
	c.Cancel, c.WaitDelay = end, 5*time.Second
	out, err := c.CombinedOutput()
	if c.Process != nil {
		_ = end()
	}
	if err != nil {
		t.Fatalf("%s: %v\n%s", browser, err, out)
	}
	data, err := os.ReadFile(picture)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return data
}

// A name that can be copied stands in the command on the page, as the shell reads it, and is no markup.
func TestEnrollPageNamesTheCommand(t *testing.T) {
	t.Parallel()
	d := newDesk(t, "Test Ltd")
	const copied = `<b onclick="x">Zoë</b> & 'co'`
	dbtest.Exec(t, d.database,
		"insert into users (username, password, uuid, access_enabled) values ($1, '*', '99999999-9999-4999-8999-999999999998', true)", copied)
	c := enrolling(copied, "--no-wait", "--html", "copied.html", "-o", "json")
	c.Dir, c.Env = d.dir, d.env
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	text, err := os.ReadFile(filepath.Join(d.dir, "copied.html"))
	if err != nil {
		t.Fatal(err)
	}
	visible := html.UnescapeString(regexp.MustCompile(`<[^>]*>`).ReplaceAllString(string(text), ""))
	if want := ` '<b onclick="x">Zoë</b> & '\''co'\''' CODE`; !strings.Contains(visible, want) || strings.Contains(string(text), "<b ") {
		t.Errorf("no %q in the text", want)
	}
}

// A browser shows the QR code that Twilio gave, although the page may load nothing and run nothing.
func TestEnrollPage(t *testing.T) {
	t.Parallel()
	d := newDesk(t, "Test Ltd")
	const hostile = `<b onclick="x">Zoë</b> & 'co'` + "\u202e"
	dbtest.Exec(t, d.database,
		"insert into users (username, password, uuid, access_enabled) values ($1, '*', '99999999-9999-4999-8999-999999999999', true)", hostile)
	made := time.Date(2031, 12, 31, 23, 5, 0, 0, time.UTC)
	d.verify.SetTime(made)
	c := enrolling(hostile, "--no-wait", "--html", "page.html", "-o", "json")
	c.Dir, c.Env = d.dir, append(d.env, "TZ=America/New_York")
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	file := filepath.Join(d.dir, "page.html")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	page := string(text)

	refers := regexp.MustCompile(`(?i)\b(?:src|href|srcset|action|data|poster|background|content)\s*=\s*"([^"]*)"`)
	for _, m := range refers.FindAllStringSubmatch(page, -1) {
		if value := html.UnescapeString(m[1]); strings.Contains(value, "//") && !strings.HasPrefix(value, "data:image/png;base64,") {
			t.Errorf("the page refers to %s", m[0])
		}
	}
	if n := len(regexp.MustCompile(`(?i)\bsrc\s*=`).FindAllString(page, -1)); n != 1 {
		t.Errorf("%d sources, want the picture alone", n)
	}
	for _, forbidden := range []string{"<script", "<link", "<iframe", "<object", "<form", "<b ", "@import", "url(", "\u202e", "javascript:",
		"http://", "https://", "ZgotmplZ"} {
		if strings.Contains(strings.ToLower(page), strings.ToLower(forbidden)) {
			t.Errorf("the page has %q", forbidden)
		}
	}
	visible := html.UnescapeString(regexp.MustCompile(`<[^>]*>`).ReplaceAllString(page, ""))
	factor := d.verify.Factors("99999999-9999-4999-8999-999999999999")[0]
	for _, want := range []string{
		`content="default-src 'none'; img-src data:; style-src 'unsafe-inline'`, `name="referrer" content="no-referrer"`,
		`name="robots" content="noindex`, `<html lang="en">`,
	} {
		if !strings.Contains(page, want) {
			t.Errorf("no %q", want)
		}
	}
	for _, want := range []string{
		mfa.FriendlyName(hostile), output.Groups(d.verify.Secret(factor.SID)),
		`uzerp-mfa verify --factor ` + factor.SID + ` USER CODE; the name for USER can't be copied from here`,
		// By Twilio's clock, not by this machine's time and zone. Twilio deletes the factor 1 to 24 hours after it was made.
		"Do it before 00:05 UTC on 1 January 2032.", "but not after 23:05 UTC on 1 January 2032.",
	} {
		if !strings.Contains(visible, want) {
			t.Errorf("no %q in the text", want)
		}
	}

	program, err := browser()
	if err != nil {
		sharedtest.LeaveOut(t, sharedtest.Browser, err)
	}
	img, err := png.Decode(bytes.NewReader(screenshotOf(t, program, file)))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := screentest.Scan(img); err != nil || got != d.given() || got == "" {
		t.Errorf("scanned %q, %v, want %q", got, err, d.given())
	}
}
