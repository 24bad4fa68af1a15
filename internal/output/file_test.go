package output

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
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
	err := writeNewFile(path, func(f *os.File) error {
		_, err := f.WriteString("half")
		return errors.Join(err, errBroken)
	})
	if !errors.Is(err, errBroken) {
		t.Errorf("err %v", err)
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("left behind: %v", err)
	}
}

// A disk records what a file is told, and can be full at a step of it.
type disk struct {
	steps []string
	full  string
}

func (d *disk) step(name string) error {
	d.steps = append(d.steps, name)
	if name == d.full {
		return errBroken
	}
	return nil
}

func (d *disk) Write(p []byte) (int, error) { return len(p), d.step("write " + string(p)) }
func (d *disk) Sync() error                 { return d.step("sync") }

func TestWriteThroughSyncsAfterTheData(t *testing.T) {
	for _, tt := range []struct {
		full string
		want []string
		err  error
	}{
		{"", []string{"write data", "sync"}, nil},
		{"write data", []string{"write data"}, errBroken},
		{"sync", []string{"write data", "sync"}, errBroken},
	} {
		d := &disk{full: tt.full}
		if err := writeThrough(d, []byte("data")); !errors.Is(err, tt.err) || !slices.Equal(d.steps, tt.want) {
			t.Errorf("full at %q: %v, %q, want %v, %q", tt.full, err, d.steps, tt.err, tt.want)
		}
	}
}

// ReplaceFile changes a file as a whole or not at all, leaves nothing beside it, and follows no link.
func TestReplaceFile(t *testing.T) {
	dir := t.TempDir()
	path, other, link := filepath.Join(dir, "x.prom"), filepath.Join(dir, "other"), filepath.Join(dir, "link.prom")
	if err := errors.Join(os.WriteFile(other, []byte("other"), 0o600), os.Symlink(other, link), os.Mkdir(filepath.Join(dir, "d.prom"), 0o700)); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"one", "two"} {
		if err := ReplaceFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if got, _ := os.ReadFile(path); string(got) != text || err != nil || info.Mode() != 0o644 {
			t.Errorf("%q %v %v", got, info, err)
		}
	}
	if err := ReplaceFile(link, []byte("new"), 0o644); err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(other); string(got) != "other" {
		t.Errorf("the link was followed: %q", got)
	}
	if err := ReplaceFile(filepath.Join(dir, "d.prom"), nil, 0o644); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a directory: %v", err)
	}
	if err := ReplaceFile(filepath.Join(dir, "no", "x.prom"), nil, 0o644); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no directory: %v", err)
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 4 { // the directory, the link's place, other, path
		t.Errorf("%v %v", files, err)
	}
}
