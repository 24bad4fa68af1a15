package audit

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/filelock"
)

// Options are what a test must be able to set. The program itself uses the zero value, or sets Now.
type Options struct {
	Now   func() time.Time
	NewID func() string
	Wait  time.Duration // how long Append waits for other writers; 10 s if 0

	sync func(*os.File) error // writes a file or a directory to the disk; fsync if nil
}

// Log is an audit log that can be written. It keeps no file open, so there is nothing to close, and after a rotation it
// writes to the new file. Its methods may be called concurrently, by several processes too.
type Log struct {
	path string
	o    Options
	turn chan struct{} // held by one goroutine of this process at a time, so that only one of them polls for the lock
}

// Open makes the log and its directory if they don't exist, and checks that the log can be written. So everything that
// can be wrong, except a full disk, is found before anything is changed. All errors are of errs.Config.
//
// It refuses a file that another user could have put there to mislead the log: a symbolic link, a file with several
// names, a file that everybody may write, or a directory where everybody may rename files. It also refuses a file that
// is no audit log.
func Open(path string, o Options) (*Log, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.NewID == nil {
		o.NewID = rand.Text
	}
	if o.Wait == 0 {
		o.Wait = filelock.LongestWait
	}
	if o.sync == nil {
		o.sync = (*os.File).Sync
	}
	absolute, err := filepath.Abs(path)
	if path == "" || err != nil {
		return nil, configError(path, errors.New("no path"), "")
	}
	l := &Log{path: absolute, o: o, turn: make(chan struct{}, 1)}
	f, err := l.open()
	if err != nil {
		return nil, err
	}
	_, err = readTail(f)
	_ = f.Close() // nothing was written
	if err != nil {
		return nil, l.error(err)
	}
	return l, nil
}

// Path returns the absolute path.
func (l *Log) Path() string { return l.path }

func (l *Log) error(err error) error { return configError(l.path, err, "") }

func configError(path string, err error, hint string) error {
	if pathErr, ok := errors.AsType[*fs.PathError](err); ok {
		err = fmt.Errorf("%s: %w", pathErr.Op, pathErr.Err) // Op below names the path already
	}
	e := &errs.Error{Kind: errs.Config, Op: "audit log " + path, Err: err, Hint: ReasonUnwritable.With()}
	if hint != "" {
		e.Hint = ReasonUnfit.With(hint)
	}
	return e
}

func (l *Log) open() (*os.File, error) {
	dir := filepath.Dir(l.path)
	if err := l.makeDirectory(dir); err != nil {
		return nil, l.error(err)
	}
	f, err := l.openOrCreate()
	if err != nil {
		if info, lstatErr := os.Lstat(l.path); lstatErr == nil && info.Mode()&fs.ModeSymlink != 0 {
			err = errors.New("it is a symbolic link")
		}
		return nil, l.error(err)
	}
	hint, err := inspect(f, dir)
	if err != nil {
		_ = f.Close()
		return nil, configError(l.path, err, hint)
	}
	return f, nil
}

func (l *Log) makeDirectory(dir string) error {
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return err
	}
	return l.syncDirectory(filepath.Dir(dir))
}

// openOrCreate tries again if another process makes the file, or rotates it away, between its two attempts.
func (l *Log) openOrCreate() (*os.File, error) {
	const mode = 0o640
	for {
		f, err := os.OpenFile(l.path, os.O_RDWR|os.O_APPEND|openFlags, 0)
		if !errors.Is(err, fs.ErrNotExist) {
			return f, err
		}
		f, err = os.OpenFile(l.path, os.O_RDWR|os.O_APPEND|os.O_CREATE|os.O_EXCL|openFlags, mode)
		if errors.Is(err, fs.ErrExist) {
			// With a broken link the loop would never end.
			if info, err := os.Lstat(l.path); err == nil && !info.Mode().IsRegular() {
				return nil, errNotRegular
			}
			continue
		}
		if err != nil {
			return nil, err
		}
		// The umask may have taken bits away, but the file's group must be able to read it.
		if err := errors.Join(f.Chmod(mode), l.syncDirectory(filepath.Dir(l.path))); err != nil {
			return nil, errors.Join(err, f.Close())
		}
		return f, nil
	}
}

