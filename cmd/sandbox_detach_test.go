package cmd_test

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"uzerp-mfa/cmd"
	"uzerp-mfa/internal/pgtemp/dbtest"
	"uzerp-mfa/internal/sharedtest"
)

// A shell takes the settings and goes on: nothing of the shell's is held, and the sandbox ends when it is told to.
func TestSandboxInTheBackground(t *testing.T) {
	dbtest.New(t, dbtest.Empty) // leaves the test out if there is no PostgreSQL
	run := func(env []string, shell string) string {
		t.Helper()
		c := exec.CommandContext(t.Context(), "sh", "-c", shell)
		c.Env = append(append(os.Environ(), "MFA="+shipped(t), "PGHOST=/nowhere"), env...)
		out, err := c.CombinedOutput() // it reads until nobody has the pipe
		if err != nil {
			t.Errorf("%s: %v\n%s", shell, err, out)
		}
		return string(out)
	}
	out := run(nil, `set -eu
settings=$("$MFA" sandbox --detach --quiet)
eval "$settings"
"$MFA" user list --limit 1 -o csv
"$MFA" sandbox stop
"$MFA" sandbox stop
(unset UZERP_ROOT; TMPDIR=$(mktemp -d) && export TMPDIR && "$MFA" sandbox stop && echo "looked in $TMPDIR" && rmdir "$TMPDIR")
[ ! -e "$UZERP_ROOT" ]
echo "${PGHOST-unset}"`)
	for _, want := range []string{"admin,", "all of it is gone\n", " (from UZERP_ROOT) any more\n", "\nunset\n"} {
		if !strings.Contains(out, want) {
			t.Errorf("there is no %q in\n%s", want, out)
		}
	}
	_, elsewhere, _ := strings.Cut(out, "looked in ")
	elsewhere, _, _ = strings.Cut(elsewhere, "\n")
	if !strings.Contains(out, "nothing to stop: you have no detached sandbox in "+strconv.Quote(elsewhere)+" (TMPDIR") {
		t.Errorf("%q is not said in\n%s", elsewhere, out)
	}

	holds := func(document string, command ...string) {
		t.Helper()
		if err := cmd.CheckJSON(append(command, "-o", "json"), 0, document, ""); err != nil {
			t.Error(err)
		}
	}

	// Two at once: each is ended alone, also one that was killed.
	var roots []string
	for range 2 {
		var said struct {
			Sandbox struct {
				Root     string            `json:"root"`
				Settings map[string]string `json:"settings"`
			} `json:"sandbox"`
		}
		out := run(nil, `"$MFA" sandbox --detach --quiet -o json`)
		if err := json.Unmarshal([]byte(out), &said); err != nil || said.Sandbox.Settings["UZERP_ROOT"] != said.Sandbox.Root {
			t.Fatalf("%v\n%s", err, out)
		}
		holds(out, "sandbox", "--detach")
		roots = append(roots, said.Sandbox.Root)
	}
	if out := run(nil, `"$MFA" sandbox stop || echo $?`); !strings.Contains(out, "2 sandboxes run") || !strings.HasSuffix(out, "\n2\n") {
		t.Error(out)
	}
	state := filepath.Join(roots[0], "detached")
	var st struct {
		PID      int
		Postgres string
	}
	if err := json.Unmarshal([]byte(readFile(t, state)), &st); err != nil || st.PID <= 1 || !fileExists(st.Postgres) {
		t.Fatal(st, err)
	}
	if err := syscall.Kill(st.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	awaitLock(t, state) // the kernel frees it when the process is gone, and that may be after kill has returned
	for i, want := range []string{"tidied", "stopped"} {
		out := run([]string{"UZERP_ROOT=" + roots[i]}, `"$MFA" sandbox stop -o json`)
		holds(out, "sandbox", "stop")
		if !strings.Contains(out, `"result": "`+want+`"`) || fileExists(roots[i]) || fileExists(st.Postgres) || i == 0 && !fileExists(roots[1]) {
			t.Errorf("%s: %s", want, out)
		}
	}
	if out := run(nil, `"$MFA" sandbox stop -o json`); !strings.Contains(out, `"result": "none"`) || !strings.Contains(out, `"root": null`) {
		t.Error(out)
	}
	if out := run(nil, `"$MFA" sandbox --detach -- true || echo $?; "$MFA" sandbox -o json || echo $?`); strings.Count(out, "\n2\n") != 2 {
		t.Error(out)
	}
	out = run([]string{"UZERP_ROOT=/etc"}, `"$MFA" sandbox stop || echo $?`)
	if !strings.Contains(out, "no sandbox's directory") || !strings.HasSuffix(out, "\n6\n") {
		t.Error(out)
	}
}

// awaitLock waits until nobody has the lock of a file.
func awaitLock(t *testing.T, path string) {
	t.Helper()
	f, err := os.Open(path)
	if err == nil {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX) //nolint:gosec // a small number
		_ = f.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
}

// A lock that the caller's script holds by an open file ends with the script, and not with the sandbox.
func TestSandboxKeepsNoFile(t *testing.T) {
	dbtest.New(t, dbtest.Empty) // leaves the test out if there is no PostgreSQL
	path := filepath.Join(t.TempDir(), "lock")
	lock, err := os.Create(path)
	if err == nil {
		err = syscall.Flock(int(lock.Fd()), syscall.LOCK_EX) //nolint:gosec // a small number
	}
	if err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(t.Context(), shipped(t), "sandbox", "--detach", "--quiet", "-o", "json")
	c.ExtraFiles = []*os.File{lock}
	out, err := c.Output()
	_ = lock.Close()
	var said struct {
		Sandbox struct {
			Root string `json:"root"`
		} `json:"sandbox"`
	}
	if err != nil || json.Unmarshal(out, &said) != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	again, err := os.Open(path)
	if err == nil {
		err = syscall.Flock(int(again.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) //nolint:gosec // a small number
		_ = again.Close()
	}
	if err != nil {
		t.Errorf("the sandbox has the lock: %v", err)
	}
	stop := exec.CommandContext(t.Context(), shipped(t), "sandbox", "stop", "--quiet")
	stop.Env = append(os.Environ(), "UZERP_ROOT="+said.Sandbox.Root)
	if out, err := stop.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// Through sudo nothing is made or removed with root's rights where the caller says.
func TestDetachThroughSudo(t *testing.T) {
	if os.Geteuid() != 0 {
		sharedtest.LeaveOut(t, sharedtest.Root, errors.New("only root can lend its rights"))
	}
	dir := t.TempDir()
	then := time.Now().Add(-time.Hour).Truncate(time.Second)
	err := errors.Join(os.Chmod(filepath.Dir(dir), 0o755), os.Chmod(dir, 0o755), os.Chtimes(dir, then, then)) //nolint:gosec // the caller looks there
	if err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(t.Context(), shipped(t), "sandbox", "--detach", "--quiet")
	c.Dir, c.Env = "/", append(os.Environ(), "TMPDIR="+dir, "SUDO_UID=65534", "SUDO_GID=65534", "SUDO_USER=nobody")
	out, _ := c.CombinedOutput()
	if info, err := os.Stat(dir); err != nil || !info.ModTime().Equal(then) || c.ProcessState.ExitCode() != 4 {
		t.Errorf("exit code %d, the directory was changed: %v\n%s", c.ProcessState.ExitCode(), err, out)
	}
}
