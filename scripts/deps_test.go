package scripts_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// machine is a root directory where nothing is installed, and programs that pretend to install packages there.
type machine struct {
	root string // the root directory for deps.sh
	bin  string // the only directory in PATH
}

// programs are the programs that deps.sh calls. apt-get writes its arguments to $root/apt-get.
var programs = map[string]string{
	"go":              `echo cc`,
	"cc":              ``,
	"chromium":        ``,
	"id":              `echo 0`,
	"apt-cache":       `echo Filename: pool/main/chromium_1.deb`,
	"sleep":           ``,
	"sudo":            ``,
	"php":             ``,
	"pgbouncer":       ``,
	"logrotate":       ``,
	"systemd-analyze": ``,
	"lexgrog":         ``,
	"debootstrap":     ``,
	"lintian":         ``,
	"rpm":             ``,
	"zsh":             ``, "fish": ``, "jq": ``, "shellcheck": ``, "ansible-playbook": ``,
	"systemctl": `echo "$*" >>"$DEPS_ROOT/systemctl"`,
	"apt-get": `
echo "$*" >>"$DEPS_ROOT/apt-get"
for word in "$@"; do
	case $word in
	--assume-no) echo "Need to get 118 MB of archives."; echo "After this operation, 1100 MB of additional disk space will be used."; exit 1 ;;
	update)
		[ ! -e "$DEPS_ROOT/locked" ] || {
			rm "$DEPS_ROOT/locked"
			echo "E: Could not get lock /var/lib/apt/lists/lock. It is held by process 1" >&2
			exit 100
		} ;;
	chromium) [ ! -e "$DEPS_ROOT/no-chromium" ] || { echo "E: no space" >&2; exit 100; } ;;
	pgbouncer) cp "$DEPS_ROOT/usr/sbin/policy-rc.d" "$DEPS_ROOT/policy" ;;
	postgresql)
		stat -c "%a %n" "$DEPS_ROOT"/etc/postgresql-common/createcluster.d "$DEPS_ROOT"/etc/postgresql-common/createcluster.d/* >"$DEPS_ROOT/modes"
		[ ! -e "$DEPS_ROOT/slow" ] || { echo >"$DEPS_ROOT/installing"; exec tail -f /dev/null; }
		mkdir -p "$DEPS_ROOT/usr/lib/postgresql/17/bin"
		echo >"$DEPS_ROOT/usr/lib/postgresql/17/bin/initdb"
		chmod 755 "$DEPS_ROOT/usr/lib/postgresql/17/bin/initdb" ;;
	esac
done`,
}

