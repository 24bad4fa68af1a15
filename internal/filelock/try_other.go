//go:build !(linux || darwin || freebsd || netbsd || openbsd || dragonfly)

package filelock

import (
	"errors"
	"os"
)

// Try fails with errors.ErrUnsupported: a file that can't be locked must not be changed.
func Try(*os.File) (bool, error) { return false, errors.ErrUnsupported }
