package audit_test

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"uzerp-mfa/internal/audit"
	"uzerp-mfa/internal/errs"
)

// An interrupted command must not go on waiting for a pipe that nobody writes to.
func TestReadingIsInterrupted(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	writer, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = writer.Close() }()
	ctx, cancel := context.WithCancel(t.Context())
	log, err := audit.OpenFile(ctx, path)
	if err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(20*time.Millisecond, cancel)
	if _, err = log.Read(make([]byte, 10)); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if err := log.Close(); err != nil {
		t.Error(err)
	}
}

func TestOpenFile(t *testing.T) {
	dir := t.TempDir()
	if _, err := audit.OpenFile(t.Context(), filepath.Join(dir, "none")); errs.KindOf(err) != errs.NotFound {
		t.Error(err)
	}
	if _, err := audit.OpenFile(t.Context(), dir); errs.KindOf(err) != errs.Config || err.Error() != "read the audit log "+dir+": this is a directory" {
		t.Error(err)
	}
	path := filepath.Join(dir, "log")
	if err := os.WriteFile(path, []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	log, err := audit.OpenFile(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(log); err != nil || string(text) != "text" {
		t.Errorf("%q, %v", text, err)
	}
	if err := log.Close(); err != nil {
		t.Error(err)
	}
	if _, err := log.Read(make([]byte, 1)); errs.KindOf(err) != errs.Config {
		t.Error("read after the end:", err)
	}
}

func TestPaths(t *testing.T) {
	env := map[string]string{"XDG_STATE_HOME": t.TempDir()}
	getenv := func(name string) string { return env[name] }
	if path, source := audit.WritePath("", getenv); path != audit.DefaultPath(getenv) || source != "default" {
		t.Error(path, source)
	}
	env[audit.Variable] = "/named"
	if path, source := audit.WritePath("", getenv); path != "/named" || source != audit.Variable || audit.ReadPath("", getenv) != path {
		t.Error(path, source)
	}
	if path, source := audit.WritePath("given", getenv); path != "given" || source != "--audit-log" || audit.ReadPath("given", getenv) != path {
		t.Error(path, source)
	}
}
