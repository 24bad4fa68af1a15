package output

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// NewFile is a file that does not exist yet.
type NewFile struct {
	Path    string
	Content []byte
}

// ErrNoDirectory means that there is no directory for the file.
var ErrNoDirectory = errors.New("there is no such directory")

// CheckNewFile returns nil if WriteNewFiles could make the file. It fails with ErrNoDirectory, fs.ErrExist or
// fs.ErrPermission.
func CheckNewFile(path string) error {
	if info, err := os.Stat(filepath.Dir(path)); err != nil || !info.IsDir() {
		return ErrNoDirectory
	}
	if _, err := os.Lstat(path); err == nil {
		return fs.ErrExist
	}
	if err := unix.Faccessat(unix.AT_FDCWD, filepath.Dir(path), unix.W_OK|unix.X_OK, unix.AT_EACCESS); errors.Is(err, fs.ErrPermission) {
		return fs.ErrPermission
	}
	return nil
}

// SameNewFile reports whether two paths would be the same file.
func SameNewFile(a, b string) bool {
	if filepath.Base(a) != filepath.Base(b) {
		return false
	}
	dirA, errA := os.Stat(filepath.Dir(a))
	dirB, errB := os.Stat(filepath.Dir(b))
	return errA == nil && errB == nil && os.SameFile(dirA, dirB)
}

// WriteNewFiles writes all of the files as WriteNewFile does, or none. If one fails, it removes those that it has
// written, and returns the path of the one that failed and its error.
func WriteNewFiles(files []NewFile) (failed string, err error) {
	for i, f := range files {
		if err := WriteNewFile(f.Path, f.Content); err != nil {
			for _, written := range files[:i] {
				err = errors.Join(err, os.Remove(written.Path))
			}
			return f.Path, err
		}
	}
	return "", nil
}
