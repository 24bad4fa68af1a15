package cmd_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// setCommand returns `session-config set` as a process: the test binary itself, which is the program if it has its
// name.
func setCommand(t *testing.T, file string, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(t.Context(), self)
	c.Args = append([]string{"uzerp-mfa", "session-config", "set", "--file", file, "--yes"}, args...)
	c.Env = []string{"PATH=" + os.Getenv("PATH"), "GOCOVERDIR=" + t.TempDir(), "UZERP_MFA_AUDIT_LOG=" + filepath.Join(filepath.Dir(file), "audit.jsonl")}
	return c
}

// bigEnv returns a conf/.env that takes some time to write.
func bigEnv(maxAge int) string {
	return fmt.Sprintf("DB_PASSWORD=%s\nUZERP_MANAGE_USER_SESSIONS=on\nUSER_ACTIVITY_TIMEOUT_SECS=1800\nUSER_SESSION_MAX_AGE_SECS=%d # max\n%s",
		dbPassword, maxAge, strings.Repeat("# a comment of the administrator's\n", 4000))
}

// If session-config set is killed at any moment, the old file or the new one is left, and the next run works.
func TestSessionConfigSetKilled(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, ".env")
	before, after := bigEnv(28800), bigEnv(7200)
	writeFile(t, path, before)
	start := time.Now()
	if out, err := setCommand(t, path, "--max-age", "2h").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	whole := time.Since(start)
	was, became := 0, 0
	for range 60 {
		writeFile(t, path, before)
		c := setCommand(t, path, "--max-age", "2h")
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(rand.Int64N(int64(whole) * 11 / 10)))
		_ = c.Process.Kill() // it may have ended
		_ = c.Wait()
		switch readFile(t, path) {
		case before:
			was++
		case after:
			became++
		default:
			t.Fatal("neither the old file nor the new one")
		}
		if info, err := os.Stat(path); err != nil || info.Mode() != 0o640 {
			t.Fatalf("%v, %v", info, err)
		}
	}
	t.Logf("a whole run takes %v; killed 60 times: %d times the old file, %d times the new one", whole, was, became)
	if was == 0 || became == 0 {
		t.Logf("the kills all came on one side") // a slow machine; the rule itself held
	}
	writeFile(t, path, before)
	if out, err := setCommand(t, path, "--max-age", "2h").CombinedOutput(); err != nil || readFile(t, path) != after {
		t.Errorf("after the kills: %v\n%s", err, out)
	}
	left, err := filepath.Glob(filepath.Join(dir, ".*.uzerp-mfa-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left: %q, %v", left, err)
	}
}

// If commands run at the same time, each writes the whole file or says that it was changed meanwhile.
func TestSessionConfigSetConcurrently(t *testing.T) {
	path := filepath.Join(t.TempDir(), ".env")
	writeFile(t, path, bigEnv(28800))
	var wg sync.WaitGroup
	codes := make([]int, 6)
	for i := range codes {
		c := setCommand(t, path, "--max-age", fmt.Sprintf("%dh", i+1))
		wg.Go(func() {
			_ = c.Run()
			codes[i] = c.ProcessState.ExitCode()
		})
	}
	wg.Wait()
	got, done := readFile(t, path), false
	for i, code := range codes {
		if code != 0 && code != 6 {
			t.Errorf("exit code %d", code)
		}
		done = done || code == 0 && got == bigEnv((i+1)*3600)
	}
	if !done {
		t.Errorf("the file is none that a command said to have written: %v", codes)
	}
}
