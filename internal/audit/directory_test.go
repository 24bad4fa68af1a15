package audit

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/sharedtest"
)

const stranger = 65534 // nobody

func needsRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		sharedtest.LeaveOut(t, sharedtest.Root, errors.New("only root can give files away"))
	}
}

func check(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// give makes a directory that belongs to somebody.
func give(t *testing.T, path string, uid, gid int, mode os.FileMode) {
	t.Helper()
	check(t, os.Mkdir(path, 0o700), os.Chown(path, uid, gid), os.Chmod(path, mode))
}

// Root writes no log where a stranger could have put it or could exchange it, and leaves nothing there.
func TestWhereTheLogIs(t *testing.T) {
	needsRoot(t)
	top := t.TempDir()
	check(t, os.Chmod(top, 0o755))
	in := func(name string) string { return filepath.Join(top, name) }
	give(t, in("roots"), 0, 0, 0o755)
	give(t, in("theirs"), stranger, stranger, 0o755)
	give(t, in("theirs/roots"), 0, 0, 0o755)
	give(t, in("groups"), 0, stranger, 0o775)
	give(t, in("logs"), 0, stranger, 0o775)
	give(t, in("logs/roots"), 0, 0, 0o750)
	give(t, in("logs/theirs"), stranger, stranger, 0o750)
	give(t, in("logs/groups"), 0, stranger, 0o770)
	give(t, in("not-roots-logs"), stranger, stranger, 0o775)
	give(t, in("sticky"), 0, 0, 0o777|os.ModeSticky)
	give(t, in("locked"), 0, 0, 0o777|os.ModeSticky)
	for name, owner := range map[string]int{"roots/theirs.jsonl": stranger, "sticky/theirs.jsonl": stranger, "roots/groups.jsonl": 0,
		"roots/everybodys.jsonl": 0, "locked/audit.jsonl.lock": stranger} {
		writeFile(t, in(name), nil)
		check(t, os.Chown(in(name), owner, stranger), os.Chmod(in(name), 0o660))
	}
	check(t, os.Chmod(in("roots/everybodys.jsonl"), 0o666))
	for name, link := range map[string]struct {
		to    string
		owner int
	}{"link": {"roots", 0}, "sticky/link": {in("roots"), stranger}, "out": {"theirs", 0}, "roots/log.jsonl": {"new.jsonl", 0}} {
		check(t, os.Symlink(link.to, in(name)), os.Lchown(in(name), link.owner, link.owner))
	}
	whole := trust()
	whole.Through = []string{in("logs"), in("not-roots-logs")}
	const theirs, groups = "it belongs to user 65534", "the members of group 65534"
	for _, test := range []struct{ path, want string }{
		{"roots/new.jsonl", ""},
		{"roots/a/b/c/new.jsonl", ""},
		{"roots/groups.jsonl", ""}, // root has given it to a group
		{"link/new.jsonl", ""},
		{"logs/new.jsonl", ""},
		{"logs/roots/new.jsonl", ""},
		{"logs/made/new.jsonl", ""},
		{"sticky/new.jsonl", ""},
		{"sticky/made/new.jsonl", ""},
		{"theirs/new.jsonl", theirs},
		{"theirs/made/new.jsonl", theirs},
		{"theirs/roots/new.jsonl", theirs},
		{"theirs/roots/made/new.jsonl", theirs},
		{"out/new.jsonl", theirs},
		{"sticky/link/new.jsonl", theirs},
		{"groups/new.jsonl", groups},
		{"groups/made/new.jsonl", groups},
		{"logs/theirs/new.jsonl", theirs},
		{"logs/groups/new.jsonl", groups},
		{"not-roots-logs/new.jsonl", theirs},
		{"roots/theirs.jsonl", theirs},
		{"sticky/theirs.jsonl", theirs},
		{"roots/everybodys.jsonl", "everybody may change it"},
		{"roots/log.jsonl", "it is a symbolic link"},
		{"locked/audit.jsonl", theirs},
	} {
		before := tree(t, top)
		l, err := Open(in(test.path), Options{trust: whole})
		if test.want == "" {
			check(t, err)
			appendTo(t, l, sample(0))
			continue
		}
		if err == nil || !strings.Contains(err.Error(), test.want) || errs.KindOf(err) != errs.Config || errs.HintOf(err).Empty() {
			t.Errorf("%s: %v, want %q", test.path, err, test.want)
		}
		if after := tree(t, top); after != before {
			t.Errorf("%s: %s became %s", test.path, before, after)
		}
	}
	if !slices.Equal(trust().Through, []string{systemLogs}) {
		if path, err := filepath.EvalSymlinks(systemLogs); err != nil || !slices.Equal(trust().Through, []string{path}) {
			t.Error(trust().Through)
		}
	}
}

// A stranger exchanges the log's directory for a link to root's files all the time.
func TestDirectoryIsExchanged(t *testing.T) {
	needsRoot(t)
	top := t.TempDir()
	check(t, os.Chmod(top, 0o755))
	give(t, filepath.Join(top, "sticky"), 0, 0, 0o777|os.ModeSticky)
	give(t, filepath.Join(top, "roots"), 0, 0, 0o755)
	name := filepath.Join(top, "sticky", "dir")
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			made := filepath.Join(top, "made") // it has its owner before it has the name
			if i%2 == 0 {
				_ = os.Symlink(filepath.Join(top, "roots"), made)
			} else {
				_ = os.Mkdir(made, 0o755)
			}
			_ = os.Lchown(made, stranger, stranger)
			_ = os.RemoveAll(name)
			_ = os.Rename(made, name)
			_ = os.RemoveAll(made)
		}
	})
	for i := range 200 {
		l, err := Open(filepath.Join(name, "audit.jsonl"), Options{})
		if err == nil { // the name was free for a moment, and the directory is our own
			_, _ = l.Append(t.Context(), sample(i))
		}
		if entries, err := os.ReadDir(filepath.Join(top, "roots")); err != nil || len(entries) > 0 {
			t.Fatalf("after %d tries there are %v, %v", i, entries, err)
		}
	}
	close(stop)
	wg.Wait()
}

