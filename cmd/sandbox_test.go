package cmd_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"uzerp-mfa/internal/sharedtest"
)

// Through sudo, nothing in a sandbox is root's: not the command, not the server, no file. A rule in sudoers for this
// program would be a rule for root otherwise.
func TestSandboxThroughSudo(t *testing.T) {
	if os.Geteuid() != 0 {
		sharedtest.LeaveOut(t, sharedtest.Root, errors.New("only root is somebody whom sudo starts"))
	}
	const script = `id -u; id -g; id -G; grep CapEff: /proc/self/status | tr -d ' \t'
stat -c %u "$UZERP_ROOT" "$UZERP_ROOT/conf/.env"
stat -c %u "$(printf %s "$DATABASE_URL" | sed 's/.*host=//; s/&.*//; s/%2F/\//g')/data"
cat /etc/shadow >/dev/null 2>&1 || echo "no shadow"`
	const want = "65534\n65534\n65534\nCapEff:0000000000000000\n65534\n65534\n65534\nno shadow\n"
	for name, env := range map[string][]string{
		"sudo":   {"SUDO_UID=65534", "SUDO_GID=65534", "SUDO_USER=nobody"},
		"doas":   {"DOAS_USER=nobody"},
		"pkexec": {"PKEXEC_UID=65534"},
	} {
		t.Run(name, func(t *testing.T) {
			c := exec.CommandContext(t.Context(), shipped(t), "sandbox", "--quiet", "--", "sh", "-c", script)
			c.Dir, c.Env = "/", append(append(os.Environ(), "TMPDIR=/tmp"), env...)
			out, err := c.CombinedOutput()
			if err != nil || string(out) != want {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
	// Nobody knows who the caller is.
	c := exec.CommandContext(t.Context(), shipped(t), "sandbox", "--", "id", "-u")
	c.Env = append(os.Environ(), "SUDO_UID=65534", "PKEXEC_UID=33")
	if out, err := c.CombinedOutput(); err == nil || !strings.Contains(string(out), "name different users") {
		t.Errorf("%v\n%s", err, out)
	}
}

// A start that takes long says that it goes on, once, and nothing with --quiet.
func TestSandboxThatStartsSlowly(t *testing.T) {
	bin := t.TempDir()
	const slow = "#!/bin/sh\nsleep 4\necho 'initdb: error: a slow one' >&2\nexit 1\n"
	err := errors.Join(os.Chmod(filepath.Dir(bin), 0o755), os.Chmod(bin, 0o755), //nolint:gosec // the server's user runs them
		os.WriteFile(filepath.Join(bin, "initdb"), []byte(slow), 0o755), os.WriteFile(filepath.Join(bin, "postgres"), []byte(slow), 0o755)) //nolint:gosec // so too
	if err != nil {
		t.Fatal(err)
	}
	for _, quiet := range []bool{false, true} {
		c := exec.CommandContext(t.Context(), shipped(t), "sandbox", "--quiet="+strconv.FormatBool(quiet), "--", "true")
		c.Env = append(os.Environ(), "PATH="+bin+string(filepath.ListSeparator)+os.Getenv("PATH"))
		out, _ := c.CombinedOutput()
		if c.ProcessState.ExitCode() != 4 || !strings.Contains(string(out), "a slow one") {
			t.Errorf("exit code %d\n%s", c.ProcessState.ExitCode(), out)
		}
		if said := strings.Count(string(out), "PostgreSQL is still starting"); said == 1 == quiet {
			t.Errorf("quiet %v: said %d times\n%s", quiet, said, out)
		}
	}
}
