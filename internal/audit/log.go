package audit

import (
	"bytes"
	"cmp"
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
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/filelock"
	"uzerp-mfa/internal/safepath"
)

// Options are what a test must be able to set. The program itself uses the zero value, or sets Now.
type Options struct {
	Now   func() time.Time
	NewID func() string
	Wait  time.Duration // how long Append waits for other writers; 10 s if 0
	// Syslog is the socket that gets a line about each record too, such as /dev/log; empty for none.
	Syslog string

	sync  func(*os.File) error                          // writes a file or a directory to the disk; fsync if nil
	room  func(fd int, longest time.Duration) (is bool) // waits until syslog takes a line; hasRoom if nil
	trust safepath.Trust                                // trust() if nobody is trusted
}

// Log is an audit log that can be written. It keeps no file open, so there is nothing to close, and after a rotation it
// writes to the new file. Its methods may be called concurrently, by several processes too. What several goroutines append
// meanwhile is written and synced to the disk together.
type Log struct {
	path  string
	o     Options
	turn  chan struct{} // held by the one goroutine of this process that waits for the lock, and then writes for all
	queue queue

	syslogHangs atomic.Bool // it was waited for in vain
}

// Open makes the log and its directory if they don't exist, and checks that the log can be written. So everything that
// can be wrong, except a full disk, is found before anything is changed. All errors are of errs.Config.
//
// It judges before it makes anything, and refuses what another user could have put there to mislead the log, or could
// exchange later: each directory on the way must belong to root or to us, and nobody else may rename in it. The log must
// belong to root or to us, have one name, and not be writable for everybody. It must be an audit log.
func Open(path string, o Options) (*Log, error) {
	l, err := prepare(path, o)
	if err != nil {
		return nil, err
	}
	dir, err := l.directory(filepath.Dir(l.path))
	if err != nil {
		return nil, l.error(err)
	}
	defer func() { _ = dir.Close() }()
	f, err := l.openExisting(dir) // judged before the lock is made
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	if err != nil {
		return nil, l.error(err)
	}
	lock, err := l.openLock(dir)
	if err == nil && f == nil {
		f, err = l.openOrCreate(dir)
	}
	if err == nil {
		filelock.Share(lock, f)
	}
	for _, opened := range []*os.File{lock, f} {
		if opened != nil {
			_ = opened.Close() // nothing was written
		}
	}
	if err != nil {
		return nil, l.error(err)
	}
	return l, nil
}

func prepare(path string, o Options) (*Log, error) {
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
	if o.room == nil {
		o.room = hasRoom
	}
	if o.trust.UIDs == nil {
		o.trust = trust()
	}
	absolute, err := filepath.Abs(path)
	if path == "" || err != nil {
		return nil, configError(path, errors.New("no path"), "")
	}
	return &Log{path: absolute, o: o, turn: make(chan struct{}, 1)}, nil
}

// Path returns the absolute path.
func (l *Log) Path() string { return l.path }

func (l *Log) error(err error) error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*errs.Error](err); ok {
		return e
	}
	return configError(l.path, err, "")
}

func configError(path string, err error, hint string) error {
	if pathErr, ok := errors.AsType[*fs.PathError](err); ok && (pathErr.Path == path || pathErr.Path == "") {
		err = fmt.Errorf("%s: %w", pathErr.Op, pathErr.Err) // Op below names the path already
	}
	if untrusted, ok := errors.AsType[*safepath.UntrustedError](err); ok {
		hint = cmp.Or(hint, "only root and you may own the log and the directories above it, and rename files in them")
		if untrusted.Path == path {
			err = errors.New(untrusted.Reason)
		}
	}
	e := &errs.Error{Kind: errs.Config, Op: "audit log " + path, Err: aboutLog{err}, Hint: ReasonUnwritable.With()}
	if hint != "" {
		e.Hint = ReasonUnfit.With(hint)
	} else if dir, account := ownPlace(); dir != "" && errors.Is(err, fs.ErrPermission) && slices.Contains(paths(os.Getenv), path) {
		e.Hint = ReasonNoPlace.With(account, dir)
	}
	return e
}

const openFlags = os.O_RDWR | os.O_APPEND

