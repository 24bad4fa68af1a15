package audit

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/mfa"
	"uzerp-mfa/internal/secret"
	"uzerp-mfa/internal/sharedtest"
)

func TestAppendWritesOneLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a", "b", "audit.jsonl")
	now := time.Date(2026, 7, 14, 12, 0, 0, 123456789, time.FixedZone("", 7200))
	l, err := Open(path, Options{Now: func() time.Time { return now }, NewID: func() string { return "ID1" }})
	if err != nil {
		t.Fatal(err)
	}
	sid, yes, no := "YF00000000000000000000000000000001", true, false
	id := "5e0e0c3e-0000-4000-8000-000000000001"
	written := appendTo(t, l, Record{
		Actor:    Actor{User: "root", SudoUser: "ann", SSHClient: "192.0.2.7", Host: "erp", PID: 42},
		Database: &Database{"/run/postgresql", 5432, "uzerp"}, Service: &Service{SID: "VA1"}, Command: "user reset", Target: "alice",
		Before: UserValues(mfa.Row{UUID: &id, SID: &sid, Enrolled: &yes}), After: UserValues(mfa.Row{UUID: &id, Enrolled: &no, Enabled: &no}),
		Reason: "lost <phone>\nMüller", Ticket: "T-1", Result: ResultIntent,
	})
	body := `{"schema_version":1,"id":"ID1","time":"2026-07-14T10:00:00.123456789Z",` +
		`"actor":{"user":"root","sudo_user":"ann","ssh_client":"192.0.2.7","host":"erp","pid":42},` +
		`"database":{"host":"/run/postgresql","port":5432,"name":"uzerp"},"service":{"sid":"VA1","address":null},"command":"user reset","target":"alice",` +
		`"before":{"mfa_enabled":null,"mfa_enrolled":true,"mfa_sid":"` + sid + `","uuid":"` + id + `"},` +
		`"after":{"mfa_enabled":false,"mfa_enrolled":false,"mfa_sid":null,"uuid":"` + id + `"},` +
		`"reason":"lost <phone>\nMüller","ticket":"T-1","result":"intent","message":"","prev":"` + Genesis + `"`
	sum := sha256.Sum256([]byte(body + "}"))
	want := body + `,"hash":"` + hex.EncodeToString(sum[:]) + `"}` + "\n"
	if diff := cmp.Diff(string(readFile(t, path)), want); diff != "" {
		t.Error(diff)
	}
	if written.ID != "ID1" || written.Hash != hex.EncodeToString(sum[:]) || !written.Time.Equal(now) {
		t.Errorf("returned %+v", written)
	}
	for name, want := range map[string]os.FileMode{path: 0o640, filepath.Dir(path): 0o750 | os.ModeDir} {
		if info, err := os.Stat(name); err != nil || info.Mode() != want {
			t.Errorf("%s: %v, %v, want %v", name, info.Mode(), err, want)
		}
	}

	outcome := Record{ID: written.ID, Command: "set-injector", Target: "LoginHandler", After: ClassValues("X"), Result: ResultUnknown}
	second := appendTo(t, l, outcome)
	if second.Prev != written.Hash || second.ID != "ID1" {
		t.Errorf("second line: %+v", second)
	}
	if report := intact(t, l, 2); len(report.Open) != 0 || report.Head != second.Hash {
		t.Errorf("%+v", report)
	}
}

