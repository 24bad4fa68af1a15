package audit

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/sharedtest"
)

// This test needs a file system of 64 KiB, which only root can mount. Elsewhere TestShortWrite does instead.
func TestDiskFull(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=64k"); err != nil {
		sharedtest.LeaveOut(t, sharedtest.FileSystem, fmt.Errorf("can't mount a small file system: %w", err))
	}
	defer func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) }()
	l := openLog(t, filepath.Join(dir, "log", "audit.jsonl"))
	r := sample(0)
	r.Reason = strings.Repeat("x", 3000)
	n := 0
	var err error
	for ; err == nil && n < 100; n++ {
		_, err = l.Append(t.Context(), r)
	}
	if e, ok := errors.AsType[*errs.Error](err); !ok || e.Kind != errs.Config || !errors.Is(err, syscall.ENOSPC) || !strings.Contains(e.Error(), l.path) {
		t.Fatalf("%v", err)
	}
	if report := intact(t, l, n-1); len(report.Torn) != 0 {
		t.Errorf("%+v", report)
	}
	// There is no room for a first line or a directory either: the command must get the error before it changes
	// anything.
	writeErr := os.WriteFile(filepath.Join(dir, "ballast"), make([]byte, 64<<10), 0o600)
	if writeErr == nil {
		t.Fatal("the disk is not full")
	}
	other, err := Open(filepath.Join(dir, "other", "audit.jsonl"), Options{})
	if err == nil {
		_, err = other.Append(t.Context(), sample(0))
	}
	if errs.KindOf(err) != errs.Config || !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("%v", err)
	}
	if err := os.Remove(filepath.Join(dir, "ballast")); err != nil {
		t.Fatal(err)
	}
	appendTo(t, l, sample(1))
	intact(t, l, n)
}
