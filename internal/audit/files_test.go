package audit

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"uzerp-mfa/internal/errs"
)

func compress(t *testing.T, path string) {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := w.Write(readFile(t, path))
	check(t, err, w.Close(), os.WriteFile(path+".gz", b.Bytes(), 0o640), os.Remove(path))
}

func verifyFiles(t *testing.T, path, head string) Report {
	t.Helper()
	files, err := OpenFiles(t.Context(), path)
	check(t, err)
	defer func() { _ = files.Close() }()
	report, err := files.Verify(head)
	check(t, err)
	return report
}

// ids returns the findings in short.
func ids(r Report) []string {
	ids := []string{}
	for _, f := range r.Findings {
		ids = append(ids, strings.TrimSuffix(fmt.Sprint(f.ID, " ", f.File, " ", f.Line), " 0"))
	}
	return ids
}

// rotations are the ways in which logrotate names and makes files. Each does its work on a log with n files already.
func rotations() map[string]func(t *testing.T, path string, n int) {
	rename := func(t *testing.T, from, to string) { t.Helper(); check(t, os.Rename(from, to)) }
	numbered := func(t *testing.T, path string, n int) {
		for i := n; i > 0; i-- {
			rename(t, fmt.Sprint(path, ".", i), fmt.Sprint(path, ".", i+1))
		}
	}
	return map[string]func(t *testing.T, path string, n int){
		"numbers": func(t *testing.T, path string, n int) { numbered(t, path, n); rename(t, path, path+".1") },
		"numbers, create": func(t *testing.T, path string, n int) {
			numbered(t, path, n)
			rename(t, path, path+".1")
			writeFile(t, path, nil)
		},
		"delaycompress": func(t *testing.T, path string, n int) {
			for i := n; i > 1; i-- {
				rename(t, fmt.Sprint(path, ".", i, ".gz"), fmt.Sprint(path, ".", i+1, ".gz"))
			}
			if n > 0 {
				rename(t, path+".1", path+".2")
				compress(t, path+".2")
			}
			rename(t, path, path+".1")
		},
		"compress": func(t *testing.T, path string, n int) {
			for i := n; i > 0; i-- {
				rename(t, fmt.Sprint(path, ".", i, ".gz"), fmt.Sprint(path, ".", i+1, ".gz"))
			}
			rename(t, path, path+".1")
			compress(t, path+".1")
		},
		"dateext": func(t *testing.T, path string, n int) { rename(t, path, fmt.Sprint(path, "-2026112", n)) },
		"dateext, compress": func(t *testing.T, path string, n int) {
			d := fmt.Sprint(path, "-2026112", n)
			rename(t, path, d)
			compress(t, d)
		},
		"extension": func(t *testing.T, path string, n int) {
			rename(t, path, fmt.Sprint(strings.TrimSuffix(path, ".jsonl"), "-2026112", n, ".jsonl"))
		},
		"copytruncate": func(t *testing.T, path string, n int) {
			numbered(t, path, n)
			writeFile(t, path+".1", readFile(t, path))
			check(t, os.Truncate(path, 0))
		},
	}
}

// Whatever logrotate does, the files are one chain, in their order, and what is missing between them is noticed.
func TestRotatedFilesAreOneChain(t *testing.T) {
	for name, rotate := range rotations() {
		t.Run(name, func(t *testing.T) {
			l := newLog(t, 0)
			var heads []string
			for n := range 4 {
				for i := range 2 {
					r := sample(10*n + i)
					r.ID, r.Result = fmt.Sprint("ID", 2*n+i), ResultIntent
					if n > 0 && i == 0 { // the end of what the file before has begun
						r.ID, r.Result = fmt.Sprint("ID", 2*n-1), ResultDone
					}
					heads = append(heads, appendTo(t, l, r).Hash)
				}
				if n < 3 {
					rotate(t, l.path, n)
				}
			}
			report := verifyFiles(t, l.path, heads[1])
			if !report.Intact() || report.Records != 8 || len(report.Files) != 4 || report.Head != heads[7] || report.HeadLine != 2 ||
				report.HeadFile != report.Files[0].Name || report.Files[3].Name != "audit.jsonl" {
				t.Errorf("%+v", report)
			}
			if len(report.Open) != 2 || report.Open[0].Record.ID != "ID0" || report.Open[1].Record.ID != "ID7" {
				t.Errorf("open: %+v", report.Open)
			}
			for i, f := range report.Files {
				if f.Records != 2 || f.Head != heads[2*i+1] || i == 0 && f.Follows != "" || i > 0 && f.Follows != heads[2*i-1] {
					t.Errorf("%+v", f)
				}
			}
			var targets []string
			files, err := OpenFiles(t.Context(), l.path)
			check(t, err)
			for r, err := range files.Records(time.Time{}) {
				check(t, err)
				targets = append(targets, r.Target)
			}
			check(t, files.Close())
			if want := []string{"user0", "user1", "user10", "user11", "user20", "user21", "user30", "user31"}; !slices.Equal(targets, want) {
				t.Errorf("%q", targets)
			}

			// The oldest may be gone: that is what a rotation does.
			at := func(i int) string { return filepath.Join(filepath.Dir(l.path), report.Files[i].Name) }
			check(t, os.Remove(at(0)))
			if r := verifyFiles(t, l.path, ""); !r.Intact() || r.Files[0].Follows != heads[1] {
				t.Errorf("without the oldest: %q, %+v", ids(r), r.Files)
			}
			if r := verifyFiles(t, l.path, heads[1]); !slices.Equal(ids(r), []string{FindingMissingHead + " "}) {
				t.Errorf("without the oldest, with a head in it: %q", ids(r))
			}
			check(t, os.Rename(at(2), at(2)+".away"))
			if r := verifyFiles(t, l.path, ""); !slices.Equal(ids(r), []string{FindingMissingFile + " audit.jsonl 1"}) {
				t.Errorf("without one in the middle: %q", ids(r))
			}
		})
	}
}

