package installation

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"uzerp-mfa/internal/installation/file"
)

// LogSetting names the file that uzERP's log files are made of: one a day, beside it (docs/facts/uzerp.md §8).
const LogSetting = "UZERP_LOG_PATH"

// LogAccess says whether the web server can write uzERP's log. If it can't, logins end in error pages
// (docs/facts/uzerp.md §9).
type LogAccess struct {
	Path    string // the setting, in uzERP's directory if it is not absolute; empty if uzERP writes into PHP's error_log
	Source  string // where it is set
	User    string // as whom the web server probably runs
	Denied  string // what that user may not write; empty if nothing is in the way
	Unknown string // why it could not be judged; empty if it was
}

// LogAccess looks whether the user can make today's log file, or write it if it is there. It looks at modes alone. It fails
// as Setting does.
func (i *Installation) LogAccess(user WebUser, today time.Time) (LogAccess, error) {
	path, source, ok, err := i.Setting(LogSetting)
	if err != nil || !ok || path == "" {
		return LogAccess{}, err
	}
	isURL := strings.Contains(path, "://")
	if !filepath.IsAbs(path) && !isURL {
		path = filepath.Join(i.Root, path)
	}
	a := LogAccess{Path: path, Source: source.String(), User: user.Name}
	switch {
	case user.Name == "":
		a.Unknown = "no user is known as whom the web server runs"
		return a, nil
	case isURL:
		a.Unknown = "it does not name a file"
		return a, nil
	}
	extension := filepath.Ext(path)
	daily := strings.TrimSuffix(path, extension) + today.Format("-2006-01-02") + extension
	if f := file.Look(daily); f.Exists {
		a.judge(user, f, 0o2)
		return a, nil
	}
	// uzERP makes directories that are missing.
	dir := filepath.Dir(path)
	for !file.Exists(dir) && dir != filepath.Dir(dir) {
		dir = filepath.Dir(dir)
	}
	facts, err := file.Stat(dir)
	if err != nil {
		a.Unknown = fmt.Sprintf("%s can't be looked at", dir)
		return a, nil //nolint:nilerr // that is said
	}
	a.judge(user, facts, 0o3)
	return a, nil
}

func (a *LogAccess) judge(user WebUser, f file.Facts, bits fs.FileMode) {
	switch {
	case f.UID < 0 || !f.Exists:
		a.Unknown = fmt.Sprintf("the owner of %s is not known here", f.Path)
	case f.ACL:
		a.Unknown = fmt.Sprintf("%s has an access list", f.Path)
	case !user.May(bits, f):
		a.Denied = f.Path
	}
}

// May reports whether the file's mode gives the user all of these permissions: 4 for reading, 2 for writing, 1 for
// searching a directory. It looks at the mode alone.
func (u WebUser) May(bits fs.FileMode, f file.Facts) bool {
	switch {
	case u.UID == 0:
		return true
	case u.UID == f.UID:
		bits <<= 6
	case slices.Contains(u.Groups(), f.GID):
		bits <<= 3
	}
	return f.Mode&bits == bits
}
