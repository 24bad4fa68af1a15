package audit

import (
	"bufio"
	"cmp"
	"compress/bzip2"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/pattern"
	"uzerp-mfa/internal/safepath"
)

// Files are a log and what a rotation has put beside it, as logrotate names that. They are opened one after the other.
type Files struct {
	// Doubt says why another user may have written the log, and is empty if nobody else could.
	Doubt string

	ctx     context.Context
	path    string
	dir     *safepath.Dir // nil for a pipe
	members []member      // oldest first
}

// member is one file of a log.
type member struct {
	name   string
	stat   unix.Stat_t
	key    time.Time // members are in its order, where no link says another
	before string    // the hash that its first record follows, or empty
	empty  bool      // it holds no record
	err    error     // why it can't be read
	anyone bool      // it may belong to anybody
}

// FileError is the error for a file of the log that can't be read. Reading goes on with the next one.
type FileError struct {
	File string // its name, without a directory
	Err  error
}

// Error names the file.
func (e *FileError) Error() string {
	if untrusted, ok := errors.AsType[*safepath.UntrustedError](e.Err); ok {
		return untrusted.Error()
	}
	return e.File + ": " + e.Err.Error()
}

// Unwrap returns the cause.
func (e *FileError) Unwrap() error { return e.Err }

// largest is how much of one file is read, uncompressed. More than that is no log of ours, but a trap.
const largest = 4 << 30

var (
	errLarger     = errors.New("it is larger than any audit log")
	errCompressed = errors.New("this program uncompresses gz and bz2 only: uncompress it first")
	errRotated    = errors.New("the log was rotated meanwhile")
)

// OpenFiles opens the log at path and what was rotated away from it. The log may be a pipe too, such as /dev/stdin: then it
// stands alone. It fails as OpenFile does. It refuses no place, because reading makes and changes nothing: Doubt tells.
func OpenFiles(ctx context.Context, path string) (*Files, error) {
	files := &Files{ctx: ctx, path: path}
	if _, is := safepath.Inherited(path); is {
		return files, nil
	}
	dir, name, err := safepath.OpenParent(path, trust())
	untrusted, isUntrusted := errors.AsType[*safepath.UntrustedError](err)
	if isUntrusted {
		files.Doubt = untrusted.Error()
		dir, name, err = safepath.OpenParent(path, safepath.Trust{Anyone: true})
	}
	if errors.Is(err, unix.EISDIR) {
		err = errIsDirectory
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, readError(path, err)
	}
	if err == nil {
		files.dir = dir
		err = files.find(name)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist), err == nil && files.dir != nil && len(files.members) == 0:
		_ = files.Close()
		return nil, noLog(path)
	case err != nil:
		_ = files.Close()
		return nil, err
	}
	return files, nil
}

// openEvidence is OpenFiles for a log that something is believed because of. It fails with errs.Config if another user may have
// written the log.
func openEvidence(ctx context.Context, path string) (*Files, error) {
	files, err := OpenFiles(ctx, path)
	if err == nil && files.Doubt != "" {
		_ = files.Close()
		return nil, readError(path, errors.New(files.Doubt))
	}
	return files, err
}

// Close closes what OpenFiles has opened.
func (f *Files) Close() error {
	if f.dir == nil {
		return nil
	}
	return f.dir.Close()
}

var errIsDirectory = errors.New("this is a directory")

func (f *Files) find(name string) error {
	stat, err := f.dir.Lstat(name)
	missing := errors.Is(err, fs.ErrNotExist) // it was rotated away a moment ago, or never was
	switch {
	case missing:
	case err != nil:
		return readError(f.path, err)
	case stat.Mode&unix.S_IFMT == unix.S_IFDIR:
		return readError(f.path, errIsDirectory)
	case stat.Mode&unix.S_IFMT == unix.S_IFIFO && f.Doubt == "":
		if err := f.dir.JudgeStat(name, &stat); err != nil {
			f.Doubt = err.Error()
		}
		_ = f.dir.Close()
		f.dir = nil // read like any pipe
		return nil
	case stat.Mode&unix.S_IFMT != unix.S_IFREG:
		return readError(f.path, errors.New("this is no regular file"))
	}
	log := member{name: name, stat: stat, anyone: true}
	if !missing {
		if log.look(f.dir); log.err != nil {
			return readError(f.path, log.err)
		}
		log.key = time.Time{} // nobody knows how far it goes
		if err := f.dir.JudgeStat(name, &stat); err != nil && f.Doubt == "" {
			f.Doubt = err.Error()
		}
	}
	f.members = rotated(f.dir, name, f.Doubt != "")
	if !missing {
		f.members = append(f.members, log)
	}
	return nil
}

