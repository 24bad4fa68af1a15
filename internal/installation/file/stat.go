package file

import (
	"errors"
	"io/fs"
	"os"
	"uzerp-mfa/internal/safepath"
)

// Facts says who may read a file. Path is "" if no file was looked at.
type Facts struct {
	Path     string
	Exists   bool
	Symlink  bool // Path is a link; the rest is about its target
	Mode     fs.FileMode
	UID, GID int  // -1 where the system has no such numbers
	ACL      bool // the file has an access list, which counts beside Mode
}

// Stat returns the facts of a file. A file that does not exist is no error.
func Stat(path string) (Facts, error) {
	facts := Facts{Path: path, UID: -1, GID: -1}
	if link, err := os.Lstat(path); err == nil {
		facts.Symlink = link.Mode()&fs.ModeSymlink != 0
	}
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return facts, nil
	}
	if err != nil {
		return facts, err
	}
	facts.set(info)
	facts.ACL = safepath.HasAccessList(path)
	return facts, nil
}

func (f *Facts) set(info fs.FileInfo) {
	f.Exists, f.Mode = true, info.Mode()
	if uid, gid, ok := ownerOf(info); ok {
		f.UID, f.GID = uid, gid
	}
}

// Exists reports whether there is something at path.
func Exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// NotRead is a file that was not read, and why. Reason is plain text of this program's.
type NotRead struct{ Path, Reason string }
