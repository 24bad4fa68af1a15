package file

import (
	"errors"
	"io/fs"
	"syscall"

	"uzerp-mfa/internal/safepath"
)

// MaxSize is the size of the largest settings file that is read, in bytes.
const MaxSize = 1 << 20

// ReadIfThere reads a settings file with safepath.ReadFile, and returns nothing for a file that is missing or a
// directory: uzERP reads nothing there either.
func ReadIfThere(path string, trust safepath.Trust) ([]byte, error) {
	src, err := safepath.ReadFile(path, trust, MaxSize)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.EISDIR) {
		return nil, nil
	}
	return src, err
}
