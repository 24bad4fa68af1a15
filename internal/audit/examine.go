package audit

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// Examine reports whether there is a log at path, and fails where Open would fail, but makes no file. All errors are of
// errs.Config.
func Examine(path string) (exists bool, err error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_APPEND|openFlags, 0)
	if errors.Is(err, fs.ErrNotExist) {
		if err := canMake(path); err != nil {
			return false, configError(path, err, "")
		}
		return false, nil
	}
	if err != nil {
		return true, configError(path, err, "")
	}
	defer func() { _ = f.Close() }()
	if hint, err := inspect(f, filepath.Dir(path)); err != nil {
		return true, configError(path, err, hint)
	}
	if _, err := readTail(f); err != nil {
		return true, configError(path, err, "")
	}
	return true, nil
}

// canMake returns an error if Open could not make a log at path. It looks at the nearest directory above path that
// exists.
func canMake(path string) error {
	if info, err := os.Lstat(path); err == nil && info.Mode()&fs.ModeSymlink != 0 {
		return errors.New("it is a symbolic link")
	}
	for dir := filepath.Dir(path); ; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		switch {
		case errors.Is(err, fs.ErrNotExist) && dir != filepath.Dir(dir):
		case err != nil:
			return err
		case !info.IsDir():
			return fmt.Errorf("%s: %w", dir, syscall.ENOTDIR)
		case !mayWrite(dir):
			return fmt.Errorf("%s: %w", dir, fs.ErrPermission)
		case dir == filepath.Dir(path) && info.Mode()&worldWritable != 0 && info.Mode()&fs.ModeSticky == 0:
			return fmt.Errorf("everybody may rename files in %s", dir)
		default:
			return nil
		}
	}
}
