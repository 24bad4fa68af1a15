package uzerplog

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/history"
	"uzerp-mfa/internal/sharedtest"
)

func write(t *testing.T, path string, lines ...string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
}

func zipped(t *testing.T, path string, lines ...string) {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(strings.Join(lines, "\n") + "\n")); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.Close(), os.WriteFile(path, b.Bytes(), 0o644)); err != nil {
		t.Fatal(err)
	}
}

func refusedAt(at, username string) string {
	return logLine(at, "WARNING", "FAILED LOGIN, Incorrect username or password", name(username), nil)
}

func notChecked(at, username string) string {
	return logLine(at, "ERROR", "MFA Error on token validation", map[string]any{"username": username, "errors": map[string]string{"60312": "x"}}, nil)
}

func read(t *testing.T, l Log, q history.Query) history.Reading {
	t.Helper()
	r, err := l.Read(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func shown(r history.Reading) []string {
	all := []string{}
	for _, e := range r.Entries {
		all = append(all, e.At.Format("02 15:04")+" "+string(e.What)+" "+e.Username)
	}
	slices.Sort(all)
	return all
}

// The files of the days that are asked for are read, and the oldest one says how far back the log goes.
func TestRead(t *testing.T) {
	dir := t.TempDir()
	file := func(name string) string { return filepath.Join(dir, name) }
	write(t, file("uzerp-2026-11-26.log"), `[2026-11-26T00:00:01+00:00] uzerp.ERROR: something else {"a":1} {}`, notChecked("2026-11-26T10:00:00Z", "alice"),
		notChecked("2026-11-26T10:00:30Z", "bob"), refusedAt("2026-11-26T10:01:00Z", "hunter2"), refusedAt("2026-11-26T10:02:00Z", "alice"))
	zipped(t, file("uzerp-2026-11-25.log.1.gz"), refusedAt("2026-11-25T23:00:00Z", "alice"))
	write(t, file("uzerp-2026-09-01.log"), "no line of uzERP's", refusedAt("2026-09-01T08:00:00Z", "alice"))
	write(t, file("uzerp.log"), refusedAt("2026-11-26T09:00:00Z", "alice"))
	write(t, file("uzerp-2026-11-26.log~"), refusedAt("2026-11-26T09:00:00Z", "alice"))
	write(t, file("other-2026-11-26.log"), refusedAt("2026-11-26T09:00:00Z", "alice"))
	l := Log{Path: file("uzerp.log"), Users: func(_ context.Context, names []string) (map[string]bool, error) {
		return map[string]bool{"alice": slices.Contains(names, "alice"), "bob": true}, nil
	}}
	since := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	oldest := time.Date(2026, 9, 1, 8, 0, 0, 0, time.UTC)
	for _, tc := range []struct {
		names []string
		want  []string
	}{
		{[]string{"alice"},
			[]string{"25 23:00 password-refused alice", "26 10:00 code-not-checked alice", "26 10:01 password-refused ", "26 10:02 password-refused alice"}},
		{[]string{"carol"}, []string{"25 23:00 password-refused ", "26 10:01 password-refused ", "26 10:02 password-refused "}},
		{nil, []string{"25 23:00 password-refused alice", "26 10:00 code-not-checked alice", "26 10:00 code-not-checked bob", "26 10:01 password-refused ",
			"26 10:02 password-refused alice"}},
	} {
		r := read(t, l, history.Query{Usernames: tc.names, Since: since})
		if got := shown(r); !slices.Equal(got, tc.want) || !r.Oldest.Equal(oldest) || r.NoZone || len(r.Missing) != 0 {
			t.Errorf("%q: %q, %+v", tc.names, got, r)
		}
	}
	if r := read(t, l, history.Query{Usernames: []string{"alice"}}); len(r.Entries) != 5 || len(r.Missing) != 1 || !strings.Contains(r.Missing[0], "1 line of ") {
		t.Errorf("%+v", r)
	}
	quiet := l
	quiet.NoSuccesses = true
	r := read(t, quiet, history.Query{Usernames: []string{"alice"}, Since: since})
	if len(r.Missing) != 1 || !strings.Contains(r.Missing[0], "AUDIT_LOGIN is off") {
		t.Errorf("%q", r.Missing)
	}
	// A path that starts in uzERP's directory, and one without an extension.
	write(t, file("plain-2026-11-26"), refusedAt("2026-11-26T10:00:00Z", "alice"))
	if r := read(t, Log{Root: filepath.Dir(dir), Path: filepath.Base(dir) + "/plain"}, history.Query{Usernames: []string{}}); len(r.Entries) != 1 {
		t.Errorf("%+v", r)
	}
}

// What can't be read is told as that, and nothing that is no file, and no file of somebody else's, is opened.
func TestWhatCannotBeRead(t *testing.T) {
	dir := t.TempDir()
	file := func(name string) string { return filepath.Join(dir, name) }
	write(t, file("secret"), refusedAt("2026-11-26T10:00:00Z", "alice"))
	write(t, file("a"), "x")
	if err := errors.Join(syscall.Mkfifo(file("pipe-2026-11-26.log"), 0o644), os.Symlink(file("secret"), file("link-2026-11-26.log")),
		os.Mkdir(file("dir-2026-11-26.log"), 0o755), os.WriteFile(file("bad-2026-11-26.log.gz"), []byte("no gzip, but any other text"), 0o644)); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]struct {
		kind  errs.Kind
		words string
	}{
		"":                        {errs.Refused, "UZERP_LOG_PATH is not set"},
		"php://stderr":            {errs.Refused, "does not name a file"},
		"/":                       {errs.Refused, "does not name a file"},
		file("nothing.log"):       {errs.Refused, "there is no file"},
		file("no/such/uzerp.log"): {errs.Config, "no such file"},
		file("a/uzerp.log"):       {errs.Config, "not a directory"},
		file("pipe.log"):          {errs.Config, "not a regular file"},
		file("link.log"):          {errs.Config, "too many levels"},
		file("dir.log"):           {errs.Config, "is a directory"},
		file("bad.log"):           {errs.Config, "gzip"},
	} {
		r, err := Log{Path: path}.Read(t.Context(), history.Query{})
		if errs.KindOf(err) != want.kind || !strings.Contains(fmt.Sprint(err), want.words) || len(r.Entries) != 0 {
			t.Errorf("%s: %+v, %v", path, r, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	write(t, file("uzerp-2026-11-26.log"), "x")
	if _, err := (Log{Path: file("uzerp.log")}).Read(ctx, history.Query{}); errs.KindOf(err) != errs.Interrupted {
		t.Error(err)
	}
}

// Root reads nothing for the web server's user that the user may not read: no second name and no link leads there.
func TestOthersFiles(t *testing.T) {
	if os.Geteuid() != 0 {
		sharedtest.LeaveOut(t, sharedtest.Root, errors.New("only root can give files away"))
	}
	dir := t.TempDir()
	web := filepath.Join(dir, "web")
	roots := filepath.Join(dir, "roots-2026-11-26.log")
	write(t, roots, refusedAt("2026-11-26T10:00:00Z", "alice"))
	if err := errors.Join(os.Mkdir(web, 0o755), os.Chown(web, 33, 33), os.Link(roots, filepath.Join(web, "uzerp-2026-11-26.log")),
		os.Symlink(dir, filepath.Join(web, "out")), os.Lchown(filepath.Join(web, "out"), 33, 33)); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{web + "/uzerp.log", web + "/out/roots.log"} {
		if r, err := (Log{Path: path}).Read(t.Context(), history.Query{}); err == nil || len(r.Entries) != 0 {
			t.Errorf("%s: %+v", path, r)
		}
	}
}

// A huge file is read from its end, and what is left out is told. Lines of any length need no memory.
func TestHugeFiles(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "uzerp-2026-11-26.log")
	write(t, path, refusedAt("2026-11-26T08:00:00Z", "alice"))
	if err := os.Truncate(path, maxFile+1<<20); err != nil { // a hole: one line that is too long
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteString("\n" + refusedAt("2026-11-26T10:00:00Z", strings.Repeat("x", maxLine)) + "\n" + refusedAt("2026-11-26T11:00:00Z", "alice"))
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	r := read(t, Log{Path: filepath.Join(dir, "uzerp.log")}, history.Query{Usernames: []string{"alice"}})
	if got := shown(r); !slices.Equal(got, []string{"26 11:00 password-refused alice"}) || len(r.Missing) != 2 || r.Oldest.Hour() != 8 ||
		r.Missing[1] != `1 line of file "uzerp-2026-11-26.log" is too long` {
		t.Errorf("%q %q %v", got, r.Missing, r.Oldest)
	}

	var many []string
	for i := range maxEntries*2 + 10 {
		many = append(many, notChecked(time.Date(2026, 11, 26, 0, 0, 0, i*1000, time.UTC).Format(time.RFC3339Nano), "alice"))
	}
	write(t, path, many...)
	r = read(t, Log{Path: filepath.Join(dir, "uzerp.log")}, history.Query{Usernames: []string{"alice"}})
	if len(r.Entries) <= maxEntries || len(r.Entries) > 2*maxEntries || len(r.Missing) != 1 || !strings.Contains(r.Missing[0], "older ones") ||
		!r.Entries[len(r.Entries)-1].At.Equal(time.Date(2026, 11, 26, 0, 0, 0, (maxEntries*2+9)*1000, time.UTC)) {
		t.Errorf("%d %q", len(r.Entries), r.Missing)
	}
}