// logrotate calls a file audit.jsonl.1, audit.jsonl-20261126 or, with "extension .jsonl", audit-20261126.jsonl.
var (
	rotation    = pattern.Lazy(`^[.-][0-9][0-9._:T-]*$`)
	compression = pattern.Lazy(`\.(gz|bz2|xz|zst|lz4|lzma|Z|zip)$`)
)

func isRotated(log, name string) bool {
	name = strings.TrimSuffix(name, compression().FindString(name))
	if rest, ok := strings.CutPrefix(name, log); ok && rotation().MatchString(rest) {
		return true
	}
	ext := filepath.Ext(log)
	rest, ok := strings.CutPrefix(name, strings.TrimSuffix(log, ext))
	if !ok || ext == "" {
		return false
	}
	rest, ok = strings.CutSuffix(rest, ext)
	return ok && rotation().MatchString(rest)
}

// rotated returns what was rotated away from the log name, oldest first. Unless anyone is true, a file that somebody else
// could have written is a member that can't be read.
func rotated(dir *safepath.Dir, name string, anyone bool) []member {
	names, err := dir.Names()
	if err != nil {
		return nil // the directory may be entered, but not listed
	}
	var members []member
	for _, n := range names {
		if !isRotated(name, n) {
			continue
		}
		stat, err := dir.Lstat(n)
		if err != nil || stat.Mode&unix.S_IFMT != unix.S_IFREG {
			continue
		}
		if plain := strings.TrimSuffix(n, compression().FindString(n)); plain != n && slices.Contains(names, plain) {
			continue // it is being compressed
		}
		m := member{name: n, stat: stat, anyone: anyone}
		m.look(dir)
		members = append(members, m)
	}
	slices.SortFunc(members, func(a, b member) int { return cmp.Or(a.key.Compare(b.key), cmp.Compare(a.name, b.name)) })
	return members
}

// begunBefore reports whether the member's first record is older than from.
func (m *member) begunBefore(from time.Time) bool {
	return m.err == nil && !m.key.IsZero() && m.key.Before(from)
}

// look finds out when the member was written: the time of its first record or, if it can't be read, its last change.
func (m *member) look(dir *safepath.Dir) {
	m.key = time.Unix(m.stat.Mtim.Unix())
	content, closeFile, err := m.open(dir)
	if err != nil {
		m.err = err
		return
	}
	defer closeFile()
	lines := newLines(io.LimitReader(content, lastWindow))
	for lines.next() {
		if record, err := decode(lines.text); err == nil && !lines.tooLong {
			m.key, m.before = record.Time, record.Follows
			if record.Prev != Genesis { // written when the log was just being truncated
				m.before = record.Prev
			}
			return
		}
	}
	m.empty = lines.err == nil
	m.err = lines.err
}

// open opens a member for reading. What it returns uncompresses.
func (m *member) open(dir *safepath.Dir) (content io.Reader, closeFile func(), err error) {
	f, err := dir.Open(m.name, os.O_RDONLY, 0)
	if err != nil {
		return nil, nil, pathless(err)
	}
	defer func() {
		if err != nil {
			_ = f.Close()
		}
	}()
	var stat unix.Stat_t
	switch err := unix.Fstat(int(f.Fd()), &stat); {
	case err != nil:
		return nil, nil, err
	case stat.Dev != m.stat.Dev || stat.Ino != m.stat.Ino:
		return nil, nil, errRotated
	case stat.Size > largest:
		return nil, nil, errLarger
	}
	if err := dir.JudgeStat(m.name, &stat); err != nil && !m.anyone {
		return nil, nil, err
	}
	content = f
	switch compression().FindString(m.name) {
	case "":
	case ".gz":
		if content, err = gzip.NewReader(bufio.NewReader(f)); err != nil {
			return nil, nil, err
		}
	case ".bz2":
		content = bzip2.NewReader(bufio.NewReader(f))
	default:
		return nil, nil, errCompressed
	}
	return &limited{content, largest}, func() { _ = f.Close() }, nil
}

