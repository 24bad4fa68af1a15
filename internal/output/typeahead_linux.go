package output

import (
	"os"

	"golang.org/x/sys/unix"
)

// dropTypeahead drops what was typed on a terminal and not read yet.
func dropTypeahead(f *os.File) { _ = unix.IoctlSetInt(int(f.Fd()), unix.TCFLSH, unix.TCIFLUSH) }
