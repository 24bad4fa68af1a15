package cmd_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"uzerp-mfa/cmd"
	"uzerp-mfa/internal/pgtemp/dbtest"
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
[ ! -e "$UZERP_ROOT" ]
echo "${PGHOST-unset}"`)
	for _, want := range []string{"admin,", "all of it is gone\n", "nothing to stop\n", "\nunset\n"} {
		if !strings.Contains(out, want) {
			t.Errorf("there is no %q in\n%s", want, out)
		}
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
	var st struct{ PID int }
	if err := json.Unmarshal([]byte(readFile(t, filepath.Join(roots[0], "detached"))), &st); err != nil || st.PID <= 1 {
		t.Fatal(st, err)
	}
	if err := syscall.Kill(st.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"tidied", "stopped"} { // the kernel frees a lock before it lets the killer of a process go on, or soon after
		out := run([]string{"UZERP_ROOT=" + roots[i]}, `"$MFA" sandbox stop -o json`)
		holds(out, "sandbox", "stop")
		if i > 0 && !strings.Contains(out, `"result": "`+want+`"`) || fileExists(roots[i]) || i == 0 && !fileExists(roots[1]) {
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
