package file

import (
	"errors"
	"io/fs"
	"os"
	"syscall"

	"uzerp-mfa/internal/safepath"
)

// MaxSize is how large a file with settings may be. uzERP's own have some kB, and php.ini has some 75 kB.
const MaxSize = 1 << 20

// ErrNotRegular means that there is a pipe, a device or a socket in place of a file.
var ErrNotRegular = errors.New("this is not a regular file")

// Anyone believes everybody. It is for files whose content gives nobody a right. It holds still that nobody's link, and
// no second name, leads to a file of somebody else's.
var Anyone = safepath.Trust{Anyone: true}

// ReadIfThere reads a settings file with safepath.ReadFile, and returns nothing for a file that is missing or a
// directory: uzERP reads nothing there either.
func ReadIfThere(path string, trust safepath.Trust) ([]byte, error) {
	src, err := safepath.ReadFile(path, trust, MaxSize)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.EISDIR) {
		return nil, nil
	}
	return src, err
}

// Read reads a file of at most MaxSize bytes, and does not ask whose it is. It fails with ErrNotRegular for what might
// never end, with syscall.EISDIR for a directory, with safepath.ErrTooLarge, with a *safepath.UntrustedError, and with the
// errors of the file system.
func Read(path string) ([]byte, error) {
	content, _, err := ReadFacts(path)
	return content, err
}

// ReadFacts is Read, and says who may read the file. Content and facts are of the same file, even if somebody exchanges
// it meanwhile.
func ReadFacts(path string) ([]byte, Facts, error) {
	facts := Facts{Path: path, UID: -1, GID: -1}
	if link, err := os.Lstat(path); err == nil {
		facts.Symlink = link.Mode()&fs.ModeSymlink != 0
	}
	dir, name, err := safepath.OpenParent(path, Anyone)
	if err != nil {
		return nil, facts, err
	}
	defer func() { _ = dir.Close() }()
	f, info, err := Open(dir, name)
	if err != nil {
		return nil, facts, err
	}
	defer func() { _ = f.Close() }()
	facts.set(info)
	facts.ACL = openHasACL(f.Fd())
	content, err := safepath.ReadAll(f, MaxSize)
	return content, facts, err
}

// Open opens a file in dir for reading and judges it. It fails as Read does.
func Open(dir *safepath.Dir, name string) (*os.File, fs.FileInfo, error) {
	stat, err := dir.Lstat(name) // opening a device can already do something
	if err != nil {
		return nil, nil, err
	}
	switch stat.Mode & syscall.S_IFMT {
	case syscall.S_IFDIR:
		return nil, nil, &fs.PathError{Op: "read", Path: dir.Path(name), Err: syscall.EISDIR}
	case syscall.S_IFREG:
	default:
		return nil, nil, &fs.PathError{Op: "read", Path: dir.Path(name), Err: ErrNotRegular}
	}
	f, err := dir.Open(name, os.O_RDONLY, 0)
	if err != nil {
		return nil, nil, err
	}
	info, err := f.Stat()
	if err == nil {
		err = dir.JudgeRead(f)
	}
	if err != nil {
		_ = f.Close()
		return nil, nil, err
	}
	return f, info, nil
}
