//go:build unix

package envwrite

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"uzerp-mfa/internal/filelock"
	"uzerp-mfa/internal/installation/file"
	"uzerp-mfa/internal/safepath"
)

// Errors of replace, beside those of the file system and of package file. After each of them except ErrNotSynced and
// ErrExchanged the file is as it was.
var (
	ErrLocked    = errors.New("another process is changing a file in this directory")
	ErrFileMoved = errors.New("the file was changed by somebody else meanwhile")
	ErrReadBack  = errors.New("what was written did not read back the same")
	// ErrNotSynced means that the new file is in its place, but might not survive a power cut.
	ErrNotSynced = errors.New("the new file is in place, but the directory could not be synced to disk")
	// ErrExchanged means that the file is not the new one, and perhaps not the old one.
	ErrExchanged = errors.New("while the new file was put in place, somebody else put another one there")

	errBackupMoved = errors.New("somebody else has put another file in the place of the backup")
	errNotPrivate  = errors.New("a new file could not be made that nobody else can read")
	errNotOurs     = errors.New("what this user makes here belongs to another user, as on a share where root has no rights (NFS with root_squash)")
	errManyBackups = errors.New("there are too many backups of this second")
)

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

// replace replaces the content of a file with edit(content), whole or not at all: at every moment, and after a crash,
// there is either the old file or the new one. Owner, mode and access list stay; other bits of the mode don't (setuid,
// setgid). A symbolic link stays, and its target is replaced.
//
// The old content is kept beside the file as <name>.bak-YYYYMMDDTHHMMSSZ, which only the caller's own user can read; an
// older backup is never overwritten. replace returns that path, or "" if edit changed nothing.
//
// Only one call at a time may change files in a directory. Others wait until ctx ends, or fail with ErrLocked after
// filelock.LongestWait. The file must exist, because only the caller knows who should own a new one. It fails with the
// errors above, and with those of edit, of ctx, of file.Read and of the file system.
func (r *replacer) replace(ctx context.Context, path string, edit func([]byte) ([]byte, error)) (backup string, err error) {
	dir, name, err := safepath.OpenParent(path, file.Anyone)
	if err != nil {
		return "", err
	}
	defer func() { _ = dir.Close() }()
	opened, err := dir.Reopen()
	if err != nil {
		return "", err
	}
	defer func() { _ = opened.Close() }() // closing unlocks; nothing was written to it
	if err := r.lock(ctx, opened); err != nil {
		return "", err
	}
	old, err := openOriginal(dir, name)
	if err != nil {
		return "", err
	}
	defer func() { _ = old.file.Close() }()
	if err := dir.JudgeNew(); err != nil {
		return "", err
	}
	content, err := edit(bytes.Clone(old.content))
	if err != nil || bytes.Equal(content, old.content) {
		return "", err
	}

	tidy(dir, name)
	temp, err := r.write(dir, name, content, func(d *draft) []step { return r.likeOriginal(d, old) })
	if err != nil {
		return "", err
	}
	defer temp.discard() // after a success the name is gone already
	kept, err := r.write(dir, name, old.content, nil)
	if err != nil {
		return "", err
	}
	defer kept.discard()
	backup, err = r.nameBackup(kept, name)
	if err != nil {
		return "", err
	}
	err = r.swap(temp, name, old)
	if err != nil && !errors.Is(err, ErrExchanged) {
		kept.remove(backup)
		return "", err
	}
	if err == nil {
		if notSynced := errors.Join(r.check("sync directory"), r.sync(opened)); notSynced != nil {
			err = fmt.Errorf("%w: %w", ErrNotSynced, notSynced)
		}
	}
	return shown(path, dir.Path(name), backup), err
}

// shown returns the path of the backup as the caller would write it: beside path, unless that is a link to real.
func shown(path, real, backup string) string {
	if absolute, err := filepath.Abs(path); err == nil && absolute == real {
		return filepath.Join(filepath.Dir(path), backup)
	}
	return filepath.Join(filepath.Dir(real), backup)
}

func (r *replacer) lock(ctx context.Context, dir *os.File) error {
	ctx, cancel := context.WithTimeoutCause(ctx, r.wait, ErrLocked)
	defer cancel()
	return filelock.Wait(ctx, func() (bool, error) { return filelock.Try(dir) })
}

