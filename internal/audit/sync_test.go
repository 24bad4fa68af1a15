package audit

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"uzerp-mfa/internal/errs"
)

// synced notes what is written to the disk, and what was in it at that moment: the names in a directory, the lines in a
// file.
type synced struct {
	t     *testing.T
	notes []string
	fail  map[string]error // by the last part of the path
}

func (s *synced) sync(f *os.File) error {
	name := filepath.Base(f.Name())
	entries, err := os.ReadDir(f.Name())
	what := fmt.Sprint(name, " holds")
	for _, e := range entries {
		what += " " + e.Name()
	}
	if err != nil {
		what = fmt.Sprint(name, " has lines: ", strings.Count(string(readFile(s.t, f.Name())), "\n"))
	}
	s.notes = append(s.notes, what)
	if err := s.fail[name]; err != nil {
		return err
	}
	return f.Sync()
}

// After Append has returned, a power cut takes nothing away: not the line, nor the name of a new log or of its directory.
func TestWrittenIsOnTheDisk(t *testing.T) {
	s := &synced{t: t}
	top := filepath.Join(t.TempDir(), "top")
	if err := os.Mkdir(top, 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(top, "log", "audit.jsonl")
	l, err := Open(path, Options{sync: s.sync})
	if err != nil {
		t.Fatal(err)
	}
	appendTo(t, l, sample(0))
	appendTo(t, l, sample(1))
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	appendTo(t, l, sample(2)) // in a new file
	want := []string{"top holds log", "log holds audit.jsonl audit.jsonl.lock", "audit.jsonl has lines: 1", "audit.jsonl has lines: 2",
		"log holds audit.jsonl audit.jsonl.1 audit.jsonl.lock", "audit.jsonl has lines: 1"}
	if diff := cmp.Diff(want, s.notes); diff != "" {
		t.Error(diff)
	}

	// By default sync is fsync, which fails on a file that is closed.
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Close(), openLog(t, path).o.sync(f)); !errors.Is(err, os.ErrClosed) {
		t.Errorf("sync of a closed file: %v", err)
	}
}

// If a line can't be synced to the disk, Append fails and the line is removed.
func TestNotOnTheDisk(t *testing.T) {
	for _, name := range []string{"top", "log", "audit.jsonl"} {
		s := &synced{t: t, fail: map[string]error{name: syscall.EIO}}
		top := filepath.Join(t.TempDir(), "top")
		if err := os.Mkdir(top, 0o700); err != nil {
			t.Fatal(err)
		}
		l, err := Open(filepath.Join(top, "log", "audit.jsonl"), Options{sync: s.sync})
		if name == "audit.jsonl" {
			if err != nil {
				t.Fatal(err)
			}
			_, err = l.Append(t.Context(), sample(0))
			if got := readFile(t, l.path); len(got) != 0 {
				t.Errorf("the log holds %q", got)
			}
		}
		if errs.KindOf(err) != errs.Config || !errors.Is(err, syscall.EIO) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A file system that can't sync directories is no error.
	s := &synced{t: t, fail: map[string]error{"log": errors.ErrUnsupported}}
	if _, err := Open(filepath.Join(t.TempDir(), "log", "audit.jsonl"), Options{sync: s.sync}); err != nil {
		t.Error(err)
	}
}
