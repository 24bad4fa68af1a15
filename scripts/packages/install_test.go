package main

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// source is a folder with what `make install` needs, for somebody who may be another user. Its make lays out nothing: that is
// done already.
func source(t *testing.T) (dir string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "install") // TempDir's can't be entered by others
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	for name, text := range map[string]string{
		"scripts/install.sh": read(t, "scripts/install.sh"),
		"tools/go":           "#!/bin/sh\nexit 1\n",
		"tools/make":         "#!/bin/sh\necho \"$*\" >>made\n",
	} {
		file := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, []byte(text), 0o755)); err != nil {
			t.Fatal(err)
		}
	}
	tree := filepath.Join(dir, "bin/.tree")
	manual := filepath.Join(tree, "usr/share/man/man1/uzerp-mfa.1.gz")
	if err := errors.Join(os.CopyFS(tree, os.DirFS(laid(t, "source"))), os.MkdirAll(filepath.Dir(manual), 0o755),
		os.WriteFile(manual, nil, 0o644), os.Chmod(dir, 0o755), os.Chmod(filepath.Join(tree, "usr/bin", program), 0o755)); err != nil {
		t.Fatal(err)
	}
	return dir
}

// installs runs scripts/install.sh with a PATH that has a Go or has none.
func installs(t *testing.T, dir string, as uint32, hasGo bool, env []string, args ...string) (said string, err error) {
	t.Helper()
	c := exec.CommandContext(t.Context(), "sh", append([]string{"-c", "umask 077; exec sh scripts/install.sh \"$@\"", "sh"}, args...)...)
	c.Dir = dir
	c.Env = append([]string{"PATH=/usr/bin:/bin", "HOME=" + dir}, env...)
	if hasGo {
		c.Env[0] = "PATH=" + filepath.Join(dir, "tools") + ":/usr/bin:/bin"
	}
	if as != uint32(os.Getuid()) { //nolint:gosec // it is no negative number on Unix
		c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: as, Gid: as}}
	}
	out, err := c.CombinedOutput()
	return string(out), err
}

