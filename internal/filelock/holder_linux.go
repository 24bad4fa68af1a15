package filelock

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Holder returns the number of the process that holds the lock on f, and its name, or 0 if that can't be found out. The
// name is what the process says about itself.
func Holder(f *os.File) (pid int, name string) {
	var stat unix.Stat_t
	if unix.Fstat(int(f.Fd()), &stat) != nil {
		return 0, ""
	}
	locks, err := os.Open("/proc/locks")
	if err != nil {
		return 0, ""
	}
	defer func() { _ = locks.Close() }()
	// As in proc_locks(5): 1: FLOCK  ADVISORY  WRITE 4711 fd:01:1835 0 EOF
	inode := fmt.Sprintf("%02x:%02x:%d", unix.Major(stat.Dev), unix.Minor(stat.Dev), stat.Ino) //nolint:unconvert // its type differs
	lines := bufio.NewScanner(locks)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 6 || fields[1] != "FLOCK" || fields[5] != inode {
			continue
		}
		if pid, err := strconv.Atoi(fields[4]); err == nil && pid > 0 {
			comm, _ := os.ReadFile("/proc/" + fields[4] + "/comm")
			return pid, strings.TrimSpace(string(comm))
		}
	}
	return 0, ""
}
