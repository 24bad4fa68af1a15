package safepath

import (
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"
)

// ReadFile and JudgePath judge as TestJudge shows; where they differ from JudgeOwner, this says how.
func TestReadFile(t *testing.T) {
	needsRoot(t)
	top := t.TempDir()
	must(t, os.Chmod(top, 0o755))
	at := func(path string) string { return top + "/" + path }
	mkdir(t, at("good"), 0, 0o755)
	mkdir(t, at("web"), 33, 0o755)
	mkdir(t, at("theirs"), stranger, 0o755)
	for path, owner := range map[string]int{"good/f": 0, "web/own": 33, "web/roots": 0, "theirs/f": stranger, "good/theirs": stranger} {
		write(t, at(path), owner, 0o644)
		must(t, os.Link(at(path), at(path+"-too")))
	}
	write(t, at("web/f"), 0, 0o644)
	must(t, syscall.Mkfifo(at("good/pipe"), 0o644))
	for link, to := range map[string]string{"web/link": "f", "good/link": "f"} {
		must(t, os.Symlink(to, at(link)))
	}
	must(t, os.Lchown(at("web/link"), 33, 33))
	web := Trust{UIDs: []int{33}, GIDs: []int{33}}
	for _, test := range []struct {
		path         string
		read, judged string // "" is trusted
	}{
		{"good/f", "", ""},
		{"good/link", "", ""},
		{"web/own", "", ""},
		{"web/roots", "roots: the file has several names, and belongs to user 0 (root), while the directory belongs to user 33", ""},
		{"web/link", "f: a symbolic link of user 33 (www-data) leads to it, but it belongs to user 0 (root)", ""},
		{"theirs/f", "theirs: it belongs to user 65534", "theirs: it belongs to user 65534"},
		{"good/theirs", "theirs: it belongs to user 65534", "theirs: it belongs to user 65534"},
		{"good/pipe", "pipe: this is not a regular file", ""},
		{"good", "good: is a directory", ""},
		{"good/missing", "missing: no such file", "missing: no such file"},
	} {
		_, err := ReadFile(at(test.path), web, 1)
		check := func(name, want string, err error) {
			if err == nil && want != "" || err != nil && (want == "" || !strings.Contains(err.Error(), want)) {
				t.Errorf("%s %s: %v, want %q", name, test.path, err, want)
			}
		}
		check("ReadFile", test.read, err)
		check("JudgePath", test.judged, JudgePath(at(test.path), web))
	}
	if _, err := ReadFile(at("good/f"), web, 0); !errors.Is(err, ErrTooLarge) {
		t.Error(err)
	}
}

// A stat is judged by its owner, and by what everybody may change. A socket's mode says who may send to it.
func TestJudgeStat(t *testing.T) {
	needsRoot(t)
	top := t.TempDir()
	for name, test := range map[string]struct {
		owner int
		mode  os.FileMode
		want  string
	}{
		"f": {0, 0o644, ""}, "groups": {0, 0o664, ""}, "theirs": {stranger, 0o600, "theirs: it belongs to user 65534"},
		"open": {0, 0o606, "open: everybody may change it"},
	} {
		write(t, top+"/"+name, test.owner, test.mode)
		checkStat(t, top, name, test.want)
	}
	for name, test := range map[string]struct {
		owner int
		want  string
	}{"socket": {0, ""}, "socket2": {stranger, "socket2: it belongs to user 65534"}} {
		must(t, syscall.Mknod(top+"/"+name, syscall.S_IFSOCK|0o666, 0))
		must(t, os.Chown(top+"/"+name, test.owner, test.owner))
		must(t, os.Chmod(top+"/"+name, 0o666))
		checkStat(t, top, name, test.want)
	}
}

func checkStat(t *testing.T, top, name, want string) {
	t.Helper()
	d, err := OpenDir(top, Ourselves())
	must(t, err)
	defer func() { _ = d.Close() }()
	stat, err := d.Lstat(name)
	must(t, err)
	if err := d.JudgeStat(name, &stat); want == "" && err != nil || want != "" && (err == nil || !strings.HasPrefix(err.Error(), want)) {
		t.Errorf("%s: %v, want %q", name, err, want)
	}
}
