package notify

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/sharedtest"
)

// fake returns a mail program that runs a script, in a directory of its own. $DIR in the script is that directory.
func fake(t *testing.T, script string) (s Sendmail, dir string) {
	t.Helper()
	dir = t.TempDir()
	path := filepath.Join(dir, "sendmail")
	script = "#!/bin/sh\nDIR='" + dir + "'\n" + script + "\n"
	if err := os.WriteFile(path, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	return Sendmail{Path: path, From: "desk@example.com", User: "root"}, dir // who is not root runs it as themselves
}

func content(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// The mail program gets two addresses and the mail, and nothing else of ours.
func TestSend(t *testing.T) {
	t.Setenv("DATABASE_URL", "postgres://x:secret@y/z")
	t.Setenv("TZ", "America/New_York")
	t.Setenv("MAILRC", "/tmp/x")
	t.Setenv("LD_PRELOAD_TEST", "x")
	s, dir := fake(t, `for a in "$0" "$@"; do echo "$a"; done >"$DIR/args"
/usr/bin/env >"$DIR/env"; pwd >"$DIR/pwd"; ls /proc/self/fd >"$DIR/fds" 2>&1; cat >"$DIR/mail"; umask`)
	theirs, err := syscall.Open(dir, syscall.O_RDONLY, 0) // a file that a shell has open for every program that it starts
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = syscall.Close(theirs) }()
	link := filepath.Join(dir, "link")
	if err := os.Symlink("sendmail", link); err != nil {
		t.Fatal(err)
	}
	s.Path = link
	message := []byte("Subject: x\n\n.\nhello\n")
	if err := s.Send(t.Context(), "alice@example.com", message); err != nil {
		t.Fatal(err)
	}
	if got := content(t, filepath.Join(dir, "mail")); got != string(message) {
		t.Errorf("%q", got)
	}
	args := strings.Split(strings.TrimSpace(content(t, filepath.Join(dir, "args"))), "\n")
	if want := []string{"-i", "-f", "desk@example.com", "--", "alice@example.com"}; !slices.Equal(args[1:], want) {
		t.Errorf("%q", args)
	}
	for line := range strings.Lines(content(t, filepath.Join(dir, "env"))) {
		name, _, _ := strings.Cut(line, "=")
		if !slices.Contains([]string{"PATH", "LC_ALL", "HOME", "USER", "LOGNAME", "PWD", "OLDPWD", "_", "SHLVL"}, name) {
			t.Errorf("the variable %q", line)
		}
	}
	if fds := strings.Fields(content(t, filepath.Join(dir, "fds"))); slices.Contains(fds, strconv.Itoa(theirs)) {
		t.Errorf("the open files %q, and ours is %d", fds, theirs)
	}
	if got := content(t, filepath.Join(dir, "pwd")); got != "/\n" {
		t.Errorf("in %q", got)
	}
}

// What goes wrong says whether the mail may be on its way.
func TestSendFails(t *testing.T) {
	for name, test := range map[string]struct {
		script string
		limit  time.Duration
		want   string
		lost   bool
	}{
		"it fails":                 {"cat >/dev/null; echo 'no space' >&2; exit 75", 0, `ended with 75: "no space"`, false},
		"it fails at once":         {"exit 64", 0, "ended with 64", false},
		"it prints much":           {"cat >/dev/null; head -c 3000000 /dev/zero | tr '\\0' x; exit 1", 0, "ended with 1", false},
		"it prints much, and well": {"cat >/dev/null; head -c 3000000 /dev/zero | tr '\\0' x", 0, "", false},
		"it reads nothing":         {"exit 0", 0, "did not read the whole mail", true},
		"it closes its input":      {"exec 0<&-; sleep 0.1; exit 0", 0, "did not read the whole mail", true},
		"it reads a part":          {"head -c 10 >/dev/null; exit 0", 0, "did not read the whole mail", true},
		"it kills itself":          {"cat >/dev/null; kill -9 $$", 0, "by a signal (killed)", true},
		"it hangs":                 {"cat >/dev/null; exec sleep 600", 300 * time.Millisecond, "had not ended after 300ms", true},
		"it hangs before reading":  {"exec sleep 600", 300 * time.Millisecond, "had not ended after 300ms", true},
		"a child holds its output": {"cat >/dev/null; sleep 3 & exit 0", 0, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			s, _ := fake(t, test.script)
			s.limit = test.limit
			message := []byte(strings.Repeat("a long line of a mail\n", 20_000)) // more than a pipe holds
			if test.script == "exit 0" || strings.HasPrefix(test.script, "exec 0") {
				message = []byte("short\n")
			}
			err := s.Send(t.Context(), "a@example.com", message)
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) ||
				errors.Is(err, errs.ErrLostReply) != test.lost {
				t.Errorf("%v, want %q", err, test.want)
			}
			if err != nil && len(err.Error()) > 1000 {
				t.Errorf("%d bytes", len(err.Error()))
			}
		})
	}
}

// A mail program that ends as soon as it has the last byte has read the whole mail.
func TestSendWhole(t *testing.T) {
	message := []byte("a short mail\n")
	s, _ := fake(t, fmt.Sprintf("exec head -c %d >/dev/null", len(message)))
	for range 200 {
		if err := s.Send(t.Context(), "a@example.com", message); err != nil {
			t.Fatal(err)
		}
	}
}

