package sessionfile

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/filelock"
	"uzerp-mfa/internal/pattern"
	"uzerp-mfa/internal/phpsession"
	"uzerp-mfa/internal/safepath"
	"uzerp-mfa/internal/session"
)

// Files are the session files of a machine.
type Files struct {
	places    []place
	elsewhere []session.Elsewhere
	notRead   []session.NotRead // settings that may name more places
	trust     safepath.Trust
	wait      time.Duration
	listed    []listed // what was listed, by session.Session.Ref
	locked    func()   // tests do something while End holds a session's lock
}

var _ session.Writer = (*Files)(nil)

// listed is a file that was a session.
type listed struct {
	place int
	dirs  []string // the directories below the place
	name  string
}

// lockWait is how long End waits for a request to give up a session.
const lockWait = 10 * time.Second

// Names: PHP makes no others.
var (
	fileName = pattern.Lazy(`^sess_[A-Za-z0-9,-]{1,250}$`)
	dirName  = pattern.Lazy(`^[A-Za-z0-9,-]$`)
)

// List returns all sessions of uzERP's.
func (f *Files) List(ctx context.Context) (session.Listing, error) {
	l := lister{f: f, ctx: ctx}
	l.found.Elsewhere, l.found.NotRead = f.elsewhere, slices.Clone(f.notRead)
	defer func() { clear(l.buffer) }()
	for i := range f.places {
		l.found.Places = append(l.found.Places, f.places[i].Place)
	}
	for i := range f.places {
		p := &f.places[i]
		dir, err := safepath.OpenDir(p.Path, f.trust)
		if errors.Is(err, fs.ErrNotExist) {
			l.found.NotRead = append(l.found.NotRead, session.NotRead{Path: p.Path, Why: session.Missing})
			continue
		}
		if err == nil {
			err = l.dir(i, dir, nil)
			_ = dir.Close()
		}
		if err != nil {
			return session.Listing{Places: l.found.Places, Elsewhere: l.found.Elsewhere}, listError(p.Path, err)
		}
	}
	return l.found, nil
}

func listError(path string, err error) error {
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case safepath.IsUntrusted(err):
		return &errs.Error{Kind: errs.Config, Op: fmt.Sprintf("the directory of the sessions, %q, is not believed", path), Err: err}
	case errors.Is(err, fs.ErrPermission):
		return errs.NewWith(errs.Config, fmt.Sprintf("this user may not read the sessions in %q", path), session.ReasonNotListed.With())
	}
	if pathError, ok := errors.AsType[*fs.PathError](err); ok { // without the name, which is the session's id
		err = pathError.Err
	}
	return &errs.Error{Kind: errs.Config, Op: fmt.Sprintf("read the sessions in %q", path), Err: err}
}

// lister reads all places once.
type lister struct {
	f      *Files
	ctx    context.Context //nolint:containedctx // it lives as long as List
	found  session.Listing
	buffer []byte // what was read of a file; cleared at the end, because it has secrets in it
}

