package envwrite

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"uzerp-mfa/internal/installation/file"
	"uzerp-mfa/internal/safepath"
	"uzerp-mfa/internal/sharedtest"
)

const (
	webServer = 33    // owns the directory
	stranger  = 65534 // has no right on anything
)

func needsRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		sharedtest.LeaveOut(t, sharedtest.Root, errors.New("only root can act as another user"))
	}
}

// as calls do with the rights of another user. Only the thread that do runs on has them, and it ends with do.
func as(t *testing.T, id int, do func()) <-chan struct{} {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and never unlocks: so the thread is not used again
		for _, call := range [][4]uintptr{
			{unix.SYS_SETGROUPS}, {unix.SYS_SETRESGID, uintptr(id), uintptr(id), uintptr(id)}, {unix.SYS_SETRESUID, uintptr(id), uintptr(id), uintptr(id)},
		} {
			if _, _, errno := unix.RawSyscall(call[0], call[1], call[2], call[3]); errno != 0 {
				t.Error(errno)
				return
			}
		}
		do()
	}()
	return done
}

// attacked is a directory of the web server's with an .env, and beside it a file of root's.
type attacked struct {
	t               *testing.T
	dir, env, roots string
	target          unix.Stat_t
	text            string
}

// acl returns an access list in which user id may read and write.
func acl(id byte) []byte {
	return []byte("\x02\x00\x00\x00" + "\x01\x00\x06\x00\xff\xff\xff\xff" + "\x02\x00\x06\x00" + string([]byte{id, 0, 0, 0}) +
		"\x04\x00\x04\x00\xff\xff\xff\xff" + "\x10\x00\x06\x00\xff\xff\xff\xff" + "\x20\x00\x00\x00\xff\xff\xff\xff")
}

func newAttacked(t *testing.T) *attacked {
	t.Helper()
	top := t.TempDir()
	a := &attacked{t: t, dir: filepath.Join(top, "conf"), roots: filepath.Join(top, "roots"), text: "root's secret"}
	a.env = filepath.Join(a.dir, ".env")
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.Chmod(top, 0o755))
	must(os.Chmod(filepath.Dir(top), 0o755))
	must(os.Mkdir(a.dir, 0o750))
	must(a.giveAway(a.dir))
	must(os.WriteFile(a.roots, []byte(a.text), 0o600))
	a.reset()
	must(unix.Stat(a.roots, &a.target))
	return a
}

// giveAway makes the web server the owner of path, where the test may do that.
func (a *attacked) giveAway(path string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	return os.Lchown(path, webServer, webServer)
}

// reset empties the directory, and puts the web server's .env there, with an access list.
func (a *attacked) reset() {
	a.t.Helper()
	for _, name := range names(a.t, a.dir) {
		if err := os.RemoveAll(filepath.Join(a.dir, name)); err != nil {
			a.t.Fatal(err)
		}
	}
	err := os.WriteFile(a.env, []byte("old"), 0o640)
	if err == nil {
		err = a.giveAway(a.env)
	}
	if err != nil {
		a.t.Fatal(err)
	}
	if err := unix.Setxattr(a.env, aclAttribute, acl(webServer), 0); err != nil {
		sharedtest.LeaveOut(a.t, sharedtest.FileSystem, fmt.Errorf("no access lists on this file system: %w", err))
	}
}

// unharmed fails the test if root's file has changed, or if its content is in the directory.
func (a *attacked) unharmed(when string) {
	a.t.Helper()
	var now unix.Stat_t
	if err := unix.Stat(a.roots, &now); err != nil {
		a.t.Fatal(err)
	}
	if now.Mode != a.target.Mode || now.Uid != a.target.Uid || now.Gid != a.target.Gid || now.Ino != a.target.Ino || now.Nlink != 1 {
		a.t.Errorf("%s: root's file is %o of %d:%d with %d names", when, now.Mode, now.Uid, now.Gid, now.Nlink)
	}
	if _, err := unix.Getxattr(a.roots, aclAttribute, nil); !errors.Is(err, unix.ENODATA) {
		a.t.Errorf("%s: root's file has an access list", when)
	}
	if content(a.t, a.roots) != a.text {
		a.t.Errorf("%s: root's file has another content", when)
	}
	for _, name := range names(a.t, a.dir) {
		path := filepath.Join(a.dir, name)
		if info, err := os.Lstat(path); err != nil || !info.Mode().IsRegular() {
			continue
		}
		if text := content(a.t, path); strings.Contains(text, a.text) {
			a.t.Errorf("%s: %s has root's content", when, name)
		}
	}
}

