package envwrite

import (
	"bytes"
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

const labelAttribute = "security.selinux"

// label returns SELinux's label of an open file, or nil if there is none.
func label(f *os.File) ([]byte, error) {
	value := make([]byte, 64<<10) // the largest that an attribute can be
	n, err := unix.Fgetxattr(int(f.Fd()), labelAttribute, value)
	switch {
	case errors.Is(err, unix.ENODATA), errors.Is(err, unix.ENOTSUP):
		return nil, nil
	case err != nil:
		return nil, os.NewSyscallError("fgetxattr", err)
	}
	return value[:n], nil
}

// copyLabel copies SELinux's label of one open file to another. Where that is not allowed the new file keeps the label
// that every new file gets in this directory.
func copyLabel(to, from *os.File) error {
	wanted, err := label(from)
	if err != nil || wanted == nil {
		return err
	}
	if present, err := label(to); err != nil || bytes.Equal(present, wanted) {
		return err
	}
	err = unix.Fsetxattr(int(to.Fd()), labelAttribute, wanted, 0)
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) || errors.Is(err, unix.ENOTSUP) || errors.Is(err, unix.EINVAL) {
		return nil
	}
	return os.NewSyscallError("fsetxattr", err)
}
