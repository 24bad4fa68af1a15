//go:build !(linux || darwin || freebsd || netbsd || openbsd || dragonfly)

package filelock

import (
	"errors"
	"os"
)

// Try fails: what can't be locked must not be changed.
func Try(*os.File) (bool, error) { return false, errors.ErrUnsupported }
