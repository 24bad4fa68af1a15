package audit

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"uzerp-mfa/internal/errs"
)

// Examine returns the error that Open would return, and leaves the disk as it is.
func TestExamine(t *testing.T) {
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	write := func(name, text string, mode os.FileMode) {
		if err := os.WriteFile(in(name), []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(in(name), mode); err != nil { // whatever the umask says
			t.Fatal(err)
		}
	}
	l, err := Open(in("good.jsonl"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	appendTo(t, l, Record{Command: "c", Target: "t", Result: ResultDone})
	write("empty.jsonl", "", 0o640)
	write("notes.txt", "this is no log\n", 0o640)
	write("open.jsonl", "", 0o666)
	for name, target := range map[string]string{"link.jsonl": "good.jsonl", "nowhere.jsonl": "gone.jsonl"} {
		if err := os.Symlink(in(target), in(name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(in("free"), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(in("free"), 0o777); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name   string
		exists bool
		fails  string
	}{
		{"good.jsonl", true, ""},
		{"empty.jsonl", true, ""},
		{"new.jsonl", false, ""},
		{"a/b/new.jsonl", false, ""},
		{"notes.txt", true, "no audit log"},
		{"open.jsonl", true, "everybody may change it"},
		{"link.jsonl", true, "symbolic"},
		{"nowhere.jsonl", true, "symbolic"},
		{"notes.txt/new.jsonl", false, "not a directory"},
		{"free/new.jsonl", false, "everybody may change it"},
		{"free", true, "directory"},
	} {
		before := tree(t, dir)
		exists, err := Examine(in(test.name))
		text := ""
		if err != nil {
			text = err.Error()
			if errs.KindOf(err) != errs.Config || errs.HintOf(err).Empty() {
				t.Errorf("%s: kind %d, hint %q", test.name, errs.KindOf(err), errs.HintOf(err))
			}
		}
		if (test.fails == "") != (err == nil) || !strings.Contains(text, test.fails) {
			t.Errorf("%s: %v, want %q", test.name, err, test.fails)
		}
		if err == nil && exists != test.exists {
			t.Errorf("%s: exists %v", test.name, exists)
		}
		if after := tree(t, dir); after != before {
			t.Errorf("%s: %s became %s", test.name, before, after)
		}
		if _, openErr := Open(in(test.name), Options{}); (openErr == nil) != (err == nil) {
			t.Errorf("%s: Open says %v, Examine %v", test.name, openErr, err)
		}
	}
}

func tree(t *testing.T, dir string) string {
	t.Helper()
	var names []string
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		names = append(names, path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(names, " ")
}
