package file

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"uzerp-mfa/internal/filelock"
)

// Errors of Replace beside those of the file system. With each of them the file is as it was, except with ErrNotSynced.
var (
	ErrLocked     = errors.New("another process is changing a file in this directory")
	ErrFileMoved  = errors.New("the file was changed by somebody else meanwhile")
	ErrNotRegular = errors.New("this is not a regular file")
	ErrReadBack   = errors.New("what was written did not read back the same")
	// ErrNotSynced means that the new file is in its place, but might not survive a power cut.
	ErrNotSynced = errors.New("the new file is in place, but the directory could not be synced to disk")
)

// Replace puts edit(content) in the place of a file's content, whole or not at all, whatever happens: a reader and a
// crash see the old file or the new one. Mode, owner and access list stay; a symbolic link stays and its target is
// replaced. The old content is kept beside it as <name>.bak-YYYYMMDDTHHMMSSZ, and never over an older backup; backup
// is that path, or "" if edit changed nothing. Concurrent calls wait for each other by a lock on the directory, until ctx
// ends, or with ErrLocked after filelock.LongestWait. The file must exist: only the caller knows who should own a new one.
func Replace(ctx context.Context, path string, edit func(old []byte) ([]byte, error)) (backup string, err error) {
	return newReplacer().replace(ctx, path, edit)
}

// errRehearsed ends a rehearsal before the rename.
var errRehearsed = errors.New("rehearsed")

// Rehearse does all that Replace does before the rename, and takes it back. A caller uses it to learn whether a file can be
// replaced, before it does something else that can't be undone. Its errors are those of Replace.
func Rehearse(ctx context.Context, path string, edit func(old []byte) ([]byte, error)) error {
	r := newReplacer()
	r.check = func(step string) error {
		if step == stepRename {
			return errRehearsed
		}
		return nil
	}
	if _, err := r.replace(ctx, path, edit); !errors.Is(err, errRehearsed) {
		return err
	}
	return nil
}

// replacer has what a test, or a rehearsal, must be able to set.
type replacer struct {
	now   func() time.Time
	wait  time.Duration           // for the lock
	check func(step string) error // is asked before each step, and can let it fail
	sync  func(*os.File) error    // brings a file or a directory to the disk
}

func newReplacer() *replacer {
	return &replacer{now: time.Now, wait: filelock.LongestWait, check: func(string) error { return nil }, sync: (*os.File).Sync}
}

// stepRename is the step from which on the file is another.
const stepRename = "rename"

func (r *replacer) replace(ctx context.Context, path string, edit func([]byte) ([]byte, error)) (backup string, err error) {
	target, err := filepath.EvalSymlinks(path)
	if err != nil {
		return "", err
	}
	dir, err := os.Open(filepath.Dir(target))
	if err != nil {
		return "", err
	}
	defer func() { _ = dir.Close() }() // closing unlocks, and only read from
	if err := r.lock(ctx, dir); err != nil {
		return "", err
	}
	old, info, err := readRegular(target)
	if err != nil {
		return "", err
	}
	content, err := edit(bytes.Clone(old))
	if err != nil || bytes.Equal(content, old) {
		return "", err
	}

	// The lock is held, so nobody uses what an earlier call left when it was killed.
	if left, err := filepath.Glob(GlobQuote(tempPrefix(target)) + "*"); err == nil {
		for _, name := range left {
			_ = os.Remove(name)
		}
	}
	temp, err := r.write(target, info, content, func() (*os.File, error) {
		return os.CreateTemp(filepath.Dir(target), filepath.Base(tempPrefix(target))+"*")
	})
	if err != nil {
		return "", err
	}
	defer func() { _ = os.Remove(temp) }() // gone already if all went well

	backup, err = r.write(target, info, old, func() (*os.File, error) { return createBackup(target, r.now()) })
	if err != nil {
		return "", err
	}
	if err := r.swap(temp, target, old, info); err != nil {
		_ = os.Remove(backup)
		return "", err
	}
	if err := errors.Join(r.check("sync directory"), r.sync(dir)); err != nil {
		return backup, fmt.Errorf("%w: %w", ErrNotSynced, err)
	}
	return backup, nil
}

func (r *replacer) lock(ctx context.Context, dir *os.File) error {
	ctx, cancel := context.WithTimeoutCause(ctx, r.wait, ErrLocked)
	defer cancel()
	return filelock.Wait(ctx, func() (bool, error) { return filelock.Try(dir) })
}

func tempPrefix(target string) string {
	return filepath.Join(filepath.Dir(target), "."+filepath.Base(target)+".uzerp-mfa-")
}

// GlobQuote returns a pattern that matches only path itself.
func GlobQuote(path string) string {
	var b bytes.Buffer
	for i := range len(path) {
		if bytes.IndexByte([]byte(`*?[\`), path[i]) >= 0 {
			b.WriteByte('\\')
		}
		b.WriteByte(path[i])
	}
	return b.String()
}

func readRegular(path string) ([]byte, fs.FileInfo, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, nil, err
	}
	if !info.Mode().IsRegular() { // a named pipe would block
		return nil, nil, ErrNotRegular
	}
	content, err := os.ReadFile(path)
	return content, info, err
}

// createBackup makes an empty file beside target; a second backup within one second gets a number.
func createBackup(target string, now time.Time) (*os.File, error) {
	base := target + ".bak-" + now.UTC().Format("20060102T150405Z")
	for n := 1; ; n++ {
		name := base
		if n > 1 {
			name = fmt.Sprintf("%s-%d", base, n)
		}
		f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if !errors.Is(err, fs.ErrExist) {
			return f, err
		}
	}
}

// write makes a file with the mode, owner and access list of target, whose facts are like, on disk and read back. It
// is 0600 until it has its owner, for it holds passwords. If that can't be done nothing is left.
func (r *replacer) write(target string, like fs.FileInfo, content []byte, create func() (*os.File, error)) (name string, err error) {
	if err := r.check("create"); err != nil {
		return "", err
	}
	f, err := create()
	if err != nil {
		return "", err
	}
	made := f.Name()
	defer func() {
		if err != nil {
			_ = os.Remove(made)
		}
	}()
	steps := []struct {
		name string
		do   func() error
	}{
		{"write", func() error { _, err := f.Write(content); return err }},
		{"chown", func() error { return copyOwner(f, like) }},
		{"chmod", func() error {
			return f.Chmod(like.Mode() & (fs.ModePerm | fs.ModeSetuid | fs.ModeSetgid | fs.ModeSticky))
		}},
		{"acl", func() error { return copyACL(made, target) }},
		{"sync", func() error { return r.sync(f) }},
	}
	for _, step := range steps {
		if err = r.check(step.name); err == nil {
			err = step.do()
		}
		if err != nil {
			return "", errors.Join(err, f.Close())
		}
	}
	if err = f.Close(); err != nil {
		return "", err
	}
	return made, r.readBack(made, content)
}

func (r *replacer) readBack(name string, content []byte) error {
	if err := r.check("read back"); err != nil {
		return err
	}
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	written, err := io.ReadAll(f)
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if !bytes.Equal(written, content) {
		return ErrReadBack
	}
	return nil
}

// swap renames temp to target if target is still what was read.
func (r *replacer) swap(temp, target string, old []byte, info fs.FileInfo) error {
	if err := r.check(stepRename); err != nil {
		return err
	}
	present, now, err := readRegular(target)
	if err != nil {
		return err
	}
	if !os.SameFile(info, now) || info.Mode() != now.Mode() || !bytes.Equal(present, old) {
		return ErrFileMoved
	}
	return os.Rename(temp, target)
}
