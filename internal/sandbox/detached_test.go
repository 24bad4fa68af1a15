package sandbox

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/sharedtest"
)

// detached returns a sandbox without a server, and the directory that is said to be that of its PostgreSQL. That is not made.
func detached(t *testing.T) (s *Sandbox, postgres string) {
	t.Helper()
	root, err := makeRoot(t.TempDir(), rootFiles{env: envFile, emulator: "http://127.0.0.1:1\n"})
	if err != nil {
		t.Fatal(err)
	}
	postgres = filepath.Join(t.TempDir(), "postgres")
	s = &Sandbox{root: root, state: nil}
	if err := s.detach(postgres); err != nil {
		t.Fatal(err)
	}
	return s, postgres
}

// A process is ended only if it holds the lock: the number in a file that nobody holds may be another process's by now.
func TestStopEndsOnlyASandbox(t *testing.T) {
	s, postgres := detached(t)
	other := exec.CommandContext(t.Context(), "sleep", "100000")
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Process.Kill(); _ = other.Wait() }()
	text := `{"pid":` + strconv.Itoa(other.Process.Pid) + `,"postgres":` + strconv.Quote(postgres) + `}`
	if err := os.WriteFile(filepath.Join(s.root, stateFile), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	_ = s.state.Close() // as kill -9 does
	if how, err := StopDetached(t.Context(), s.root); how != WasDead || err != nil {
		t.Error(how, err)
	}
	if err := other.Process.Signal(syscall.Signal(0)); err != nil {
		t.Error("another process was ended")
	}
	if how, err := StopDetached(t.Context(), s.root); how != WasNone || err != nil {
		t.Error(how, err)
	}
}

// What is no detached sandbox of ours is left alone.
func TestStopJudges(t *testing.T) {
	foreground, err := makeRoot(t.TempDir(), rootFiles{})
	if err != nil {
		t.Fatal(err)
	}
	named := filepath.Join(t.TempDir(), "other") // it has all that a detached sandbox has, but the name
	if err := errors.Join(os.Mkdir(named, 0o700), os.WriteFile(filepath.Join(named, stateFile), []byte(`{"pid":2}`), 0o600)); err != nil {
		t.Fatal(err)
	}
	for _, root := range []string{"/etc", "relative", t.TempDir(), foreground, named} {
		if _, err := StopDetached(t.Context(), root); errs.KindOf(err) != errs.Refused {
			t.Errorf("%s: %v", root, err)
		}
	}
	for _, root := range []string{foreground, named} {
		if _, err := os.Stat(root); err != nil {
			t.Error(err)
		}
	}
	s, _ := detached(t)
	defer func() { _ = s.state.Close() }()
	for _, wrong := range []string{"", "x", `{"pid":1,"postgres":"/x"}`, `{"pid":-1,"postgres":"/x"}`, `{"pid":2}`, `{"pid":2,"postgres":"x"}`} {
		if err := os.WriteFile(filepath.Join(s.root, stateFile), []byte(wrong), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := StopDetached(t.Context(), s.root); errs.KindOf(err) != errs.Config {
			t.Errorf("%q: %v", wrong, err)
		}
	}
	if os.Geteuid() != 0 {
		sharedtest.LeaveOut(t, sharedtest.Root, errors.New("only root gives a file to somebody else"))
	}
	if err := os.Chown(s.root, 65534, 65534); err != nil {
		t.Fatal(err)
	}
	if _, err := StopDetached(t.Context(), s.root); errs.KindOf(err) != errs.Config {
		t.Error(err)
	}
}

// A shell reads the directory's path back from the settings, whatever TMPDIR is.
func TestRootParent(t *testing.T) {
	for dir, want := range map[string]string{
		"/a b/it's $(x)": "/a b/it's $(x)", "/a\nb": "/tmp", "/a\x1b[31m": "/tmp", "/a\xff": "/tmp", "/a\u202eb": "/tmp", `/a\\b`: "/tmp", "/": "/",
	} {
		t.Setenv("TMPDIR", dir)
		if got := rootParent(); got != want {
			t.Errorf("%q: %q, want %q", dir, got, want)
		}
	}
}

// A sandbox is gone when its PostgreSQL is: a killed one is said to be tidied only then. The directory is never removed by us, for a
// server may run in it.
func TestStopAwaitsPostgreSQL(t *testing.T) {
	s, postgres := detached(t)
	if err := os.Mkdir(postgres, 0o700); err != nil {
		t.Fatal(err)
	}
	_ = s.state.Close() // as kill -9 does
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if how, err := StopDetached(ctx, s.root); how != "" || !errors.Is(err, context.Canceled) {
		t.Error(how, err)
	}
	late, cancel := context.WithDeadlineCause(t.Context(), time.Now(), stays(postgres))
	defer cancel()
	if how, err := StopDetached(late, s.root); how != "" || errs.KindOf(err) != errs.Unavailable || !strings.Contains(err.Error(), postgres) {
		t.Error(how, err)
	}
	if _, err := os.Stat(filepath.Join(postgres, ".")); err != nil {
		t.Error("PostgreSQL's directory was removed:", err)
	}
	if err := os.Remove(postgres); err != nil {
		t.Fatal(err)
	}
	if how, err := StopDetached(t.Context(), s.root); how != WasDead || err != nil {
		t.Error(how, err)
	}
}

// A sandbox is looked for where one would be made now: in $TMPDIR, and in /tmp only if others may change that.
func TestOnlyDetached(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a[b]*") // no pattern
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", dir)
	if root, err := OnlyDetached(); root != "" || err != nil {
		t.Error(root, err)
	}
	for n := range 2 {
		root, err := makeRoot(os.TempDir(), rootFiles{})
		if err != nil {
			t.Fatal(err)
		}
		s := &Sandbox{root: root}
		if err := s.detach("/nowhere"); err != nil {
			t.Fatal(err)
		}
		defer func() { _ = s.state.Close() }()
		if found, err := OnlyDetached(); n == 0 && (found != root || err != nil) || n == 1 && errs.KindOf(err) != errs.Usage {
			t.Error(n, found, err)
		}
	}
}
