package cmd

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Who presses Ctrl-C while sessions are looked for has learned nothing of whether they can be ended.
func TestEndsItInterrupted(t *testing.T) {
	t.Chdir(t.TempDir())
	dir, err := filepath.Abs("sessions")
	if err != nil {
		t.Fatal(err)
	}
	ini := filepath.Join("machine", "etc", "php", "8.2", "apache2", "php.ini")
	for name, text := range map[string]string{ini: "session.save_path = \"" + dir + "\"\n", filepath.Join(dir, "sess_a1"): "cart|a:0:{}"} {
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	was := machineRoot
	machineRoot = "machine"
	t.Cleanup(func() { machineRoot = was })
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = null.Close() }()
	app := newApp(Process{In: null, Out: null, Err: null, Getenv: func(string) (string, bool) { return "", false }})
	if how, command := app.endsIt(t.Context(), "alice"); !strings.Contains(how, "This ends it") || command != "uzerp-mfa session end alice" {
		t.Errorf("%s | %s", how, command)
	}
	ctx, interrupt := context.WithCancelCause(t.Context())
	interrupt(errTimeout)
	if how, command := app.endsIt(ctx, "alice"); !strings.HasSuffix(how, "this tries it:") || command != "uzerp-mfa session end alice" {
		t.Errorf("interrupted: %s | %s", how, command)
	}
}