func newMachine(t *testing.T, without ...string) *machine {
	t.Helper()
	m := &machine{root: t.TempDir(), bin: t.TempDir()}
	for name, text := range programs {
		m.write(t, filepath.Join(m.bin, name), "#!/bin/sh\n"+text+"\n")
	}
	for _, name := range []string{"sh", "cat", "chmod", "cp", "env", "grep", "head", "mkdir", "mktemp", "rm", "sed", "seq", "stat", "tail", "true"} {
		path, err := exec.LookPath(name)
		if err == nil {
			err = os.Symlink(path, filepath.Join(m.bin, name))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if slices.Contains(without, "extrausers") {
		return m // it is no program
	}
	m.write(t, filepath.Join(m.root, "usr", "lib", "libnss_extrausers.so.2"), "")
	for _, name := range without {
		if err := os.Remove(filepath.Join(m.bin, name)); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

func (m *machine) write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil { //nolint:gosec // as on a real machine
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
}

func (m *machine) has(name string) bool {
	_, err := os.Lstat(filepath.Join(m.root, name))
	return err == nil
}

// deps returns the command that runs the script on the machine, for the tests, and its output.
func (m *machine) deps(t *testing.T, umask string, env ...string) (*exec.Cmd, *bytes.Buffer) {
	t.Helper()
	return m.depsFor(t, "test", umask, env...)
}

func (m *machine) depsFor(t *testing.T, purpose, umask string, env ...string) (*exec.Cmd, *bytes.Buffer) {
	t.Helper()
	script, err := filepath.Abs("deps.sh")
	if err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	// A shell can't catch a signal that was ignored when it was started, and nohup or a & ignores some for all below.
	c := exec.CommandContext(t.Context(), "env", "--default-signal=HUP,INT,TERM", "sh", "-c", "umask "+umask+"; exec sh "+script+" "+purpose)
	c.Env = append([]string{"PATH=" + m.bin, "DEPS_ROOT=" + m.root, "TMPDIR=" + oddDirectory(t)}, env...)
	c.Stdout, c.Stderr = &said, &said
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return c, &said
}

// oddDirectory returns a directory for temporary files whose name is two words to a shell that does not quote it. The
// test fails if the file that the first word names is not there at the end, or if the directory is not empty.
func oddDirectory(t *testing.T) string {
	t.Helper()
	bystander := filepath.Join(t.TempDir(), "odd")
	dir := bystander + " directory"
	if err := errors.Join(os.WriteFile(bystander, nil, 0o600), os.Mkdir(dir, 0o700)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		left, err := os.ReadDir(dir)
		if _, gone := os.Stat(bystander); err != nil || gone != nil || len(left) > 0 {
			t.Errorf("%v, %v; left behind: %v", err, gone, left)
		}
	})
	return dir
}

func code(t *testing.T, err error) int {
	t.Helper()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.ExitCode()
	} else if err != nil {
		t.Fatal(err)
	}
	return 0
}

const off = "etc/postgresql-common/createcluster.d/uzerp-mfa.conf"

// deps.sh says how much it installs. All users can read the files that it makes, whatever the umask is. Only what it
// installed stays.
func TestDeps(t *testing.T) {
	m := newMachine(t, "chromium")
	m.write(t, filepath.Join(m.root, "locked"), "")
	c, said := m.deps(t, "077")
	if got := code(t, c.Run()); got != 0 {
		t.Fatalf("exit code %d: %s", got, said)
	}
	modes, _ := os.ReadFile(filepath.Join(m.root, "modes"))
	dir := filepath.Join(m.root, filepath.Dir(off))
	if want := "755 " + dir + "\n644 " + filepath.Join(m.root, off) + "\n"; string(modes) != want {
		t.Errorf("modes %q, want %q", modes, want)
	}
	if m.has(off) {
		t.Error("PostgreSQL's clusters are still turned off")
	}
	for _, want := range []string{
		"waiting for another apt", "installing postgresql postgresql-client", "installing chromium", "After this operation, 1100 MB", "BROWSER=no",
	} {
		if !strings.Contains(said.String(), want) {
			t.Errorf("not said: %q in %s", want, said)
		}
	}
	// Now only the browser is missing, and this machine can't install it: that is no failure.
	m.write(t, filepath.Join(m.root, "no-chromium"), "")
	c, said = m.deps(t, "022")
	if got := code(t, c.Run()); got != 0 || !strings.Contains(said.String(), "left out") {
		t.Errorf("without Chromium: exit code %d: %s", got, said)
	}
}

// The tests that only root runs need sudo.
func TestDepsSudo(t *testing.T) {
	m := newMachine(t, "sudo")
	c, said := m.deps(t, "022")
	if got := code(t, c.Run()); got != 0 || !strings.Contains(said.String(), "installing postgresql postgresql-client sudo") {
		t.Errorf("exit code %d: %s", got, said)
	}
}

// A test that only root runs has users that /etc/passwd does not have.
func TestDepsDirectory(t *testing.T) {
	m := newMachine(t, "extrausers")
	c, said := m.deps(t, "022")
	if got := code(t, c.Run()); got != 0 || !strings.Contains(said.String(), "installing postgresql postgresql-client libnss-extrausers") {
		t.Errorf("exit code %d: %s", got, said)
	}
}

// The tests that read PHP's session files let PHP write them, if root may install it.
func TestDepsPHP(t *testing.T) {
	m := newMachine(t, "php")
	c, said := m.deps(t, "022")
	if got := code(t, c.Run()); got != 0 || !strings.Contains(said.String(), "installing postgresql postgresql-client php-cli php-igbinary") {
		t.Errorf("exit code %d: %s", got, said)
	}
}

// What the packages bring is looked at with logrotate and systemd; make test-packages needs neither PostgreSQL nor a browser.
func TestDepsPackages(t *testing.T) {
	m := newMachine(t, "logrotate", "systemd-analyze", "lexgrog")
	c, said := m.deps(t, "022")
	if got := code(t, c.Run()); got != 0 || !strings.Contains(said.String(), "installing postgresql postgresql-client logrotate systemd man-db ") {
		t.Errorf("exit code %d: %s", got, said)
	}
	m = newMachine(t, "lintian", "rpm", "chromium")
	c, said = m.depsFor(t, "packages", "022")
	if got := code(t, c.Run()); got != 0 || !strings.Contains(said.String(), "installing lintian rpm ") || strings.Contains(said.String(), "postgresql") {
		t.Errorf("exit code %d: %s", got, said)
	}
}

// The tests connect through PgBouncer. Its service starts neither now nor with the machine.
func TestDepsPooler(t *testing.T) {
	m := newMachine(t, "pgbouncer")
	c, said := m.deps(t, "077")
	if got := code(t, c.Run()); got != 0 || !strings.Contains(said.String(), "installing postgresql postgresql-client pgbouncer") {
		t.Errorf("exit code %d: %s", got, said)
	}
	policy, _ := os.ReadFile(filepath.Join(m.root, "policy"))
	asked, _ := os.ReadFile(filepath.Join(m.root, "systemctl"))
	if !strings.Contains(string(policy), "exit 101") || m.has("usr/sbin/policy-rc.d") || string(asked) != "disable pgbouncer\n" {
		t.Errorf("policy %q, which is still there: %t; systemctl %q", policy, m.has("usr/sbin/policy-rc.d"), asked)
	}
	m = newMachine(t, "pgbouncer")
	m.write(t, filepath.Join(m.bin, "id"), "#!/bin/sh\necho 1000\n")
	m.write(t, filepath.Join(m.bin, "sudo"), "#!/bin/sh\n[ \"$1\" != -n ]\n")
	c, said = m.deps(t, "022")
	_ = c.Run()
	if strings.Contains(said.String(), "pgbouncer") {
		t.Errorf("a user is asked for a password for it: %s", said)
	}
}

// A user whose machine has the packages is asked for nothing, with sudo or without, even if the browser is missing or
// not wanted.
func TestDepsAsUser(t *testing.T) {
	for name, tt := range map[string]struct {
		env     string
		without []string
		sudo    string
		says    string
	}{
		"no sudo":                 {without: []string{"chromium", "sudo"}, says: "left out"},
		"sudo asks":               {without: []string{"chromium"}, sudo: `[ "$1" = -n ] || echo asked >"$DEPS_ROOT/asked"; exit 1`, says: "left out"},
		"no browser wanted":       {without: []string{"chromium"}, sudo: `echo asked >"$DEPS_ROOT/asked"`, env: "BROWSER=no"},
		"all there":               {sudo: `echo asked >"$DEPS_ROOT/asked"`},
		"sudo without a password": {without: []string{"chromium"}, sudo: `[ "$1" != -n ] || shift; exec "$@"`, says: "installing chromium"},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMachine(t, tt.without...)
			m.write(t, filepath.Join(m.bin, "id"), "#!/bin/sh\necho 1000\n")
			if tt.sudo != "" {
				m.write(t, filepath.Join(m.bin, "sudo"), "#!/bin/sh\n"+tt.sudo+"\n")
			}
			if err := os.MkdirAll(filepath.Join(m.root, "usr/lib/postgresql/17/bin"), 0o755); err != nil {
				t.Fatal(err)
			}
			m.write(t, filepath.Join(m.root, "usr/lib/postgresql/17/bin/initdb"), "")
			c, said := m.deps(t, "022", tt.env)
			if got := code(t, c.Run()); got != 0 {
				t.Errorf("exit code %d: %s", got, said)
			}
			if m.has("asked") || (said.Len() > 0) != (tt.says != "") || !strings.Contains(said.String(), tt.says) {
				t.Errorf("asked %t, said %q, want %q", m.has("asked"), said, tt.says)
			}
		})
	}
}

