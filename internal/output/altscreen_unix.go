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
	return []os.Signal{syscall.SIGWINCH, syscall.SIGTSTP, syscall.SIGTTIN, syscall.SIGCONT, syscall.SIGQUIT}
}

// handle does what a signal is for. Before the program stops or ends, the normal screen is back.
func (a *AltScreen) handle(got os.Signal) {
	switch got {
	case syscall.SIGWINCH:
		a.resize()
	case syscall.SIGCONT:
		a.resume()
	case syscall.SIGTSTP, syscall.SIGTTIN:
		// SIGTTIN comes if the shell has taken the terminal before the SIGTSTP of the same key was handled: by itself it
		// would stop the program with the page on the screen. One that comes late says nothing any more.
		job, own := jobControl()
		if !job || got == syscall.SIGTTIN && a.s.inFront() {
			return
		}
		a.yield(func() {
			// Not SIGTSTP: Go keeps its handler even after signal.Reset. If this program is only a part of a job, it
			// can't know whether a shell would continue it. The kernel knows, and ignores SIGTTOU if none would.
			stopping := syscall.SIGTTOU
			if own {
				stopping = syscall.SIGSTOP
			}
			_ = syscall.Kill(os.Getpid(), stopping)
			time.Sleep(100 * time.Millisecond) // the kernel stops the program in this time
		})
	case syscall.SIGQUIT:
		a.yield(func() {
			signal.Reset(got)
			_ = syscall.Kill(os.Getpid(), syscall.SIGQUIT)
			time.Sleep(time.Minute) // Go prints the stacks and ends the program in this time
		})
	}
}

// jobControl reports whether there may be a shell that would continue a stopped program, and whether the program is a job
// of its own. If it is only a part of one (of sudo, of make), the whole job stops by the same key and the shell takes the
// terminal. A program that went on would then read what is typed for the shell.
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

// inForeground reports whether the program may write on its terminal: it was not put into the background.
func inForeground(f *os.File) bool {
	group, err := unix.IoctlGetInt(int(f.Fd()), unix.TIOCGPGRP)
	return err != nil || group == unix.Getpgrp() // an error: there is no job control, so nobody else has it
}
