package pgtemp

import (
	"os"
	"path/filepath"
	"syscall"

	"uzerp-mfa/internal/account"
	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/pattern"
	"uzerp-mfa/internal/safepath"
)

// maxSocketPath is the longest path that fits into sockaddr_un on Linux: 108 bytes with the closing NUL.
const maxSocketPath = 107

// socketName is the longest name that a socket can have: a port has five digits at most.
const socketName = ".s.PGSQL.65535"

// home is the directory of one server and its owner.
type home struct {
	dir   string
	owner *syscall.Credential // nil: the user of this process
}

func (h home) data() string { return filepath.Join(h.dir, "data") }

// makeHome makes the directory below parent. It makes it below /tmp if parent is no place for a socket: too long, not
// written in plain letters, closed to the server's user, or a directory that others may change.
func makeHome(parent string) (home, error) {
	owner, err := unprivileged()
	if err != nil {
		return home{}, err
	}
	const prefix = "uzerp-mfa-"
	if len(filepath.Join(parent, prefix+"0123456789abc", socketName)) > maxSocketPath || !plain().MatchString(parent) || owner != nil && !open(parent) {
		parent = "/tmp"
	}
	dir, err := safepath.MakeTemp(parent, prefix)
	if err != nil {
		return home{}, homeError(err)
	}
	defer func() { _ = dir.Close() }()
	h := home{dir: dir.Path("."), owner: owner}
	if owner != nil {
		err = dir.Chown(int(owner.Uid), int(owner.Gid))
	}
	if err != nil {
		_ = os.RemoveAll(h.dir)
		return home{}, homeError(err)
	}
	return h, nil
}

// plain are the paths that need no quoting in a URL, in a list of hosts or in PostgreSQL's settings.
var plain = pattern.Lazy(`^[A-Za-z0-9/._-]*$`)

func homeError(err error) error { return tempError("make a directory for PostgreSQL", err) }

// tempError is the error for what could not be made in the directory for temporary files.
func tempError(op string, err error) error {
	e := &errs.Error{Kind: errs.Config, Op: op, Err: err}
	if os.Getenv("TMPDIR") != "" {
		e.Hint = errs.Plain("the variable TMPDIR names the directory for temporary files: name one that exists and that you may write in, or unset it")
	}
	return e
}

// unprivileged returns the user to run the server as, because PostgreSQL refuses to run as root. It returns nil if we
// aren't root.
func unprivileged() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		if u, err := account.ByName(name); err == nil {
			return &syscall.Credential{Uid: uint32(u.UID), Gid: uint32(u.GID)}, nil //nolint:gosec // the system's numbers
		}
	}
	return nil, errs.New(errs.Config, "PostgreSQL doesn't run as root, and there is no user postgres or nobody",
		"run this as an ordinary user")
}

// open reports whether every user may enter dir and all directories above it.
func open(dir string) bool {
	dir, err := filepath.Abs(dir)
	for err == nil {
		var info os.FileInfo
		if info, err = os.Stat(dir); err != nil || info.Mode()&0o001 == 0 {
			return false
		}
		if dir == filepath.Dir(dir) {
			return true
		}
		dir = filepath.Dir(dir)
	}
	return false
}
