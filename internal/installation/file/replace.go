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

// Errors of Replace, beside those of the file system. After each of them except ErrNotSynced the file is as it was.
var (
	ErrLocked     = errors.New("another process is changing a file in this directory")
	ErrFileMoved  = errors.New("the file was changed by somebody else meanwhile")
	ErrNotRegular = errors.New("this is not a regular file")
	ErrReadBack   = errors.New("what was written did not read back the same")
	// ErrNotSynced means that the new file is in its place, but might not survive a power cut.
	ErrNotSynced = errors.New("the new file is in place, but the directory could not be synced to disk")
)

// Replace replaces the content of a file with edit(content), whole or not at all: at every moment, and after a crash,
// there is either the old file or the new one. Mode, owner and access list stay. A symbolic link stays, and its target
// is replaced.
//
// The old content is kept beside the file as <name>.bak-YYYYMMDDTHHMMSSZ; an older backup is never overwritten. Replace
// returns that path, or "" if edit changed nothing.
//
// Only one call at a time may change files in a directory. Others wait until ctx ends, or fail with ErrLocked after
// filelock.LongestWait. The file must exist, because only the caller knows who should own a new one. Replace fails with
// the errors above, and with those of edit, of ctx and of the file system.
func Replace(ctx context.Context, path string, edit func(old []byte) ([]byte, error)) (backup string, err error) {
	return newReplacer().replace(ctx, path, edit)
}

// errRehearsed ends a rehearsal before the rename.
var errRehearsed = errors.New("rehearsed")

// Rehearse does everything that Replace does before the rename, and undoes it. A caller uses it to find out whether a
// file can be replaced before it does something else that can't be undone. Its errors are those of Replace.
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
	wait  time.Duration           // how long to wait for the lock
	check func(step string) error // is called before each step; its error ends the call
	sync  func(*os.File) error    // writes a file or a directory to the disk
}

func newReplacer() *replacer {
	return &replacer{now: time.Now, wait: filelock.LongestWait, check: func(string) error { return nil }, sync: (*os.File).Sync}
}

// stepRename is the step that puts the new file in place.
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
	defer func() { _ = dir.Close() }() // closing unlocks; nothing was written to it
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

	// The lock is held, so nobody uses the temporary files that a killed call has left.
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
	defer func() { _ = os.Remove(temp) }() // after a success it is gone already

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

// createBackup makes an empty file beside target. If there is already a backup of this second, the name gets a number.
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

// write makes a file with content and with the mode, owner and access list of target; like has target's mode and owner.
// It syncs the file to the disk and reads it back. The file's mode is 0600 until it has its owner, because it holds
// passwords. If write fails, it leaves nothing.
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

// swap renames temp to target if target is still as it was read.
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
