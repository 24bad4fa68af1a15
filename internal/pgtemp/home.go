package pgtemp

import (
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"

	"uzerp-mfa/internal/errs"
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
func (h home) log() string  { return filepath.Join(h.dir, "log") }

// makeHome makes the directory below parent. It makes it below /tmp if parent is too long for a socket's path or the
// server's user may not enter it.
func makeHome(parent string) (home, error) {
	owner, err := unprivileged()
	if err != nil {
		return home{}, err
	}
	if len(filepath.Join(parent, "uzerp-mfa-0123456789", socketName)) > maxSocketPath || owner != nil && !open(parent) {
		parent = "/tmp"
	}
	dir, err := os.MkdirTemp(parent, "uzerp-mfa-") // mode 0700
	if err != nil {
		return home{}, &errs.Error{Kind: errs.Config, Op: "make a directory for PostgreSQL", Err: err}
	}
	if owner != nil {
		if err := os.Chown(dir, int(owner.Uid), int(owner.Gid)); err != nil {
			_ = os.RemoveAll(dir)
			return home{}, &errs.Error{Kind: errs.Config, Op: "make a directory for PostgreSQL", Err: err}
		}
	}
	return home{dir: dir, owner: owner}, nil
}

// unprivileged returns the user to run the server as, because PostgreSQL refuses to run as root. It returns nil if we
// aren't root.
func unprivileged() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
		gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
		if err1 == nil && err2 == nil {
			return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
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
