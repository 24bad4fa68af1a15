package audit

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"uzerp-mfa/internal/safepath"
)

// Examine reports whether there is a log at path, and fails where Open would fail, but makes no file. All errors are of
// errs.Config.
func Examine(path string) (exists bool, err error) {
	l, err := prepare(path, Options{})
	if err != nil {
		return false, err
	}
	above := filepath.Dir(l.path)
	dir, err := safepath.OpenDir(above, l.o.trust)
	for errors.Is(err, fs.ErrNotExist) && above != filepath.Dir(above) {
		above = filepath.Dir(above)
		dir, err = safepath.OpenDir(above, l.o.trust)
	}
	if err != nil {
		return false, l.error(err)
	}
	defer func() { _ = dir.Close() }()
	if above == filepath.Dir(l.path) {
		f, err := l.openExisting(dir)
		if err == nil {
			return true, l.error(f.Close())
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return true, l.error(err)
		}
	}
	if !mayWrite(above) {
		return false, l.error(fmt.Errorf("%s: %w", above, fs.ErrPermission))
	}
	return false, nil
}