func TestAppendRefuses(t *testing.T) {
	l := newLog(t, 1)
	before := readFile(t, l.path)
	for name, change := range map[string]func(*Record){
		"arguments in the command": func(r *Record) { r.Command = "verify alice 123456" },
		"no command":               func(r *Record) { r.Command = "" },
		"an unknown result":        func(r *Record) { r.Result = "ok" },
		"a secret":                 func(r *Record) { r.After = Values{"secret": secret.New("s3cr3t")} },
		"an object":                func(r *Record) { r.After = Values{"x": map[string]any{}} },
	} {
		r := sample(0)
		change(&r)
		if _, err := l.Append(t.Context(), r); err == nil || strings.Contains(err.Error(), "s3cr3t") {
			t.Errorf("%s: %v", name, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := l.Append(ctx, sample(0)); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if diff := cmp.Diff(string(before), string(readFile(t, l.path))); diff != "" {
		t.Error(diff)
	}
}

// A user name of any length keeps nobody from being helped. The line has its beginning and its hash.
func TestHugeTextsAreShortened(t *testing.T) {
	l := newLog(t, 0)
	for _, huge := range []string{strings.Repeat("x", 70_000), strings.Repeat("\x01", 70_000), strings.Repeat("é", 500_000), strings.Repeat("x", 69_999) + "y"} {
		r := sample(0)
		r.Target, r.Message = huge, huge
		r.Before = Values{"mfa_sid": huge, "uuid": nil, "mfa_enrolled": true}
		r.After = Values{"mfa_sid": nil, huge: huge}
		appendTo(t, l, r)
	}
	if report := verifyText(t, readFile(t, l.path), ""); !report.Intact() || report.Records != 4 {
		t.Errorf("%+v", report)
	}
	lines := strings.Split(string(readFile(t, l.path)), "\n")
	want := fmt.Sprintf(`"target":"%s… [70000 bytes, SHA-256 %x]"`, strings.Repeat("x", 512), sha256.Sum256([]byte(strings.Repeat("x", 70_000))))
	if !strings.Contains(lines[0], want) || strings.Contains(lines[3], want) {
		t.Errorf("%.2000s, want %s", lines[0], want)
	}
}

// Every text may be huge, and made of what takes most bytes in JSON. However long an intent is, its outcome fits too.
func TestEveryRecordFits(t *testing.T) {
	l := newLog(t, 0)
	all := strings.Repeat("\x01", 70_000)
	huge := Record{ID: "1", Actor: Actor{all, all, all, all, 1}, Database: &Database{all, 1, all}, Service: &Service{all, all}, Command: "user reset",
		Target: all, Before: UserValues(mfa.Row{SID: &all, UUID: &all}), After: UserValues(mfa.Row{SID: &all, UUID: &all}),
		Reason: all, Ticket: all, VerifiedBy: all, Message: all}
	for _, result := range Results() {
		huge.Result = result
		appendTo(t, l, huge)
	}
	size := len(readFile(t, l.path))
	r := &Recorder{Log: l, Actor: sample(0).Actor, Command: "user reset", Warn: func(err error) { t.Error(err) }}
	check(t, r.Record(t.Context(), "alice", nil, nil, func() error { return nil }))
	intent := len(strings.SplitAfter(string(readFile(t, l.path)[size:]), "\n")[0])
	for i := range 5 {
		r.Reason = strings.Repeat("x", maxLine-intent-4+i) // an outcome has more bytes than its intent
		err := r.Record(t.Context(), "alice", nil, nil, func() error { return errs.New(errs.Refused, "no", "") })
		if errs.KindOf(err) != errs.Refused {
			t.Error(err)
		}
	}
	intact(t, l, len(Results())+12)
}

// Read and Verify must accept the longest line that Append writes.
func TestLongestLine(t *testing.T) {
	l := newLog(t, 0)
	// Every time has the same number of digits.
	l.o.Now = func() time.Time { return time.Date(2026, 7, 14, 12, 0, 0, 123456789, time.UTC) }
	appendTo(t, l, sample(0))
	size := len(readFile(t, l.path))
	r := sample(0)
	r.Reason += strings.Repeat("x", maxLine-size-100)
	for range 200 { // the last ones are shortened
		r.Reason += "x"
		appendTo(t, l, r)
	}
	report := verifyText(t, readFile(t, l.path), "")
	if !report.Intact() || report.Records != 201 || !strings.Contains(string(readFile(t, l.path)), " bytes, SHA-256 ") {
		t.Errorf("%+v", report)
	}
	longest := 0
	for line := range strings.Lines(string(readFile(t, l.path))) {
		longest = max(longest, len(line))
	}
	if longest != maxLine {
		t.Errorf("the longest line has %d bytes", longest)
	}
}

func TestTextFromOutside(t *testing.T) {
	l := newLog(t, 0)
	r := sample(0)
	r.Target = "a\xffb\nc\x00\x1b[31m\u202e\u0085\u2028\ufe0f\u3164\u00a0\u2800\x7f\"\\,\"hash\":\"" + Genesis + "\"}"
	r.Before = Values{"mfa_sid": "\xc3("}
	r.Actor.SSHClient = "\x9b"
	appendTo(t, l, r)
	text := string(readFile(t, l.path))
	if regexp.MustCompile(`[^\x20-\x7e\n]`).MatchString(text) || strings.Count(text, "\n") != 1 || !json.Valid([]byte(text)) {
		t.Errorf("the line is %q", text)
	}
	for got, err := range Read(strings.NewReader(text)) {
		if err != nil || got.Target != strings.Replace(r.Target, "\xff", `\xff`, 1) || got.Before["mfa_sid"] != `\xc3(` {
			t.Errorf("%+v, %v", got, err)
		}
	}
	intact(t, l, 1)
}

func TestHundredGoroutines(t *testing.T) {
	l := newLog(t, 0)
	other := openLog(t, l.path)
	var group sync.WaitGroup
	for i := range 100 {
		group.Go(func() {
			log := []*Log{l, other}[i%2]
			for j := range 3 {
				if _, err := log.Append(context.Background(), sample(100*j+i)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	intact(t, l, 300)
}

func TestHundredProcesses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log", "audit.jsonl") // made by all of them at once
	type running struct {
		wait func() error
		out  fmt.Stringer
	}
	var all []running
	for range 100 {
		c, out := startChild(t, "plain", path, "AUDIT_COUNT=3")
		all = append(all, running{c.Wait, out})
	}
	for _, r := range all {
		if err := r.wait(); err != nil {
			t.Errorf("%v: %s", err, r.out)
		}
	}
	intact(t, openLog(t, path), 300)
}

func TestLockedByAnother(t *testing.T) {
	l := newLog(t, 1)
	holder := held(t, l)
	impatient, err := Open(l.path, Options{Wait: 30 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	_, err = impatient.Append(t.Context(), sample(1))
	if e, ok := errors.AsType[*errs.Error](err); !ok || e.Kind != errs.Config || e.Hint.Reason != ReasonUnfit ||
		!strings.Contains(e.Hint.String(), "fuser") || !strings.Contains(e.Error(), fmt.Sprintf("process %d (", os.Getpid())) {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	if _, err := l.Append(ctx, sample(1)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
	_ = holder.Close()
	appendTo(t, l, sample(1))
	intact(t, l, 2)
}

// After a rotation by rename the next line begins a new file. If the log is rotated while a writer waits for the lock,
// the old file is left alone.
func TestRotated(t *testing.T) {
	l := newLog(t, 2)
	old := l.path + ".1"
	holder := held(t, l)
	done := make(chan error)
	go func() { _, err := l.Append(context.Background(), sample(3)); done <- err }()
	time.Sleep(20 * time.Millisecond)
	if err := os.Rename(l.path, old); err != nil {
		t.Fatal(err)
	}
	_ = holder.Close()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	intact(t, l, 1)
	if report := verifyText(t, readFile(t, old), ""); report.Records != 2 || !report.Intact() {
		t.Errorf("%+v", report)
	}
	if err := os.Remove(l.path); err != nil {
		t.Fatal(err)
	}
	appendTo(t, l, sample(4))
	intact(t, l, 1)
}

// A lock is not enough if the file has lost its name meanwhile.
func TestLockThatWasReplaced(t *testing.T) {
	l := newLog(t, 1)
	dir, err := l.directory(filepath.Dir(l.path))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = dir.Close() }()
	f, err := l.openLock(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	if err := os.Rename(l.path+".lock", l.path+".old"); err != nil {
		t.Fatal(err)
	}
	if ok, err := l.tryLock(dir, f); ok || err != nil {
		t.Errorf("%v, %v", ok, err)
	}
	writeFile(t, l.path+".lock", nil)
	if ok, err := l.tryLock(dir, f); ok || err != nil {
		t.Errorf("%v, %v", ok, err)
	}
	appendTo(t, l, sample(2))
}

// Who may only read the log can't stop its writers: by no lock on the log, and not through the lock file.
func TestReadersCantLock(t *testing.T) {
	l := newLog(t, 1)
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	f, err := os.Open(l.path) // as the group adm may
	must(err)
	defer func() { _ = f.Close() }()
	must(syscall.Flock(int(f.Fd()), syscall.LOCK_EX))
	must(syscall.FcntlFlock(f.Fd(), syscall.F_SETLK, &syscall.Flock_t{Type: syscall.F_RDLCK}))
	impatient, err := Open(l.path, Options{Wait: 30 * time.Millisecond})
	must(err)
	if _, err := impatient.Append(t.Context(), sample(1)); err != nil {
		t.Error(err)
	}
	for mode, want := range map[os.FileMode]os.FileMode{0o640: 0o600, 0o660: 0o660, 0o644: 0o600} {
		must(os.Chmod(l.path, mode))
		openLog(t, l.path)
		if info, err := os.Stat(l.path + ".lock"); err != nil || info.Mode() != want || info.Size() != 0 {
			t.Errorf("log %v: lock %v, %v", mode, info, err)
		}
	}
}

// held holds the lock of a log.
func held(t *testing.T, l *Log) *os.File {
	t.Helper()
	dir, err := l.directory(filepath.Dir(l.path))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = dir.Close() }()
	lock, err := l.lock(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	return lock
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "audit.jsonl")
	victim := filepath.Join(dir, "victim")
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	for name, test := range map[string]struct {
		prepare func()
		want    string
	}{
		"a symbolic link":            {func() { must(os.Symlink(victim, path)) }, "symbolic link"},
		"a link to nowhere":          {func() { must(os.Symlink(victim+"2", path)) }, "symbolic link"},
		"a hard link":                {func() { must(os.Link(victim, path)) }, "several names"},
		"a directory":                {func() { must(os.Mkdir(path, 0o700)) }, "directory"},
		"a file that all may write":  {func() { writeFile(t, path, nil); must(os.Chmod(path, 0o666)) }, "everybody may change it"},
		"a directory that all write": {func() { must(os.Chmod(dir, 0o777)) }, dir + ": everybody may change it"},
		"no audit log":               {func() { writeFile(t, path, []byte("root:x:0:0:root:/root:/bin/sh\n")) }, "no audit log"},
		"no audit log, large":        {func() { writeFile(t, path, []byte(strings.Repeat("x\n", 1<<20))) }, "no record"},
	} {
		t.Run(name, func(t *testing.T) {
			writeFile(t, victim, []byte("precious\n"))
			test.prepare()
			_, err := Open(path, Options{})
			e, ok := errors.AsType[*errs.Error](err)
			if !ok || e.Kind != errs.Config || !strings.Contains(e.Error(), test.want) || !strings.Contains(e.Error(), path) ||
				e.Hint.Reason != ReasonUnwritable && e.Hint.Reason != ReasonUnfit {
				t.Errorf("%v", err)
			}
			if got := string(readFile(t, victim)); got != "precious\n" {
				t.Errorf("the other file holds %q", got)
			}
			must(os.Chmod(dir, 0o700))
			must(os.RemoveAll(path))
		})
	}
	must(os.Chmod(dir, 0o777|os.ModeSticky))
	openLog(t, path) // as /tmp
	must(os.Remove(path))
	writeFile(t, path, nil)
	if err := os.Chown(path, 12345, 12345); err == nil { // tests run as root
		if _, err := Open(path, Options{}); err == nil || !strings.Contains(err.Error(), "it belongs to user 12345") {
			t.Errorf("%v", err)
		}
	}
	if _, err := Open("", Options{}); errs.KindOf(err) != errs.Config {
		t.Errorf("%v", err)
	}
	if _, err := Open(filepath.Join(victim, "audit.jsonl"), Options{}); errs.KindOf(err) != errs.Config {
		t.Errorf("%v", err)
	}
}

func TestOpenKeepsModes(t *testing.T) {
	l := newLog(t, 1)
	if err := os.Chmod(l.path, 0o660); err != nil {
		t.Fatal(err)
	}
	appendTo(t, l, sample(1))
	if info, err := os.Stat(l.path); err != nil || info.Mode() != 0o660 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

func TestPaths(t *testing.T) {
	getenv := func(env map[string]string) func(string) string {
		return func(name string) string { return env[name] }
	}
	for _, test := range []struct {
		env  map[string]string
		want []string
	}{
		{map[string]string{}, []string{systemPath}},
		{map[string]string{"HOME": "/h"}, []string{systemPath, "/h/.local/state/uzerp-mfa/audit.jsonl"}},
		{map[string]string{"HOME": "/h", "XDG_STATE_HOME": "/s"}, []string{systemPath, "/s/uzerp-mfa/audit.jsonl"}},
		{map[string]string{"HOME": "/h", "XDG_STATE_HOME": "s"}, []string{systemPath, "/h/.local/state/uzerp-mfa/audit.jsonl"}},
	} {
		if diff := cmp.Diff(paths(getenv(test.env)), test.want); diff != "" {
			t.Error(diff)
		}
	}
	dir := t.TempDir()
	if !canWrite(filepath.Join(dir, "a", "b", "c")) {
		t.Error("a file that could be made")
	}
	writeFile(t, filepath.Join(dir, "file"), nil)
	if !canRead(filepath.Join(dir, "file")) || canRead(filepath.Join(dir, "none")) {
		t.Error("canRead")
	}
	if got := firstThat([]string{filepath.Join(dir, "none"), filepath.Join(dir, "file"), "x"}, canRead); got != filepath.Join(dir, "file") {
		t.Error(got)
	}
}

func TestCurrentActor(t *testing.T) {
	env := map[string]string{"SUDO_USER": "ann", "SSH_CONNECTION": "2001:db8::1 50000 192.0.2.1 22"}
	a := CurrentActor(func(name string) string { return env[name] })
	long := CurrentActor(func(string) string { return strings.Repeat("9", 70_000) })
	if n := len(long.SSHClient); n > 512 || len(long.SudoUser) > 512 || !strings.HasSuffix(long.SSHClient, "]") {
		t.Errorf("an address of %d bytes", n)
	}
	host, _ := os.Hostname()
	if a.User == "" || a.SudoUser != "ann" || a.SSHClient != "2001:db8::1" || a.PID != os.Getpid() || a.Host != host {
		t.Errorf("%+v", a)
	}
	for want, env := range map[string]map[string]string{ // whatever rights the process has: doas -u uzerp may let a caller keep any SUDO_USER
		"uid 2147480001": {"SUDO_USER": "ann", "PKEXEC_UID": "2147480001"}, // pkexec names no group
		"":               {"SUDO_USER": "ann", "SUDO_UID": "2147480001", "SUDO_GID": "2147480001", "PKEXEC_UID": "2147480002"},
		"ann":            {"SUDO_USER": "ann", "SUDO_UID": "0"},
	} {
		if a := CurrentActor(func(name string) string { return env[name] }); a.SudoUser != want {
			t.Errorf("%q, want %q", a.SudoUser, want)
		}
	}
	env = map[string]string{"SSH_CLIENT": "192.0.2.9 50000 22", "SSH_CONNECTION": "192.0.2.8 1 1 1"}
	if a := CurrentActor(func(name string) string { return env[name] }); a.SSHClient != "192.0.2.9" || a.SudoUser != "" {
		t.Errorf("%+v", a)
	}
	if a := CurrentActor(func(string) string { return "" }); a.SSHClient != "" {
		t.Errorf("%+v", a)
	}
}

// An account other than root has a place of its own, if root has made it. Without it the hint says how root makes it, and
// never that the log be left out.
func TestPlaceOfAnAccount(t *testing.T) {
	wasLogs, wasAccount := logs, runsAs
	t.Cleanup(func() { logs, runsAs = wasLogs, wasAccount })
	nobody, err := user.LookupId("65534")
	if err != nil {
		sharedtest.LeaveOut(t, sharedtest.Root, err)
	}
	logs, runsAs = t.TempDir(), func() int { return 65534 }
	getenv := func(string) string { return "" }
	place := filepath.Join(logs, "uzerp-mfa-"+nobody.Username)
	if got := paths(getenv); !slices.Equal(got, []string{systemPath}) {
		t.Error(got)
	}
	denied := &fs.PathError{Op: "mkdir", Path: systemPath, Err: fs.ErrPermission}
	if h := errs.HintOf(configError(systemPath, denied, "")); h.Reason != ReasonNoPlace || !slices.Equal(h.Parts, []any{nobody.Username, place}) {
		t.Errorf("%+v", h)
	}
	if h := errs.HintOf(configError("/chosen", denied, "")); h.Reason != ReasonUnwritable {
		t.Errorf("%+v", h)
	}
	if err := os.Mkdir(place, 0o750); err != nil {
		t.Fatal(err)
	}
	if got := paths(getenv); !slices.Equal(got, []string{systemPath, filepath.Join(place, "audit.jsonl")}) {
		t.Error(got)
	}
	runsAs = func() int { return 0 } // root writes nothing that another account may change
	if got := paths(getenv); !slices.Equal(got, []string{systemPath}) {
		t.Error(got)
	}
}
