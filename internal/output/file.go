package output

import (
	"errors"
	"io"
	"os"
)

// WriteNewFile writes data to a file that does not exist yet, readable by its owner only, and through to the disk. It
// never writes over a file or through a symbolic link, not even a dangling one: that fails with fs.ErrExist.
// If the writing fails, what there is of the file is removed.
func WriteNewFile(path string, data []byte) error {
	return writeNewFile(path, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
}

func writeNewFile(path string, write func(io.Writer) error) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if err = write(f); err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		err = errors.Join(err, os.Remove(path))
	}
	return err
}
