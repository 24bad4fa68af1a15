package file

import (
	"errors"
	"syscall"
)

const aclAttribute = "system.posix_acl_access"

// hasACL reports whether the file has an access list, which counts beside its mode.
func hasACL(path string) bool {
	size, err := syscall.Getxattr(path, aclAttribute, nil)
	return err == nil && size > 0
}

// copyACL sets the access list of from on the file to, if from has one. Some sites let the web server read conf/.env by
// such a list (setfacl). With mode and owner alone the web server could not read it any more.
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
