package safepath

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"uzerp-mfa/internal/sharedtest"
)

func TestMain(m *testing.M) { os.Exit(sharedtest.Tests{M: m}.Run()) }

const stranger = 65534 // nobody

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func needsRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		sharedtest.LeaveOut(t, sharedtest.Root, errors.New("only root can give files away"))
	}
}

func mkdir(t *testing.T, path string, owner int, mode fs.FileMode) {
	t.Helper()
	must(t, os.Mkdir(path, 0o700))
	must(t, os.Lchown(path, owner, owner))
	must(t, os.Chmod(path, mode))
}

func write(t *testing.T, path string, owner int, mode fs.FileMode) {
	t.Helper()
	must(t, os.WriteFile(path, []byte("x"), 0o600))
	must(t, os.Lchown(path, owner, owner))
	must(t, os.Chmod(path, mode))
}

// judged opens path as a file, judges it, and returns why it is not trusted.
func judged(path string, trust Trust) error {
	d, name, err := OpenParent(path, trust)
	if err != nil {
		return err
	}
	defer func() { _ = d.Close() }()
	f, err := d.Open(name, os.O_RDONLY, 0)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	return errors.Join(d.JudgeOwner(f), d.JudgeRead(f))
}

// Each path leads to a file, and each but the first ones over something that a stranger could have put there.
func TestJudge(t *testing.T) {
	needsRoot(t)
	top := t.TempDir()
	must(t, os.Chmod(top, 0o755))
	at := func(path string) string { return top + "/" + path } // not cleaned
	mkdir(t, at("good"), 0, 0o755)
	mkdir(t, at("web"), 33, 0o755)
	mkdir(t, at("theirs"), stranger, 0o755)
	mkdir(t, at("theirs/mine"), 0, 0o755)
	mkdir(t, at("everybodys"), 0, 0o777)
	mkdir(t, at("groups"), 0, 0o775)
	must(t, os.Lchown(at("groups"), 0, stranger))
	mkdir(t, at("sticky"), 0, 0o777|fs.ModeSticky)
	mkdir(t, at("sticky/good"), 0, 0o755)
	for path, owner := range map[string]int{
		"good/f": 0, "web/f": 33, "theirs/f": 0, "theirs/mine/f": 0, "everybodys/f": 0, "groups/f": 0,
		"good/theirs": stranger, "sticky/f": 0, "sticky/theirs": stranger, "sticky/good/f": 0, "web/roots": 0,
	} {
		write(t, at(path), owner, 0o644)
	}
	write(t, at("good/writable"), 0, 0o666)
	write(t, at("good/one"), 0, 0o644)
	must(t, os.Link(at("good/one"), at("good/two")))
	must(t, syscall.Mkfifo(at("good/pipe"), 0o644))
	for path, link := range map[string]struct {
		to    string
		owner int
	}{
		"good/link": {"f", 0}, "good/up": {"../good/f", 0}, "good/absolute": {at("good/f"), 0}, "good/out": {at("theirs/f"), 0},
		"web/own": {"f", 33}, "web/link": {at("good/f"), 33}, "web/dir": {at("good"), 33}, "sticky/link": {at("good/f"), stranger},
		"good/loop": {"loop", 0}, "dir": {"good", 0}, "sticky/dir": {at("good"), stranger}, "good/missing": {"nothing", 0},
	} {
		must(t, os.Symlink(link.to, at(path)))
		must(t, os.Lchown(at(path), link.owner, link.owner))
	}
	web := Trust{UIDs: []int{33}, GIDs: []int{33}}
	for _, test := range []struct {
		path  string
		trust Trust
		want  string // "" is trusted
	}{
		{"good/f", Trust{}, ""},
		{"good/link", Trust{}, ""},
		{"good/up", Trust{}, ""},
		{"good/absolute", Trust{}, ""},
		{"dir/f", Trust{}, ""},
		{"sticky/f", Trust{}, ""},
		{"sticky/good/f", Trust{}, ""},
		{"good/../good/./f", Trust{}, ""},
		{"web/f", web, ""},
		{"web/own", web, ""},
		{"web/roots", web, ""},
		{"web/f", Trust{}, "web: it belongs to user 33"},
		{"theirs/f", Trust{}, "theirs: it belongs to user 65534"},
		{"theirs/mine/f", Trust{}, "theirs: it belongs to user 65534"},
		{"good/out", Trust{}, "theirs: it belongs to user 65534"},
		{"theirs/../good/f", Trust{}, "theirs: it belongs to user 65534"},
		{"everybodys/f", Trust{}, "everybodys: everybody may change it"},
		{"groups/f", Trust{}, "groups: the members of group 65534"},
		{"groups/f", Trust{GIDs: []int{stranger}}, ""},
		{"groups/f", Trust{Through: []string{top + "/groups"}}, ""},
		{"groups/f", Trust{Through: []string{top}}, "groups: the members of group 65534"},
		{"theirs/f", Trust{Through: []string{top + "/theirs"}}, "theirs: it belongs to user 65534"},
		{"everybodys/f", Trust{Through: []string{top + "/everybodys"}}, "everybodys: everybody may change it"},
		{"good/theirs", Trust{}, "theirs: it belongs to user 65534"},
		{"sticky/theirs", Trust{}, "theirs: it belongs to user 65534"},
		{"sticky/link", Trust{}, "link: it belongs to user 65534"},
		{"sticky/dir/f", Trust{}, "dir: it belongs to user 65534"},
		{"good/writable", Trust{}, "writable: everybody may change it"},
		{"good/one", Trust{}, "one: the file has several names"}, // JudgeOwner alone says so; see TestReadFile
		{"good/pipe", Trust{}, "pipe: it is no regular file"},
		{"good/loop", Trust{}, "too many levels of symbolic links"},
		{"good/missing", Trust{}, "nothing: no such file"},
		{"web/link", web, "f: a symbolic link of user 33 (www-data) leads to it, but it belongs to user 0 (root)"},
		{"web/dir/f", web, "f: a symbolic link of user 33 (www-data) leads to it, but it belongs to user 0 (root)"},
		{"good", Trust{}, "good: it is no regular file"},
		{"good/f/x", Trust{}, "f: not a directory"},
	} {
		err := judged(at(test.path), test.trust)
		if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%s: %v, want %q", test.path, err, test.want)
		}
	}
	for path, want := range map[string]string{"web/dir/new": "good: a symbolic link of user 33", "web/new": "", "good/new": ""} {
		d, _, err := OpenParent(at(path), web)
		must(t, err)
		if err := d.JudgeNew(); want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", path, err, want)
		}
		_ = d.Close()
	}
}

