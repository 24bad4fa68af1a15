package envwrite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/filelock"
	"uzerp-mfa/internal/installation"
	"uzerp-mfa/internal/installation/file"
	"uzerp-mfa/internal/installation/treetest"
	"uzerp-mfa/internal/safepath"
	"uzerp-mfa/internal/sharedtest"
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

// A file with a second name is left alone, at each step: the other name would keep the old content.
func TestSecondNameStays(t *testing.T) {
	for _, step := range []string{"create", "rename"} {
		dir := treetest.Write(t, map[string]string{".env": "old"})
		path := filepath.Join(dir, ".env")
		var once sync.Once
		_, err := testReplacer(func(at string) (err error) {
			if at == step {
				once.Do(func() { err = os.Link(path, filepath.Join(dir, "second")) })
			}
			return err
		}).replace(t.Context(), path, to("new"))
		if !isNotReplaceable(err) || content(t, path) != "old" || content(t, filepath.Join(dir, "second")) != "old" || len(names(t, dir)) != 2 {
			t.Errorf("%s: %v, %q", step, err, names(t, dir))
		}
		if err := rehearse(t.Context(), path, to("new")); !isNotReplaceable(err) {
			t.Errorf("rehearsed: %v", err)
		}
	}
}

// On a share where root has no rights, what root makes belongs to nobody. It is noticed before anything is written into it.
func TestSquashedRoot(t *testing.T) {
	if os.Geteuid() != 0 {
		sharedtest.LeaveOut(t, sharedtest.Root, errors.New("only root can give files away"))
	}
	dir := treetest.Write(t, map[string]string{".env": "old"})
	path := filepath.Join(dir, ".env")
	_, err := testReplacer(func(step string) error {
		if step != "close to others" {
			return nil
		}
		for _, name := range names(t, dir) {
			if name != ".env" {
				return os.Chown(filepath.Join(dir, name), 65534, 65534)
			}
		}
		return nil
	}).replace(t.Context(), path, to("new"))
	if !errors.Is(err, errNotOurs) || content(t, path) != "old" || len(names(t, dir)) != 1 {
		t.Errorf("%v, %q", err, names(t, dir))
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
		{&file.NotReplaceableError{Path: "conf/.env", Reason: "a reason", Advice: "do that"}, errs.Refused, "nothing was changed; do that"},
		{&os.LinkError{Err: syscall.EBUSY}, errs.Refused, "a mount of its own"},
		{&os.PathError{Err: syscall.EROFS}, errs.Config, "read-only"},
		{&os.PathError{Err: syscall.ENOSPC}, errs.Failure, "make room"},
		{&os.PathError{Err: syscall.EDQUOT}, errs.Failure, "make room"},
		{errNotOurs, errs.Config, "as the owner of the file"},
		{ErrReadBack, errs.Failure, "the old file is as it was"},
	} {
		err := problem("conf/.env", "B", test.err)
		if errs.KindOf(err) != test.kind || !strings.Contains(errs.HintOf(err).Text, test.hint) || !strings.HasPrefix(err.Error(), "conf/.env: ") {
			t.Errorf("%v: %v, hint %q", test.err, err, errs.HintOf(err))
		}
	}
}