// dir reads a directory, which may have others inside.
func (l *lister) dir(at int, dir *safepath.Dir, dirs []string) error {
	list, err := dir.Reopen()
	if err != nil {
		return err
	}
	defer func() { _ = list.Close() }()
	for {
		names, err := list.Readdirnames(1024)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		for _, name := range names {
			if err := l.ctx.Err(); err != nil {
				return context.Cause(l.ctx)
			}
			switch {
			case len(dirs) == l.f.places[at].levels && fileName().MatchString(name) && strings.HasPrefix(name, "sess_"+strings.Join(dirs, "")):
				err = l.file(at, dir, dirs, name)
			case len(dirs) < l.f.places[at].levels && dirName().MatchString(name):
				err = l.below(at, dir, dirs, name)
			}
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
	}
}

// below reads a directory in another one. PHP goes into each, also where others may change it or a link leads; we don't.
func (l *lister) below(at int, dir *safepath.Dir, dirs []string, name string) error {
	below, err := dir.OpenDir(name)
	switch {
	case safepath.IsUntrusted(err):
		l.skip(at, session.Untrusted, "", 0)
		return nil
	case errors.Is(err, unix.ENOTDIR), errors.Is(err, unix.ELOOP):
		stat, err := dir.Lstat(name)
		if err != nil {
			return err
		}
		why := session.Odd
		if stat.Mode&unix.S_IFMT == unix.S_IFLNK {
			why = session.Untrusted
		}
		l.skip(at, why, "", 0)
		return nil
	case err != nil:
		return err
	}
	defer func() { _ = below.Close() }()
	return l.dir(at, below, append(slices.Clone(dirs), name))
}

func (l *lister) skip(at int, why session.Why, owner string, bytes int64) {
	path := l.f.places[at].Path
	i := slices.IndexFunc(l.found.NotRead, func(n session.NotRead) bool { return n.Path == path && n.Why == why && n.Owner == owner })
	if i < 0 {
		i = len(l.found.NotRead)
		l.found.NotRead = append(l.found.NotRead, session.NotRead{Path: path, Why: why, Owner: owner})
	}
	n := &l.found.NotRead[i]
	n.Files++
	n.Bytes = max(n.Bytes, bytes)
}

// file looks at one file.
func (l *lister) file(at int, dir *safepath.Dir, dirs []string, name string) error {
	f, stat, why, err := l.f.open(dir, name, os.O_RDONLY)
	if err != nil {
		return err
	}
	if why != "" {
		owner, bytes := "", int64(0)
		switch why {
		case session.Foreign:
			owner = safepath.UserName(int(stat.Uid))
		case session.TooLarge:
			bytes = stat.Size
		}
		l.skip(at, why, owner, bytes)
		return nil
	}
	defer func() { _ = f.Close() }()
	s, err := l.parse(at, f)
	if err != nil || !s.LoggedIn { // a request that is under way may be a login, and may be writing
		free, lockErr := filelock.Try(f)
		switch {
		case lockErr != nil:
			return lockErr
		case !free:
			l.found.InFlight++
		case errors.Is(err, phpsession.ErrMalformed): // it may have been written meanwhile
			s, err = l.parse(at, f)
		}
		if err != nil && !free {
			return nil
		}
	}
	for _, is := range notRead {
		if errors.Is(err, is.err) {
			l.skip(at, is.why, "", int64(is.bytes))
			return nil
		}
	}
	switch {
	case err != nil:
		return err
	case s.User == "" && !s.OfUzerp:
		return nil // another program's, or nothing has happened yet
	}
	l.found.Sessions = append(l.found.Sessions, session.Session{
		Ref: len(l.f.listed), User: s.User, LoggedIn: s.LoggedIn, Company: s.Company, Handler: s.Handler, Started: s.Started,
		LastRequest: time.Unix(stat.Mtim.Unix()),
	})
	l.f.listed = append(l.f.listed, listed{at, dirs, name})
	return nil
}

// notRead says why a file is not judged, by the error of phpsession. bytes is how large it is at least.
var notRead = []struct {
	err   error
	why   session.Why
	bytes int
}{
	{phpsession.ErrIgbinary, session.Igbinary, 0},
	{phpsession.ErrUnclear, session.Unclear, 0},
	{phpsession.ErrTooLarge, session.TooLarge, phpsession.MaxSize + 1}, // it has grown after it was opened
	{phpsession.ErrMalformed, session.Malformed, 0},
}

func (l *lister) parse(at int, f *os.File) (phpsession.Session, error) {
	var err error
	if l.buffer, err = readInto(l.buffer, f); err != nil {
		return phpsession.Session{}, err
	}
	return phpsession.Parse(l.buffer, l.f.places[at].formats...)
}

// readInto reads a file into a buffer, which grows if it must. It fails with phpsession.ErrTooLarge.
func readInto(buffer []byte, f *os.File) ([]byte, error) {
	buffer = buffer[:0]
	for {
		if len(buffer) == cap(buffer) {
			grown := make([]byte, len(buffer), max(64<<10, min(2*cap(buffer), phpsession.MaxSize+1)))
			copy(grown, buffer)
			clear(buffer)
			buffer = grown
		}
		n, err := f.ReadAt(buffer[len(buffer):cap(buffer)], int64(len(buffer)))
		buffer = buffer[:len(buffer)+n]
		switch {
		case errors.Is(err, io.EOF):
			return buffer, nil
		case err != nil:
			return buffer, err
		case len(buffer) > phpsession.MaxSize:
			return buffer, phpsession.ErrTooLarge
		}
	}
}

// open opens a session file and judges what it has opened. It returns no file, and why, if that is none of PHP's. It fails
// with fs.ErrNotExist if it is gone.
func (f *Files) open(dir *safepath.Dir, name string, flag int) (*os.File, unix.Stat_t, session.Why, error) {
	stat, err := dir.Lstat(name)
	if err != nil {
		return nil, stat, "", err
	}
	if why := f.judge(&stat); why != "" { // a device is not even opened
		return nil, stat, why, nil
	}
	file, err := dir.Open(name, flag, 0)
	if errors.Is(err, unix.ELOOP) || errors.Is(err, unix.EISDIR) || errors.Is(err, unix.ENXIO) {
		return nil, stat, session.Odd, nil
	}
	if err != nil {
		return nil, stat, "", err
	}
	why := session.Odd
	if err = unix.Fstat(int(file.Fd()), &stat); err == nil {
		if why = f.judge(&stat); stat.Nlink == 0 {
			err = fs.ErrNotExist
		}
	}
	if err != nil || why != "" {
		_ = file.Close()
		return nil, stat, why, err
	}
	return file, stat, "", nil
}

// judge says why something is no session file of PHP's, or why it is not read; "" if neither is so. PHP takes no session from a
// link, and none from a file that belongs to another user than its own and root: so no stranger's file makes anything uncertain.
// It does take one from a file with two names.
func (f *Files) judge(stat *unix.Stat_t) session.Why {
	switch {
	case stat.Mode&unix.S_IFMT != unix.S_IFREG:
		return session.Odd
	case stat.Uid != 0 && !slices.Contains(f.trust.UIDs, int(stat.Uid)):
		return session.Foreign
	case stat.Nlink > 1:
		return session.TwoNames
	case stat.Size > phpsession.MaxSize:
		return session.TooLarge
	}
	return ""
}

// End ends the sessions of one user, those first that no request uses. One that is busy does not keep it from the others: all of
// them share the time to wait, and each has at least a tenth of it.
func (f *Files) End(ctx context.Context, user string, sessions []session.Session) (ended int, err error) {
	var busy error
	deadline := time.Now().Add(f.wait)
	free := len(sessions) // from here on, the busy ones follow once more
	for i := 0; i < len(sessions); i++ {
		at, wait := f.listed[sessions[i].Ref], time.Duration(0)
		if i >= free {
			wait = max(time.Until(deadline), f.wait/10)
		}
		done, err := f.end(ctx, user, at, wait)
		if done {
			ended++
		}
		switch {
		case errors.Is(err, errInUse):
			sessions = append(sessions[:len(sessions):len(sessions)], sessions[i])
		case errors.Is(err, fs.ErrNotExist):
			continue
		case errs.KindOf(err) == errs.Unavailable && ctx.Err() == nil:
			busy = cmp.Or(busy, err)
		case err != nil:
			return ended, listError(f.places[at.place].Path, err)
		}
	}
	return ended, busy
}

// errInUse says that a request uses a session, and that it was not waited for.
var errInUse = errors.New("a request uses the session")

// end removes one file, if it is still the user's session. Before that it empties the file: a request that has it open and
// waits for the lock would otherwise go on with what is in it. With no time to wait it fails with errInUse if it is busy. It returns
// true and an error of errs.Unavailable if requests go on with a session that it has removed.
func (f *Files) end(ctx context.Context, user string, at listed, wait time.Duration) (bool, error) {
	dir, err := safepath.OpenDir(f.places[at.place].Path, f.trust)
	if err != nil {
		return false, err
	}
	defer func() { _ = dir.Close() }()
	for _, name := range at.dirs {
		below, err := dir.OpenDir(name)
		if err != nil {
			return false, err
		}
		defer func() { _ = below.Close() }()
		dir = below
	}
	file, _, why, err := f.open(dir, at.name, os.O_RDWR)
	if err != nil || why != "" {
		return false, err
	}
	defer func() { _ = file.Close() }()
	busy := f.lock(ctx, user, file, wait)
	if busy != nil && (errs.KindOf(busy) != errs.Unavailable || ctx.Err() != nil) {
		return false, busy
	}
	if f.locked != nil {
		f.locked()
	}
	if held, err := dir.Holds(at.name, file); err != nil || !held {
		return false, err // gone, or another file by now: the next list says what that is
	}
	content, err := readInto(nil, file)
	defer func() { clear(content) }()
	switch {
	case errors.Is(err, phpsession.ErrTooLarge):
		return false, nil // it has grown: the next list says so
	case err != nil:
		return false, err
	}
	now, err := phpsession.Parse(content, f.places[at.place].formats...)
	if err != nil || now.User != user || user == "" && !now.OfUzerp || busy != nil && !now.LoggedIn { // what may be a login must stay in sight
		return false, busy // it is no session of this user's any more, or is being written
	}
	var stat unix.Stat_t
	if err := unix.Fstat(int(file.Fd()), &stat); err != nil || f.judge(&stat) != "" || stat.Nlink == 0 { // it may have got a second name, or lost its own
		return false, err
	}
	if busy != nil { // requests that have the file open end with it, and no other one finds it
		if err := dir.Remove(at.name); err != nil {
			return false, err
		}
		return true, errs.NewWith(errs.Unavailable, fmt.Sprintf("a request of %q goes on with a session that is removed: no later request gets it", user),
			session.ReasonRequestGoesOn.With())
	}
	if err := file.Truncate(0); err != nil {
		return false, err
	}
	return true, dir.Remove(at.name)
}

// lock takes the lock that PHP holds while a request uses the session. With no time to wait it fails with errInUse.
func (f *Files) lock(ctx context.Context, user string, file *os.File, wait time.Duration) error {
	if wait == 0 {
		free, err := filelock.Try(file)
		if err == nil && !free {
			err = errInUse
		}
		return err
	}
	limited, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	err := filelock.Wait(limited, func() (bool, error) { return filelock.Try(file) })
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(err, context.DeadlineExceeded):
		whose := "at a login page"
		if user != "" {
			whose = fmt.Sprintf("of %q", user)
		}
		return errs.NewWith(errs.Unavailable, fmt.Sprintf("a request %s has not ended for %s, and may be a login: its session is left", whose, f.wait),
			session.ReasonRequestOpen.With())
	}
	return err
}
