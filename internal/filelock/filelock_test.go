package filelock_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"uzerp-mfa/internal/filelock"
	"uzerp-mfa/internal/safepath"
)

func open(t *testing.T, path string) *os.File {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

// Each open file has its own lock, even if one process opens the same directory twice.
func TestTry(t *testing.T) {
	dir := t.TempDir()
	first, second := open(t, dir), open(t, dir)
	if taken, err := filelock.Try(first); !taken || err != nil {
		t.Fatalf("free: %v, %v", taken, err)
	}
	if taken, err := filelock.Try(second); taken || err != nil {
		t.Fatalf("held: %v, %v", taken, err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if taken, err := filelock.Try(second); !taken || err != nil {
		t.Fatalf("closing does not unlock: %v, %v", taken, err)
	}
	if taken, err := filelock.Try(first); taken || err == nil {
		t.Errorf("a closed file is locked: %v, %v", taken, err)
	}
}

func TestWait(t *testing.T) {
	calls := 0
	third := func() (bool, error) { calls++; return calls == 3, nil }
	if err := filelock.Wait(t.Context(), third); err != nil || calls != 3 {
		t.Errorf("%v after %d calls", err, calls)
	}
	broken := errors.New("broken")
	if err := filelock.Wait(t.Context(), func() (bool, error) { return false, broken }); !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
	busy := errors.New("busy")
	ctx, cancel := context.WithTimeoutCause(t.Context(), 5*time.Millisecond, busy)
	defer cancel()
	if err := filelock.Wait(ctx, func() (bool, error) { return false, nil }); !errors.Is(err, busy) {
		t.Errorf("%v", err)
	}
	called := false
	if err := filelock.Wait(ctx, func() (bool, error) { called = true; return true, nil }); err != nil || !called {
		t.Errorf("a free lock is not taken after the time is over: %v", err)
	}
}

// The lock file is for those who may write to the guarded file, and says who holds the lock.
func TestOpen(t *testing.T) {
	top := t.TempDir()
	path := filepath.Join(top, "guarded")
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	dir, err := safepath.OpenDir(top, safepath.Ourselves())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = dir.Close() }()
	lock, err := filelock.Open(dir, "guarded.lock")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = lock.Close() }()
	for mode, want := range map[os.FileMode]os.FileMode{0o600: 0o600, 0o644: 0o600, 0o664: 0o660, 0o640: 0o600} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		filelock.Share(lock, open(t, path))
		if info, err := lock.Stat(); err != nil || info.Mode() != want {
			t.Errorf("guarded %v: lock %v, %v", mode, info.Mode(), err)
		}
	}
	if pid, name := filelock.Holder(lock); pid != 0 || name != "" {
		t.Errorf("free: %d, %q", pid, name)
	}
	if taken, err := filelock.Try(lock); !taken || err != nil {
		t.Fatal(taken, err)
	}
	if pid, name := filelock.Holder(lock); runtime.GOOS == "linux" && (pid != os.Getpid() || name == "") {
		t.Errorf("held: %d, %q", pid, name)
	}
	if err := os.Symlink("guarded", filepath.Join(top, "link.lock")); err != nil {
		t.Fatal(err)
	}
	if f, err := filelock.Open(dir, "link.lock"); err == nil {
		_ = f.Close()
		t.Error("a link is followed")
	}
	if err := os.Chmod(filepath.Join(top, "guarded.lock"), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := filelock.Open(dir, "guarded.lock"); err == nil {
		t.Error("a lock that everybody may hold is taken")
	}
}
