//go:build unix

package safepath

import (
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// JudgeOwner fails with an *UntrustedError if f, which was opened in d, is no regular file, has several names, belongs to
// somebody who is not trusted, may be changed by everybody, or was reached over another user's symbolic link and does
// not belong to that user. Without the last rule that user could let root read and change files of others. Its owner may
// let a group write to it, whatever group that is.
func (d *Dir) JudgeOwner(f *os.File) error {
	trust := d.trust
	trust.anyGroup = true
	var stat unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &stat); err != nil {
		return &fs.PathError{Op: "stat", Path: f.Name(), Err: err}
	}
	switch {
	case stat.Mode&unix.S_IFMT != unix.S_IFREG:
		return &UntrustedError{f.Name(), "it is no regular file"}
	case stat.Nlink > 1:
		return &UntrustedError{f.Name(), "the file has several names"}
	}
	if err := trust.judge(f.Name(), &stat, int(f.Fd())); err != nil {
		return err
	}
	return d.judgeLinks(f.Name(), int(stat.Uid))
}

// JudgeStat judges what Lstat has returned about name: it fails with an *UntrustedError, which names no directory, if that
// belongs to somebody who is not trusted, or may be changed by everybody. Its owner may let a group write to it.
func (d *Dir) JudgeStat(name string, stat *unix.Stat_t) error {
	trust := d.trust
	trust.anyGroup = true
	return trust.judge(name, stat, -1)
}

// JudgeRead is JudgeOwner for a file that is only read, or replaced by another one. It is stricter with groups: only one
// that is trusted may change the file. And it is less strict with names: the file may have several if it belongs to the
// owner of its directory, or if that is root's, and nobody else can make a name there. It fails with unix.EISDIR for a
// directory and with ErrNotRegular for what else is no file.
func (d *Dir) JudgeRead(f *os.File) error {
	var stat, dir unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &stat); err != nil {
		return &fs.PathError{Op: "stat", Path: f.Name(), Err: err}
	}
	if err := unix.Fstat(d.fd(), &dir); err != nil {
		return d.error("stat", ".", err)
	}
	if err := d.regular(filepath.Base(f.Name()), &stat); err != nil {
		return err
	}
	switch {
	case stat.Nlink > 1 && dir.Uid != stat.Uid && dir.Uid != 0:
		return &UntrustedError{f.Name(), "the file has several names, and belongs to " + UserName(int(stat.Uid)) +
			", while the directory belongs to " + UserName(int(dir.Uid))}
	case stat.Nlink > 1 && dir.Mode&(groupMayWrite|othersMay) != 0:
		return &UntrustedError{f.Name(), "the file has several names, and others may make names in its directory"}
	}
	if err := d.trust.judge(f.Name(), &stat, int(f.Fd())); err != nil {
		return err
	}
	return d.judgeLinks(f.Name(), int(stat.Uid))
}

// JudgePath fails with an *UntrustedError if what stands at path, or a step on the way there, belongs to or may be
// changed by somebody who is not trusted. It needs no right to read what it judges.
func JudgePath(path string, trust Trust) error {
	d, name, err := OpenParent(path, trust)
	if err != nil {
		return err
	}
	defer func() { _ = d.Close() }()
	f, err := d.Open(name, walkFlags, 0)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	var stat unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &stat); err != nil {
		return &fs.PathError{Op: "stat", Path: f.Name(), Err: err}
	}
	return trust.judge(f.Name(), &stat, int(f.Fd()))
}

func (d *Dir) judgeLinks(path string, owner int) error {
	for _, uid := range d.links {
		if owner != uid {
			return &UntrustedError{path, "a symbolic link of " + UserName(uid) + " leads to it, but it belongs to " + UserName(owner)}
		}
	}
	return nil
}

// JudgeNew fails with an *UntrustedError if no file should be made in d, because another user's symbolic link led here,
// and the directory does not belong to that user.
func (d *Dir) JudgeNew() error {
	var stat unix.Stat_t
	if err := unix.Fstat(d.fd(), &stat); err != nil {
		return d.error("stat", ".", err)
	}
	return d.judgeLinks(d.path, int(stat.Uid))
}

// judge judges the directory as it is now, on the open descriptor.
func (d *Dir) judge() error {
	var stat unix.Stat_t
	if err := unix.Fstat(d.fd(), &stat); err != nil {
		return d.error("stat", ".", err)
	}
	return d.trust.judge(d.path, &stat, d.fd())
}