// A clock that was wrong once changes no order: every file follows the one before it, and a missing one is noticed.
func TestClockThatWasWrong(t *testing.T) {
	for name, rotate := range rotations() {
		for _, wrong := range []time.Duration{-10 * 365 * 24 * time.Hour, 10 * 365 * 24 * time.Hour} {
			t.Run(fmt.Sprint(name, " ", wrong), func(t *testing.T) {
				l := newLog(t, 0)
				var heads []string
				for n := range 6 {
					l.o.Now = time.Now
					if n == 1 {
						l.o.Now = func() time.Time { return time.Now().Add(wrong) }
					}
					r := sample(n)
					r.Database = &Database{"h", 1, "d"}
					heads = append(heads, appendTo(t, l, r).Hash)
					if n == 1 { // the file system has the same clock
						check(t, os.Chtimes(l.path, time.Time{}, l.o.Now()))
					}
					if n < 5 {
						rotate(t, l.path, n)
					}
				}
				report := verifyFiles(t, l.path, "")
				if !report.Intact() || len(report.Files) != 6 {
					t.Fatalf("%q, %d files", ids(report), len(report.Files))
				}
				for i, f := range report.Files {
					if f.Head != heads[i] || i > 0 && f.Follows != heads[i-1] && name != "copytruncate" {
						t.Errorf("file %d: %+v", i, f)
					}
				}
				for _, f := range report.Files[2:4] {
					check(t, os.Remove(filepath.Join(filepath.Dir(l.path), f.Name)))
				}
				want := "missing-file " + verifyFiles(t, l.path, "").Files[2].Name + " 1"
				if got := ids(verifyFiles(t, l.path, "")); !slices.Contains(got, want) {
					t.Errorf("without two in the middle: %q, want %s", got, want)
				}
			})
		}
	}
}

// Links that somebody wrote so that they go round leave no file unchecked.
func TestLinksInACircle(t *testing.T) {
	l := newLog(t, 1)
	link := func(name, before, hash string) {
		t.Helper()
		body := strings.Split(string(readFile(t, l.path)), `,"prev":"`)[0]
		writeFile(t, name, []byte(body+`,"follows":"`+before+`","prev":"`+Genesis+`"`+hashStart+hash+hashEnd+"\n"))
	}
	a, b := strings.Repeat("a", 64), strings.Repeat("b", 64)
	link(l.path+".1", a, b)
	link(l.path+".2", b, a)
	if r := verifyFiles(t, l.path, ""); len(r.Files) != 3 || len(r.Findings) < 2 {
		t.Errorf("%q, %d files", ids(r), len(r.Files))
	}
	check(t, os.Remove(l.path))
	if r := appendTo(t, l, sample(1)); r.Follows != unknownHead {
		t.Errorf("follows %q", r.Follows)
	}
}

