//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package audit

import (
	"errors"
	"io/fs"
	"syscall"
)

// openFlags follow no symbolic link and wait for nobody, whatever is at the path.
const openFlags = syscall.O_NOFOLLOW | syscall.O_NONBLOCK

// ownerAndLinks give the number of a file's user, and how many names it has.
func ownerAndLinks(info fs.FileInfo) (uid, links int, ok bool) {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, 0, false
	}
	return int(stat.Uid), int(stat.Nlink), true
}

// mayWrite asks the system, which knows of access lists and read-only mounts.
func mayWrite(path string) bool {
	const write = 2
	err := syscall.Access(path, write)
	return !errors.Is(err, fs.ErrPermission) && !errors.Is(err, syscall.EROFS)
}