// unsynced is a testReplacer that does not wait for the disk: there are many tries.
func unsynced(check func(string) error) *replacer {
	r := testReplacer(check)
	r.sync = func(*os.File) error { return nil }
	return r
}

// exchange puts a symbolic link to root's file in the place of each name for which it is wanted.
func (a *attacked) exchange(wanted func(name string) bool) {
	entries, err := os.ReadDir(a.dir)
	if err != nil {
		return
	}
	for i, e := range entries {
		if path := filepath.Join(a.dir, e.Name()); wanted(e.Name()) && e.Type().IsRegular() {
			_ = os.Rename(path, filepath.Join(a.dir, fmt.Sprintf("taken%d", i)))
			_ = os.Symlink(a.roots, path)
		}
	}
}

func isTemp(name string) bool { return strings.HasPrefix(name, "..env.") }

var steps = []string{
	"create", "close to others", "write", "chown", "acl", "chmod", "label", "compare", "sync", "read back", "name backup", "rename", "exchange", "sync directory",
}

// Before each step the web server puts links in the place of the temporary files, of .env, or of all. Nothing happens to
// the file that they lead to.
func TestExchangedAtEachStep(t *testing.T) {
	needsRoot(t)
	a := newAttacked(t)
	for name, wanted := range map[string]func(string) bool{
		"temporary files": isTemp,
		".env":            func(name string) bool { return name == ".env" },
		"backups":         func(name string) bool { return strings.Contains(name, ".bak-") },
		"all":             func(string) bool { return true },
	} {
		for _, step := range steps {
			a.reset()
			r := unsynced(func(at string) error {
				if at == step {
					<-as(t, webServer, func() { a.exchange(wanted) })
				}
				return nil
			})
			_, err := r.replace(t.Context(), a.env, to("new"))
			a.unharmed(fmt.Sprintf("%s, before %s (%v)", name, step, err))
			if now, readErr := os.Lstat(a.env); err == nil && (readErr != nil || !now.Mode().IsRegular()) && step != "sync directory" {
				t.Errorf("%s, before %s: success, and .env is %v", name, step, now)
			}
		}
	}
}

// The web server exchanges the temporary files as fast as it can, 200 times.
func TestExchangedAllTheTime(t *testing.T) {
	needsRoot(t)
	a := newAttacked(t)
	stop := make(chan struct{})
	ended := as(t, webServer, func() {
		for {
			select {
			case <-stop:
				return
			default:
				a.exchange(isTemp)
			}
		}
	})
	for range 200 {
		_, err := unsynced(nil).replace(t.Context(), a.env, to("new"))
		a.unharmed(fmt.Sprint(err))
		a.reset()
	}
	close(stop)
	<-ended
}

// If the wrong file has got the name, there is no success, and the old content is still there.
func TestExchangedAtTheEnd(t *testing.T) {
	a := newAttacked(t)
	backup, err := testReplacer(func(at string) error {
		if at == "exchange" {
			a.exchange(isTemp)
		}
		return nil
	}).replace(t.Context(), a.env, to("new"))
	if !errors.Is(err, ErrExchanged) || content(t, backup) != "old" {
		t.Errorf("%q, %v", backup, err)
	}
	a.reset()
	_, err = testReplacer(func(at string) error {
		if at == "rename" {
			a.exchange(isTemp)
		}
		return nil
	}).replace(t.Context(), a.env, to("new"))
	if !errors.Is(err, ErrFileMoved) || content(t, a.env) != "old" {
		t.Errorf("%v", err)
	}
}

