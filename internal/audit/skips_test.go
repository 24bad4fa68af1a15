package audit

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/mfa"
)

// skipping returns a user whose next login skips the code.
func skipping(name string) mfa.User {
	yes, no := true, false
	return mfa.User{Username: name, Row: mfa.Row{Enrolled: &yes, Enabled: &no}}
}

// Since when the next login skips the code, as far as the log says: what was done, here, and not taken back since then.
func TestReadSkips(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	clock := now
	path := t.TempDir() + "/audit.jsonl"
	log, err := Open(path, Options{Now: func() time.Time { return clock }})
	if err != nil {
		t.Fatal(err)
	}
	here := Place{Database: &Database{Host: "db", Port: 5432, Name: "live"}}
	other := Place{Database: &Database{Host: "db", Port: 5432, Name: "copy"}}
	row := func(enrolled, enabled bool) Values {
		return Values{"mfa_enrolled": enrolled, "mfa_enabled": enabled, "mfa_sid": "YF1"}
	}
	at := func(clockTime string) time.Time {
		moment, err := time.Parse("2006-01-02 15:04", "2026-03-01 "+clockTime)
		if err != nil {
			t.Fatal(err)
		}
		return moment
	}
	do := func(when string, place Place, target string, before, after Values, result error) {
		t.Helper()
		clock = at(when)
		command := "user disable-next-login"
		if strings.HasPrefix(target, "detached") {
			command = "detach"
		}
		r := &Recorder{Log: log, Actor: Actor{User: "root", Host: "h", PID: 1}, Command: command, Place: func() Place { return place }}
		_ = r.Record(t.Context(), target, before, after, func() error { return result })
	}
	on, skip := row(true, true), row(true, false)
	do("07:00", here, "detached-from", on, skip, nil)
	do("07:01", here, "gone", on, skip, nil)
	do("07:02", here, "detached", Values{"uuid": "u"}, Values{"uuid": "v"}, nil)
	do("08:00", here, "alice", on, skip, nil)
	do("08:01", here, "alice", skip, skip, nil)                           // another command writes the row: it is as old as it was
	do("08:02", here, "bob", skip, skip, nil)                             // since when was recorded nowhere
	do("08:03", here, "carol", on, skip, nil)                             // and taken back
	do("08:04", here, "carol", skip, on, nil)                             //
	do("08:05", here, "dave", on, skip, errs.ErrLostReply)                // it may have been made, and so it was
	do("08:06", here, "erin", on, skip, errs.New(errs.Refused, "no", "")) //
	do("08:07", here, "frank", on, skip, errors.New("failed"))            //
	do("08:08", here, "grace", on, skip, nil)                             //
	do("08:09", here, "grace", skip, on, errors.New("failed"))            // not taken back
	do("08:10", other, "henry", on, skip, nil)                            // in a copy
	do("08:11", here, "a\xff", on, skip, nil)                             // a name that JSON can't hold
	do("08:12", here, "ida", on, skip, nil)                               // and the first again
	do("08:13", here, "ida", skip, row(false, false), nil)                //
	do("08:14", here, "ida", on, skip, nil)                               //
	clock = at("09:00")
	died := Record{Actor: Actor{User: "root", Host: "h", PID: 1}, Command: "user disable-next-login", Result: ResultIntent, Target: "jack",
		Before: on, After: skip, Database: here.Database}
	appendTo(t, log, died)

	skips, err := ReadSkips(t.Context(), path, Here{Databases: []Database{*here.Database}})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"alice": "08:00", "bob": "", "carol": "", "dave": "08:05", "erin": "", "frank": "", "grace": "08:08", "henry": "", "a\xff": "08:11",
		"ida": "08:14", "jack": "09:00", "nobody": "", "gone": "", "detached-from": "",
	} {
		got, known := skips.Since(skipping(name))
		if known != (want != "") || known && !got.Equal(at(want)) {
			t.Errorf("%q: %v %t, want %q", name, got, known, want)
		}
	}

	// A login after that has used it; what the clock says may be 14 hours off. Who does not skip the code has no such time.
	u := skipping("alice")
	for last, want := range map[time.Time]bool{at("07:00"): true, at("08:00").Add(13 * time.Hour): true, at("08:00").Add(15 * time.Hour): false} {
		if u.LastLogin = &last; want != func() bool { _, known := skips.Since(u); return known }() {
			t.Errorf("last login %v", last)
		}
	}
	u = skipping("alice")
	u.Enabled = u.Enrolled
	if _, known := skips.Since(u); known {
		t.Error("of a user who is asked for the code")
	}

	// A line that is no record says nothing. Of a file that can't be read nobody knows what it says.
	text := readFile(t, path)
	if err := os.WriteFile(path, append(text, "torn\n"...), 0o640); err != nil {
		t.Fatal(err)
	}
	skips, err = ReadSkips(t.Context(), path, Here{})
	if _, known := skips.Since(skipping("alice")); !known || err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(path+".1.gz", []byte("no gzip"), 0o640); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path+".1.gz", now, now); err != nil {
		t.Fatal(err)
	}
	skips, err = ReadSkips(t.Context(), path, Here{})
	if _, known := skips.Since(skipping("alice")); !known || err != nil { // the gap is older
		t.Error(err)
	}
	old := path + ".2"
	if err := errors.Join(os.Rename(path, old), os.Chtimes(old, now.Add(-time.Hour), now.Add(-time.Hour))); err != nil {
		t.Fatal(err)
	}
	if log, err = Open(path, Options{Now: func() time.Time { return now.Add(time.Hour) }}); err != nil {
		t.Fatal(err)
	}
	appendTo(t, log, sample(1))
	skips, err = ReadSkips(t.Context(), path, Here{})
	if _, known := skips.Since(skipping("alice")); known || err != nil { // the gap is younger
		t.Errorf("%v: believed a log with a gap", err)
	}
}

// A log that is missing, another user's, or a pipe says nothing, and nothing waits for it.
func TestReadSkipsOfNoLog(t *testing.T) {
	dir := t.TempDir()
	if _, err := ReadSkips(t.Context(), filepath.Join(dir, "none.jsonl"), Here{}); errs.KindOf(err) != errs.NotFound {
		t.Error(err)
	}
	pipe := filepath.Join(dir, "pipe")
	if err := unix.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	w, err := os.OpenFile(pipe, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = w.Close() }()
	if _, err := ReadSkips(t.Context(), pipe, Here{}); err == nil {
		t.Error("read a pipe")
	}
	l := newLog(t, 1)
	if err := os.Chmod(l.Path(), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadSkips(t.Context(), l.Path(), Here{}); err == nil {
		t.Error("believed a log that others may write")
	}
	if _, known := (Skips{}).Since(skipping("alice")); known {
		t.Error("the zero Skips knows something")
	}
}

// BenchmarkReadSkips reads a log of 20 000 records.
func BenchmarkReadSkips(b *testing.B) {
	path := b.TempDir() + "/audit.jsonl"
	log, err := Open(path, Options{Now: time.Now})
	if err != nil {
		b.Fatal(err)
	}
	if _, err := log.Append(b.Context(), sample(1)); err != nil {
		b.Fatal(err)
	}
	line, err := os.ReadFile(path)
	if err != nil {
		b.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(strings.Repeat(string(line), 20_000)), 0o640); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(line)) * 20_000)
	for b.Loop() {
		if _, err := ReadSkips(b.Context(), path, Here{}); err != nil {
			b.Fatal(err)
		}
	}
}
