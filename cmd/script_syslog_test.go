package cmd_test

import (
	"errors"
	"net"
	"syscall"

	"github.com/rogpeppe/go-internal/testscript"
)

// The command of scripts that is the machine's syslog. testdata/script/README.md explains it.

func cmdSyslog(ts *testscript.TestScript, _ []string) {
	out := ts.Stdout()
	s := sceneOf(ts)
	if s.syslog == nil {
		conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: ts.MkAbs("syslog.sock"), Net: "unixgram"})
		ts.Check(err)
		s.syslog = conn
		ts.Defer(func() { _ = conn.Close() })
		return
	}
	raw, err := s.syslog.SyscallConn()
	ts.Check(err)
	ts.Check(raw.Read(func(fd uintptr) bool {
		b := make([]byte, 1<<16)
		for { // what was sent is there already
			n, _, err := syscall.Recvfrom(int(fd), b, syscall.MSG_DONTWAIT)
			if errors.Is(err, syscall.EAGAIN) {
				return true
			}
			ts.Check(err)
			_, err = out.Write(b[:n])
			ts.Check(err)
		}
	}))
}
