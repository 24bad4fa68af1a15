package uzerplog

import (
	"bufio"
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/history"
	"uzerp-mfa/internal/safepath"
)

// Log is uzERP's log: one file a day, beside the one that UZERP_LOG_PATH names.
type Log struct {
	// Path is the value of UZERP_LOG_PATH; empty if uzERP writes into PHP's error_log instead. Root is uzERP's
	// directory: a path that is not absolute starts there.
	Path, Root string
	// NoSuccesses says that uzERP's setting AUDIT_LOGIN is off: then the log has no successful logins.
	NoSuccesses bool
	// Users returns which of these names are those of users. It is asked about names that were typed at the login.
	Users func(ctx context.Context, names []string) (map[string]bool, error)
}

// The limits of what is read.
const (
	maxFile    = 64 << 20  // bytes of one file: the last ones
	maxGzipped = 256 << 20 // bytes of one compressed file, when it is unpacked: the first ones
	maxAll     = 512 << 20 // bytes of all files
	maxFiles   = 400       // that are looked at
	maxEntries = 50_000
)

// Source implements history.Records.
func (Log) Source() history.Source { return history.FromLog }

// Read implements history.Records. It fails with errs.Refused if uzERP has no log of its own, and with errs.Config if it
// can't be read.
func (l Log) Read(ctx context.Context, q history.Query) (history.Reading, error) {
	dir, base, err := l.place()
	if err != nil {
		return history.Reading{}, err
	}
	d, err := safepath.OpenDir(dir, safepath.Trust{Anyone: true})
	if err != nil {
		return history.Reading{}, unreadable(dir, err)
	}
	defer func() { _ = d.Close() }()
	names, err := d.Names()
	if err != nil {
		return history.Reading{}, unreadable(dir, err)
	}
	r := reader{dir: d, query: q, left: maxAll}
	files := daily(base, names)
	if len(files) == 0 {
		return history.Reading{}, &errs.Error{Kind: errs.Refused, Op: reading,
			Err: fmt.Errorf("there is no file %q in %q", named(base, "YYYY-MM-DD"), dir)}
	}
	if err := r.files(ctx, files); err != nil {
		return history.Reading{}, err
	}
	if r.Entries, err = l.hideNames(ctx, q, r.Entries); err != nil {
		return history.Reading{}, err
	}
	if l.NoSuccesses {
		r.Missing = append(r.Missing, "AUDIT_LOGIN is off: successful logins are not in uzERP's log")
	}
	return r.Reading, nil
}

const reading = "read uzERP's log"

// place returns the directory of the log's files, and the name that they are made of.
func (l Log) place() (dir, base string, err error) {
	path := l.Path
	switch {
	case path == "":
		return "", "", &errs.Error{Kind: errs.Refused, Op: reading,
			Err: errors.New("uzERP writes into PHP's error_log, which is not read: UZERP_LOG_PATH is not set")}
	case strings.Contains(path, "://") || strings.ContainsRune(path, 0):
		return "", "", &errs.Error{Kind: errs.Refused, Op: reading, Err: errors.New("UZERP_LOG_PATH does not name a file")}
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(l.Root, path)
	}
	path = strings.TrimRight(path, "/")
	if base = filepath.Base(path); base == "." || base == "/" {
		return "", "", &errs.Error{Kind: errs.Refused, Op: reading, Err: errors.New("UZERP_LOG_PATH does not name a file")}
	}
	return filepath.Dir(path), base, nil
}

func unreadable(path string, err error) error {
	e := &errs.Error{Kind: errs.Config, Op: reading}
	if _, untrusted := errors.AsType[*safepath.UntrustedError](err); !untrusted {
		var cause *fs.PathError
		if errors.As(err, &cause) {
			err = cause.Err
		}
	}
	e.Err = fmt.Errorf("%q: %w", path, err)
	if errors.Is(err, fs.ErrPermission) {
		e.Hint = errs.Plain("run it as root, or as a user who may read the log")
	} else {
		e.Hint = errs.Plain("check UZERP_LOG_PATH in conf/config.php")
	}
	return e
}

// day is the file of one day.
type day struct {
	name string
	date time.Time
	gzip bool
}

