//go:build unix

package output

import (
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
func (a *AltScreen) handle(got os.Signal, watch func()) {
	switch got {
	case syscall.SIGWINCH:
		a.resize()
	case syscall.SIGCONT:
		a.resume()
	case syscall.SIGTSTP, syscall.SIGQUIT:
		a.yield(func() {
			signal.Reset(got)
			_ = syscall.Kill(os.Getpid(), got.(syscall.Signal))
			// The kernel stops the program within this moment, or, where there is no shell to go back to, not at all.
			time.Sleep(100 * time.Millisecond)
			watch()
		})
	}
}

// inForeground tells whether the program may write on its terminal: it was not put into the background.
func inForeground(f *os.File) bool {
	group, err := unix.IoctlGetInt(int(f.Fd()), unix.TIOCGPGRP)
	return err != nil || group == unix.Getpgrp() // no job control: nobody else
}
