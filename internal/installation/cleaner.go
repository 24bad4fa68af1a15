package installation

import (
	"os"
	"path/filepath"

	"uzerp-mfa/internal/installation/file"
)

// SessionCleaner says which job on a Debian or Ubuntu machine removes old session files without PHP. That job removes
// sessions older than session.gc_maxlifetime (docs/facts/uzerp.md §5).
type SessionCleaner struct {
	Timer        string // path of phpsessionclean.timer, "" if it is not installed
	TimerEnabled bool   // timers.target starts it, and it is not masked
	Cron         string // path of /etc/cron.d/php, "" if there is none
	Systemd      bool   // systemd runs; then Debian's cron entry does nothing
}

// Job returns the file of the job that would remove sessions, "" if there is none, and whether it is active.
func (c SessionCleaner) Job() (path string, active bool) {
	switch {
	case c.Systemd && c.Timer != "":
		return c.Timer, c.TimerEnabled
	case c.Cron != "":
		return c.Cron, !c.Systemd
	default:
		return c.Timer, false
	}
}

// FindSessionCleaner looks for the job's files below root, which is "/" outside tests.
func FindSessionCleaner(root string) SessionCleaner {
	const timer = "phpsessionclean.timer"
	var found SessionCleaner
	masked := false
	for _, dir := range []string{"usr/lib/systemd/system", "lib/systemd/system", "etc/systemd/system"} {
		path := filepath.Join(root, dir, timer)
		if link, err := os.Readlink(path); err == nil && link == os.DevNull {
			masked = true
		} else if file.Exists(path) {
			found.Timer = path
		}
	}
	// It is enough that the link is there. It may be absolute, and would then lead out of a test's root.
	_, err := os.Lstat(filepath.Join(root, "etc/systemd/system/timers.target.wants", timer))
	found.TimerEnabled = err == nil && !masked && found.Timer != ""
	if path := filepath.Join(root, "etc/cron.d/php"); file.Exists(path) {
		found.Cron = path
	}
	found.Systemd = file.Exists(filepath.Join(root, "run/systemd/system"))
	return found
}