// openExisting opens the log in dir and judges it.
func (l *Log) openExisting(dir *safepath.Dir) (*os.File, error) {
	name := filepath.Base(l.path)
	f, err := dir.Open(name, openFlags, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if err != nil {
		if stat, lstatErr := dir.Lstat(name); lstatErr == nil && stat.Mode&unix.S_IFMT == unix.S_IFLNK {
			err = errors.New("it is a symbolic link")
		}
		return nil, err
	}
	if err = dir.JudgeOwner(f); err == nil {
		_, err = readTail(f)
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// openOrCreate tries again if another process makes the file, or rotates it away, between its two attempts.
func (l *Log) openOrCreate(dir *safepath.Dir) (*os.File, error) {
	const mode = 0o640
	for {
		f, err := l.openExisting(dir)
		if !errors.Is(err, fs.ErrNotExist) {
			return f, err
		}
		f, err = dir.Open(filepath.Base(l.path), openFlags|os.O_CREATE|os.O_EXCL, mode)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		// The umask may have taken bits away, but the file's group must be able to read it.
		if err := errors.Join(f.Chmod(mode), l.syncDirectory(dir)); err != nil {
			return nil, errors.Join(err, f.Close())
		}
		return f, nil
	}
}

// lockName returns the name of the lock file.
func (l *Log) lockName() string { return filepath.Base(l.path) + ".lock" }

// openLock opens the file that is locked in place of the log: everybody who may read the log could hold a lock on it, and
// so stop all commands.
func (l *Log) openLock(dir *safepath.Dir) (*os.File, error) {
	lock, err := filelock.Open(dir, l.lockName())
	if errors.Is(err, fs.ErrPermission) {
		return nil, configError(l.path, err, "root must make this file, for those who may write to the log (help audit-log)")
	}
	return lock, err
}

// Append writes r as the log's last line and returns it as written, with its id, time and hashes. If it returns no
// error, the line is on the disk. If it returns an error, it has removed what it wrote of the line, where the file
// system allows that.
//
// For an outcome, give r the ID of its intent, and a ctx that outlives the command's: an interrupted command has an
// outcome too.
//
// The record goes to syslog too. An outcome or a refusal goes there even if it can't be written; what has not begun needs
// no record.
//
// It fails with ctx's error if that ends while it waits for other writers, and otherwise with errs.Config.
func (l *Log) Append(ctx context.Context, r Record) (Record, error) {
	written, err := l.AppendAll(ctx, []Record{r})
	if err != nil {
		return Record{}, err
	}
	return written[0], nil
}

// AppendAll is Append for several records, in their order. With an error it returns those that are written all the same: the
// first ones.
func (l *Log) AppendAll(ctx context.Context, records []Record) ([]Record, error) {
	w := &waiter{ctx: ctx, records: make([]Record, len(records)), done: make(chan struct{})}
	for i, r := range records {
		if err := r.check(); err != nil {
			return nil, err
		}
		if r.ID == "" {
			r.ID = l.o.NewID()
		}
		w.records[i] = r.sanitized()
	}
	if len(records) > 0 {
		l.write(w)
	}
	for i := w.written; i < len(w.records); i++ {
		w.records[i].Time = l.now()
	}
	l.toSyslog(w.records, w.written)
	return w.records[:w.written], w.err
}

func (l *Log) now() time.Time { return l.o.Now().UTC().Round(0) }

// write writes w's records to the file, once no other process does, and with them those of all who wait; or another goroutine does so.
func (l *Log) write(w *waiter) {
	ctx, cancel := context.WithTimeoutCause(w.ctx, l.o.Wait, errBusy)
	defer cancel()
	if ctx.Err() != nil {
		w.err = l.gaveUp(ctx, nil)
		return
	}
	l.queue.join(w)
	select {
	case l.turn <- struct{}{}:
		defer func() { <-l.turn }()
	case <-w.done:
		return
	case <-ctx.Done():
		if l.queue.leave(w) {
			w.err = l.gaveUp(ctx, nil)
			return
		}
		<-w.done
		return
	}
	select {
	case <-w.done: // just before
		return
	default:
	}
	// What goes wrong here concerns w alone. The others see for themselves.
	failed := func(err error) {
		l.queue.leave(w)
		w.err = l.error(err)
	}
	dir, err := l.directory(filepath.Dir(l.path))
	if err != nil {
		failed(err)
		return
	}
	defer func() { _ = dir.Close() }()
	lock, err := l.lock(ctx, dir)
	if err != nil {
		l.queue.leave(w)
		w.err = err
		return
	}
	defer func() { _ = lock.Close() }() // ends the lock
	// The log may have been rotated while lock waited, so it is opened only now.
	f, err := l.openOrCreate(dir)
	if err != nil {
		failed(err)
		return
	}
	defer func() { _ = f.Close() }()
	filelock.Share(lock, f)
	l.append(dir, f, l.queue.empty())
}

var errBusy = errors.New("other processes have kept it locked")

func (l *Log) gaveUp(ctx context.Context, lock *os.File) error {
	if !errors.Is(context.Cause(ctx), errBusy) {
		return fmt.Errorf("audit log %s: %w", l.path, context.Cause(ctx))
	}
	err := fmt.Errorf("%w for %s", errBusy, l.o.Wait)
	if lock != nil {
		if pid, name := filelock.Holder(lock); pid != 0 {
			err = fmt.Errorf("process %d (%s) has kept it locked for %s", pid, name, l.o.Wait)
		}
	}
	return configError(l.path, err, "try again, and see who does with: fuser -v "+filepath.Join(filepath.Dir(l.path), l.lockName()))
}

// lock returns the lock file, open and locked.
func (l *Log) lock(ctx context.Context, dir *safepath.Dir) (*os.File, error) {
	lock, err := l.openLock(dir)
	if err != nil {
		return nil, l.error(err)
	}
	err = filelock.Wait(ctx, func() (bool, error) {
		locked, err := l.tryLock(dir, lock)
		if err != nil || locked {
			return locked, err
		}
		again, err := l.openLock(dir) // it may have been removed, and made anew
		if err == nil {
			_ = lock.Close()
			lock = again
		}
		return false, err
	})
	if err == nil {
		return lock, nil
	}
	if errors.Is(err, context.Cause(ctx)) {
		err = l.gaveUp(ctx, lock)
	} else {
		err = l.error(err)
	}
	_ = lock.Close()
	return nil, err
}

// tryLock locks the lock file. A lock counts only on the file that has the name.
func (l *Log) tryLock(dir *safepath.Dir, lock *os.File) (bool, error) {
	locked, err := filelock.Try(lock)
	if !locked || err != nil {
		return false, err
	}
	opened, err := lock.Stat()
	if err != nil {
		return false, err
	}
	named, err := dir.Open(l.lockName(), os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer func() { _ = named.Close() }()
	info, err := named.Stat()
	return err == nil && os.SameFile(opened, info), err
}

// append writes the records of all in group to f, whose lock is held, and tells them. If a batch can't be written, perhaps a part of it
// can: then they are written one by one, as if each had come alone.
func (l *Log) append(dir *safepath.Dir, f *os.File, group []*waiter) {
	defer func() {
		for _, w := range group {
			close(w.done)
		}
	}()
	for size := batchSize; ; {
		b := batch{log: l, dir: dir}
		if err := b.fill(f, group, size); err != nil {
			for _, w := range group {
				w.fail(l.error(err))
			}
			return
		}
		if len(b.text) == 0 {
			return
		}
		err := l.commit(f, b)
		switch {
		case err == nil:
			for w, records := range b.records {
				w.written += copy(w.records[w.written:], records)
			}
		case size > 0:
			size = 0
		default:
			for w := range b.records {
				w.fail(l.error(err))
			}
		}
	}
}

// commit writes a batch to the end of f, and syncs it to the disk.
func (l *Log) commit(f *os.File, b batch) error {
	n, err := f.Write(b.text)
	if err == nil && n != len(b.text) {
		err = io.ErrShortWrite
	}
	if err == nil {
		err = l.o.sync(f)
	}
	if err != nil {
		// The lock is held, so everything after size comes from this call. If the file can't be truncated (an
		// append-only file), the next call finds a torn line, as after a crash.
		if info, statErr := f.Stat(); statErr == nil && info.Size() > b.size { // it may have been truncated by somebody else
			_ = f.Truncate(b.size)
		}
	}
	return err
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
