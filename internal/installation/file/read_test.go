package file

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"uzerp-mfa/internal/installation/treetest"
	"uzerp-mfa/internal/safepath"
	"uzerp-mfa/internal/sharedtest"
)

func TestMain(m *testing.M) { os.Exit(sharedtest.Tests{M: m}.Run()) }

func TestRead(t *testing.T) {
	root := treetest.Write(t, map[string]string{
		"a": "x", "l": "-> a", "largest": "", "larger": "", "sparse": "", "d/x": "", "gone": "-> nothing", "loop": "-> loop",
	})
	at := func(name string) string { return filepath.Join(root, name) }
	for name, size := range map[string]int64{"largest": MaxSize, "larger": MaxSize + 1, "sparse": 8 << 30} {
		if err := os.Truncate(at(name), size); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mkfifo(at("pipe"), 0o600); err != nil { // nobody writes into it, so reading it would wait
		t.Fatal(err)
	}
	for path, want := range map[string]error{
		at("a"): nil, at("l"): nil, at("largest"): nil, at("larger"): safepath.ErrTooLarge, at("sparse"): safepath.ErrTooLarge,
		at("d"): syscall.EISDIR, at("d") + "/": syscall.EISDIR, at("a/x"): syscall.ENOTDIR,
		at("nothing"): fs.ErrNotExist, at("gone"): fs.ErrNotExist, at("loop"): syscall.ELOOP,
		at("pipe"): safepath.ErrNotRegular, "/dev/zero": safepath.ErrNotRegular, "/dev/tty": safepath.ErrNotRegular, "/": syscall.EISDIR,
	} {
		content, facts, err := ReadFacts(path)
		if !errors.Is(err, want) || want == nil && (err != nil || !facts.Exists || facts.Mode != 0o640 || facts.UID != os.Geteuid()) {
			t.Errorf("%s: %v, want %v; %+v", path, err, want, facts)
		}
		if path == at("l") && (string(content) != "x" || !facts.Symlink) {
			t.Errorf("%q, %+v", content, facts)
		}
	}
}

// Root does not read for the web server what that may not read itself: its links lead to its own files only.
func TestReadOthersFiles(t *testing.T) {
	if os.Geteuid() != 0 {
		sharedtest.LeaveOut(t, sharedtest.Root, errors.New("only root can give files away"))
	}
	root := treetest.Write(t, map[string]string{"roots": "secret", "web/own": "x", "web/link": "-> own", "web/out": "-> ../roots", "web/second": ""})
	at := func(name string) string { return filepath.Join(root, name) }
	if err := errors.Join(os.Remove(at("web/second")), os.Link(at("roots"), at("web/second"))); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"web", "web/own", "web/link", "web/out"} {
		if err := os.Lchown(at(name), 33, 33); err != nil {
			t.Fatal(err)
		}
	}
	for name, fine := range map[string]bool{"web/own": true, "web/link": true, "web/out": false, "web/second": false} {
		content, err := Read(at(name))
		if _, untrusted := errors.AsType[*safepath.UntrustedError](err); fine != (err == nil) || !fine && !untrusted || !fine && content != nil {
			t.Errorf("%s: %q, %v", name, content, err)
		}
	}
}
