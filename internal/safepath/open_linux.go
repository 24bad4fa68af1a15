package safepath

import "golang.org/x/sys/unix"

// walkFlags open a directory to walk through it. O_PATH needs no right to list it.
const walkFlags = unix.O_PATH
