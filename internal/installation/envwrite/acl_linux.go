package envwrite

import (
	"bytes"
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

const (
	aclAttribute   = "system.posix_acl_access"
	labelAttribute = "security.selinux"
)

// attribute returns an attribute of an open file, or nil if there is none.
func attribute(f *os.File, name string) ([]byte, error) {
	value := make([]byte, 64<<10) // the largest that an attribute can be
	n, err := unix.Fgetxattr(int(f.Fd()), name, value)
	switch {
	case errors.Is(err, unix.ENODATA), errors.Is(err, unix.ENOTSUP):
		return nil, nil
	case err != nil:
		return nil, os.NewSyscallError("fgetxattr", err)
	}
	return value[:n], nil
}

// accessList returns the access list of an open file, or nil if it has none. Some sites let the web server read conf/.env
// by such a list (setfacl). With mode and owner alone the web server could not read it any more.
func accessList(f *os.File) ([]byte, error) { return attribute(f, aclAttribute) }

// setAccessList sets the access list of an open file. With nil it takes the list away that the file may have from its
// directory (setfacl -d).
func setAccessList(f *os.File, list []byte) error {
	if list != nil {
		return os.NewSyscallError("fsetxattr", unix.Fsetxattr(int(f.Fd()), aclAttribute, list, 0))
	}
	present, err := accessList(f)
	if err != nil || present == nil {
		return err
	}
	return os.NewSyscallError("fremovexattr", unix.Fremovexattr(int(f.Fd()), aclAttribute))
}

// copyLabel copies SELinux's label of one open file to another. Where that is not allowed the new file keeps the label
// that every new file gets in this directory.
func copyLabel(to, from *os.File) error {
	label, err := attribute(from, labelAttribute)
	if err != nil || label == nil {
		return err
	}
	if present, err := attribute(to, labelAttribute); err != nil || bytes.Equal(present, label) {
		return err
	}
	err = unix.Fsetxattr(int(to.Fd()), labelAttribute, label, 0)
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) || errors.Is(err, unix.ENOTSUP) || errors.Is(err, unix.EINVAL) {
		return nil
	}
	return os.NewSyscallError("fsetxattr", err)
}
