//go:build unix

package handout

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"uzerp-mfa/internal/filelock"
	"uzerp-mfa/internal/mfa"
	"uzerp-mfa/internal/safepath"
)

// ListName is the name of the list in the directory. It has a JSON object a line; of a user with several lines the last counts.
const ListName = "pages.jsonl"

// maxList is how large the list may be, in bytes.
const maxList = 32 << 20

// tempPrefix begins the names of pages that are being written.
const tempPrefix = ".page-"

// Dir is an open directory of pages, which this process alone changes as long as it is open. Its methods may be called at the
// same time.
type Dir struct {
	path string
	dir  *safepath.Dir // nil if there is none yet
	as   func(func() error) error
	mu   sync.Mutex
	list *os.File
	size int64                  // of the whole lines of the list
	made map[string]mfa.Handout // by user

	step func(string) error // for tests: fails, or dies, before a step
}

// Whose says with whose rights files are opened and made: As runs a function with them.
type Whose struct {
	UID, GID int
	As       func(func() error) error
}

// ErrInUse means that another process is making pages in the directory.
var ErrInUse = errors.New("another process makes pages there")

// Open opens the directory at path, or makes it, and reads its list. It fails with ErrInUse, with an *safepath.UntrustedError if
// others than its owner and root may change the directory or something on the way there, with errors about the list, and with
// those of the file system.
func Open(path string, whose Whose) (*Dir, error) {
	d := &Dir{path: path, as: whose.As, made: map[string]mfa.Handout{}, step: func(string) error { return nil }}
	err := d.as(func() error { return d.open(path, safepath.User(whose.UID, whose.GID)) })
	if err != nil {
		d.Close()
		return nil, err
	}
	return d, nil
}

// Peek is Open for who only looks: it makes and locks nothing. Where there is no directory yet, nothing was made.
func Peek(path string, whose Whose) (*Dir, error) {
	d := &Dir{path: path, as: whose.As, made: map[string]mfa.Handout{}, step: func(string) error { return errReading }}
	err := d.as(func() (err error) {
		if d.dir, err = safepath.OpenDir(path, safepath.User(whose.UID, whose.GID)); err != nil {
			return err
		}
		if err := d.judgeDir(); err != nil {
			return err
		}
		if d.list, err = d.dir.Open(ListName, os.O_RDONLY, 0); err != nil {
			return err
		}
		return d.read()
	})
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	if err != nil {
		d.Close()
		return nil, err
	}
	return d, nil
}

var errReading = errors.New("the directory was opened to look only")

func (d *Dir) open(path string, trust safepath.Trust) (err error) {
	if d.dir, err = safepath.OpenDir(path, trust); errors.Is(err, fs.ErrNotExist) {
		d.dir, err = makeDir(path, trust)
	}
	if err != nil {
		return err
	}
	if err := d.judgeDir(); err != nil {
		return err
	}
	if d.list, err = d.dir.Open(ListName, os.O_RDWR|os.O_CREATE, 0o600); err != nil {
		return err
	}
	switch taken, err := filelock.Try(d.list); {
	case err != nil:
		return err
	case !taken:
		return ErrInUse
	}
	if err := d.read(); err != nil {
		return err
	}
	return d.removeHalfPages()
}

func makeDir(path string, trust safepath.Trust) (*safepath.Dir, error) {
	parent, name, err := safepath.OpenParent(path, trust)
	if err != nil {
		return nil, err
	}
	defer func() { _ = parent.Close() }()
	if err := parent.JudgeNew(); err != nil {
		return nil, err
	}
	return parent.MakeDir(name, 0o700)
}

// judgeDir refuses a directory with the sticky bit, such as /tmp: safepath lets others make files in it. Here a file of others'
// could be taken for a page.
func (d *Dir) judgeDir() error {
	stat, err := d.dir.Lstat(".")
	if err != nil {
		return err
	}
	if stat.Mode&0o002 != 0 || stat.Mode&unix.S_ISVTX != 0 && stat.Mode&0o020 != 0 {
		return &safepath.UntrustedError{Path: d.dir.Path("."), Reason: "others may make files in it"}
	}
	return nil
}

// entry is a line of the list.
type entry struct {
	SchemaVersion int       `json:"schema_version"`
	File          string    `json:"file"`
	Username      string    `json:"username"`
	FactorSID     string    `json:"factor_sid"`
	Made          time.Time `json:"made"`
	ValidUntil    time.Time `json:"valid_until"` // until then the page surely works
}

const schemaVersion = 1

// read reads the list. The beginning of a line that a crash has left at the end is no line.
func (d *Dir) read() error {
	if err := d.dir.JudgeOwner(d.list); err != nil {
		return err
	}
	text, err := safepath.ReadAll(d.list, maxList)
	if err != nil {
		return err
	}
	whole := text[:bytes.LastIndexByte(text, '\n')+1]
	number := 0
	for line := range bytes.Lines(whole) {
		number++
		var e entry
		if err := json.Unmarshal(line, &e); err != nil || e.SchemaVersion != schemaVersion || e.File != FileName(e.Username) {
			return &ListError{Path: d.list.Name(), Line: number}
		}
		d.made[e.Username] = mfa.Handout{Username: e.Username, File: e.File, FactorSID: e.FactorSID, Made: e.Made, ValidUntil: e.ValidUntil}
	}
	d.size = int64(len(whole))
	return nil
}

