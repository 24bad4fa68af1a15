//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package audit

import (
	"errors"
	"io/fs"
	"syscall"
)

// openFlags make open fail on a symbolic link and return at once on a pipe.
const openFlags = syscall.O_NOFOLLOW | syscall.O_NONBLOCK

// ownerAndLinks returns the number of a file's user, and how many names the file has.
func ownerAndLinks(info fs.FileInfo) (uid, links int, ok bool) {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, 0, false
	}
	return int(stat.Uid), int(stat.Nlink), true
}

// mayWrite asks the operating system, which takes access lists and read-only mounts into account.
func mayWrite(path string) bool {
	const write = 2
	err := syscall.Access(path, write)
	return !errors.Is(err, fs.ErrPermission) && !errors.Is(err, syscall.EROFS)
}
