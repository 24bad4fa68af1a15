package output

import (
	"errors"
	"io"
	"os"
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
