//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package uzerp

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// tryLock takes the lock on an open directory; it goes when the directory is closed or the process ends.
func tryLock(dir *os.File) (bool, error) {
	err := syscall.Flock(int(dir.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) || errors.Is(err, syscall.EINTR) {
		return false, nil
	}
	return err == nil, err
}

// ownerOf gives the numbers of a file's user and group.
func ownerOf(info fs.FileInfo) (uid, gid int, ok bool) {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, 0, false
	}
	return int(stat.Uid), int(stat.Gid), true
}

// copyOwner gives f the owner and group of like. Where that is not allowed it fails: a file that the web server
// could read and then can't is worse than an unchanged one.
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
