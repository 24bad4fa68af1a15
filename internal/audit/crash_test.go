package audit

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"uzerp-mfa/internal/sharedtest"
)

// A writer may die after any number of bytes. Nothing before is lost, nothing is rewritten, the next line follows the
// last whole one, and the report names the torn line.
func TestTornAtEveryByte(t *testing.T) {
	l := newLog(t, 2)
	two := readFile(t, l.path)
	appendTo(t, l, sample(2))
	three := readFile(t, l.path)
	for cut := len(two); cut <= len(three); cut++ {
		writeFile(t, l.path, three[:cut])
		whole := cut >= len(three)-1 // all but its line feed is a record
		told := 1
		if whole || cut == len(two) {
			told = 0
		}
		report := verifyText(t, three[:cut], "")
		if !report.Intact() || len(report.Torn) != told {
			t.Fatalf("cut at %d, before: %+v", cut, report)
		}
		appendTo(t, openLog(t, l.path), sample(3))
		now := readFile(t, l.path)
		if !bytes.HasPrefix(now, three[:cut]) {
			t.Fatalf("cut at %d: the torn line was rewritten", cut)
		}
		records := 3
		if whole {
			records = 4
		}
		report = intact(t, l, records)
		if len(report.Torn) != told || told == 1 && report.Torn[0].Line != 3 {
			t.Fatalf("cut at %d, after: %+v", cut, report)
		}
	}
}

// One crash follows another: also of the writer that ends the torn line, in an empty log, and with the zeros of a power
// cut.
func TestTornAgainAndAgain(t *testing.T) {
	for _, begin := range []int{0, 1} {
		l := newLog(t, begin)
		text := readFile(t, l.path)
		for _, tail := range []string{lineStart + "A", "\n" + lineStart + "B", "\n", "", "{\"sch\x00\x00\x00"} {
			text = append(text, tail...)
		}
		text = append(text, "\n{"...)
		writeFile(t, l.path, text)
		appendTo(t, openLog(t, l.path), sample(1))
		report := intact(t, l, begin+1)
		if len(report.Torn) != 4 || report.Lines != begin+5 {
			t.Errorf("%+v", report)
		}
		// What stands between was changed, or is gone.
		for _, forged := range []string{"B", ""} {
			changed := strings.Replace(string(readFile(t, l.path)), lineStart+"A", lineStart+forged, 1)
			if verifyText(t, []byte(changed), "").Intact() {
				t.Errorf("a torn line was changed to %q and nobody notices", forged)
			}
		}
		lines := strings.SplitAfter(string(readFile(t, l.path)), "\n")
		if verifyText(t, []byte(strings.Join(append(lines[:begin:begin], lines[begin+4:]...), "")), "").Intact() {
			t.Error("the torn lines were removed and nobody notices")
		}
	}
}

func TestKilledWhileWriting(t *testing.T) {
	rounds := 6
	if testing.Short() {
		rounds = 1
	}
	records, torn := 0, 0
	for round := range rounds {
		path := filepath.Join(t.TempDir(), "audit.jsonl")
		l := openLog(t, path)
		want := 0
		for i := range 10 {
			c, out := startChild(t, "killed", path)
			time.Sleep(time.Duration(10+2*i+round) * time.Millisecond)
			_ = c.Process.Kill()
			err := c.Wait()
			if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != -1 {
				t.Fatalf("%v: %s", err, out)
			}
			want += strings.Count(out.String(), "\n") + 1 // the lines that the child reported as written, and the one below
			appendTo(t, l, sample(i))
			report := verifyText(t, readFile(t, path), "")
			if !report.Intact() || report.Records < want {
				t.Fatalf("%d records, want %d at least; %+v", report.Records, want, report.Findings)
			}
			want = report.Records
			if i == 9 {
				records, torn = records+report.Records, torn+len(report.Torn)
			}
		}
	}
	t.Logf("%d kills, %d records, %d torn lines", 10*rounds, records, torn)
}

// A limit on the file's size works like a full disk: the write is cut short.
func TestShortWrite(t *testing.T) {
	l := newLog(t, 3)
	before := readFile(t, l.path)
	for _, room := range []int{0, 1, 100, 400} {
		c, out := startChild(t, "limited", l.path, "AUDIT_COUNT=1", "AUDIT_LIMIT="+strconv.Itoa(len(before)+room))
		if err := c.Wait(); err == nil || !strings.Contains(out.String(), "audit log "+l.path+": write: file too large") {
			t.Errorf("room for %d bytes: %v: %s", room, err, out)
		}
		if !bytes.Equal(readFile(t, l.path), before) {
			t.Errorf("room for %d bytes: something was left", room)
		}
	}
	appendTo(t, l, sample(4))
	intact(t, l, 4)
}

// If only root may write to the directory, another user gets an error and no file is made. DefaultPath takes another
// place then.
func TestWithoutPermission(t *testing.T) {
	if os.Getuid() != 0 {
		sharedtest.LeaveOut(t, sharedtest.Root, errors.New("needs root, to be somebody else"))
	}
	dir, err := os.MkdirTemp("", "audit") // TempDir's can't be entered by others
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	binary := filepath.Join(dir, "audit.test")
	if err := errors.Join(os.Chmod(dir, 0o755), os.WriteFile(binary, readFile(t, os.Args[0]), 0o755)); err != nil {
		t.Fatal(err)
	}
	somebody := func(mode, path string) (string, error) {
		c := exec.CommandContext(t.Context(), binary)
		c.Env = append(os.Environ(), "AUDIT_CHILD="+mode, "AUDIT_COUNT=1", "AUDIT_PATH="+path)
		c.Dir = dir
		c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		out, err := c.CombinedOutput()
		return string(out), err
	}
	existing := filepath.Join(dir, "audit.jsonl")
	writeFile(t, existing, nil)
	for _, path := range []string{filepath.Join(dir, "new", "audit.jsonl"), existing} {
		out, err := somebody("plain", path)
		if err == nil || !strings.Contains(out, "permission denied") || !strings.Contains(out, "audit log "+path) {
			t.Errorf("%v: %s", err, out)
		}
		if out, err := somebody("asked", path); err != nil || !strings.HasPrefix(out, "false\n") {
			t.Errorf("%s could be written: %v: %s", path, err, out)
		}
		if entries, _ := os.ReadDir(dir); len(entries) != 2 {
			t.Errorf("%v", entries)
		}
	}
	if err := os.Chmod(existing, 0o666); err != nil {
		t.Fatal(err)
	}
	if out, err := somebody("asked", existing); err != nil || !strings.HasPrefix(out, "true\n") {
		t.Errorf("%v: %s", err, out)
	}
}
