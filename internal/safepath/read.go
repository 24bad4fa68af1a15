//go:build unix

package safepath

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// ReadFile reads the file at path. It fails as OpenDir and OpenRegular do, and with ErrTooLarge if the file has more than
// limit bytes.
func ReadFile(path string, trust Trust, limit int64) ([]byte, error) {
	d, name, err := OpenParent(path, trust)
	if err != nil {
		return nil, err
	}
	defer func() { _ = d.Close() }()
	f, err := d.OpenRegular(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	return ReadAll(f, limit)
}

// ErrNotRegular means that there is a pipe, a device or a socket in place of a file.
var ErrNotRegular = errors.New("this is not a regular file")

// OpenRegular opens a regular file in d for reading, and judges with JudgeRead the very file that it opens. Nothing else
// is opened, because opening a device can already do something: who opens /dev/watchdog starts it. It fails with
// unix.EISDIR for a directory, with ErrNotRegular, with an *UntrustedError, and with the errors of the file system.
func (d *Dir) OpenRegular(name string) (*os.File, error) {
	stat, err := d.Lstat(name)
	if err != nil {
		return nil, err
	}
	if err := d.regular(name, &stat); err != nil {
		return nil, err
	}
	f, err := d.Open(name, os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	if err := d.JudgeRead(f); err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// regular fails if what has this stat is no regular file.
func (d *Dir) regular(name string, stat *unix.Stat_t) error {
	switch stat.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		return nil
	case unix.S_IFDIR:
		return d.error("read", name, unix.EISDIR)
	case unix.S_IFLNK: // somebody has put it there since name was found to be no link
		return d.error("open", name, unix.ELOOP)
	default:
		return d.error("read", name, ErrNotRegular)
	}
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
