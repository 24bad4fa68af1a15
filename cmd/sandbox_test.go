package cmd_test

import (
	"errors"
	"os"
	"os/exec"
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
			c := exec.CommandContext(t.Context(), shipped(t), "sandbox", "--", "sh", "-c", script)
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
