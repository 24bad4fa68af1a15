package uzerp

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// readDotenv reads a file as phpdotenv's safeLoad does, and calls it shown in an error: a missing file and a directory
// read as empty. In one thing it differs: safeLoad also reads a file as empty that the web server may not read, but that
// we may not read it tells nothing about the web server, so it is an error here (docs/facts/phpdotenv.md §1.9).
func readDotenv(path, shown string) (*Dotenv, error) {
	src, err := readIfThere(path)
	if err != nil {
		return nil, err
	}
	d, err := ParseDotenv(src)
	if syntax, ok := errors.AsType[*SyntaxError](err); ok {
		syntax.File = shown
	}
	return d, err
}

// readIfThere gives nothing for a file that is missing or a directory.
func readIfThere(path string) ([]byte, error) {
	src, err := ReadRegular(path)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.EISDIR) {
		return nil, nil
	}
	return src, err
}

// ReadRegular reads a file, but no pipe or device, which might never end. A directory fails with syscall.EISDIR.
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
