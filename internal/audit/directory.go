package audit

import (
	"errors"
	"io/fs"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"

	"uzerp-mfa/internal/safepath"
)

// systemLogs is where the system's logs are. On Ubuntu the group of the syslog daemon may change it.
const systemLogs = "/var/log"

// trust says who may have made, and may change, what is on the way to a log: root and we ourselves.
func trust() safepath.Trust {
	t := safepath.Ourselves()
	if path, err := filepath.EvalSymlinks(systemLogs); err == nil {
		t.Through = []string{path}
	}
	return t
}

// directory opens the directory of the log, and makes what is missing of its path. Each directory on the way is judged
// before anything is made in it.
func (l *Log) directory(path string) (*safepath.Dir, error) {
	dir, err := safepath.OpenDir(path, l.o.trust)
	if !errors.Is(err, fs.ErrNotExist) || path == filepath.Dir(path) {
		return dir, err
	}
	above, err := l.directory(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	defer func() { _ = above.Close() }()
	if err := above.Mkdir(filepath.Base(path), 0o750); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	if err := l.syncDirectory(above); err != nil {
		return nil, err
	}
	return safepath.OpenDir(path, l.o.trust)
}

// syncDirectory makes a new name in dir survive a power cut. Some file systems can't sync a directory; that is no
// error.
func (l *Log) syncDirectory(dir *safepath.Dir) error {
	d, err := dir.Reopen()
	if err != nil {
		return nil //nolint:nilerr // a directory may be writable but not readable
	}
	defer func() { _ = d.Close() }()
	if err := l.o.sync(d); err != nil && !errors.Is(err, errors.ErrUnsupported) && !errors.Is(err, fs.ErrInvalid) {
		return err
	}
	return nil
}

// mayWrite asks the operating system, which takes access lists and read-only mounts into account.
func mayWrite(path string) bool {
	err := syscall.Access(path, unix.W_OK)
	return !errors.Is(err, fs.ErrPermission) && !errors.Is(err, syscall.EROFS)
}
