package filelock_test

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"uzerp-mfa/internal/filelock"
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
