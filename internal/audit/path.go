package audit

import (
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"uzerp-mfa/internal/account"
)

const systemPath = "/var/log/uzerp-mfa/audit.jsonl"

// logs is the directory with the logs of the machine. Only root may write there.
var logs = "/var/log"

// runsAs returns the number of the user that this program runs as.
var runsAs = os.Geteuid

// ownPlace returns the directory that root can make for the log of an account other than root, and the account's name. Root
// itself does not write there: it would write what that account may change.
func ownPlace() (dir, name string) {
	me, err := account.ByUID(runsAs())
	if err != nil || me.UID == 0 || strings.ContainsAny(me.Name, "/\x00") {
		return "", ""
	}
	return filepath.Join(logs, strings.Join([]string{"uzerp-mfa", me.Name}, "-")), me.Name
}

// DefaultPath returns the path where the log is written if no path was given. That is the system's log, or, without
// permission to make or write that, the user's own. It makes no file.
func DefaultPath(getenv func(string) string) string { return firstThat(paths(getenv), canWrite) }

// DefaultReadPath returns the path where the log is read if no path was given: the first of the same places that has a
// log. If none has one, it is the place where the log would be written.
func DefaultReadPath(getenv func(string) string) string {
	return firstThat([]string{firstThat(paths(getenv), canRead), DefaultPath(getenv)}, canRead)
}

func paths(getenv func(string) string) []string {
	known := []string{systemPath}
	if dir, _ := ownPlace(); dir != "" {
		if info, err := os.Lstat(dir); err == nil && info.IsDir() {
			known = append(known, filepath.Join(dir, "audit.jsonl"))
		}
	}
	state := getenv("XDG_STATE_HOME")
	if !filepath.IsAbs(state) { // the XDG Base Directory Specification says to ignore it then
		home := getenv("HOME")
		if !filepath.IsAbs(home) {
			return known
		}
		state = filepath.Join(home, ".local", "state")
	}
	return append(known, filepath.Join(state, "uzerp-mfa", "audit.jsonl"))
}

// firstThat returns the first path that passes, or the last path if none does.
func firstThat(paths []string, pass func(string) bool) string {
	for _, p := range paths {
		if pass(p) {
			return p
		}
	}
	return paths[len(paths)-1]
}

// canWrite looks only at permissions. Anything else that is wrong with a path must be an error, not a reason to take
// another path.
func canWrite(path string) bool {
	for {
		_, err := os.Lstat(path)
		if err == nil {
			return mayWrite(path)
		}
		parent := filepath.Dir(path)
		if !os.IsNotExist(err) || parent == path {
			return !os.IsPermission(err)
		}
		path = parent
	}
}

func canRead(path string) bool {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0) // a pipe without a writer must not block
	if err != nil {
		return false
	}
	_ = f.Close()
	return true
}
