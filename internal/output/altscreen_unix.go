//go:build unix

package output

import (
	"errors"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

func terminalSignals() []os.Signal {
	return []os.Signal{syscall.SIGWINCH, syscall.SIGTSTP, syscall.SIGCONT, syscall.SIGQUIT}
}

// handle does what a signal is for, and leaves the normal screen to whom it belongs.
func (a *AltScreen) handle(got os.Signal) {
	switch got {
	case syscall.SIGWINCH:
		a.resize()
	case syscall.SIGCONT:
		a.resume()
	case syscall.SIGTSTP:
		job, own := jobControl()
		if !job {
			return
		}
		a.yield(func() {
			// Not SIGTSTP: Go keeps its handler even after signal.Reset. Of a job of which this is only a part nobody
			// knows here whether a shell would continue it, but the kernel does, and then heeds no SIGTTIN.
			stopping := syscall.SIGTTIN
			if own {
				stopping = syscall.SIGSTOP
			}
			_ = syscall.Kill(os.Getpid(), stopping)
			time.Sleep(100 * time.Millisecond) // within which the kernel stops it
		})
	case syscall.SIGQUIT:
		a.yield(func() {
			signal.Reset(got)
			_ = syscall.Kill(os.Getpid(), syscall.SIGQUIT)
			time.Sleep(time.Minute) // within which Go prints the stacks and ends
		})
	}
}

// jobControl tells whether there may be a shell that would continue a stopped program, and whether the program is a job of
// its own. If it is not, what it is a part of (sudo, make) stops by the same key, and the shell takes the terminal: a program
// that went on would take from it what is typed next.
func jobControl() (job, own bool) {
	parent := os.Getppid()
	theirs, err1 := unix.Getsid(parent)
	ours, err2 := unix.Getsid(0)
	group, err3 := unix.Getpgid(parent)
	if errors.Join(err1, err2, err3) != nil || theirs != ours {
		return false, false
	}
	return true, group != unix.Getpgrp()
}

// inForeground tells whether the program may write on its terminal: it was not put into the background.
func inForeground(f *os.File) bool {
	group, err := unix.IoctlGetInt(int(f.Fd()), unix.TIOCGPGRP)
	return err != nil || group == unix.Getpgrp() // no job control: nobody else
}
