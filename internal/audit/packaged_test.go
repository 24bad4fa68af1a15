package audit

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"uzerp-mfa/internal/sharedtest"
)

// installLogs runs what a package runs after its installation, with the log's directories in logs.
func installLogs(t *testing.T, logs string) {
	t.Helper()
	if out, err := tryInstallLogs(t, logs, os.Getenv("PATH")); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

func tryInstallLogs(t *testing.T, logs, path string) (said []byte, err error) {
	t.Helper()
	script, err := os.ReadFile("../../packaging/postinstall.sh")
	check(t, err)
	text := strings.ReplaceAll(string(script), "/var/log", logs)
	text = strings.ReplaceAll(text, "/run/systemd/system", filepath.Join(logs, "no-systemd"))
	c := exec.CommandContext(t.Context(), "sh", "-c", "umask 077\n"+text)
	c.Env = append(os.Environ(), "PATH="+path)
	return c.CombinedOutput()
}

func shownAs(t *testing.T, path string) string {
	t.Helper()
	info, err := os.Lstat(path)
	check(t, err)
	stat := info.Sys().(*syscall.Stat_t)
	return fmt.Sprintf("%o %d", stat.Mode&0o7777, stat.Uid)
}

// The directories that a package makes are accepted by both who write there. Neither can write in the other's: so the web
// server leads root nowhere, and can't write evidence.
func TestPackagedDirectories(t *testing.T) {
	needsRoot(t)
	web := webServersUser(t)
	logs := newLogs(t)
	installLogs(t, logs)
	roots, webs := filepath.Join(logs, "uzerp-mfa"), filepath.Join(logs, "uzerp-mfa-www-data")
	if got := shownAs(t, roots); got != "2750 0" {
		t.Errorf("root's directory: %s", got)
	}
	if got := shownAs(t, webs); got != fmt.Sprintf("2750 %d", web) {
		t.Errorf("the web server's directory: %s", got)
	}

	l := openLog(t, filepath.Join(roots, "audit.jsonl"))
	appendTo(t, l, sample(1))
	asWeb := func(script string) error {
		c := exec.CommandContext(t.Context(), "sh", "-c", script)
		c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: web, Gid: web}}
		return c.Run()
	}
	for _, script := range []string{
		"ls " + roots, "cat " + l.Path(), "echo x >>" + l.Path(), "rm -f " + l.Path(), "touch " + roots + "/x", "mv " + roots + " " + logs + "/x",
		"mv " + webs + " " + logs + "/x", "rmdir " + webs,
	} {
		if asWeb(script) == nil {
			t.Errorf("the web server could %s", script)
		}
	}
	if err := asWeb("ln -s /etc " + webs + "/link && rm " + webs + "/link"); err != nil {
		t.Errorf("the web server can't use its own directory: %v", err)
	}
	childAs(t, web, logs, filepath.Join(webs, "audit.jsonl"))
	if got, want := shownAs(t, filepath.Join(webs, "audit.jsonl")), fmt.Sprintf("640 %d", web); got != want {
		t.Errorf("the web server's log: %s, want %s", got, want)
	}
}

// What is there already stays as it is, and what a link leads to as well.
func TestPackagedDirectoriesThatAreThere(t *testing.T) {
	needsRoot(t)
	logs := newLogs(t)
	other := filepath.Join(logs, "other")
	check(t, os.Mkdir(other, 0o700))
	check(t, os.Symlink(other, filepath.Join(logs, "uzerp-mfa-www-data")))
	check(t, os.Mkdir(filepath.Join(logs, "uzerp-mfa"), 0o755))
	before := shownAs(t, other) + shownAs(t, filepath.Join(logs, "uzerp-mfa"))
	installLogs(t, logs)
	if after := shownAs(t, other) + shownAs(t, filepath.Join(logs, "uzerp-mfa")); after != before {
		t.Errorf("%s, before %s", after, before)
	}
}

