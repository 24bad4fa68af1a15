//go:build unix

package safepath

import (
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// ReadFile reads the file at path, and judges with JudgeRead the very file that it reads. It fails with an
// *UntrustedError, with ErrTooLarge if the file has more than limit bytes, with unix.EISDIR for a directory, and with the
// errors of the file system.
func ReadFile(path string, trust Trust, limit int64) ([]byte, error) {
	d, name, err := OpenParent(path, trust)
	if err != nil {
		return nil, err
	}
	defer func() { _ = d.Close() }()
	f, err := d.Open(name, os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	if err := d.JudgeRead(f); err != nil {
		return nil, err
	}
	return ReadAll(f, limit)
}

// JudgeRead is Judge for a file that is only read, or replaced by another one. It is as strict with one exception: the
// file may have several names if it belongs to the owner of its directory, or if that is root's, and nobody else can
// make a name there. It fails with unix.EISDIR for a directory.
func (d *Dir) JudgeRead(f *os.File) error {
	var stat, dir unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &stat); err != nil {
		return &fs.PathError{Op: "stat", Path: f.Name(), Err: err}
	}
	if err := unix.Fstat(d.fd(), &dir); err != nil {
		return d.error("stat", ".", err)
	}
	switch kind := stat.Mode & unix.S_IFMT; {
	case kind == unix.S_IFDIR:
		return &fs.PathError{Op: "read", Path: f.Name(), Err: unix.EISDIR}
	case kind != unix.S_IFREG:
		return &UntrustedError{f.Name(), "it is no regular file"}
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
