package operator

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// limits are those that could stop this program between a change and its record, or keep the mail about it from being sent. least is more than it ever needs.
var limits = []struct {
	resource int
	name     string // as the shell's ulimit calls it
	least    uint64
}{
	{unix.RLIMIT_FSIZE, "-f, the size of a file", 1 << 30},
	{unix.RLIMIT_NOFILE, "-n, open files", 256},
	{unix.RLIMIT_CPU, "-t, processor time", 3600},
	{unix.RLIMIT_AS, "-v, memory", 4 << 30},
	{unix.RLIMIT_DATA, "-d, memory for data", 1 << 30},
	{unix.RLIMIT_NPROC, "-u, processes", 256}, // it holds for the mail program, which is not root
}

// LiftLimits takes away the limits that the caller of sudo may have set for this process: with them the program would be
// stopped after a change and before its record. It fails if one stays that is too low, because root may not raise it (in
// some containers). A process that is not root keeps its limits.
func LiftLimits() error {
	if os.Geteuid() != 0 {
		return nil
	}
	for _, l := range limits {
		var now unix.Rlimit
		if err := unix.Getrlimit(l.resource, &now); err != nil {
			return fmt.Errorf("read the limit ulimit %s: %w", l.name, err)
		}
		if now.Cur >= l.least {
			continue
		}
		if err := unix.Setrlimit(l.resource, &unix.Rlimit{Cur: l.least, Max: max(now.Max, l.least)}); err != nil {
			return fmt.Errorf("raise the limit ulimit %s: %w", l.name, err)
		}
	}
	return nil
}