// Each kind of damage between files is found, and told from what is not known.
func TestDamageBetweenFiles(t *testing.T) {
	setUp := func(t *testing.T) (*Log, func(string) string) {
		l := newLog(t, 0)
		for n := range 3 {
			for i := range 2 {
				r := sample(10*n + i)
				r.Database = &Database{"h", 1, "d"}
				appendTo(t, l, r)
			}
			if n < 2 {
				rotations()["numbers"](t, l.path, n)
			}
		}
		return l, func(suffix string) string { return l.path + suffix }
	}
	lines := func(t *testing.T, path string) []string { return strings.SplitAfter(string(readFile(t, path)), "\n") }
	for name, test := range map[string]struct {
		damage func(t *testing.T, l *Log, at func(string) string)
		want   []string
	}{
		"the end of a file cut off": {func(t *testing.T, _ *Log, at func(string) string) {
			writeFile(t, at(".1"), []byte(lines(t, at(".1"))[0]))
		}, []string{"missing-file audit.jsonl 1"}},
		"the beginning of a file cut off": {func(t *testing.T, _ *Log, at func(string) string) {
			writeFile(t, at(".1"), []byte(lines(t, at(".1"))[1]))
		}, []string{"missing-file audit.jsonl.1 1", "broken-chain audit.jsonl.1 1"}},
		"a file emptied": {func(t *testing.T, _ *Log, at func(string) string) { writeFile(t, at(".1"), nil) },
			[]string{"missing-file audit.jsonl 1"}},
		"a line changed": {func(t *testing.T, _ *Log, at func(string) string) {
			writeFile(t, at(".2"), bytes.Replace(readFile(t, at(".2")), []byte("lost phone"), []byte("lost phony"), 1))
		}, []string{"changed-line audit.jsonl.2 1"}},
		"made anew without a link": {func(t *testing.T, l *Log, at func(string) string) {
			text := readFile(t, at(".1"))
			check(t, os.Rename(at(".1"), at(".x")), os.Rename(at(".2"), at(".y")), os.Remove(l.path))
			r := sample(1)
			r.Database = &Database{"h", 1, "d"}
			appendTo(t, l, r)
			check(t, os.Rename(at(".y"), at(".2")))
			writeFile(t, at(".1"), text)
		}, []string{"missing-file audit.jsonl 1"}},
		"another order": {func(t *testing.T, _ *Log, at func(string) string) {
			check(t, os.Rename(at(".1"), at(".x")), os.Rename(at(".2"), at(".1")), os.Rename(at(".x"), at(".2")))
		}, []string{}}, // the names don't say the order, the lines do
		"not readable": {func(t *testing.T, _ *Log, at func(string) string) { check(t, os.Rename(at(".1"), at(".1.xz"))) },
			[]string{"unreadable-file audit.jsonl.1.xz"}},
		"damaged gzip": {func(t *testing.T, _ *Log, at func(string) string) {
			compress(t, at(".1"))
			text := readFile(t, at(".1.gz"))
			writeFile(t, at(".1.gz"), text[:len(text)-20])
		}, []string{"unreadable-file audit.jsonl.1.gz"}},
		"being compressed": {func(t *testing.T, _ *Log, at func(string) string) { writeFile(t, at(".1.gz"), []byte("\x1f\x8b")) }, []string{}},
		"not of the log": {func(t *testing.T, _ *Log, at func(string) string) {
			for _, name := range []string{".bak", ".1.bak", "x", ".", "-old", ".lock2", ".1~"} {
				writeFile(t, at(name), []byte("x"))
			}
			check(t, os.Mkdir(at(".3"), 0o700), syscall.Mkfifo(at(".4"), 0o600), os.Symlink(at(".1"), at(".5")))
		}, []string{}},
	} {
		t.Run(name, func(t *testing.T) {
			l, at := setUp(t)
			test.damage(t, l, at)
			if got := ids(verifyFiles(t, l.path, "")); !slices.Equal(got, test.want) {
				t.Errorf("%q, want %q", got, test.want)
			}
		})
	}
}

// Lines of a version that linked nothing stay without a finding.
func TestUnlinkedOldFiles(t *testing.T) {
	old := `{"schema_version":1,"id":"ID1","time":"2026-07-14T09:00:00Z","actor":{"user":"root","sudo_user":"","ssh_client":"","host":"","pid":1},` +
		`"command":"user reset","target":"alice","before":null,"after":null,"reason":"","ticket":"","result":"done","message":"","prev":"` + Genesis + `"`
	line := old + hashStart + hashOf([]byte(old)) + hashEnd + "\n"
	l := newLog(t, 0)
	writeFile(t, l.path+".1", []byte(line))
	writeFile(t, l.path, []byte(line))
	appendTo(t, l, sample(1))
	if r := verifyFiles(t, l.path, ""); !r.Intact() || r.Records != 3 {
		t.Errorf("%q", ids(r))
	}
	check(t, os.Remove(l.path))
	if r := appendTo(t, l, sample(2)); r.Follows != hashOf([]byte(old)) {
		t.Errorf("follows %q", r.Follows)
	}
}