// limited fails if more than a limit can be read: something small can uncompress to something without an end.
type limited struct {
	r    io.Reader
	left int64
}

// Read implements io.Reader.
func (l *limited) Read(p []byte) (int, error) {
	n, err := l.r.Read(p)
	if l.left -= int64(n); l.left < 0 {
		return 0, errLarger
	}
	return n, err
}

func pathless(err error) error {
	if pathErr, ok := errors.AsType[*fs.PathError](err); ok {
		return pathErr.Err
	}
	return err
}

// each opens the files one after the other, oldest first. name is empty if there is only one. An error of reading that
// says nothing about the other files is a *FileError.
func (f *Files) each() iter.Seq2[openedFile, error] {
	return func(yield func(openedFile, error) bool) {
		if f.dir == nil {
			pipe, err := OpenFile(f.ctx, f.path)
			if err != nil {
				yield(openedFile{}, err)
				return
			}
			defer func() { _ = pipe.Close() }()
			yield(openedFile{content: &limited{pipe, largest}}, nil)
			return
		}
		for i, m := range f.members {
			opened := openedFile{name: m.name, last: i == len(f.members)-1}
			if len(f.members) == 1 {
				opened.name = ""
			}
			content, closeFile, err := m.open(f.dir)
			switch {
			case errors.Is(err, errRotated), errors.Is(err, fs.ErrNotExist):
				err = &errs.Error{Kind: errs.Unavailable, Op: "read the audit log " + f.path, Err: errRotated, Hint: errs.Plain("run it again")}
			case err != nil:
				err = &FileError{m.name, err}
			default:
				opened.content = stoppable{f.ctx, content}
			}
			more := yield(opened, err)
			if closeFile != nil {
				closeFile()
			}
			if _, isFile := errors.AsType[*FileError](err); !more || err != nil && !isFile {
				return
			}
		}
	}
}

type openedFile struct {
	name    string
	content io.Reader
	last    bool
}

// stoppable ends with ctx.
type stoppable struct {
	ctx context.Context
	r   io.Reader
}

// Read implements io.Reader.
func (s stoppable) Read(p []byte) (int, error) {
	if s.ctx.Err() != nil {
		return 0, context.Cause(s.ctx)
	}
	return s.r.Read(p)
}

// Records yields the records of all files, oldest first, and for the rest does what Read does. Files in which nothing is as
// young as from are left out. For a file that can't be read it yields a *FileError and goes on.
func (f *Files) Records(from time.Time) iter.Seq2[Record, error] {
	members := f.members
	for len(members) > 1 && (members[1].begunBefore(from) || members[0].err != nil && members[0].key.Before(from)) {
		members = members[1:] // the next file has begun before from; or this one can't be read, and was changed last before from
	}
	rest := *f
	rest.members = members
	return func(yield func(Record, error) bool) {
		for opened, err := range rest.each() {
			if err != nil {
				if !yield(Record{}, err) {
					return
				}
				continue
			}
			for r, err := range Read(opened.content) {
				if line, ok := errors.AsType[*LineError](err); ok {
					line.File = opened.name
				} else if err != nil && opened.name != "" && f.ctx.Err() == nil {
					err = &FileError{opened.name, err}
				} else if err != nil {
					err = f.readError(err)
				}
				if !yield(r, err) {
					return
				}
			}
		}
	}
}

// unknownHead stands in the first line of a file if there is a file before it, but its head could not be read.
const unknownHead = "unknown"

// longestLook is how much of a compressed file is read to find its last record, while a command waits.
const longestLook = 64 << 20

