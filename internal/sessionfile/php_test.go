package sessionfile

import (
	"bufio"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/session"
	"uzerp-mfa/internal/sharedtest"
)

func TestMain(m *testing.M) { os.Exit(sharedtest.Tests{M: m}.Run()) }

// request is a request that PHP works on.
type request struct {
	t    *testing.T
	c    *exec.Cmd
	in   io.WriteCloser
	said *bufio.Scanner
}

func begin(t *testing.T, serializer, dir, id, what string, user ...string) *request {
	t.Helper()
	path, err := exec.LookPath("php")
	if err != nil {
		sharedtest.LeaveOut(t, sharedtest.PHP, err)
	}
	args := append([]string{"-d", "error_reporting=0", "-d", "display_errors=0", "testdata/request.php", serializer, dir, id, what}, user...)
	r := &request{t: t, c: exec.CommandContext(t.Context(), path, args...)}
	if r.in, err = r.c.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	stderr, err := r.c.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	r.said = bufio.NewScanner(stderr)
	if err := r.c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.in.Close(); _ = r.c.Wait() })
	return r
}

// says waits for the next line.
func (r *request) says(want string) {
	r.t.Helper()
	if !r.said.Scan() || r.said.Text() != want {
		r.t.Errorf("PHP says %q, want %q", r.said.Text(), want)
	}
}

func (r *request) goOn() {
	if _, err := io.WriteString(r.in, "\n"); err != nil {
		r.t.Error(err)
	}
}

// visit is a whole request.
func visit(t *testing.T, serializer, dir, id, what string, user ...string) {
	t.Helper()
	r := begin(t, serializer, dir, id, what, user...)
	r.goOn()
	for r.said.Scan() {
	}
	if err := r.c.Wait(); err != nil {
		t.Fatal(err)
	}
}

