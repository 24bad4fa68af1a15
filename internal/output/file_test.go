package output

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

func TestWriteNewFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "qr.png")
	if err := WriteNewFile(path, []byte("data")); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}

	dangling, link := filepath.Join(dir, "dangling"), filepath.Join(dir, "link")
	if err := errors.Join(os.Symlink(filepath.Join(dir, "nowhere"), dangling), os.Symlink(path, link)); err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{path, dangling, link, dir} {
		if err := WriteNewFile(p, []byte("other")); !errors.Is(err, fs.ErrExist) {
			t.Errorf("%s: %v", p, err)
		}
	}
	if data, err := os.ReadFile(path); string(data) != "data" {
		t.Errorf("file now has %q, %v", data, err)
	}
	if _, err := os.Lstat(filepath.Join(dir, "nowhere")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("written through a link: %v", err)
	}
	if err := WriteNewFile(filepath.Join(dir, "no", "x"), nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no directory: %v", err)
	}
}

func TestWriteNewFileLeavesNoHalfFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "qr.png")
	err := writeNewFile(path, func(w io.Writer) error {
		_, err := w.Write([]byte("half"))
		return errors.Join(err, errBroken)
	})
	if !errors.Is(err, errBroken) {
		t.Errorf("err %v", err)
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("left behind: %v", err)
	}
}