// If nobody can read the file before, its head is "unknown". What a stranger puts there doesn't count.
func TestHeadThatCantBeRead(t *testing.T) {
	l := newLog(t, 1)
	check(t, os.Rename(l.path, l.path+".1.zst"))
	appendTo(t, l, sample(1))
	for r, err := range Read(bytes.NewReader(readFile(t, l.path))) {
		if check(t, err); r.Follows != unknownHead {
			t.Errorf("follows %q", r.Follows)
		}
	}
	check(t, os.Remove(l.path+".1.zst"))
	if r := verifyFiles(t, l.path, ""); !r.Intact() {
		t.Errorf("%q", ids(r))
	}
	needsRoot(t)
	check(t, os.Rename(l.path, l.path+".1"))
	writeFile(t, l.path+"-20991231.xz", nil)
	check(t, os.Chown(l.path+"-20991231.xz", stranger, stranger))
	if r := appendTo(t, l, sample(2)); !ValidHash(r.Follows) {
		t.Errorf("follows %q", r.Follows)
	}
	if r := verifyFiles(t, l.path, ""); !slices.Equal(ids(r), []string{"unreadable-file audit.jsonl-20991231.xz"}) {
		t.Errorf("%q", ids(r))
	}
}

// endless is a reader without an end.
type endless struct{}

func (endless) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// Something small that uncompresses to something huge ends the reading, and not the program.
func TestBomb(t *testing.T) {
	if n, err := io.Copy(io.Discard, &limited{endless{}, 1 << 20}); !errors.Is(err, errLarger) || n > 1<<20 {
		t.Errorf("%d, %v", n, err)
	}
	l := newLog(t, 1)
	check(t, os.Truncate(l.path, 8<<40)) // sparse
	if _, err := OpenFiles(t.Context(), l.path); !errors.Is(err, errLarger) || errs.KindOf(err) != errs.Config {
		t.Errorf("%v", err)
	}
	check(t, os.Truncate(l.path, 0))
	f, err := os.Create(l.path + ".1.gz")
	check(t, err)
	w, _ := gzip.NewWriterLevel(f, gzip.BestSpeed)
	_, err = io.Copy(w, io.LimitReader(endless{}, longestLook+1<<20))
	check(t, err, w.Close(), f.Close())
	appendTo(t, l, sample(1))
	r := verifyFiles(t, l.path, "")
	if !slices.Equal(ids(r), []string{"not-a-record audit.jsonl.1.gz 1"}) {
		t.Errorf("%q", ids(r))
	}
}

// Reading refuses no place, but says whose it is, and neither a pipe nor a device is opened there.
func TestReadingElsewhere(t *testing.T) {
	needsRoot(t)
	top := t.TempDir()
	check(t, os.Chmod(top, 0o755))
	theirs := filepath.Join(top, "theirs")
	give(t, theirs, stranger, stranger, 0o755)
	l := newLog(t, 2)
	path := filepath.Join(theirs, "audit.jsonl")
	writeFile(t, path, readFile(t, l.path))
	writeFile(t, path+".1", nil)
	doubt := func(path string) string {
		t.Helper()
		files, err := OpenFiles(t.Context(), path)
		check(t, err)
		defer func() { _ = files.Close() }()
		return files.Doubt
	}
	if got := doubt(l.path); got != "" {
		t.Errorf("%q", got)
	}
	if got := doubt(path); got != theirs+": it belongs to user 65534 (nobody)" {
		t.Errorf("%q", got)
	}
	if r := verifyFiles(t, path, ""); !r.Intact() || r.Records != 2 {
		t.Errorf("%+v", r)
	}
	check(t, os.Chown(l.path, stranger, stranger))
	if got := doubt(l.path); got != "audit.jsonl: it belongs to user 65534 (nobody)" {
		t.Errorf("%q", got)
	}
	check(t, os.Chown(l.path, 0, 0), os.Chmod(l.path, 0o666))
	if got := doubt(l.path); got != "audit.jsonl: everybody may change it" {
		t.Errorf("%q", got)
	}
	check(t, os.Remove(path), syscall.Mkfifo(path, 0o644))
	for _, path := range []string{path, "/dev/zero"} {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		if _, err := OpenFiles(ctx, path); errs.KindOf(err) != errs.Config || !strings.Contains(err.Error(), "no regular file") || ctx.Err() != nil {
			t.Errorf("%s: %v", path, err)
		}
		cancel()
	}
	// The rotated files alone are a log too; nothing at all is none.
	check(t, os.Remove(path))
	if diff := cmp.Diff(len(verifyFiles(t, path, "").Files), 1); diff != "" {
		t.Error(diff)
	}
	check(t, os.Remove(path+".1"))
	if _, err := OpenFiles(t.Context(), path); errs.KindOf(err) != errs.NotFound {
		t.Error(err)
	}
	if _, err := OpenFiles(t.Context(), filepath.Join(theirs, "none", "audit.jsonl")); errs.KindOf(err) != errs.NotFound {
		t.Error(err)
	}
	if _, err := OpenFiles(t.Context(), theirs); errs.KindOf(err) != errs.Config || !strings.Contains(err.Error(), "this is a directory") {
		t.Error(err)
	}
}
