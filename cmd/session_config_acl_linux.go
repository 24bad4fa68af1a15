package cmd

import "syscall"

// hasACL tells whether an access list decides beside the mode.
func hasACL(path string) bool {
	size, err := syscall.Getxattr(path, "system.posix_acl_access", nil)
	return err == nil && size > 0
}
