package safepath

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// walkFlags open a directory to walk through it. O_PATH needs no right to list it.
const walkFlags = unix.O_PATH

// accessList returns the access list of an open file or directory, or nil if it has none.
func accessList(fd int) ([]aclEntry, error) {
	path := fmt.Sprintf("/proc/self/fd/%d", fd) // fgetxattr refuses a descriptor of O_PATH
	raw := make([]byte, 64<<10)                 // the largest that an attribute can be
	n, err := unix.Getxattr(path, "system.posix_acl_access", raw)
	switch {
	case errors.Is(err, unix.ENODATA), errors.Is(err, unix.ENOTSUP), errors.Is(err, unix.ENOENT): // no list; or no /proc
		return nil, nil
	case err != nil:
		return nil, err
	}
	return parseACL(raw[:n]), nil
}