// original is the file that is replaced, as it was read. All of it is of one open file.
type original struct {
	file    *os.File
	info    fs.FileInfo
	content []byte
	list    []byte // its access list, or nil: some sites let the web server read the file by one (setfacl)
}

func openOriginal(dir *safepath.Dir, name string) (*original, error) {
	f, info, err := file.Open(dir, name)
	switch {
	case errors.Is(err, syscall.ELOOP): // it was no link a moment ago
		return nil, ErrFileMoved
	case errors.Is(err, syscall.EISDIR):
		return nil, &fs.PathError{Op: "read", Path: dir.Path(name), Err: safepath.ErrNotRegular}
	case err != nil:
		return nil, err
	}
	o := &original{file: f, info: info}
	if err = file.Replaceable(dir, name, f); err == nil {
		o.content, err = safepath.ReadAll(f, file.MaxSize)
	}
	if err == nil {
		o.list, err = safepath.AccessList(f)
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return o, nil
}

// owner returns the numbers of the user and group of an open file.
func owner(info fs.FileInfo) (uid, gid int) {
	stat := info.Sys().(*syscall.Stat_t) // so on every unix
	return int(stat.Uid), int(stat.Gid)
}

func tempPrefix(name string) string { return "." + name + ".uzerp-mfa-" }

// tidy removes the temporary files that a killed call has left. The lock is held, so nobody uses them.
func tidy(dir *safepath.Dir, name string) {
	names, err := dir.Names()
	if err != nil {
		return
	}
	for _, left := range names {
		if strings.HasPrefix(left, tempPrefix(name)) {
			_ = dir.Remove(left)
		}
	}
}

// draft is a new file, and the name that it has for the time being.
type draft struct {
	dir  *safepath.Dir
	name string
	file *os.File
}

// discard closes the file and removes its first name.
func (d *draft) discard() {
	d.remove(d.name)
	_ = d.file.Close()
}

// remove removes a name of the file. If somebody else has given the name to another file, it stays.
func (d *draft) remove(name string) {
	if holds, err := d.dir.Holds(name, d.file); err == nil && holds {
		_ = d.dir.Remove(name)
	}
}

type step struct {
	name string
	do   func() error
}

// write makes a file with content that nobody but the caller's user can read, which is on the disk, and reads it back.
// The steps that finish returns come between. If write fails, it leaves nothing.
func (r *replacer) write(dir *safepath.Dir, name string, content []byte, finish func(*draft) []step) (*draft, error) {
	d := &draft{dir: dir, name: tempPrefix(name) + strconv.FormatUint(rand.Uint64(), 36)}
	if err := r.check("create"); err != nil {
		return nil, err
	}
	var err error
	if d.file, err = dir.Open(d.name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600); err != nil {
		return nil, err
	}
	steps := []step{
		{"close to others", d.closeToOthers},
		{"write", func() error { _, err := d.file.Write(content); return err }},
	}
	if finish != nil {
		steps = append(steps, finish(d)...)
	}
	steps = append(steps,
		step{"sync", func() error { return r.sync(d.file) }},
		step{"read back", func() error { return d.readBack(content) }})
	for _, s := range steps {
		if err = r.check(s.name); err == nil {
			err = s.do()
		}
		if err != nil {
			d.discard()
			return nil, err
		}
	}
	return d, nil
}

// closeToOthers makes sure that only the caller's user can open the new file. The directory may have an access list for
// new files, which lets more users in as soon as the mode does.
func (d *draft) closeToOthers() error {
	info, err := d.file.Stat()
	if err != nil {
		return err
	}
	if uid, _ := owner(info); uid != os.Geteuid() {
		return errNotOurs
	}
	if err := safepath.SetAccessList(d.file, nil); err != nil {
		return err
	}
	if err := d.file.Chmod(0o600); err != nil {
		return err
	}
	if info, err = d.file.Stat(); err != nil {
		return err
	}
	list, err := safepath.AccessList(d.file)
	if err != nil {
		return err
	}
	if info.Mode() != 0o600 || list != nil {
		return errNotPrivate
	}
	return nil
}

// likeOriginal returns the steps that give a new file the owner, the access list and the mode of the old one. The owner
// comes first, since the bits for the group mean the group that the file has. The access list comes before the mode: it
// sets both at once, and with the mode alone the group might read what the list forbids.
func (r *replacer) likeOriginal(d *draft, old *original) []step {
	return []step{
		{"chown", func() error { return copyOwner(d.file, old.info) }},
		{"acl", func() error { return safepath.SetAccessList(d.file, old.list) }},
		{"chmod", func() error { return d.file.Chmod(old.info.Mode().Perm()) }},
		{"label", func() error { return copyLabel(d.file, old.file) }},
		{"compare", func() error {
			info, err := d.file.Stat()
			if err != nil {
				return err
			}
			list, err := safepath.AccessList(d.file)
			if err != nil {
				return err
			}
			if info.Mode() != old.info.Mode().Perm() || !sameOwner(info, old.info) || !bytes.Equal(list, old.list) {
				return ErrReadBack
			}
			return nil
		}},
	}
}

func sameOwner(a, b fs.FileInfo) bool {
	uid, gid := owner(a)
	u, g := owner(b)
	return u == uid && g == gid
}

// copyOwner sets the owner and group of like on f. It fails if that is not allowed, because it is better to change
// nothing than to leave a file that the web server can no longer read.
func copyOwner(f *os.File, like fs.FileInfo) error {
	info, err := f.Stat()
	if err != nil || sameOwner(info, like) {
		return err
	}
	uid, gid := owner(like)
	return f.Chown(uid, gid)
}

func (d *draft) readBack(content []byte) error {
	written, err := io.ReadAll(io.NewSectionReader(d.file, 0, int64(len(content))+1))
	if err == nil && !bytes.Equal(written, content) {
		err = ErrReadBack
	}
	return err
}

// maxBackups is how many backups of one second there can be.
const maxBackups = 1000

// nameBackup sets the name of the copy of the old file, which only a whole copy ever has. If there is already a backup of
// this second, the name gets a number.
func (r *replacer) nameBackup(d *draft, name string) (string, error) {
	if err := r.check("name backup"); err != nil {
		return "", err
	}
	base := name + ".bak-" + r.now().UTC().Format("20060102T150405Z")
	for n := 1; n <= maxBackups; n++ {
		backup := base
		if n > 1 {
			backup = fmt.Sprintf("%s-%d", base, n)
		}
		err := d.link(backup)
		switch {
		case errors.Is(err, fs.ErrExist):
			continue
		case errors.Is(err, fs.ErrNotExist):
			return "", errBackupMoved
		case err != nil:
			return "", err
		}
		if holds, err := d.dir.Holds(backup, d.file); err != nil || !holds {
			return "", errors.Join(err, errBackupMoved)
		}
		d.remove(d.name)
		return backup, nil
	}
	return "", errManyBackups
}

// link adds another name to the file, which must be free. Some file systems know no second names: there it renames.
func (d *draft) link(name string) error {
	err := d.dir.Link(d.name, name)
	if !errors.Is(err, syscall.EPERM) && !errors.Is(err, syscall.ENOTSUP) && !errors.Is(err, syscall.ENOSYS) {
		return err
	}
	if _, err := d.dir.Lstat(name); !errors.Is(err, fs.ErrNotExist) {
		return errors.Join(err, fs.ErrExist)
	}
	return d.dir.Rename(d.name, name)
}

// swap renames the new file to name, if name is still the old file as it was read.
func (r *replacer) swap(d *draft, name string, old *original) error {
	if err := r.check(stepRename); err != nil {
		return err
	}
	present, err := openOriginal(d.dir, name)
	if err != nil {
		return err
	}
	defer func() { _ = present.file.Close() }()
	if !os.SameFile(old.info, present.info) || old.info.Mode() != present.info.Mode() || !sameOwner(old.info, present.info) ||
		!bytes.Equal(old.list, present.list) || !bytes.Equal(old.content, present.content) {
		return ErrFileMoved
	}
	if holds, err := d.dir.Holds(d.name, d.file); err != nil || !holds {
		return errors.Join(err, ErrFileMoved)
	}
	if err := r.check("exchange"); err != nil {
		return err
	}
	if err := d.dir.Rename(d.name, name); errors.Is(err, fs.ErrNotExist) {
		return ErrFileMoved
	} else if err != nil {
		return err
	}
	if holds, err := d.dir.Holds(name, d.file); err != nil || !holds {
		return errors.Join(err, ErrExchanged)
	}
	return nil
}
