package file

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// ReadIfThere reads a file as ReadRegular does, and returns nothing for a file that is missing or a directory.
func ReadIfThere(path string) ([]byte, error) {
	src, err := ReadRegular(path)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.EISDIR) {
		return nil, nil
	}
	return src, err
}

// ReadRegular reads a file. It fails with ErrNotRegular for a pipe or a device, which might never end, with
// syscall.EISDIR for a directory, and with the errors of the file system.
func ReadRegular(path string) ([]byte, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, err
	case info.IsDir():
		return nil, &fs.PathError{Op: "read", Path: path, Err: syscall.EISDIR}
	case !info.Mode().IsRegular():
		return nil, &fs.PathError{Op: "read", Path: path, Err: ErrNotRegular}
	}
	return os.ReadFile(path)
}