// named returns the name of the file of a date: it stands before the extension.
func named(base, date string) string {
	ext := filepath.Ext(base)
	return strings.TrimSuffix(base, ext) + "-" + date + ext
}

// daily returns the log's files, newest first. logrotate may have added a number and compressed them.
func daily(base string, names []string) []day {
	before, after, _ := strings.Cut(named(base, "\x00"), "\x00")
	form := regexp.MustCompile(`^` + regexp.QuoteMeta(before) + `([0-9]{4}-[0-9]{2}-[0-9]{2})` + regexp.QuoteMeta(after) + `(\.[0-9]{1,3})?(\.gz)?$`)
	var files []day
	for _, name := range names {
		m := form.FindStringSubmatch(name)
		if m == nil {
			continue
		}
		if date, err := time.Parse(time.DateOnly, m[1]); err == nil {
			files = append(files, day{name, date, m[3] != ""})
		}
	}
	slices.SortFunc(files, func(a, b day) int { return cmp.Or(b.date.Compare(a.date), strings.Compare(a.name, b.name)) })
	return files
}

// reader reads the files of one log.
type reader struct {
	history.Reading
	dir   *safepath.Dir
	query history.Query
	left  int64 // bytes that may still be read
}

// files reads the files that may hold what is asked for, and of an older one how far back the log goes.
func (r *reader) files(ctx context.Context, files []day) error {
	if len(files) > maxFiles {
		r.Missing = append(r.Missing, fmt.Sprintf("there are more than %d files: the older ones were not read", maxFiles))
		files = files[:maxFiles]
	}
	// A day ends up to 14 hours later than in UTC, and a file is not moved at midnight while a request runs.
	from := r.query.Since.UTC().Add(-48 * time.Hour)
	read := 0
	for i, f := range files {
		if err := ctx.Err(); err != nil {
			return &errs.Error{Kind: errs.Interrupted, Op: reading, Err: err}
		}
		if f.date.Before(from) {
			r.look(files[len(files)-1])
			break
		}
		switch err := r.file(ctx, f); {
		case err == nil:
			read++
		case ctx.Err() != nil:
			return &errs.Error{Kind: errs.Interrupted, Op: reading, Err: ctx.Err()}
		case errors.Is(err, fs.ErrNotExist): // rotated meanwhile
		case read == 0 && i == len(files)-1, errors.Is(err, fs.ErrPermission) && read == 0:
			return unreadable(r.dir.Path(f.name), err)
		default:
			r.Missing = append(r.Missing, fmt.Sprintf("file %q could not be read", f.name))
		}
		if len(r.Entries) > maxEntries {
			r.Missing = append(r.Missing, fmt.Sprintf("there are more than %d lines about logins: the older ones were not read", maxEntries))
			return nil
		}
		if r.left <= 0 {
			r.Missing = append(r.Missing, "the log is too long: the older part was not read")
			return nil
		}
	}
	return nil
}

// open opens a file, and says what is left out of it at its beginning or at its end.
func (r *reader) open(f day) (*os.File, io.Reader, error) {
	file, err := r.dir.OpenRegular(f.name)
	if err != nil {
		return nil, nil, err
	}
	if f.gzip {
		unpacked, err := gzip.NewReader(bufio.NewReader(file))
		if err != nil {
			_ = file.Close()
			return nil, nil, err
		}
		return file, unpacked, nil
	}
	return file, file, nil
}

// look notes the time of the first line of a file, and reads nothing else.
func (r *reader) look(f day) {
	file, from, err := r.open(f)
	if err != nil {
		return
	}
	defer func() { _ = file.Close() }()
	lines := newLines(io.LimitReader(from, 1<<20))
	for lines.next() {
		if at, ok := timeOf(lines.text); ok {
			r.note(at)
			return
		}
	}
}

func (r *reader) note(at time.Time) {
	if at = at.UTC(); r.Oldest.IsZero() || at.Before(r.Oldest) {
		r.Oldest = at
	}
}

