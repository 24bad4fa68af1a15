package output

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

func TestWriteNewFiles(t *testing.T) {
	dir := t.TempDir()
	a, b, taken := filepath.Join(dir, "a"), filepath.Join(dir, "b"), filepath.Join(dir, "taken")
	if err := WriteNewFile(taken, nil); err != nil {
		t.Fatal(err)
	}
	failed, err := WriteNewFiles([]NewFile{{a, []byte("1")}, {b, []byte("2")}, {taken, []byte("3")}})
	if failed != taken || !errors.Is(err, fs.ErrExist) {
		t.Errorf("%s: %v", failed, err)
	}
	for _, path := range []string{a, b} {
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s is left: %v", path, err)
		}
	}
	if failed, err := WriteNewFiles([]NewFile{{a, []byte("1")}, {b, []byte("2")}}); failed != "" || err != nil {
		t.Errorf("%s: %v", failed, err)
	}
	if got, err := os.ReadFile(b); string(got) != "2" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestCheckNewFile(t *testing.T) {
	dir := t.TempDir()
	taken, link := filepath.Join(dir, "taken"), filepath.Join(dir, "link")
	if err := errors.Join(WriteNewFile(taken, nil), os.Symlink(filepath.Join(dir, "nowhere"), link)); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]error{
		filepath.Join(dir, "new"): nil, filepath.Join(dir, "no", "new"): ErrNoDirectory, filepath.Join(taken, "new"): ErrNoDirectory,
		taken: fs.ErrExist, link: fs.ErrExist,
	} {
		if err := CheckNewFile(path); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", path, err, want)
		}
	}
	if sub := filepath.Join(dir, "sub"); os.Mkdir(sub, 0o700) != nil || !SameNewFile(filepath.Join(dir, "x"), dir+"/sub/../x") ||
		SameNewFile(filepath.Join(dir, "x"), filepath.Join(sub, "x")) || SameNewFile(filepath.Join(dir, "x"), filepath.Join(dir, "y")) {
		t.Error("SameNewFile")
	}
}
