//go:build unix && !linux

package safepath

import "golang.org/x/sys/unix"

const walkFlags = unix.O_RDONLY

// accessList knows Linux's lists only.
func accessList(int) ([]aclEntry, error) { return nil, nil }