// file reads one file: all of it, or if it is too long its last part.
func (r *reader) file(ctx context.Context, f day) error {
	file, from, err := r.open(f)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	limit, cutOff := min(int64(maxFile), r.left), false
	if f.gzip {
		limit = min(maxGzipped, r.left)
	} else if info, err := file.Stat(); err == nil && info.Size() > limit {
		r.look(f)
		if _, err := file.Seek(info.Size()-limit, io.SeekStart); err != nil {
			return err
		}
		cutOff = true
		r.Missing = append(r.Missing, fmt.Sprintf("file %q is too long: only its last %d MiB were read", f.name, limit>>20))
	}
	counted := &io.LimitedReader{R: from, N: limit}
	lines := newLines(counted)
	if cutOff {
		lines.next() // the rest of a line
	}
	var found []history.Entry
	bad, long := 0, 0
	for lines.next() {
		if lines.number%1024 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		if lines.tooLong {
			long++
			continue
		}
		e, k := parse(lines.text)
		switch k {
		case foreign, unclear:
			if len(bytes.TrimSpace(lines.text)) > 0 {
				bad++
			}
			continue
		case other:
			at, _ := timeOf(lines.text)
			r.note(at)
			continue
		}
		r.note(e.At)
		if e.At.Before(r.query.Since) {
			continue
		}
		if found = append(found, e); len(found) > 2*maxEntries {
			found = slices.Clone(found[maxEntries:]) // the newer ones
		}
	}
	r.left -= limit - counted.N
	r.Entries = append(r.Entries, found...)
	if f.gzip && counted.N == 0 {
		r.Missing = append(r.Missing, fmt.Sprintf("file %q is too long: only its first %d MiB were read", f.name, limit>>20))
	}
	if bad > 0 {
		r.Missing = append(r.Missing, badLines(bad, f.name, "not in the form that this program knows"))
	}
	if long > 0 {
		r.Missing = append(r.Missing, badLines(long, f.name, "too long"))
	}
	return lines.err
}

// badLines says how many lines of a file are not read, and why.
func badLines(n int, file, why string) string {
	if n == 1 {
		return fmt.Sprintf("1 line of file %q is %s", file, why)
	}
	return fmt.Sprintf("%d lines of file %q are %s", n, file, why)
}

// hideNames removes every name that is no user's, and what is about users who are not asked for. Of a refused password only
// the name goes: it may be the user's who mistyped it.
func (l Log) hideNames(ctx context.Context, q history.Query, entries []history.Entry) ([]history.Entry, error) {
	known := map[string]bool{}
	for _, name := range q.Usernames {
		known[name] = true
	}
	if q.Usernames == nil {
		if err := l.findUsers(ctx, entries, known); err != nil {
			return nil, err
		}
	}
	kept := slices.DeleteFunc(entries, func(e history.Entry) bool {
		return q.Usernames != nil && e.What != history.PasswordRefused && !known[e.Username]
	})
	for i := range kept {
		if !known[kept[i].Username] {
			kept[i].Username = ""
		}
	}
	return kept, nil
}

// findUsers sets in known which of the names in entries are those of users.
func (l Log) findUsers(ctx context.Context, entries []history.Entry, known map[string]bool) error {
	var typed []string
	for _, e := range entries {
		if _, seen := known[e.Username]; !seen && e.Username != "" && len(e.Username) <= maxName {
			known[e.Username] = false
			typed = append(typed, e.Username)
		}
	}
	for names := range slices.Chunk(typed, 500) {
		users, err := l.Users(ctx, names)
		if err != nil {
			return err
		}
		for _, name := range names {
			known[name] = users[name]
		}
	}
	return nil
}

// lines reads line by line with bounded memory.
type lines struct {
	r       *bufio.Reader
	number  int
	text    []byte // without its line end
	tooLong bool
	err     error
}

func newLines(r io.Reader) *lines { return &lines{r: bufio.NewReaderSize(r, maxLine)} }

func (l *lines) next() bool {
	if l.err != nil {
		return false
	}
	text, err := l.r.ReadSlice('\n')
	l.text, l.tooLong = append(l.text[:0], text...), false
	for errors.Is(err, bufio.ErrBufferFull) {
		l.tooLong = true
		text, err = l.r.ReadSlice('\n')
	}
	if err != nil && !errors.Is(err, io.EOF) {
		l.err = err
		return false
	}
	if err != nil && len(text) == 0 && !l.tooLong {
		return false
	}
	l.number++
	l.text = bytes.TrimSuffix(l.text, []byte("\n"))
	return true
}
