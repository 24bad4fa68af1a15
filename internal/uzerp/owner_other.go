//go:build !(linux || darwin || freebsd || netbsd || openbsd || dragonfly)

package uzerp

import (
	"errors"
	"io/fs"
	"os"
)

// tryLock fails: where a file can't be locked it isn't changed.
func tryLock(*os.File) (bool, error) { return false, errors.ErrUnsupported }

func ownerOf(fs.FileInfo) (uid, gid int, ok bool) { return 0, 0, false }

func copyOwner(*os.File, fs.FileInfo) error { return errors.ErrUnsupported }