// filesIn returns the files below dir, and their modes.
func filesIn(t *testing.T, dir string) map[string]fs.FileMode {
	t.Helper()
	files := make(map[string]fs.FileMode)
	err := walk(dir, func(name string, info fs.FileInfo) error {
		if info.IsDir() && info.Mode().Perm() != 0o755 {
			t.Errorf("%s has the mode %s", name, info.Mode())
		}
		if !info.IsDir() {
			files[name] = info.Mode().Perm()
		}
		return nil
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return files
}

// `make install` puts the same files below each PREFIX, and nothing elsewhere, as root and as an ordinary user. Everybody can
// read them, whatever umask there is. `make uninstall` removes these, and nothing of anybody else.
func TestInstall(t *testing.T) {
	me := uint32(os.Getuid()) //nolint:gosec // it is no negative number on Unix
	users := map[string]uint32{"who runs the tests": me}
	if me == 0 {
		users["an ordinary user"] = 65534
	}
	for who, uid := range users {
		t.Run(who, func(t *testing.T) {
			dir := source(t)
			if err := errors.Join(os.Mkdir(filepath.Join(dir, "to"), 0o755), os.Chown(filepath.Join(dir, "to"), int(uid), -1),
				os.WriteFile(filepath.Join(dir, "made"), nil, 0o666), os.Chmod(filepath.Join(dir, "made"), 0o666)); err != nil {
				t.Fatal(err)
			}
			to := filepath.Join(dir, "to")
			over := []string{"PREFIX=" + to + "/x", "DESTDIR="}
			if out, err := installs(t, dir, uid, true, over); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			installTo(t, dir, uid, over)
			installTo(t, dir, uid, []string{"PREFIX=/usr", "DESTDIR=" + to + "/package"})
			if got := read(t, dir, "made"); strings.Count(got, "-s tree\n") != 3 {
				t.Errorf("make was asked for %q", got)
			}
		})
	}
}

func installTo(t *testing.T, dir string, uid uint32, env []string) {
	t.Helper()
	prefix := strings.TrimPrefix(env[0], "PREFIX=")
	root := strings.TrimPrefix(env[1], "DESTDIR=") + prefix
	if out, err := installs(t, dir, uid, true, env); err != nil || !strings.HasPrefix(out, "installed below "+root+":") {
		t.Fatalf("%v: %s", err, out)
	}
	got, want := filesIn(t, root), filesIn(t, filepath.Join(dir, "bin/.tree/usr"))
	if len(want) < 20 || !maps.Equal(got, want) {
		t.Errorf("installed: %v\nwant: %v", got, want)
	}
	for _, example := range []string{"sudoers", "logrotate", "policy.env", "systemd/uzerp-mfa-doctor.service"} {
		text := read(t, root, "share/doc/uzerp-mfa/examples", example)
		if strings.Contains(strings.ReplaceAll(text, prefix+"/", ""), "/usr/bin/uzerp-mfa") {
			t.Errorf("%s names a program that is not there:\n%s", example, text)
		}
	}
	if text := read(t, root, "share/doc/uzerp-mfa/examples/sudoers"); !strings.Contains(text, " "+prefix+"/bin/uzerp-mfa ") {
		t.Errorf("the rules of sudo name another program:\n%s", text)
	}
	others := filepath.Join(root, "share/man/man1/uzerp.1.gz")
	if err := os.WriteFile(others, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := installs(t, dir, uid, false, env, "remove"); err != nil || !strings.HasPrefix(out, "removed from "+root+";") {
		t.Fatalf("%v: %s", err, out)
	}
	if left := filesIn(t, root); len(left) != 1 || left["share/man/man1/uzerp.1.gz"] == 0 {
		t.Errorf("left behind, or removed too much: %v", left)
	}
}

// Through sudo there is often no Go: what was laid out before is installed. Without that, it is said what to do.
func TestInstallWithoutGo(t *testing.T) {
	me := uint32(os.Getuid()) //nolint:gosec // it is no negative number on Unix
	dir := source(t)
	env := []string{"PREFIX=" + dir + "/x"}
	if out, err := installs(t, dir, me, false, env); err == nil || !strings.Contains(out, "Run this first, without sudo: make tree") {
		t.Errorf("without Go: %v: %s", err, out)
	}
	for prefix, want := range map[string]string{"x": "must begin with a slash", dir + "/a b": "plain letters", dir + "/a&b": "plain letters"} {
		if out, err := installs(t, dir, me, true, []string{"PREFIX=" + prefix}); err == nil || !strings.Contains(out, want) {
			t.Errorf("PREFIX=%s: %v: %s", prefix, err, out)
		}
	}
	if got := filesIn(t, filepath.Join(dir, "x")); len(got) > 0 {
		t.Errorf("installed all the same: %v", got)
	}
	if me != 0 {
		return
	}
	if out, err := installs(t, dir, me, false, append(env, "SUDO_USER=ann")); err != nil {
		t.Errorf("through sudo: %v: %s", err, out)
	}
	if got := filesIn(t, filepath.Join(dir, "x")); got["bin/uzerp-mfa"] != 0o755 {
		t.Errorf("installed through sudo: %v", got)
	}
}

// Links that lie where files are put are replaced: nothing is written where they lead. A directory there is an error, and nothing
// is put into it. DESTDIR may have blanks in its name.
func TestInstallOverLinks(t *testing.T) {
	me := uint32(os.Getuid()) //nolint:gosec // it is no negative number on Unix
	dir := source(t)
	if err := os.RemoveAll(filepath.Join(dir, "bin/.tree", documents, "docs")); err != nil { // a few files do
		t.Fatal(err)
	}
	root, others := filepath.Join(dir, "a folder"), filepath.Join(dir, "others")
	env := []string{"PREFIX=/usr", "DESTDIR=" + root}
	put := func(name string) string {
		file := filepath.Join(root, "usr", name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		return file
	}
	const rules = "share/doc/uzerp-mfa/examples/sudoers"
	if err := errors.Join(
		os.Mkdir(others, 0o755), os.WriteFile(filepath.Join(others, "file"), []byte("theirs"), 0o644),
		os.Symlink(filepath.Join(others, "file"), put("bin/uzerp-mfa")),
		os.Symlink(filepath.Join(others, "new-1"), put("bin/uzerp-mfa.new")),
		os.Symlink(filepath.Join(others, "new-2"), put(rules+".new")),
		os.Symlink(others, put(rules)),
	); err != nil {
		t.Fatal(err)
	}
	// What stops half-way leaves the link: it is the program that people have.
	inTheWay := put("bin/uzerp-mfa.new")
	if err := errors.Join(os.Remove(inTheWay), os.Mkdir(inTheWay, 0o755)); err != nil {
		t.Fatal(err)
	}
	if out, err := installs(t, dir, me, true, env); err == nil {
		t.Errorf("over a directory: %s", out)
	}
	if _, err := os.Lstat(put("bin/uzerp-mfa")); err != nil {
		t.Error(err)
	}
	if err := errors.Join(os.Remove(inTheWay), os.Symlink(filepath.Join(others, "new-1"), inTheWay)); err != nil {
		t.Fatal(err)
	}
	if out, err := installs(t, dir, me, true, env); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if got, want := filesIn(t, filepath.Join(root, "usr")), filesIn(t, filepath.Join(dir, "bin/.tree/usr")); !maps.Equal(got, want) {
		t.Errorf("installed: %v\nwant: %v", got, want)
	}
	if got := filesIn(t, others); len(got) != 1 || read(t, others, "file") != "theirs" {
		t.Errorf("written where a link leads: %v, %q", got, read(t, others, "file"))
	}

	if err := errors.Join(os.Remove(put("bin/uzerp-mfa")), os.Mkdir(put("bin/uzerp-mfa"), 0o755)); err != nil {
		t.Fatal(err)
	}
	if out, err := installs(t, dir, me, true, env); err == nil || !strings.Contains(out, "is a directory") || strings.Contains(out, "installed below") {
		t.Errorf("over a directory: %v: %s", err, out)
	}
	if got := filesIn(t, put("bin/uzerp-mfa")); len(got) > 0 {
		t.Errorf("put into a directory: %v", got)
	}
}