// ListError means that the list has a line that this program has not written.
type ListError struct {
	Path string
	Line int
}

// Error names the line.
func (e *ListError) Error() string {
	return fmt.Sprintf("%s: line %d is not one of a list of pages", e.Path, e.Line)
}

// removeHalfPages removes what a run that was killed has left of a page: it holds a secret that nobody will need.
func (d *Dir) removeHalfPages() error {
	names, err := d.dir.Names()
	if err != nil {
		return err
	}
	for _, name := range names {
		if strings.HasPrefix(name, tempPrefix) {
			if err := d.dir.Remove(name); err != nil {
				return err
			}
		}
	}
	return nil
}

// Close ends the work in the directory.
func (d *Dir) Close() {
	if d.list != nil {
		_ = d.list.Close()
	}
	if d.dir != nil {
		_ = d.dir.Close()
	}
}

// Path returns the path of the directory, for messages.
func (d *Dir) Path() string { return d.path }

// Find implements mfa.Handouts: a page is there if it is in the list and in the directory.
func (d *Dir) Find(username string) (h mfa.Handout, ok bool, err error) {
	err = d.as(func() error { h, ok, err = d.find(username); return err })
	return h, ok, err
}

func (d *Dir) find(username string) (h mfa.Handout, ok bool, err error) {
	d.mu.Lock()
	h, ok = d.made[username]
	d.mu.Unlock() // a directory that is not there has no list
	if !ok {
		return mfa.Handout{}, false, nil
	}
	_, err = d.dir.Lstat(h.File)
	if errors.Is(err, fs.ErrNotExist) {
		return mfa.Handout{}, false, nil
	}
	return h, err == nil, err
}

// Add implements mfa.Handouts. The page gets its name last: with that it is whole, in the list, and on the disk. It replaces no
// file that the list does not have: such a one is not ours. An old page is removed before the line of the new one is in the list,
// which would not be true of it.
func (d *Dir) Add(h mfa.Handout, content []byte) (file string, err error) {
	h.File = FileName(h.Username)
	err = d.as(func() error { return d.add(h, content) })
	return h.File, err
}

func (d *Dir) add(h mfa.Handout, content []byte) error {
	if d.dir == nil {
		return errReading
	}
	_, replaces, err := d.find(h.Username)
	if err != nil {
		return err
	}
	switch _, err := d.dir.Lstat(h.File); {
	case err == nil && !replaces:
		return &fs.PathError{Op: "make", Path: d.dir.Path(h.File), Err: fs.ErrExist}
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return err
	case !utf8.ValidString(h.Username):
		return errors.New("the list can't have a user name that is not UTF-8")
	}
	temp := tempPrefix + strconv.FormatUint(rand.Uint64(), 36)
	if err := d.write(temp, content); err != nil {
		return errors.Join(err, ignoreMissing(d.dir.Remove(temp)))
	}
	if replaces {
		err = d.dir.Remove(h.File)
	}
	if err == nil {
		err = d.enter(h)
	}
	if err == nil {
		err = d.step("name")
	}
	if err == nil {
		err = d.dir.Link(temp, h.File)
	}
	if err == nil {
		err = errors.Join(d.step("last"), d.sync())
		if err != nil { // its factor will be deleted, so it must not stay
			err = errors.Join(err, ignoreMissing(d.dir.Remove(h.File)))
		}
	}
	if removeErr := d.dir.Remove(temp); err != nil {
		return errors.Join(err, removeErr)
	}
	return nil // the next run removes what is left of the temporary name
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func (d *Dir) write(name string, content []byte) (err error) {
	if err := d.step("write"); err != nil {
		return err
	}
	f, err := d.dir.Open(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	return errors.Join(err, f.Chmod(0o600), f.Sync(), f.Close()) // the umask may have taken bits away
}

// enter appends a line to the list, and takes back what it wrote if that failed.
func (d *Dir) enter(h mfa.Handout) error {
	line, err := json.Marshal(entry{schemaVersion, h.File, h.Username, h.FactorSID, h.Made.UTC(), h.ValidUntil.UTC()})
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.step("list"); err != nil {
		return err
	}
	line = append(line, '\n')
	if _, err := d.list.WriteAt(line, d.size); err != nil {
		return errors.Join(err, d.list.Truncate(d.size))
	}
	if err := d.list.Truncate(d.size + int64(len(line))); err != nil { // a longer rest of a line that a crash has left
		return err
	}
	if err := d.list.Sync(); err != nil {
		return errors.Join(err, d.list.Truncate(d.size))
	}
	d.size += int64(len(line))
	d.made[h.Username] = h
	return nil
}

// sync makes the names in the directory last.
func (d *Dir) sync() error {
	f, err := d.dir.Reopen()
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