// Each directory that is made is on the disk before anything is made in it.
func TestMadeDirectoriesAreOnTheDisk(t *testing.T) {
	s := &synced{t: t}
	top := filepath.Join(t.TempDir(), "top")
	check(t, os.Mkdir(top, 0o700))
	if _, err := Open(filepath.Join(top, "a", "b", "audit.jsonl"), Options{sync: s.sync}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(s.notes, []string{"top holds a", "a holds b", "b holds audit.jsonl audit.jsonl.lock"}); diff != "" {
		t.Error(diff)
	}
}

// A group that may write to root's log can use it, and its lock, once root has made them.
func TestWritersOfAGroup(t *testing.T) {
	needsRoot(t)
	dir, err := os.MkdirTemp("", "audit") // TempDir's can't be entered by others
	check(t, err)
	defer func() { _ = os.RemoveAll(dir) }()
	check(t, os.Chmod(dir, 0o755))
	binary, path := filepath.Join(dir, "audit.test"), filepath.Join(dir, "log", "audit.jsonl")
	check(t, os.WriteFile(binary, readFile(t, os.Args[0]), 0o755))
	give(t, filepath.Dir(path), 0, stranger, 0o750|os.ModeSetgid)
	writeFile(t, path, nil)
	check(t, os.Chown(path, 0, stranger), os.Chmod(path, 0o660))
	member := func() (string, error) {
		c, out := childCommand(t, "plain", path, "AUDIT_COUNT=1")
		c.Path, c.Dir = binary, dir
		c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65533, Gid: stranger}}
		err := c.Run()
		return fmt.Sprint(out), err
	}
	if out, err := member(); err == nil || !strings.Contains(out, "lock") || !strings.Contains(out, "permission denied") {
		t.Errorf("%v: %s", err, out)
	}
	appendTo(t, openLog(t, path), sample(0))
	if out, err := member(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
	appendTo(t, openLog(t, path), sample(0))
	intact(t, openLog(t, path), 3)
}
