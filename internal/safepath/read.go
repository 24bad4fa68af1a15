//go:build unix

package safepath

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// ReadFile reads the file at path, and judges with JudgeRead the very file that it reads. It fails with an
// *UntrustedError, with ErrTooLarge if the file has more than limit bytes, with unix.EISDIR for a directory, and with the
// errors of the file system.
func ReadFile(path string, trust Trust, limit int64) ([]byte, error) {
	d, name, err := OpenParent(path, trust)
	if err != nil {
		return nil, err
	}
	defer func() { _ = d.Close() }()
	f, err := d.Open(name, os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	if err := d.JudgeRead(f); err != nil {
		return nil, err
	}
	return ReadAll(f, limit)
}

// ErrTooLarge means that a file is larger than anything that this program has use for.
var ErrTooLarge = errors.New("the file is too large")

// ReadAll reads a file. It fails with ErrTooLarge if the file has more than limit bytes, and reads no more than these:
// neither a sparse file nor one that grows can fill the memory.
func ReadAll(f *os.File, limit int64) ([]byte, error) {
	if info, err := f.Stat(); err == nil && info.Mode().IsRegular() && info.Size() > limit {
		return nil, tooLarge(f.Name(), limit)
	}
	content, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(content)) > limit {
		err = tooLarge(f.Name(), limit)
	}
	if err != nil {
		return nil, err
	}
	return content, nil
}

func tooLarge(name string, limit int64) error {
	return &fs.PathError{Op: "read", Path: name, Err: fmt.Errorf("%w: more than %d bytes", ErrTooLarge, limit)}
}