// A mail program that hangs is killed with its children.
func TestSendKillsChildren(t *testing.T) {
	s, dir := fake(t, `cat >/dev/null; sleep 600 & echo $! >"$DIR/child"; wait`)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Send(ctx, "a@example.com", []byte("x")) }()
	var pid int
	for pid == 0 {
		text, _ := os.ReadFile(filepath.Join(dir, "child"))
		pid, _ = strconv.Atoi(strings.TrimSpace(string(text)))
		time.Sleep(time.Millisecond)
	}
	cancel()
	if err := <-ended; !errors.Is(err, errs.ErrLostReply) {
		t.Error(err)
	}
	for begin := time.Now(); time.Since(begin) < 5*time.Minute; time.Sleep(time.Millisecond) {
		stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
		if err != nil || strings.Contains(string(stat), ") Z ") { // nobody may be there to wait for it
			return
		}
	}
	t.Errorf("process %d goes on", pid)
}

func TestSendStartsNothing(t *testing.T) {
	s, dir := fake(t, `touch "$DIR/started"`)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Send(ctx, "a@example.com", nil); err == nil || errors.Is(err, errs.ErrLostReply) {
		t.Error(err)
	}
	for name, spoil := range map[string]func() error{
		"everybody may change it": func() error { return os.Chmod(s.Path, 0o777) },
		"no program":              func() error { return os.Chmod(s.Path, 0o644) },
		"missing":                 func() error { return os.Remove(s.Path) },
		"a link of nobody's":      func() error { return os.Symlink("/nonexistent/sendmail", s.Path) },
	} {
		_ = os.Remove(s.Path)
		if err := os.WriteFile(s.Path, []byte("#!/bin/sh\ntouch "+dir+"/started\n"), 0o755); err != nil {
			t.Fatal(err)
		}
		if name == "a link of nobody's" {
			_ = os.Remove(s.Path)
		}
		if err := spoil(); err != nil {
			t.Fatal(err)
		}
		if err := s.Send(t.Context(), "a@example.com", []byte("x")); err == nil || errors.Is(err, errs.ErrLostReply) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "started")); err == nil {
		t.Error("it was started")
	}
}

// A look finds what would keep the mail program from being started, and does not start it.
func TestLook(t *testing.T) {
	s, dir := fake(t, `touch "$DIR/started"`)
	if err := s.Look(); err != nil {
		t.Error(err)
	}
	for name, spoil := range map[string]func() error{
		"everybody may change it": func() error { return os.Chmod(s.Path, 0o777) },
		"nobody may run it":       func() error { return os.Chmod(s.Path, 0o644) },
		"missing":                 func() error { return os.Rename(s.Path, s.Path+".old") },
		"a directory":             func() error { return os.Mkdir(s.Path, 0o755) },
	} {
		_ = os.RemoveAll(s.Path)
		if name != "a directory" {
			if err := os.WriteFile(s.Path, []byte("#!/bin/sh\ntouch "+dir+"/started\n"), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		if err := spoil(); err != nil {
			t.Fatal(err)
		}
		if err := s.Look(); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "started")); err == nil {
		t.Error("it was started")
	}
	for mode, may := range map[os.FileMode][3]bool{ // its owner, its group, others
		0o700: {true, false, false}, 0o070: {false, true, false}, 0o007: {false, false, true}, 0o754: {true, true, false},
	} {
		path := filepath.Join(t.TempDir(), "x")
		if err := errors.Join(os.WriteFile(path, nil, 0o600), os.Chmod(path, mode)); err != nil {
			t.Fatal(err)
		}
		own := uint32(os.Getuid())
		for i, c := range []*syscall.Credential{{Uid: own}, {Uid: 64001, Groups: []uint32{uint32(os.Getgid())}}, {Uid: 64001, Gid: 64001}} {
			if err := mayEnter(path, c); (err == nil) != may[i] && (i > 0 || own != 0) {
				t.Errorf("%o, %+v: %v", mode, c, err)
			}
		}
	}
}

// Root does not run the mail program as root.
func TestSendGivesUpRights(t *testing.T) {
	if os.Geteuid() != 0 {
		sharedtest.LeaveOut(t, sharedtest.Root, errors.New("only root can run it as another user"))
	}
	s, _ := fake(t, "exit 0")
	s.User = "nobody"
	cmd, err := s.command("a@example.com")
	if err != nil {
		t.Fatal(err)
	}
	c := cmd.SysProcAttr.Credential
	if c == nil || c.Uid == 0 || c.Gid == 0 || slices.Contains(c.Groups, 0) || !cmd.SysProcAttr.Setsid || c.NoSetGroups {
		t.Errorf("%+v", c)
	}
	whoami := exec.CommandContext(t.Context(), "/usr/bin/id", "-u")
	whoami.SysProcAttr = &syscall.SysProcAttr{Credential: c}
	if out, err := whoami.Output(); err != nil || strings.TrimSpace(string(out)) != strconv.Itoa(int(c.Uid)) {
		t.Errorf("%s, %v", out, err)
	}
	s.User = "no-such-user"
	if err := s.Send(t.Context(), "a@example.com", nil); err == nil || !strings.Contains(err.Error(), `"no-such-user"`) {
		t.Error(err)
	}
}
