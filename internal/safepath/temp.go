//go:build unix

package safepath

import (
	"errors"
	"io/fs"
	"math/rand/v2"
	"strconv"
)

// MakeTemp makes a new directory in the directory at path, with mode 0700 and a name that begins with prefix, and opens
// it. It makes it in /tmp if others than root and we ourselves may change path. Its errors are those of the file system,
// and an *UntrustedError about /tmp.
func MakeTemp(path, prefix string) (*Dir, error) {
	d, err := makeTemp(path, prefix)
	if IsUntrusted(err) {
		d, err = makeTemp(fallback, prefix)
	}
	return d, err
}

// fallback is where MakeTemp makes a directory if others may change the directory that it is told.
const fallback = "/tmp"

// TempParent returns the directory in which MakeTemp makes one that is to be made in the directory at path.
func TempParent(path string) string {
	if IsUntrusted(JudgePath(path, Ourselves())) {
		return fallback
	}
	return path
}

func makeTemp(path, prefix string) (*Dir, error) {
	parent, err := OpenDir(path, Ourselves())
	if err != nil {
		return nil, err
	}
	defer func() { _ = parent.Close() }()
	for {
		d, err := parent.MakeDir(prefix+strconv.FormatUint(rand.Uint64(), 36), 0o700)
		if !errors.Is(err, fs.ErrExist) {
			return d, err
		}
	}
}
