//go:build unix

package file

import (
	"fmt"
	"io/fs"
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

// Identity returns a text that two names have in common only if they lead to the same file: its device and its number there.
func Identity(info fs.FileInfo) (id string, ok bool) {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return "", false
	}
	return fmt.Sprintf("%d:%d", stat.Dev, stat.Ino), true
}
