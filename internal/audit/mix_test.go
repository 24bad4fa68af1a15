package audit

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A log that nobody named is known by each of its paths.
func TestIsUsual(t *testing.T) {
	home := t.TempDir()
	getenv := func(name string) string { return map[string]string{"HOME": home}[name] }
	dir := filepath.Join(home, ".local", "state", "uzerp-mfa")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]bool{
		systemPath:                               true,
		"/var/log/../log/uzerp-mfa//audit.jsonl": true,
		filepath.Join(dir, "audit.jsonl"):        true,
		filepath.Join(link, "audit.jsonl"):       true,
		filepath.Join(home, "audit.jsonl"):       false,
		filepath.Join(dir, "other.jsonl"):        false,
	} {
		if got := IsUsual(path, getenv); got != want {
			t.Errorf("%s: %v", path, got)
		}
	}
}

// Only a record about Twilio's own address counts, wherever in the file it is; a text that looks like one does not.
func TestNamesTwilio(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	write := func(s *Service, reason string) {
		t.Helper()
		l, err := Open(path, Options{})
		if err == nil {
			_, err = l.Append(t.Context(), Place{Service: s}.record(Record{Command: "verify", Target: "alice", Reason: reason, Result: ResultIntent}))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if NamesTwilio(path) {
		t.Error("there is no log")
	}
	write(nil, string(ofTwilio))
	write(&Service{SID: "VA1", Address: "http://127.0.0.1:1"}, strings.Repeat("x", 4000))
	if NamesTwilio(path) {
		t.Error("no record is about Twilio's own address")
	}
	write(&Service{SID: "VA1"}, "")
	for range 200 {
		if !NamesTwilio(path) {
			t.Fatal("a record is about Twilio's own address")
		}
		write(nil, "") // the longer the file, the more of it lies behind
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	line := text[strings.LastIndex(string(text[:strings.Index(string(text), string(ofTwilio))]), "\n")+1:]
	for shift := range 400 { // also where it lies over the edge of what is read at once
		file := append([]byte(strings.Repeat("x", 1<<16-600+shift)+"\n"), line...)
		if err := os.WriteFile(path, file, 0o600); err != nil {
			t.Fatal(err)
		}
		if !NamesTwilio(path) {
			t.Fatalf("not found behind %d bytes", 1<<16-600+shift)
		}
	}
}
