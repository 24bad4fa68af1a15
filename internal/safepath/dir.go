//go:build unix

package safepath

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// Dir is an open directory that was reached by trusted steps. Its methods take names without a slash, and none of them
// follows a symbolic link. Their errors are *fs.PathError, *os.LinkError or *UntrustedError.
type Dir struct {
	file  *os.File // may be open for walking only
	path  string
	trust Trust
	links []int // the users, other than root and ourselves, whose symbolic links led here
}

// OpenDir opens the directory at path. It fails with an *UntrustedError, or with the errors of the file system.
func OpenDir(path string, trust Trust) (*Dir, error) {
	d, _, err := walk(path, trust, false)
	return d, err
}

// OpenParent opens the directory that the file at path is in, and returns it with the file's name there. The file may
// be missing. If path is a symbolic link, it is followed: then directory and name are those of its target. OpenParent
// fails as OpenDir does.
func OpenParent(path string, trust Trust) (*Dir, string, error) {
	return walk(path, trust, true)
}

// maxLinks is how many symbolic links a path may have, as in Linux.
const maxLinks = 40

// walk opens the directory at path. With toParent it ends at the last name, which it returns.
func walk(path string, trust Trust, toParent bool) (*Dir, string, error) {
	if !filepath.IsAbs(path) {
		wd, err := os.Getwd()
		if err != nil {
			return nil, "", err
		}
		path = wd + "/" + path // not cleaned: x/.. may be another directory where x is a link
	}
	d, err := root(trust)
	if err != nil {
		return nil, "", err
	}
	steps := names(path)
	for links := 0; len(steps) > 0; {
		name := steps[0]
		steps = steps[1:]
		target, err := d.readLink(name)
		switch {
		case err == nil:
			if links++; links > maxLinks {
				return nil, "", d.fail("open", name, unix.ELOOP)
			}
			if steps = append(names(target), steps...); !filepath.IsAbs(target) {
				continue
			}
			top, err := root(trust)
			if err != nil {
				_ = d.Close()
				return nil, "", err
			}
			top.links = d.links
			_ = d.Close()
			d = top
			continue
		case !errors.Is(err, errNoLink):
			_ = d.Close()
			return nil, "", err
		case toParent && len(steps) == 0:
			if name == ".." {
				return nil, "", d.fail("open", name, unix.EISDIR)
			}
			return d, name, nil
		}
		next, err := d.step(name)
		_ = d.Close()
		if err != nil {
			return nil, "", err
		}
		d = next
	}
	if toParent {
		return nil, "", d.fail("open", ".", unix.EISDIR)
	}
	return d, "", nil
}

// names returns the steps of a path. ".." is one of them, because on a link it means another directory.
func names(path string) []string {
	return slices.DeleteFunc(strings.Split(path, "/"), func(name string) bool { return name == "" || name == "." })
}

// fail closes d and returns an error about name in it.
func (d *Dir) fail(op, name string, err error) error {
	_ = d.Close()
	return d.error(op, name, err)
}

func (d *Dir) error(op, name string, err error) error {
	return &fs.PathError{Op: op, Path: d.Path(name), Err: err}
}

func root(trust Trust) (*Dir, error) {
	fd, err := unix.Open("/", walkFlags|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: "/", Err: err}
	}
	d := &Dir{file: os.NewFile(uintptr(fd), "/"), path: "/", trust: trust}
	if err := d.judge(); err != nil {
		_ = d.Close()
		return nil, err
	}
	return d, nil
}

func (d *Dir) fd() int { return int(d.file.Fd()) }

var errNoLink = errors.New("not a link")

// readLink returns where the symbolic link name leads to, and remembers its owner. It fails with errNoLink if name is
// something else or is missing.
func (d *Dir) readLink(name string) (string, error) {
	if name == ".." {
		return "", errNoLink
	}
	var stat unix.Stat_t
	err := unix.Fstatat(d.fd(), name, &stat, unix.AT_SYMLINK_NOFOLLOW)
	switch {
	case errors.Is(err, unix.ENOENT):
		return "", errNoLink
	case err != nil:
		return "", d.error("stat", name, err)
	case stat.Mode&unix.S_IFMT != unix.S_IFLNK:
		return "", errNoLink
	}
	if err := d.trust.judge(d.Path(name), &stat, -1); err != nil {
		return "", err
	}
	target := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(d.fd(), name, target)
	if err != nil {
		return "", d.error("read link", name, err)
	}
	if uid := int(stat.Uid); uid != 0 && uid != os.Geteuid() {
		d.links = append(d.links, uid)
	}
	return string(target[:n]), nil
}

// OpenDir opens a directory in d and judges it. It fails as the function OpenDir does, and with unix.ENOTDIR for a link.
func (d *Dir) OpenDir(name string) (*Dir, error) { return d.step(name) }