// syncDirectory makes a new name in dir survive a power cut. Some file systems can't sync a directory; that is no
// error.
func (l *Log) syncDirectory(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return nil //nolint:nilerr // a directory may be writable but not readable
	}
	defer func() { _ = d.Close() }()
	if err := l.o.sync(d); err != nil && !errors.Is(err, errors.ErrUnsupported) && !errors.Is(err, fs.ErrInvalid) {
		return err
	}
	return nil
}

const worldWritable = 0o002

var errNotRegular = errors.New("it is no regular file")

// inspect returns an error if another user could redirect the log or forge it, and the command that would mend that.
func inspect(f *os.File, dir string) (hint string, err error) {
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	above, err := os.Stat(dir)
	if err != nil {
		return "", err
	}
	owner, links, known := ownerAndLinks(info)
	foreign := known && owner != os.Getuid() && owner != 0
	everybodys := above.Mode()&worldWritable != 0
	switch {
	case !info.Mode().IsRegular():
		return "", errNotRegular
	case known && links == 0:
		return "", nil // it was rotated away a moment ago; Append notices that
	case known && links > 1:
		return "", fmt.Errorf("it is one of %d names of a file", links)
	case info.Mode()&worldWritable != 0:
		return "chmod o-w " + f.Name(), errors.New("everybody may write to it")
	case everybodys && above.Mode()&fs.ModeSticky == 0:
		return "chmod o-w " + dir, fmt.Errorf("everybody may rename files in %s", dir)
	case everybodys && foreign:
		return "", fmt.Errorf("it belongs to another user, in %s where everybody may make files", dir)
	}
	return "", nil
}

// Append writes r as the log's last line and returns it as written, with its id, time and hashes. If it returns no
// error, the line is on the disk. If it returns an error, it has removed what it wrote of the line, where the file
// system allows that.
//
// For an outcome, give r the ID of its intent, and a ctx that outlives the command's: an interrupted command has an
// outcome too.
//
// It fails with ctx's error if that ends while it waits for other writers, with errs.Usage for a record over 64 KiB,
// which only a huge --reason makes, and otherwise with errs.Config.
func (l *Log) Append(ctx context.Context, r Record) (Record, error) {
	if err := r.check(); err != nil {
		return Record{}, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, l.o.Wait, errBusy)
	defer cancel()
	if ctx.Err() != nil {
		return Record{}, l.gaveUp(ctx)
	}
	select {
	case l.turn <- struct{}{}:
		defer func() { <-l.turn }()
	case <-ctx.Done():
		return Record{}, l.gaveUp(ctx)
	}
	f, err := l.lock(ctx)
	if err != nil {
		return Record{}, err
	}
	r, err = l.append(f, r.sanitized())
	// Closing unlocks. Its error doesn't matter after fsync.
	_ = f.Close()
	if err != nil {
		if _, ok := errors.AsType[*errs.Error](err); ok {
			return Record{}, err
		}
		return Record{}, l.error(err)
	}
	return r, nil
}

var errBusy = errors.New("other processes have kept it locked")

func (l *Log) gaveUp(ctx context.Context) error {
	if errors.Is(context.Cause(ctx), errBusy) {
		return configError(l.path, fmt.Errorf("%w for %s", errBusy, l.o.Wait), "try again, and see who does with: fuser -v "+l.path)
	}
	return fmt.Errorf("audit log %s: %w", l.path, context.Cause(ctx))
}

// lock returns the log, open and locked. The log may be rotated while lock waits, so it opens the file anew each time.
func (l *Log) lock(ctx context.Context) (*os.File, error) {
	var held *os.File
	err := filelock.Wait(ctx, func() (bool, error) {
		f, err := l.open()
		if err != nil {
			return false, err
		}
		locked, err := l.tryLock(f)
		if locked {
			held = f
			return true, nil
		}
		_ = f.Close()
		if err != nil {
			return false, l.error(err)
		}
		return false, nil
	})
	if err != nil && errors.Is(err, context.Cause(ctx)) {
		return nil, l.gaveUp(ctx)
	}
	return held, err
}