// What is done in an open directory stays in it, whatever becomes of its path.
func TestDirStays(t *testing.T) {
	top := t.TempDir()
	must(t, os.Mkdir(filepath.Join(top, "a"), 0o700))
	must(t, os.Mkdir(filepath.Join(top, "b"), 0o700))
	d, err := OpenDir(filepath.Join(top, "a"), Ourselves())
	must(t, err)
	defer func() { _ = d.Close() }()
	must(t, os.Rename(filepath.Join(top, "a"), filepath.Join(top, "moved")))
	must(t, os.Symlink("b", filepath.Join(top, "a")))
	f, err := d.Open("new", os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	must(t, err)
	_ = f.Close()
	must(t, d.Link("new", "second"))
	must(t, d.Rename("new", "first"))
	must(t, d.Mkdir("dir", 0o750))
	names, err := d.Names()
	must(t, err)
	if len(names) != 3 {
		t.Errorf("%q", names)
	}
	for _, name := range names {
		if _, err := os.Lstat(filepath.Join(top, "moved", name)); err != nil {
			t.Error(err)
		}
	}
	must(t, d.Remove("second"))
	must(t, os.Symlink("first", filepath.Join(top, "moved", "link")))
	for _, flags := range []int{os.O_RDONLY, os.O_WRONLY | os.O_TRUNC, os.O_WRONLY | os.O_CREATE} {
		if f, err := d.Open("link", flags, 0o600); err == nil {
			_ = f.Close()
			t.Errorf("a link is followed with flags %#x", flags)
		}
	}
	if err := d.Link("link", "first"); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a name that is taken: %v", err)
	}
}

func TestMakeDir(t *testing.T) {
	top := t.TempDir()
	was := syscall.Umask(0o077)
	defer syscall.Umask(was)
	d, err := OpenDir(top, Ourselves())
	must(t, err)
	defer func() { _ = d.Close() }()
	made, err := d.MakeDir("a", 0o750)
	must(t, err)
	_ = made.Close()
	if info, err := os.Stat(filepath.Join(top, "a")); err != nil || info.Mode().Perm() != 0o750 {
		t.Errorf("%v, %v", info, err)
	}
	if _, err := d.MakeDir("a", 0o750); !errors.Is(err, fs.ErrExist) {
		t.Errorf("%v", err)
	}
	if _, err := OpenDir(filepath.Join(top, "c"), Ourselves()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
}

func TestReadAll(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	must(t, os.WriteFile(path, []byte("12345"), 0o600))
	for limit, fits := range map[int64]bool{4: false, 5: true, 6: true} {
		f, err := os.Open(path)
		must(t, err)
		content, err := ReadAll(f, limit)
		_ = f.Close()
		if fits != (err == nil) || fits && string(content) != "12345" || !fits && !errors.Is(err, ErrTooLarge) {
			t.Errorf("limit %d: %q, %v", limit, content, err)
		}
	}
	must(t, os.Truncate(path, 8<<30)) // sparse
	f, err := os.Open(path)
	must(t, err)
	defer func() { _ = f.Close() }()
	if _, err := ReadAll(f, 1<<20); !errors.Is(err, ErrTooLarge) {
		t.Errorf("%v", err)
	}
	zero, err := os.Open("/dev/zero")
	must(t, err)
	defer func() { _ = zero.Close() }()
	if _, err := ReadAll(zero, 1<<20); !errors.Is(err, ErrTooLarge) {
		t.Errorf("without an end: %v", err)
	}
}

// A stranger exchanges a directory for a link all the time. The file behind the link is never opened.
func TestExchanged(t *testing.T) {
	needsRoot(t)
	top := t.TempDir()
	must(t, os.Chmod(top, 0o755))
	mkdir(t, filepath.Join(top, "shared"), 0, 0o777|fs.ModeSticky)
	mkdir(t, filepath.Join(top, "target"), 0, 0o755)
	write(t, filepath.Join(top, "target", "f"), 0, 0o600)
	name := filepath.Join(top, "shared", "dir")
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			_ = os.Remove(name)
			if i%2 == 0 {
				made := filepath.Join(top, "shared", "made") // it has its owner before it has the name
				_ = os.Symlink(filepath.Join(top, "target"), made)
				_ = os.Lchown(made, stranger, stranger)
				_ = os.Rename(made, name)
			} else {
				_ = os.Mkdir(name, 0o755)
				_ = os.Lchown(name, stranger, stranger)
			}
		}
	})
	for range 2000 {
		d, err := OpenDir(name, Trust{UIDs: []int{stranger}})
		if err != nil {
			continue
		}
		if f, err := d.Open("f", os.O_RDONLY, 0); err == nil {
			if err := d.JudgeRead(f); err == nil {
				t.Error("root's file was reached over a stranger's link")
			}
			_ = f.Close()
		}
		_ = d.Close()
	}
	close(stop)
	wg.Wait()
}
