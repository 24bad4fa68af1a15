package cmd_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"uzerp-mfa/internal/sharedtest"
)

// thief is a server on loopback that asks for a password in clear, as PostgreSQL may, and counts who connects.
type thief struct {
	address   string
	connected atomic.Int64
	password  atomic.Value
}

func newThief(t *testing.T) *thief {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	s := &thief{address: listener.Addr().String()}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			s.connected.Add(1)
			go s.serve(conn)
		}
	}()
	return s
}

// serve refuses TLS, then asks for the password (PostgreSQL's protocol 3: SSLRequest, StartupMessage, 'R' 3).
func (s *thief) serve(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	for {
		length, kind := make([]byte, 4), make([]byte, 4)
		if _, err := io.ReadFull(conn, length); err != nil {
			return
		}
		if _, err := io.ReadFull(conn, kind); err != nil {
			return
		}
		if _, err := io.CopyN(io.Discard, conn, int64(binary.BigEndian.Uint32(length))-8); err != nil {
			return
		}
		if binary.BigEndian.Uint32(kind) != 80877103 { // a request for TLS
			break
		}
		_, _ = conn.Write([]byte{'N'})
	}
	_, _ = conn.Write([]byte{'R', 0, 0, 0, 8, 0, 0, 0, 3})
	answer := make([]byte, 1024)
	n, _ := conn.Read(answer)
	if n > 5 {
		s.password.Store(string(bytes.Trim(answer[5:n], "\x00")))
	}
}

// In the working directory of a stranger stands what looks like uzERP: root must not connect where its settings lead,
// not even when the shell completes a name (TAB). Measured before: ~/.pgpass was sent there in clear.
func TestStrangersWorkingDirectory(t *testing.T) {
	if os.Geteuid() != 0 {
		sharedtest.LeaveOut(t, sharedtest.Root, errors.New("only root can give files away"))
	}
	const nobody = 65534
	server := newThief(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	home, dir := t.TempDir(), filepath.Join(t.TempDir(), "uzerp")
	passwords := filepath.Join(home, ".pgpass")
	writeFile(t, passwords, "*:*:*:*:"+dbPassword+"\n")
	if err := os.Chmod(passwords, 0o600); err != nil { // else it is not read
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"system.php": "<?php\n",
		"conf/.env": "DB_NAME=uzerp\nDB_USER=root\nDB_HOST=" + server.address + "\n" +
			fmt.Sprintf("TWILIO_ACCOUNT_SID=%s\nTWILIO_AUTH_TOKEN=%s\nTWILIO_SERVICE_SID=%s\n", accountSID, authToken, serviceSID),
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		writeFile(t, path, text)
	}
	sudo := []string{"SUDO_UID=65534", "SUDO_USER=nobody"}
	run := func(args ...string) (int, string) {
		c := exec.Command(self, args...) // not the shipped program: through sudo that would write the machine's log
		c.Args[0] = "uzerp-mfa"
		c.Dir = dir
		c.Env = append([]string{"HOME=" + home, "PATH=" + os.Getenv("PATH"), "LANG=C.UTF-8",
			"TEST_SYSTEM_LOG=" + filepath.Join(home, "audit.jsonl"), "TEST_POLICY=" + filepath.Join(home, "policy.env")}, sudo...)
		out, err := c.CombinedOutput()
		if exit, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok {
			t.Fatal(err)
		} else if ok {
			return exit.ExitCode(), string(out)
		}
		return 0, string(out)
	}
	commands := [][]string{
		{"user", "list"}, {"user", "show", "alice"}, {"user", "reset", "alice", "--yes"}, {"reconcile"},
		{"set-injector", "--yes"}, {"detach", "--confirm", "uzerp"}, {"service", "check"},
	}

	give := func(uid int) {
		for _, path := range []string{"", "system.php", "conf", "conf/.env"} {
			if err := os.Lchown(filepath.Join(dir, path), uid, uid); err != nil {
				t.Fatal(err)
			}
		}
	}
	give(nobody)
	for _, args := range commands {
		for _, root := range []string{"", dir} { // and where it is named
			with := args
			if root != "" {
				with = append([]string{"--uzerp-root", root}, args...)
			}
			code, out := run(with...)
			if code != 4 || !strings.Contains(out, "belongs to user 65534") || !strings.Contains(out, "--uzerp-root") {
				t.Errorf("%s: exit %d\n%s", with, code, out)
			}
		}
	}
	if code, out := run("__complete", "user", "reset", "a"); code != 0 || out != "Completion ended with directive: ShellCompDirectiveNoFileComp\n:4\n" {
		t.Errorf("completion: exit %d\n%s", code, out)
	}
	code, out := run("doctor")
	if code != 9 || !strings.Contains(out, "belongs to user 65534") {
		t.Errorf("doctor: exit %d\n%s", code, out)
	}
	if n := server.connected.Load(); n != 0 {
		t.Errorf("%d connections were made, and the password sent was %q", n, server.password.Load())
	}

	// The same directory, of root's now: this test can fail.
	give(0)
	sudo = nil // through sudo HOME is root's
	run("__complete", "user", "reset", "a")
	if got := server.password.Load(); got != dbPassword {
		t.Errorf("root's own directory was not believed: %q", got)
	}
}
