package sandbox

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/sharedtest"
)

func detached(t *testing.T) *Sandbox {
	t.Helper()
	root, err := makeRoot(t.TempDir(), rootFiles{env: envFile, emulator: "http://127.0.0.1:1\n"})
	if err != nil {
		t.Fatal(err)
	}
	s := &Sandbox{root: root}
	if err := s.Detach(); err != nil {
		t.Fatal(err)
	}
	return s
}

// A process is ended only if it holds the lock: the number in a file that nobody holds may be another process's by now.
func TestStopEndsOnlyASandbox(t *testing.T) {
	s := detached(t)
	other := exec.CommandContext(t.Context(), "sleep", "100000")
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Process.Kill(); _ = other.Wait() }()
	text := `{"pid":` + strconv.Itoa(other.Process.Pid) + `}`
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
	s := detached(t)
	defer func() { _ = s.state.Close() }()
	for _, wrong := range []string{"", "x", `{"pid":1}`, `{"pid":-1}`} {
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