// step opens a directory in d and judges it.
func (d *Dir) step(name string) (*Dir, error) {
	fd, err := openat(d.fd(), name, walkFlags|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, d.error("open", name, err)
	}
	next := &Dir{file: os.NewFile(uintptr(fd), name), path: d.Path(name), trust: d.trust, links: slices.Clone(d.links)}
	if err := next.judge(); err != nil {
		_ = next.Close()
		return nil, err
	}
	return next, nil
}

// openat opens name in the directory fd. It tries again after a signal.
func openat(fd int, name string, flags int, mode uint32) (int, error) {
	for {
		opened, err := unix.Openat(fd, name, flags, mode)
		if !errors.Is(err, unix.EINTR) {
			return opened, err
		}
	}
}

// Path returns the path of name in d, for messages.
func (d *Dir) Path(name string) string { return filepath.Join(d.path, name) }

// Close closes the directory.
func (d *Dir) Close() error { return d.file.Close() }

// Open opens a file in d with the flags of os.OpenFile. It never waits for the other end of a pipe. It does not judge
// the file.
func (d *Dir) Open(name string, flag int, perm fs.FileMode) (*os.File, error) {
	fd, err := openat(d.fd(), name, flag|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC|unix.O_NOCTTY, uint32(perm.Perm()))
	if err != nil {
		return nil, d.error("open", name, err)
	}
	return os.NewFile(uintptr(fd), d.Path(name)), nil
}

// Reopen opens d itself for reading: to lock, list or sync it.
func (d *Dir) Reopen() (*os.File, error) { return d.Open(".", os.O_RDONLY, 0) }

// Lstat returns what is known about name, without following a link.
func (d *Dir) Lstat(name string) (unix.Stat_t, error) {
	var stat unix.Stat_t
	if err := unix.Fstatat(d.fd(), name, &stat, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return stat, d.error("stat", name, err)
	}
	return stat, nil
}

// Holds reports whether name in d is the open file f itself, and no link to it.
func (d *Dir) Holds(name string, f *os.File) (bool, error) {
	var opened unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &opened); err != nil {
		return false, &fs.PathError{Op: "stat", Path: f.Name(), Err: err}
	}
	named, err := d.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil && named.Dev == opened.Dev && named.Ino == opened.Ino, err
}

// Mkdir makes a directory in d with mode perm, whatever the umask is.
func (d *Dir) Mkdir(name string, perm fs.FileMode) error {
	if err := unix.Mkdirat(d.fd(), name, uint32(perm.Perm())); err != nil {
		return d.error("mkdir", name, err)
	}
	made, err := d.Open(name, os.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	defer func() { _ = made.Close() }()
	return made.Chmod(perm.Perm())
}

// Rename renames a file in d. It replaces a file that has the new name.
func (d *Dir) Rename(from, to string) error {
	if err := unix.Renameat(d.fd(), from, d.fd(), to); err != nil {
		return &os.LinkError{Op: "rename", Old: d.Path(from), New: d.Path(to), Err: err}
	}
	return nil
}

// Link makes a second name for a file in d. It fails with fs.ErrExist if that name is taken.
func (d *Dir) Link(from, to string) error {
	if err := unix.Linkat(d.fd(), from, d.fd(), to, 0); err != nil {
		return &os.LinkError{Op: "link", Old: d.Path(from), New: d.Path(to), Err: err}
	}
	return nil
}

// Remove removes a file or a link.
func (d *Dir) Remove(name string) error {
	if err := unix.Unlinkat(d.fd(), name, 0); err != nil {
		return d.error("remove", name, err)
	}
	return nil
}

// maxNames is how many names Names reads. A directory with more is larger than anything that this program has use for.
const maxNames = 100_000

// ErrTooManyNames means that a directory has more than 100,000 names.
var ErrTooManyNames = errors.New("the directory has too many names")

// Names returns the names in d, in no order. It fails with ErrTooManyNames.
func (d *Dir) Names() ([]string, error) {
	f, err := d.Reopen()
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	names, err := f.Readdirnames(maxNames + 1)
	switch {
	case errors.Is(err, io.EOF): // none
		return nil, nil
	case err != nil:
		return nil, err
	case len(names) > maxNames:
		return nil, d.error("list", ".", ErrTooManyNames)
	}
	return names, nil
}

// MakeDir makes a directory in d as Mkdir does, and opens it.
func (d *Dir) MakeDir(name string, perm fs.FileMode) (*Dir, error) {
	if err := d.Mkdir(name, perm); err != nil {
		return nil, err
	}
	return d.step(name)
}

// Chown changes the owner and group of the directory.
func (d *Dir) Chown(uid, gid int) error {
	f, err := d.Reopen()
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	return f.Chown(uid, gid)
}
