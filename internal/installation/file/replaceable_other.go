//go:build unix && !linux

package file

import (
	"io/fs"
	"os"

	"golang.org/x/sys/unix"

	"uzerp-mfa/internal/safepath"
)

// Replaceable returns nil if another file may be put in the place of f, which was opened as name in dir. It changes nothing. It
// fails with a *NotReplaceableError if f has several names. What else may stand in the way it does not see on this system.
func Replaceable(dir *safepath.Dir, name string, f *os.File) error {
	var stat unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &stat); err != nil {
		return &fs.PathError{Op: "stat", Path: dir.Path(name), Err: err}
	}
	if stat.Nlink > 1 {
		return severalNames(dir.Path(name), uint64(stat.Nlink)) //nolint:unconvert // the type is another one on other machines
	}
	return nil
}
