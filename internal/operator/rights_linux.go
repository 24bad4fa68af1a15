//go:build linux && !386 && !arm

package operator

import (
	"fmt"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Do runs f with the caller's rights on files, and not with root's: what f opens or makes, the caller could have opened
// or made, and a new file is the caller's. f must not start a goroutine for that.
func (c *Caller) Do(f func() error) error {
	done := make(chan error, 1)
	go func() {
		// Never unlocked: the thread ends with this goroutine, so no other code runs with the caller's rights.
		runtime.LockOSThread()
		err := c.takeFileRights()
		if err == nil {
			err = f()
		}
		done <- err
	}()
	return <-done
}

// takeFileRights changes the rights of this thread alone. The functions of package syscall would change all threads.
// Without user 0 the thread also loses the capabilities that pass over a file's mode.
func (c *Caller) takeFileRights() error {
	groups := make([]uint32, len(c.Groups))
	for i, id := range c.Groups {
		groups[i] = uint32(id)
	}
	_, _, errno := unix.RawSyscall(unix.SYS_SETGROUPS, uintptr(len(groups)), uintptr(unsafe.Pointer(unsafe.SliceData(groups))), 0)
	if errno != 0 {
		return fmt.Errorf("take the groups of user %d: %w", c.UID, errno)
	}
	// Neither call reports an error, so ask afterwards: -1 changes nothing.
	_, _ = unix.SetfsgidRetGid(c.GID)
	_, _ = unix.SetfsuidRetUid(c.UID)
	gid, _ := unix.SetfsgidRetGid(-1)
	uid, _ := unix.SetfsuidRetUid(-1)
	if gid != c.GID || uid != c.UID {
		return fmt.Errorf("take the rights of user %d: the system did not give them", c.UID)
	}
	return nil
}
