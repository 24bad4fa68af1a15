package audit

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
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

// The test binary is also the other process of the tests that need one.
func TestMain(m *testing.M) {
	if mode := os.Getenv("AUDIT_CHILD"); mode != "" {
		child(mode, os.Getenv("AUDIT_PATH"))
		return
	}
	os.Exit(sharedtest.Tests{M: m}.Run())
}

// child writes to a log until it has finished or is killed.
func child(mode, path string) {
	fail := func(err error) {
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
	}
	if mode == "asked" {
		fmt.Println(canWrite(path))
		return
	}
	if mode == "limited" { // like a full disk: the file may not grow beyond a limit
		limit, err := strconv.ParseUint(os.Getenv("AUDIT_LIMIT"), 10, 64)
		fail(err)
		fail(syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: limit, Max: limit}))
	}
	l, err := Open(path, Options{Wait: time.Minute})
	fail(err)
	n, _ := strconv.Atoi(os.Getenv("AUDIT_COUNT"))
	write := func(i int, reason string) {
		r := sample(i)
		r.Reason = cmp.Or(reason, r.Reason)
		_, err := l.Append(context.Background(), r)
		fail(err)
		fmt.Println(i)
	}
	if mode == "killed" {
		for range 3 { // so that a kill hits what several write together, too
			go func() {
				for i := 0; ; i++ {
					write(i, strings.Repeat("x", 50000)) // several pages, so that a kill can hit in the middle
				}
			}()
		}
		select {}
	}
	for i := 0; n == 0 || i < n; i++ {
		write(i, "")
	}
}

func startChild(t *testing.T, mode, path string, env ...string) (*exec.Cmd, *bytes.Buffer) {
	t.Helper()
	c, out := childCommand(t, mode, path, env...)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	return c, out
}

func childCommand(t *testing.T, mode, path string, env ...string) (*exec.Cmd, *bytes.Buffer) {
	t.Helper()
	c := exec.Command(os.Args[0]) //nolint:noctx // ends by itself or is killed
	c.Env = append(os.Environ(), append(env, "AUDIT_CHILD="+mode, "AUDIT_PATH="+path)...)
	var out bytes.Buffer
	c.Stdout, c.Stderr = &out, &out
	return c, &out
}

func sample(i int) Record {
	enrolled := map[bool]Values{true: {"mfa_enrolled": true, "mfa_sid": "YF1"}, false: nil}
	return Record{
		Actor: Actor{User: "root", SudoUser: "ann", Host: "erp", PID: os.Getpid()}, Command: "user reset",
		Target: fmt.Sprintf("user%d", i), Before: enrolled[i%2 == 0], After: Values{"mfa_enrolled": false, "mfa_sid": nil},
		Reason: "lost phone", Ticket: "T-1", Result: ResultDone,
	}
}

// newLog makes a log at a new path, with n records.
func newLog(t *testing.T, n int) *Log {
	t.Helper()
	l := openLog(t, filepath.Join(t.TempDir(), "log", "audit.jsonl"))
	for i := range n {
		appendTo(t, l, sample(i))
	}
	return l
}

func openLog(t *testing.T, path string) *Log {
	t.Helper()
	l, err := Open(path, Options{Wait: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func appendTo(t *testing.T, l *Log, r Record) Record {
	t.Helper()
	written, err := l.Append(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	return written
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func writeFile(t *testing.T, path string, text []byte) {
	t.Helper()
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

// verifyReader is Files.Verify for one file that r has.
func verifyReader(r io.Reader, head string) (Report, error) {
	v := newVerifier(head)
	if err := v.file(openedFile{content: r}); err != nil {
		return Report{}, err
	}
	return v.end(), nil
}

func verifyText(t *testing.T, text []byte, head string) Report {
	t.Helper()
	report, err := verifyReader(bytes.NewReader(text), head)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// intact verifies the log and fails the test if it has fewer or more than n records, or a finding.
func intact(t *testing.T, l *Log, n int) Report {
	t.Helper()
	report := verifyText(t, readFile(t, l.path), "")
	if !report.Intact() || report.Records != n {
		t.Fatalf("%d records, want %d; findings: %+v", report.Records, n, report.Findings)
	}
	return report
}
