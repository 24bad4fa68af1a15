package envwrite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/filelock"
	"uzerp-mfa/internal/installation"
	"uzerp-mfa/internal/installation/treetest"
	"uzerp-mfa/internal/safepath"
)

// planned returns the path of a file with A=1, and the edit that makes it A=2.
func planned(t *testing.T) (string, *installation.EnvEdit) {
	t.Helper()
	path := filepath.Join(treetest.Write(t, map[string]string{".env": "A=1\n"}), ".env")
	env, err := installation.ReadEnvFile(path)
	if err != nil {
		t.Fatal(err)
	}
	edit, err := env.Plan(installation.SettingChange{Setting: "A", After: "2"})
	if err != nil {
		t.Fatal(err)
	}
	return path, edit
}

func TestWrite(t *testing.T) {
	path, edit := planned(t)
	if err := Rehearse(t.Context(), edit); err != nil || content(t, path) != "A=1\n" || len(names(t, filepath.Dir(path))) != 1 {
		t.Fatalf("rehearsed: %v, %q", err, content(t, path))
	}
	backup, err := Write(t.Context(), edit)
	if err != nil || content(t, path) != "A=2\n" || content(t, backup) != "A=1\n" {
		t.Fatalf("%q, %v", backup, err)
	}
	// The file is no longer what was planned for.
	if backup, err := Write(t.Context(), edit); errs.KindOf(err) != errs.Refused || backup != "" {
		t.Errorf("written twice: %q, %v", backup, err)
	}
	if err := Rehearse(t.Context(), edit); errs.KindOf(err) != errs.Refused {
		t.Errorf("rehearsed for another file: %v", err)
	}
}

// After Ctrl-C while another process holds the lock, the error says so and nothing is changed.
func TestWriteInterrupted(t *testing.T) {
	path, edit := planned(t)
	holder, err := os.Open(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = holder.Close() }()
	if taken, err := filelock.Try(holder); !taken || err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Write(ctx, edit); !errors.Is(err, context.Canceled) || content(t, path) != "A=1\n" {
		t.Errorf("%v", err)
	}
}

// Each error has the kind that says what to do about it.
func TestProblem(t *testing.T) {
	for _, test := range []struct {
		err  error
		kind errs.Kind
		hint string
	}{
		{ErrFileMoved, errs.Refused, "nothing was changed"},
		{ErrLocked, errs.Refused, "nothing was changed"},
		{errBackupMoved, errs.Refused, "nothing was changed"},
		{fmt.Errorf("%w: x", ErrNotSynced), errs.Failure, "the old file is B"},
		{ErrExchanged, errs.Failure, "look at what is there now"},
		{&safepath.UntrustedError{Path: "conf/.env", Reason: "a reason"}, errs.Config, ""},
		{&os.PathError{Err: safepath.ErrTooLarge}, errs.Config, ""},
		{os.ErrPermission, errs.Config, "run it as root"},
		{ErrReadBack, errs.Failure, "the old file is as it was"},
	} {
		err := problem("conf/.env", "B", test.err)
		if errs.KindOf(err) != test.kind || !strings.Contains(errs.HintOf(err).Text, test.hint) || !strings.HasPrefix(err.Error(), "conf/.env: ") {
			t.Errorf("%v: %v, hint %q", test.err, err, errs.HintOf(err))
		}
	}
}