// A directory that can't be given to its owner is no success and does not stay: the next try makes it. Without a group adm it is
// root's group alone that reads the logs.
func TestPackagedDirectoriesHalfDone(t *testing.T) {
	needsRoot(t)
	web := webServersUser(t)
	logs := newLogs(t)
	stub := func(program, script string) (path string) {
		dir := t.TempDir()
		check(t, os.WriteFile(filepath.Join(dir, program), []byte("#!/bin/sh\n"+script), 0o755))
		return dir + ":" + os.Getenv("PATH")
	}
	webs := filepath.Join(logs, "uzerp-mfa-www-data")
	if out, err := tryInstallLogs(t, logs, stub("chown", "case $* in *www-data*) exit 1 ;; esac\nexec /bin/chown \"$@\"")); err == nil {
		t.Errorf("a directory has the wrong owner, and nothing is said: %s", out)
	}
	if _, err := os.Lstat(webs); err == nil {
		t.Errorf("it stays: %s", shownAs(t, webs))
	}
	installLogs(t, logs)
	if got, want := shownAs(t, webs), fmt.Sprintf("2750 %d", web); got != want {
		t.Errorf("the next try: %s, want %s", got, want)
	}
	logs = newLogs(t)
	if out, err := tryInstallLogs(t, logs, stub("getent", "exit 2")); err != nil {
		t.Errorf("%v: %s", err, out)
	}
	info, err := os.Lstat(filepath.Join(logs, "uzerp-mfa"))
	check(t, err)
	if gid := info.Sys().(*syscall.Stat_t).Gid; gid != 0 {
		t.Errorf("without a group adm it is the group %d", gid)
	}
}

// The rotation that a package sets up keeps owner, group and mode of both logs, and one chain: verify follows it.
func TestPackagedRotation(t *testing.T) {
	needsRoot(t)
	logrotate, err := exec.LookPath("logrotate")
	if err != nil {
		sharedtest.LeaveOut(t, sharedtest.Packaging, err)
	}
	web := webServersUser(t)
	logs := newLogs(t)
	installLogs(t, logs)
	var settings bytes.Buffer
	for _, name := range []string{"logrotate", "logrotate.www-data"} {
		text, err := os.ReadFile("../../packaging/" + name)
		check(t, err)
		settings.WriteString(strings.ReplaceAll(string(text), "/var/log", logs))
	}
	file := filepath.Join(t.TempDir(), "logrotate")
	check(t, os.WriteFile(file, settings.Bytes(), 0o644))
	rotate := func() {
		c := exec.CommandContext(t.Context(), logrotate, "--force", "--state", file+".state", file)
		if out, err := c.CombinedOutput(); err != nil || len(out) > 0 {
			t.Fatalf("%v: %s", err, out)
		}
	}
	roots, webs := filepath.Join(logs, "uzerp-mfa", "audit.jsonl"), filepath.Join(logs, "uzerp-mfa-www-data", "audit.jsonl")
	for range 3 { // the second one compresses
		appendTo(t, openLog(t, roots), sample(1))
		childAs(t, web, logs, webs)
		before := shownAs(t, roots) + ", " + shownAs(t, webs)
		rotate()
		if after := shownAs(t, roots) + ", " + shownAs(t, webs); after != before {
			t.Errorf("%s, before the rotation %s", after, before)
		}
	}
	for _, log := range []string{roots, webs} {
		if _, err := os.Stat(log + ".2.gz"); err != nil {
			t.Errorf("it was not rotated as it should be: %v", err)
		}
		if report := verifyFiles(t, log, ""); !report.Intact() || report.Records != 3 {
			t.Errorf("%s: %d records, findings %v", log, report.Records, ids(report))
		}
	}
}

// newLogs returns a directory that stands for /var/log.
func newLogs(t *testing.T) string {
	t.Helper()
	logs, err := os.MkdirTemp("", "audit") // TempDir's can't be entered by others
	check(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(logs) })
	check(t, os.Chmod(logs, 0o755), os.WriteFile(filepath.Join(logs, "audit.test"), readFile(t, os.Args[0]), 0o755))
	return logs
}

func webServersUser(t *testing.T) uint32 {
	t.Helper()
	web, err := user.Lookup("www-data")
	if err != nil {
		sharedtest.LeaveOut(t, sharedtest.Debian, err)
	}
	uid, err := strconv.ParseUint(web.Uid, 10, 32)
	check(t, err)
	return uint32(uid)
}

// childAs adds a record to the log at path, as another user.
func childAs(t *testing.T, uid uint32, logs, path string) {
	t.Helper()
	c, out := childCommand(t, "plain", path, "AUDIT_COUNT=1")
	c.Path, c.Dir = filepath.Join(logs, "audit.test"), logs
	c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
	if err := c.Run(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}
