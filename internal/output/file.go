package output

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// WriteNewFile writes data to a file that does not exist yet and that only its owner can read. When it returns nil, the
// data is on the disk. It never writes over a file or through a symbolic link, not even a dangling one: that fails with
// fs.ErrExist. If it fails after it made the file, it removes the file.
func WriteNewFile(path string, data []byte) error {
	return writeNewFile(path, func(f *os.File) error { return writeThrough(f, data) })
}

// A syncer is what writeThrough needs of an *os.File.
type syncer interface {
	io.Writer
	Sync() error
}

// writeThrough syncs because some file systems report a full disk only then.
func writeThrough(f syncer, data []byte) error {
	if _, err := f.Write(data); err != nil {
		return err
	}
	return f.Sync()
}

func writeNewFile(path string, write func(*os.File) error) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if err = errors.Join(write(f), f.Close()); err != nil {
		err = errors.Join(err, os.Remove(path))
	}
	return err
}

// ReplaceFile writes data to a file with this mode, in place of what has the name now: a reader sees the old content or the new one. A
// symbolic link of that name is replaced, and what it leads to stays. It never replaces anything but a regular file or a link: that
// fails with fs.ErrExist. When it returns nil, the data is on the disk; if it fails, nothing has changed.
func ReplaceFile(path string, data []byte, mode fs.FileMode) (err error) {
	if info, err := os.Lstat(path); err == nil && !info.Mode().IsRegular() && info.Mode().Type() != fs.ModeSymlink {
		return &fs.PathError{Op: "replace", Path: path, Err: fs.ErrExist}
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	if err := errors.Join(writeThrough(f, data), f.Chmod(mode), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
