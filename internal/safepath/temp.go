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
		d, err = makeTemp("/tmp", prefix)
	}
	return d, err
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
