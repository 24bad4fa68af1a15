//go:build unix && !linux

package safepath

import (
	"os"

	"golang.org/x/sys/unix"
)

const walkFlags = unix.O_RDONLY

// Access lists are known as Linux has them only. On most other systems mode and owner alone decide.

func accessList(int) ([]aclEntry, error) { return nil, nil }

// HasAccessList returns false.
func HasAccessList(string) bool { return false }

// AccessList returns nil.
func AccessList(*os.File) ([]byte, error) { return nil, nil }

// SetAccessList does nothing.
func SetAccessList(*os.File, []byte) error { return nil }
