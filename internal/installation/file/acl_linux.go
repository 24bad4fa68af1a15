package file

import (
	"errors"
	"syscall"
)

const aclAttribute = "system.posix_acl_access"

// hasACL reports whether an access list decides beside the mode.
func hasACL(path string) bool {
	size, err := syscall.Getxattr(path, aclAttribute, nil)
	return err == nil && size > 0
}

// copyACL returns the file to the access list of from, if that has one: some sites let the web server read conf/.env
// with setfacl, and mode and owner alone would shut it out.
func copyACL(to, from string) error {
	size, err := syscall.Getxattr(from, aclAttribute, nil)
	if errors.Is(err, syscall.ENODATA) || errors.Is(err, syscall.ENOTSUP) {
		return nil
	}
	if err != nil {
		return err
	}
	list := make([]byte, size)
	if size, err = syscall.Getxattr(from, aclAttribute, list); err != nil {
		return err
	}
	return syscall.Setxattr(to, aclAttribute, list[:size], 0)
}
