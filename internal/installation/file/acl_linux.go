package file

import "golang.org/x/sys/unix"

const aclAttribute = "system.posix_acl_access"

// hasACL reports whether the file has an access list, which counts beside its mode.
func hasACL(path string) bool {
	size, err := unix.Getxattr(path, aclAttribute, nil)
	return err == nil && size > 0
}

// openHasACL is hasACL for an open file.
func openHasACL(fd uintptr) bool {
	size, err := unix.Fgetxattr(int(fd), aclAttribute, nil)
	return err == nil && size > 0
}
