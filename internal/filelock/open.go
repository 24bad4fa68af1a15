//go:build unix

package filelock

import (
	"io/fs"
	"os"

	"golang.org/x/sys/unix"

	"uzerp-mfa/internal/safepath"
)

// Open opens the lock file name in dir, and makes it if it is missing: an empty file that stays. Everybody who can open a
// file can hold a lock on it. So what is locked is not the file that many may read, but one that only its writers can
// open; Share gives it to them. Open fails with a *safepath.UntrustedError if somebody else could have put it there.
func Open(dir *safepath.Dir, name string) (*os.File, error) {
	f, err := dir.Open(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := dir.JudgeOwner(f); err != nil { // the group may write to the guarded file
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// Share lets those open the lock file who may write to the guarded file: its group, if that may write. It changes
// nothing if the lock belongs to another user; an error says nothing about the lock.
func Share(lock, guarded *os.File) {
	var of, its unix.Stat_t
	if unix.Fstat(int(guarded.Fd()), &of) != nil || unix.Fstat(int(lock.Fd()), &its) != nil || int(its.Uid) != os.Geteuid() {
		return
	}
	mode := uint32(0o600)
	if of.Mode&0o020 != 0 {
		mode = 0o660
	}
	if its.Gid != of.Gid {
		_ = lock.Chown(-1, int(of.Gid))
	}
	if uint32(its.Mode)&0o777 != mode { //nolint:unconvert // it is a uint16 on other systems
		_ = lock.Chmod(fs.FileMode(mode))
	}
}
