package audit

import (
	"os"
	"path/filepath"
)

const systemPath = "/var/log/uzerp-mfa/audit.jsonl"

// DefaultPath is where a log is written that nobody named: the system's, and where the system's can't be made or written
// to for want of permission, the user's own. It makes nothing.
func DefaultPath(getenv func(string) string) string { return firstThat(paths(getenv), canWrite) }

// DefaultReadPath is where a log is read that nobody named: the first of the same places that has one, and where none has,
// the place where it would be written.
func DefaultReadPath(getenv func(string) string) string {
	return firstThat([]string{firstThat(paths(getenv), canRead), DefaultPath(getenv)}, canRead)
}

func paths(getenv func(string) string) []string {
	state := getenv("XDG_STATE_HOME")
	if !filepath.IsAbs(state) { // to be ignored then, says the XDG Base Directory Specification
		home := getenv("HOME")
		if !filepath.IsAbs(home) {
			return []string{systemPath}
		}
		state = filepath.Join(home, ".local", "state")
	}
	return []string{systemPath, filepath.Join(state, "uzerp-mfa", "audit.jsonl")}
}

// firstThat gives the first path that passes, or else the last.
func firstThat(paths []string, pass func(string) bool) string {
	for _, p := range paths {
		if pass(p) {
			return p
		}
	}
	return paths[len(paths)-1]
}

// canWrite asks for permissions only. Whatever else is wrong with a path must be an error, and not another path.
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
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	_ = f.Close()
	return true
}