// Links of the web server's, and second names of root's files, are neither read nor replaced.
func TestReplaceLeavesOthersFiles(t *testing.T) {
	needsRoot(t)
	a := newAttacked(t)
	for name, put := range map[string]func() error{
		"link": func() error { return os.Symlink(a.roots, a.env) },
		"link to a directory": func() error {
			return errors.Join(os.Symlink(filepath.Dir(a.roots), filepath.Join(a.dir, "up")), os.Symlink("up/roots", a.env))
		},
	} {
		a.reset()
		<-as(t, webServer, func() {
			if err := errors.Join(os.Remove(a.env), put()); err != nil {
				t.Error(err)
			}
		})
		_, err := replaceFile(t.Context(), a.env, func(old []byte) ([]byte, error) {
			t.Errorf("%s: %q was read", name, old)
			return []byte("new"), nil
		})
		if !safepath.IsUntrusted(err) {
			t.Errorf("%s: %v", name, err)
		}
		a.unharmed(name)
	}
	a.reset()
	if err := errors.Join(os.Remove(a.env), os.Link(a.roots, a.env)); err != nil { // a kernel that protects no hard links
		t.Fatal(err)
	}
	if _, err := replaceFile(t.Context(), a.env, to("new")); !safepath.IsUntrusted(err) || content(t, a.roots) != a.text {
		t.Errorf("second name: %v", err)
	}
}

// The directory has an access list for new files, and lets others look into it. The old file had no such list, so neither
// has the new one, and nobody can read any file at any moment.
func TestDefaultAccessList(t *testing.T) {
	a := newAttacked(t)
	if err := os.Chmod(a.dir, 0o755|fs.ModeSetgid); err != nil { // new files also get the directory's group
		t.Fatal(err)
	}
	list := acl(0)
	list[4+8+4], list[4+8+5] = stranger&0xff, stranger>>8
	if err := unix.Setxattr(a.dir, "system.posix_acl_default", list, 0); err != nil {
		t.Fatal(err)
	}
	for _, mode := range []fs.FileMode{0o600, 0o640, 0o660} {
		a.reset()
		if err := errors.Join(unix.Removexattr(a.env, aclAttribute), os.Chmod(a.env, mode)); err != nil {
			t.Fatal(err)
		}
		backup, err := testReplacer(func(at string) error {
			if at == "close to others" { // there is nothing in the file yet
				return nil
			}
			for _, name := range names(t, a.dir) {
				if facts, err := file.Stat(filepath.Join(a.dir, name)); err == nil && facts.ACL {
					t.Errorf("mode %v: before %s %s has an access list", mode, at, name)
				}
			}
			if os.Geteuid() != 0 {
				return nil
			}
			<-as(t, stranger, func() {
				for _, name := range names(t, a.dir) {
					if f, err := os.Open(filepath.Join(a.dir, name)); err == nil {
						_ = f.Close()
						t.Errorf("mode %v: before %s others can read %s", mode, at, name)
					}
				}
			})
			return nil
		}).replace(t.Context(), a.env, to("new"))
		if err != nil {
			t.Fatal(err)
		}
		var owner unix.Stat_t
		if err := unix.Stat(a.dir, &owner); err != nil {
			t.Fatal(err)
		}
		uid, gid := int(owner.Uid), int(owner.Gid)
		for path, want := range map[string]file.Facts{
			a.env:  {Path: a.env, Exists: true, Mode: mode, UID: uid, GID: gid},
			backup: {Path: backup, Exists: true, Mode: 0o600, UID: os.Geteuid(), GID: gid},
		} {
			if facts, err := file.Stat(path); err != nil || facts != want {
				t.Errorf("%+v, %v, want %+v", facts, err, want)
			}
		}
	}
}

// A program of the web server's with the set-user-ID bit must not become one of somebody else's.
func TestReplaceDropsSetUserID(t *testing.T) {
	a := newAttacked(t)
	if err := errors.Join(unix.Removexattr(a.env, aclAttribute), os.Chmod(a.env, 0o750|fs.ModeSetuid|fs.ModeSetgid)); err != nil {
		t.Fatal(err)
	}
	if _, err := replaceFile(t.Context(), a.env, to("new")); err != nil {
		t.Fatal(err)
	}
	if facts, err := file.Stat(a.env); err != nil || facts.Mode != 0o750 {
		t.Errorf("%+v, %v", facts, err)
	}
}
