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

// Read reads a file of at most MaxSize bytes, and does not ask whose it is. It fails with safepath.ErrNotRegular for what might
// never end, with syscall.EISDIR for a directory, with safepath.ErrTooLarge, with a *safepath.UntrustedError, and with the
// errors of the file system.
func Read(path string) ([]byte, error) {
	content, _, err := ReadFacts(path)
	return content, err
}

// ReadFacts is Read, and says who may read the file. Content and facts are of the same file, even if somebody exchanges
// it meanwhile.
func ReadFacts(path string) ([]byte, Facts, error) {
	f, facts, err := open(path)
	if err != nil {
		return nil, facts, err
	}
	defer func() { _ = f.Close() }()
	content, err := safepath.ReadAll(f, MaxSize)
	return content, facts, err
}

// Look returns the facts of a file, and reads nothing of it. A file that can't be looked at is reported as missing, and
// so is what Read does not open, such as one to which a stranger's link leads: root says nothing about other files to a
// caller who may run this program only. Where the user may not read the file, the facts are those that this user sees.
func Look(path string) Facts {
	f, facts, err := open(path)
	switch {
	case err == nil:
		_ = f.Close()
	case errors.Is(err, fs.ErrPermission):
		facts, _ = Stat(path)
	}
	return facts
}

// open opens the file at path as Read does. What the facts say is about the very file that it opens.
func open(path string) (*os.File, Facts, error) {
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
	facts.set(info)
	list, err := safepath.AccessList(f)
	facts.ACL = err == nil && list != nil
	return f, facts, nil
}

// Open opens a file in dir for reading, and judges it with OpenRegular. It fails as Read does.
func Open(dir *safepath.Dir, name string) (*os.File, fs.FileInfo, error) {
	f, err := dir.OpenRegular(name)
	if err != nil {
		return nil, nil, err
	}
	info, err := f.Stat()
	if err != nil {
		_ = f.Close()
		return nil, nil, err
	}
	return f, info, nil
}

// LookReplaceable returns a *NotReplaceableError if no other file can be put in the place of the one at path, as Replaceable
// says. What can't be opened it does not judge.
func LookReplaceable(path string) error {
	dir, name, err := safepath.OpenParent(path, Anyone)
	if err != nil {
		return nil
	}
	defer func() { _ = dir.Close() }()
	f, _, err := Open(dir, name)
	if err != nil {
		return nil
	}
	defer func() { _ = f.Close() }()
	err = Replaceable(dir, name, f)
	if fixed, ok := errors.AsType[*NotReplaceableError](err); ok {
		return fixed
	}
	return nil
}