func (l *Log) tryLock(f *os.File) (bool, error) {
	locked, err := filelock.Try(f)
	if !locked || err != nil {
		return false, err
	}
	opened, err := f.Stat()
	if err != nil {
		return false, err
	}
	named, err := os.Lstat(l.path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil && os.SameFile(opened, named), err
}

// append writes r to f, whose lock is held.
func (l *Log) append(f *os.File, r Record) (Record, error) {
	t, err := readTail(f)
	if err != nil {
		return Record{}, err
	}
	r.SchemaVersion = SchemaVersion
	if r.ID == "" {
		r.ID = l.o.NewID()
	}
	r.Time = l.o.Now().UTC().Round(0) // taken while the lock is held, so that the lines are in the order of their times
	r.Prev, r.Torn = t.prev, t.torn
	line, err := encode(&r)
	if err == nil && len(line) > maxLine {
		r = r.shortened()
		line, err = encode(&r)
	}
	if err != nil {
		return Record{}, err
	}
	if len(line) > maxLine {
		return Record{}, errs.NewWith(errs.Usage,
			fmt.Sprintf("the line for the audit log would have %d bytes; it may have %d", len(line), maxLine), ReasonLineTooLong.With())
	}
	if t.unended {
		line = append([]byte("\n"), line...)
	}
	n, err := f.Write(line)
	if err == nil && n != len(line) {
		err = io.ErrShortWrite
	}
	if err == nil {
		err = l.o.sync(f)
	}
	if err != nil {
		// The lock is held, so everything after size comes from this call. If the file can't be truncated (an
		// append-only file), the next call finds a torn line, as after a crash.
		_ = f.Truncate(t.size)
		return Record{}, err
	}
	return r, nil
}

// tail is what a writer must know about the end of a log.
type tail struct {
	size    int64
	prev    string // the hash that stands in the last record
	torn    string // the hash of what stands after that record, or empty
	unended bool   // there is no line feed at the end
}

const (
	firstWindow = 4 << 10
	lastWindow  = 1 << 20
)

var (
	errNotALog  = errors.New("this file is no audit log")
	errNoRecord = errors.New("its last megabyte holds no record")
)

// readTail looks for the last record, from the end of the file backwards. It doesn't check that record's hash. If
// somebody has changed the record, the new line follows the hash that stands there, so Verify finds that one change and
// no other.
func readTail(f *os.File) (tail, error) {
	info, err := f.Stat()
	if err != nil {
		return tail{}, err
	}
	size := info.Size()
	for window := int64(firstWindow); ; window *= 4 {
		window = min(window, size)
		text := make([]byte, window)
		if _, err := f.ReadAt(text, size-window); err != nil {
			return tail{}, err
		}
		prev, rest, found := lastRecord(text)
		whole := window == size
		if !found && !whole {
			if window >= lastWindow {
				return tail{}, errNoRecord
			}
			continue
		}
		if !found {
			prev = Genesis
			for line := range bytes.Lines(rest) {
				if !looksTorn(bytes.TrimSuffix(line, []byte("\n"))) {
					return tail{}, errNotALog
				}
			}
		}
		t := tail{size: size, prev: prev, unended: window > 0 && text[window-1] != '\n'}
		if len(rest) > 0 {
			t.torn = tornHash(rest)
		}
		return t, nil
	}
}

// lastRecord returns the hash of the last record in text and what follows its line.
func lastRecord(text []byte) (hash string, rest []byte, found bool) {
	for end := len(text); ; {
		start := bytes.LastIndexByte(text[:max(end-1, 0)], '\n') + 1
		if _, hash, ok := cutHash(bytes.TrimSuffix(text[start:end], []byte("\n"))); ok {
			return hash, text[end:], true
		}
		if start == 0 {
			return "", text, false
		}
		end = start
	}
}

// tornHash returns the hash of the bytes between two records, with a line feed at the end. The later record carries it,
// so that these bytes can't be changed unnoticed.
func tornHash(rest []byte) string {
	h := sha256.New()
	h.Write(rest)
	if rest[len(rest)-1] != '\n' {
		h.Write([]byte("\n"))
	}
	return hex.EncodeToString(h.Sum(nil))
}
