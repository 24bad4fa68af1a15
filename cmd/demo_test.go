package cmd_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"uzerp-mfa/internal/sharedtest"
)

// onTheHost is what scripts/demo.sh leaves out: everything is found in uzERP's own directory, as on uzERP's host.
const onTheHost = `set -e
cd "$UZERP_ROOT"
unset DATABASE_URL UZERP_ROOT
uzerp-mfa user list --state enrolled
uzerp-mfa set-injector --yes
uzerp-mfa reconcile || [ $? = 9 ]
uzerp-mfa service show
uzerp-mfa session-config check || [ $? = 9 ]
uzerp-mfa session-config set --activity-timeout 40m --yes
grep -q '^USER_ACTIVITY_TIMEOUT_SECS=2400$' conf/.env
uzerp-mfa audit-log verify
uzerp-mfa set-injector --off --yes
`

// openToAll returns a directory that every user may enter. TempDir's is closed to others.
func openToAll(t *testing.T) string {
	t.Helper()
	top, err := os.MkdirTemp("", "demo-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(top) })
	if err := os.Chmod(top, 0o755); err != nil {
		t.Fatal(err)
	}
	return top
}

// The main job works for root, for the web server's user, and for somebody whom sudo starts.
func TestDemo(t *testing.T) {
	top := openToAll(t)
	for name, from := range map[string]string{"bin/uzerp-mfa": shipped(t), "scripts/demo.sh": "../scripts/demo.sh"} {
		text := readFile(t, from)
		path := filepath.Join(top, name)
		if err := errors.Join(os.Mkdir(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o755)); err != nil {
			t.Fatal(err)
		}
	}
	for name, who := range map[string]struct {
		env []string
		as  *syscall.Credential
	}{
		"ourselves":             {},
		"the web server's user": {as: &syscall.Credential{Uid: 33, Gid: 33}},
		"through sudo":          {env: []string{"SUDO_UID=65534", "SUDO_GID=65534", "SUDO_USER=nobody"}},
	} {
		t.Run(name, func(t *testing.T) {
			if name != "ourselves" && os.Geteuid() != 0 {
				sharedtest.LeaveOut(t, sharedtest.Root, errors.New("only root can run a program as another user"))
			}
			program := filepath.Join(top, "bin", "uzerp-mfa")
			script := filepath.Join(top, "scripts", "demo.sh") + " && PATH=" + filepath.Join(top, "bin") + ":$PATH && " + onTheHost
			c := exec.CommandContext(t.Context(), program, "sandbox", "--", "sh", "-c", script)
			c.Dir, c.SysProcAttr = "/", &syscall.SysProcAttr{Credential: who.as}
			c.Env = append(append(os.Environ(), "TMPDIR="+os.TempDir(), "HOME=/"), who.env...)
			out, err := c.CombinedOutput()
			if err != nil || strings.Contains(string(out), "panic") {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}
