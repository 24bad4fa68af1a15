package cmd_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"uzerp-mfa/internal/pgtemp"
	"uzerp-mfa/internal/pgtemp/dbtest"
	"uzerp-mfa/internal/sharedtest"
)

// With peer authentication, as Debian's PostgreSQL has it: root is told to run the same command as the web server's user, and
// that command works. What changes something has a place for its log, or says how root makes one, and never how to do
// without.
func TestPeerLoginOfTheWebServersUser(t *testing.T) {
	if os.Geteuid() != 0 {
		sharedtest.LeaveOut(t, sharedtest.Root, errors.New("only root can run a program as another user"))
	}
	account, err := user.Lookup("www-data")
	if err != nil {
		sharedtest.LeaveOut(t, sharedtest.Root, err)
	}
	uid, _ := strconv.Atoi(account.Uid)
	gid, _ := strconv.Atoi(account.Gid)
	dbtest.New(t, dbtest.Empty) // skips the test if there is no PostgreSQL
	p, err := pgtemp.Start(t.Context(), pgtemp.Options{Clusters: dbtest.Clusters()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Stop() })
	dir, port := p.Socket()
	socket := filepath.Join(dir, ".s.PGSQL."+strconv.Itoa(port))
	if err := errors.Join(os.Chmod(dir, 0o711), os.Chmod(socket, 0o777)); err != nil { //nolint:gosec // as Debian's server has it
		t.Fatal(err)
	}
	admin := p.ConnString("postgres")
	if err := errors.Join(pgtemp.LoadSchema(t.Context(), dbtest.Connect(t, admin)), pgtemp.LoadSample(t.Context(), dbtest.Connect(t, admin))); err != nil {
		t.Fatal(err)
	}
	top := openToAll(t)
	program, root := filepath.Join(top, "uzerp-mfa"), filepath.Join(top, "uzerp")
	for file, text := range map[string]string{
		program: readFile(t, shipped(t)), filepath.Join(root, "system.php"): "<?php\n",
		filepath.Join(root, "conf", ".env"): fmt.Sprintf("DB_NAME=postgres\nDB_USER=www-data\nDB_HOST=%s\n", dir),
	} {
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, []byte(text), 0o755)); err != nil { //nolint:gosec // for www-data
			t.Fatal(err)
		}
	}
	run := func(as *syscall.Credential, args ...string) (stdout, stderr string, code int) {
		c := exec.CommandContext(t.Context(), program, args...)
		var out, said bytes.Buffer
		c.Dir, c.Stdout, c.Stderr, c.SysProcAttr = root, &out, &said, &syscall.SysProcAttr{Credential: as}
		c.Env = []string{"HOME=/", "PATH=" + os.Getenv("PATH"), "TMPDIR=" + os.TempDir()}
		_ = c.Run()
		return out.String(), said.String(), c.ProcessState.ExitCode()
	}
	grants, _, _ := run(nil, "grants", "--role", "www-data")
	dbtest.Exec(t, admin, grants)
	dbtest.Exec(t, admin, "alter role \"www-data\" login")
	dbtest.Exec(t, admin, "copy (values ('local all postgres trust'), ('local all all peer')) to program 'cat > pg_hba.conf'")
	dbtest.Exec(t, admin, "select pg_reload_conf()")
	for began := time.Now(); time.Since(began) < hangs; time.Sleep(50 * time.Millisecond) { // until the server has reloaded
		if _, _, code := run(nil, "user", "list"); code == 4 {
			break
		}
	}

	_, said, code := run(nil, "user", "list", "--limit", "1")
	if code != 4 || !strings.Contains(said, `by peer authentication`) || !strings.Contains(said, "hint: sudo -u www-data uzerp-mfa user list --limit 1;") {
		t.Errorf("as root: %d\n%s", code, said)
	}
	web := &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)} //nolint:gosec // the system's numbers
	if out, said, code := run(web, "user", "list", "--limit", "1"); code != 0 || !strings.Contains(out, "admin") {
		t.Errorf("as www-data: %d\n%s%s", code, out, said)
	}
	for _, place := range []string{"/var/log/uzerp-mfa", "/var/log/uzerp-mfa-www-data"} {
		if _, err := os.Stat(place); err == nil {
			return // this machine has a log of its own: nothing is written there
		}
	}
	_, said, code = run(web, "user", "enable", "alice", "--yes")
	if code != 4 || !strings.Contains(said, "install -d -o www-data -m 0750 /var/log/uzerp-mfa-www-data") || strings.Contains(said, "--no-audit-log") {
		t.Errorf("without a place for the log: %d\n%s", code, said)
	}
}
