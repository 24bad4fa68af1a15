package safepath

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

const aclAttribute = "system.posix_acl_access"

// accessList returns the access list of an open file or directory, or nil if it has none.
func accessList(fd int) ([]aclEntry, error) {
	raw, err := readAccessList(fmt.Sprintf("/proc/self/fd/%d", fd)) // fgetxattr refuses a descriptor of O_PATH
	if errors.Is(err, unix.ENOENT) {                                // there is no /proc
		return nil, nil
	}
	return parseACL(raw), err
}

func readAccessList(path string) ([]byte, error) {
	return attribute(func(value []byte) (int, error) { return unix.Getxattr(path, aclAttribute, value) })
}

// attribute returns what get writes into its argument, or nil if there is no such attribute.
func attribute(get func([]byte) (int, error)) ([]byte, error) {
	value := make([]byte, 64<<10) // the largest that an attribute can be
	n, err := get(value)
	switch {
	case errors.Is(err, unix.ENODATA), errors.Is(err, unix.ENOTSUP):
		return nil, nil
	case err != nil:
		return nil, os.NewSyscallError("getxattr", err)
	}
	return value[:n], nil
}

// HasAccessList reports whether what stands at path has an access list, which counts beside its mode. It follows links.
func HasAccessList(path string) bool {
	list, err := readAccessList(path)
	return err == nil && len(list) > 0
}

// AccessList returns the access list of an open file as the system keeps it, or nil if it has none.
func AccessList(f *os.File) ([]byte, error) {
	return attribute(func(value []byte) (int, error) { return unix.Fgetxattr(int(f.Fd()), aclAttribute, value) })
}

// SetAccessList sets the access list of an open file. With nil it takes the list away that the file may have from its
// directory (setfacl -d).
func SetAccessList(f *os.File, list []byte) error {
	if list != nil {
		return os.NewSyscallError("fsetxattr", unix.Fsetxattr(int(f.Fd()), aclAttribute, list, 0))
	}
	present, err := AccessList(f)
	if err != nil || present == nil {
		return err
	}
	return os.NewSyscallError("fremovexattr", unix.Fremovexattr(int(f.Fd()), aclAttribute))
}