// headBefore returns the head of the newest file that was rotated away from the log name, "" if there is none, or
// unknownHead.
func headBefore(dir *safepath.Dir, name string) string {
	members := slices.DeleteFunc(rotated(dir, name, false), func(m member) bool {
		return m.empty || safepath.IsUntrusted(m.err)
	})
	if len(members) == 0 {
		return ""
	}
	// A clock that was wrong once must not make one file the newest for ever: a file that another follows is not the newest.
	newest := slices.MaxFunc(members, byRotation)
	for range members {
		head := newest.head(dir)
		next := slices.IndexFunc(members, func(m member) bool { return ValidHash(head) && m.before == head })
		if next < 0 {
			return head
		}
		newest = members[next]
	}
	return unknownHead // they follow each other in a circle
}

// numbered matches the name of a file to which logrotate gave a number, and no date.
var numbered = pattern.Lazy(`\.([0-9]{1,5})(\.[A-Za-z0-9]+)?$`)

// byRotation compares two files by the time of their rotation: by their numbers, else by the times of their last changes.
func byRotation(a, b member) int {
	number := func(m member) int {
		if found := numbered().FindStringSubmatch(m.name); found != nil {
			n, _ := strconv.Atoi(found[1])
			return n
		}
		return 0
	}
	if x, y := number(a), number(b); x > 0 && y > 0 && x != y {
		return cmp.Compare(y, x)
	}
	return cmp.Or(time.Unix(a.stat.Mtim.Unix()).Compare(time.Unix(b.stat.Mtim.Unix())), cmp.Compare(a.name, b.name))
}

// linked returns the members in the order of their links: each behind the one whose head its first record has. Where links
// are missing, the files stay in the order of their times. A file that the log follows is not behind one that it doesn't.
func linked(dir *safepath.Dir, members []member) []member {
	if len(members) < 3 {
		return members
	}
	const none = -1
	n := len(members)
	ends := make(map[string]int, n) // head -> the member that ends with it
	for i, m := range slices.Backward(members) {
		if head := m.head(dir); !m.empty && ValidHash(head) {
			ends[head] = i
		}
	}
	before, toLog := make([]int, n), make([]bool, n)
	for i, m := range members {
		before[i] = none
		if j, ok := ends[m.before]; ok && j != i {
			before[i] = j
		}
	}
	for i := n - 1; i != none && !toLog[i]; i = before[i] {
		toLog[i] = true
	}
	var sorted []member
	done := make([]bool, n)
	var add func(i int)
	add = func(i int) {
		if done[i] {
			return
		}
		done[i] = true
		sorted = append(sorted, members[i])
		for _, onTheWay := range []bool{false, true} { // the log comes last
			for next := range members {
				if before[next] == i && toLog[next] == onTheWay {
					add(next)
				}
			}
		}
	}
	for _, onTheWay := range []bool{false, true} {
		for i := range members {
			if before[i] == none && toLog[i] == onTheWay {
				add(i)
			}
		}
	}
	for i := range members { // in a circle: somebody wrote these links
		add(i)
	}
	return sorted
}

// head returns the hash of the member's last record, or unknownHead.
func (m *member) head(dir *safepath.Dir) string {
	content, closeFile, err := m.open(dir)
	if err != nil {
		return unknownHead
	}
	defer closeFile()
	if plain, ok := content.(*limited).r.(*os.File); ok {
		t, err := readTail(plain)
		if err != nil {
			return unknownHead
		}
		return t.prev
	}
	head := unknownHead
	lines := newLines(&limited{content, longestLook})
	for lines.next() {
		if _, hash, ok := cutHash(lines.text); ok && !lines.tooLong {
			head = hash
		}
	}
	if lines.err != nil {
		return unknownHead
	}
	return head
}

func (f *Files) readError(err error) error {
	if _, ok := errors.AsType[*errs.Error](err); ok || f.ctx.Err() != nil {
		return err
	}
	return readError(f.path, err)
}

func readError(path string, err error) error {
	return &errs.Error{Kind: errs.Config, Op: "read the audit log " + path, Err: aboutLog{pathless(err)}, Hint: ReasonUnreadable.With()}
}
