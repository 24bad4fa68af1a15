//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package file

import (
	"io/fs"
	"os"
	"syscall"
)

// ownerOf returns the numbers of a file's user and group.
func ownerOf(info fs.FileInfo) (uid, gid int, ok bool) {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, 0, false
	}
	return int(stat.Uid), int(stat.Gid), true
}

// copyOwner sets the owner and group of like on f. It fails if that is not allowed, because it is better to change
// nothing than to leave a file that the web server can no longer read.
func copyOwner(f *os.File, like fs.FileInfo) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	uid, gid, _ := ownerOf(like)
	if u, g, _ := ownerOf(info); u == uid && g == gid {
		return nil
	}
	return f.Chown(uid, gid)
}