func open(t *testing.T, dir string, more ...string) *Files {
	t.Helper()
	ini := filepath.Join(t.TempDir(), "php.ini")
	if err := os.WriteFile(ini, []byte("session.save_path = \""+dir+"\"\n"+strings.Join(more, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := Open(Settings{Root: t.TempDir(), PHPIni: ini})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func list(t *testing.T, f *Files) session.Listing {
	t.Helper()
	l, err := f.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func names(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return strings.Join(all, " ")
}

// Sessions that PHP has written are found and ended, in every format, and nothing else is touched.
func TestOfPHP(t *testing.T) {
	for _, serializer := range []string{"php", "php_serialize", "php_binary"} {
		dir := t.TempDir()
		visit(t, serializer, dir, "alice1", "in", "alice")
		visit(t, serializer, dir, "alice2", "in", "alice")
		visit(t, serializer, dir, "bob1", "in", "bob")
		visit(t, serializer, dir, "page1", "page")
		visit(t, serializer, dir, "other1", "nothing") // another program's
		f := open(t, dir, "session.serialize_handler = "+serializer)
		l := list(t, f)
		if got := l.LoggedIn(nil); len(got) != 3 || got[0].User != "alice" || got[2].User != "bob" || got[2].Company != "1" ||
			got[2].Handler != "HTMLFormLoginHandlerMFA" || got[2].Started.Unix() != 1764000000 || time.Since(got[2].LastRequest) > time.Hour {
			t.Errorf("%s: %+v", serializer, got)
		}
		if n := l.OldHandler("HTMLFormLoginHandlerMFA"); n != 1 { // the login page's
			t.Errorf("%s: %d sessions with the old handler", serializer, n)
		}
		ended, err := session.End(t.Context(), f, session.Selection{Users: []string{"alice"}}, time.Now)
		if err != nil || len(ended) != 1 || ended[0] != (session.Ended{User: "alice", Ended: 2}) {
			t.Errorf("%s: %+v, %v", serializer, ended, err)
		}
		if got := names(t, dir); got != "sess_bob1 sess_other1 sess_page1" {
			t.Errorf("%s: %s", serializer, got)
		}
		if _, err := session.End(t.Context(), f, session.Selection{All: true, Present: "HTMLFormLoginHandlerMFA"}, time.Now); err != nil {
			t.Error(err)
		}
		if got := names(t, dir); got != "sess_bob1 sess_other1" {
			t.Errorf("%s: %s", serializer, got)
		}
		if _, err := session.End(t.Context(), f, session.Selection{All: true}, time.Now); err != nil {
			t.Error(err)
		}
		if got := names(t, dir); got != "sess_other1" {
			t.Errorf("%s: %s", serializer, got)
		}
	}
}

// A request that is under way is waited for, and does not bring the session back.
func TestRequestInFlight(t *testing.T) {
	dir := t.TempDir()
	visit(t, "php", dir, "a1", "in", "alice")
	f := open(t, dir)
	running := begin(t, "php", dir, "a1", "click")
	running.says("open alice")
	done := make(chan error)
	go func() {
		_, err := session.End(t.Context(), f, session.Selection{Users: []string{"alice"}}, time.Now)
		done <- err
	}()
	select {
	case err := <-done:
		t.Fatalf("the request was not waited for: %v", err)
	case <-time.After(300 * time.Millisecond):
	}
	running.goOn()
	running.says("done alice")
	if err := <-done; err != nil {
		t.Error(err)
	}
	if l := list(t, f); len(l.Sessions) > 0 {
		t.Errorf("%+v", l)
	}
}

// A request that has opened the session, and waits for its lock while it is ended, finds nobody logged in.
func TestRequestBehind(t *testing.T) {
	dir := t.TempDir()
	visit(t, "php", dir, "a1", "in", "alice")
	f := open(t, dir)
	var behind *request
	f.locked = func() {
		behind = begin(t, "php", dir, "a1", "click")
		waitForOpen(t, behind, filepath.Join(dir, "sess_a1"))
	}
	if _, err := f.End(t.Context(), "alice", list(t, f).Sessions); err != nil {
		t.Fatal(err)
	}
	behind.says("open -")
	behind.goOn()
	behind.says("done -")
	if l := list(t, f); len(l.Sessions) > 0 || names(t, dir) != "" {
		t.Errorf("%+v, %s", l, names(t, dir))
	}
}

// waitForOpen waits until the process has opened the file.
func waitForOpen(t *testing.T, r *request, path string) {
	t.Helper()
	for range 6000 {
		fds, _ := filepath.Glob("/proc/" + itoa(r.c.Process.Pid) + "/fd/*")
		for _, fd := range fds {
			if target, _ := os.Readlink(fd); target == path {
				return
			}
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("the request has not begun")
}

func itoa(n int) string {
	digits := ""
	for ; n > 0; n /= 10 {
		digits = string(rune('0'+n%10)) + digits
	}
	return digits
}

// A login that is under way gets a new session, with a new id: that is ended too.
func TestLoginInFlight(t *testing.T) {
	dir := t.TempDir()
	visit(t, "php", dir, "a1", "page")
	visit(t, "php", dir, "a2", "in", "alice")
	f := open(t, dir)
	login := begin(t, "php", dir, "a1", "login", "alice")
	login.says("open -")
	login.goOn()
	login.says("new")
	if l := list(t, f); l.InFlight != 1 || len(l.LoggedIn(nil)) != 1 {
		t.Errorf("%+v", l)
	}
	done := make(chan []session.Ended)
	go func() {
		ended, err := session.End(t.Context(), f, session.Selection{Users: []string{"alice"}}, time.Now)
		if err != nil {
			t.Error(err)
		}
		done <- ended
	}()
	time.Sleep(300 * time.Millisecond) // a2 is ended by then, or not: both are right
	login.goOn()
	login.says("done -")
	if ended := <-done; len(ended) != 1 || ended[0].Ended != 2 {
		t.Errorf("%+v", ended)
	}
	if l := list(t, f); len(l.Sessions) > 0 {
		t.Errorf("%+v", l)
	}
}

// Sessions that are kept busy end too, all of them, and what goes on is told. Nothing brings them back.
func TestRequestDoesNotEnd(t *testing.T) {
	dir := t.TempDir()
	f := open(t, dir)
	f.wait = 50 * time.Millisecond
	var running []*request
	for _, id := range []string{"a1", "a2"} {
		visit(t, "php", dir, id, "in", "alice")
		r := begin(t, "php", dir, id, "click")
		r.says("open alice")
		running = append(running, r)
	}
	ended, err := session.End(t.Context(), f, session.Selection{Users: []string{"alice"}}, time.Now)
	if err != nil || len(ended) != 1 || errs.KindOf(ended[0].Err) != errs.Unavailable || ended[0].Ended != 2 || names(t, dir) != "" ||
		errs.HintOf(ended[0].Err).Reason != session.ReasonRequestGoesOn {
		t.Errorf("%+v, %v", ended, err)
	}
	for _, r := range running {
		r.goOn()
		r.says("done alice")
	}
	if got := names(t, dir); got != "" {
		t.Errorf("a request has brought %q back", got)
	}
}

// A busy session without the code is left: its request may be the login, which would get a new session.
func TestBusyWithoutCode(t *testing.T) {
	dir := t.TempDir()
	visit(t, "php", dir, "a1", "page")
	f := open(t, dir)
	f.wait = 50 * time.Millisecond
	l := list(t, f)
	running := begin(t, "php", dir, "a1", "click")
	running.says("open -")
	n, err := f.End(t.Context(), "", l.Sessions)
	if n != 0 || errs.HintOf(err).Reason != session.ReasonRequestOpen || names(t, dir) != "sess_a1" {
		t.Error(n, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := f.End(ctx, "", l.Sessions); err == nil || names(t, dir) != "sess_a1" {
		t.Error(err)
	}
	running.goOn()
	running.says("done -")
}

// Of igbinary's sessions nobody knows whose they are.
func TestIgbinary(t *testing.T) {
	if err := exec.CommandContext(t.Context(), "php", "-r", "exit(extension_loaded('igbinary') ? 0 : 1);").Run(); err != nil {
		sharedtest.LeaveOut(t, sharedtest.PHP, err)
	}
	dir := t.TempDir()
	visit(t, "igbinary", dir, "a1", "in", "alice")
	l := list(t, open(t, dir))
	if len(l.Sessions) != 0 || errs.HintOf(l.Readable()).Reason != session.ReasonIgbinary {
		t.Errorf("%+v", l)
	}
}