// If PostgreSQL is missing and deps.sh can't install it, it says what to install.
func TestDepsCannotInstall(t *testing.T) {
	m := newMachine(t, "sudo")
	m.write(t, filepath.Join(m.bin, "id"), "#!/bin/sh\necho 1000\n")
	c, said := m.deps(t, "022")
	if got := code(t, c.Run()); got != 1 || !strings.Contains(said.String(), "please install, or have installed") {
		t.Errorf("exit code %d: %s", got, said)
	}
}

// After a signal during the installation, Debian makes clusters again.
func TestDepsInterrupted(t *testing.T) {
	for signal, want := range map[syscall.Signal]int{syscall.SIGINT: 130, syscall.SIGTERM: 143, syscall.SIGHUP: 129} {
		m := newMachine(t)
		m.write(t, filepath.Join(m.root, "slow"), "")
		c, said := m.deps(t, "022")
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		for began := time.Now(); !m.has("installing"); time.Sleep(time.Millisecond) {
			if time.Since(began) > 5*time.Minute {
				t.Fatalf("never began to install: %s", said)
			}
		}
		if !m.has(off) {
			t.Error("the clusters are not turned off while it installs")
		}
		if err := syscall.Kill(-c.Process.Pid, signal); err != nil {
			t.Fatal(err)
		}
		err := c.Wait()
		// This is the exit code of the outer shell. If that has no trap, the signal ends it, too.
		if got := c.ProcessState.Sys().(syscall.WaitStatus); got.Signal() != signal && got.ExitStatus() != want {
			t.Errorf("%v: %v: %s", signal, err, said)
		}
		// The shell that installs removes the file. It may end after the outer one.
		for began := time.Now(); m.has(off); time.Sleep(time.Millisecond) {
			if time.Since(began) > time.Minute {
				t.Fatalf("%v: the clusters stay turned off: %s", signal, said)
			}
		}
	}
}
