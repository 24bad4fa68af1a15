package cmd_test

import (
	"errors"
	"net"
	"os"
	"time"

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
	ts.Check(s.syslog.SetReadDeadline(time.Now().Add(10 * time.Millisecond))) // what was sent is there already
	b := make([]byte, 1<<16)
	for {
		n, err := s.syslog.Read(b)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return
		}
		ts.Check(err)
		_, err = out.Write(b[:n])
		ts.Check(err)
	}
}
