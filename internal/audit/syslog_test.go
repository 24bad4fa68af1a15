package audit

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"
)

// socketDir is a directory with a short path: a socket's may have 107 bytes.
func socketDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "s")
	check(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func datagrams(t *testing.T, path string) *net.UnixConn {
	t.Helper()
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	check(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func logTo(t *testing.T, socket string) *Log {
	t.Helper()
	l, err := Open(filepath.Join(t.TempDir(), "audit.jsonl"), Options{Syslog: socket})
	check(t, err)
	return l
}

// received returns what is waiting in the socket. It is there once Append has returned.
func received(t *testing.T, conn *net.UnixConn) string {
	t.Helper()
	check(t, conn.SetReadDeadline(time.Now().Add(time.Minute)))
	b := make([]byte, 1<<16)
	n, err := conn.Read(b)
	check(t, err)
	return string(b[:n])
}

// What stands in the log stands in syslog too, in one line and without the values.
func TestSyslog(t *testing.T) {
	socket := filepath.Join(socketDir(t), "log")
	conn := datagrams(t, socket)
	l := logTo(t, socket)
	r := sample(0)
	r.Database, r.Service = &Database{"192.0.2.1", 5432, "uzerp"}, &Service{SID: "VA1", Address: "http://127.0.0.1:4000"}
	r.Target = "Müller\ufe0f\u3164 \"x\"\n<85>Nov 26 10:00:00 uzerp-mfa[1]: result=done\x1b[31m\u202e"
	r.Message, r.Result = "no", ResultRefused
	written := appendTo(t, l, r)
	got := received(t, conn)
	want := fmt.Sprintf(`<84>%s uzerp-mfa[%d]: result=refused command="user reset" time=%s id="%s" hash=%s`+
		` target="Müller\ufe0f\u3164 \"x\"\n<85>Nov 26 10:00:00 uzerp-mfa[1]: …" user="root" sudo_user="ann" database="uzerp@192.0.2.1:5432"`+
		` service="VA1" service_address="http://127.0.0.1:4000" ticket="T-1" message="no" reason="lost phone"`+"\n",
		written.Time.In(machineZone()).Format(time.Stamp), os.Getpid(), written.Time.Format(time.RFC3339Nano), written.ID, written.Hash)
	if got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if strings.Contains(got, "YF1") {
		t.Error("a value that was changed is in syslog")
	}
	r.Result = ResultDone
	appendTo(t, l, r)
	if got := received(t, conn); !strings.HasPrefix(got, "<85>") {
		t.Errorf("%q", got)
	}
}

// What can't be written to the file goes to syslog all the same, but for an intent: nothing follows it.
func TestSyslogHasWhatTheFileHasNot(t *testing.T) {
	socket := filepath.Join(socketDir(t), "log")
	conn := datagrams(t, socket)
	l := logTo(t, socket)
	l.o.sync = func(*os.File) error { return errors.New("no") }
	for _, result := range Results() {
		r := sample(0)
		r.Result = result
		if _, err := l.Append(t.Context(), r); err == nil {
			t.Error("it was written")
		}
	}
	for _, want := range Results()[1:] {
		got := received(t, conn)
		if !strings.Contains(got, fmt.Sprintf("result=%s ", want)) || !strings.Contains(got, `" hash=none target="user0"`) ||
			!strings.Contains(got, time.Now().UTC().Format("time=2006")) {
			t.Errorf("%s: %q", want, got)
		}
	}
	r := &Recorder{Log: l, Command: "set-injector", BestEffort: true}
	check(t, r.Record(t.Context(), "LoginHandler", nil, nil, func() error { return nil }))
	if got := received(t, conn); !strings.Contains(got, "result=done ") {
		t.Errorf("%q", got)
	}
}

// The zone is the machine's, and not the one that the operator has chosen with TZ.
func TestSyslogZone(t *testing.T) {
	was := time.Local
	t.Cleanup(func() { time.Local = was })
	at := time.Date(2026, 11, 26, 10, 0, 0, 0, time.UTC)
	var lines []string
	for _, zone := range []*time.Location{was, time.FixedZone("Kiritimati", 14*3600), time.FixedZone("west", -11*3600)} {
		time.Local = zone
		lines = append(lines, syslogLine(Record{Time: at, Result: ResultDone}, machineZone()))
	}
	if lines[0] != lines[1] || lines[1] != lines[2] {
		t.Errorf("%q", lines)
	}
}

// However long and odd the texts are, there is one line, not longer than syslog takes, and the hash is in it.
func TestSyslogLineIsBounded(t *testing.T) {
	for _, piece := range []string{"x", "\n", "\x1b[31m", "ü", "\"", "\\", "\u2028", "\u202e", "\ufe0f", "\u3164", "\xff", "🙂"} {
		long := strings.Repeat(piece, 70000)
		r := Record{ID: long, Actor: Actor{long, long, long, long, 1}, Database: &Database{long, 1, long}, Service: &Service{long, long},
			Command: "user reset", Target: long, Reason: long, Ticket: long, VerifiedBy: long, Message: long, Result: ResultUnknown, Hash: Genesis}
		line := syslogLine(r.sanitized(), machineZone())
		if len(line) > syslogMessage || strings.Count(line, "\n") != 1 || !strings.Contains(line, " hash="+Genesis+" target=") ||
			!utf8.ValidString(line) || regexp.MustCompile(`[\x00-\x09\x0b-\x1f\x7f\x{80}-\x{9f}\x{2028}\x{202e}\x{fe0f}\x{3164}]`).MatchString(line) {
			t.Errorf("%q: %d bytes: %q", piece, len(line), line)
		}
	}
}

// A stream is what some daemons listen on.
func TestSyslogStream(t *testing.T) {
	socket := filepath.Join(socketDir(t), "log")
	listener, err := net.Listen("unix", socket)
	check(t, err)
	defer func() { _ = listener.Close() }()
	written := appendTo(t, logTo(t, socket), sample(0))
	conn, err := listener.Accept()
	check(t, err)
	defer func() { _ = conn.Close() }()
	b := make([]byte, 1<<16)
	if n, err := conn.Read(b); err != nil || !strings.Contains(string(b[:n]), written.Hash) || b[n-1] != '\n' {
		t.Errorf("%q, %v", b[:n], err)
	}
}

// More lines than syslog keeps all arrive, in their order, if it reads them.
func TestSyslogGetsMany(t *testing.T) {
	socket := filepath.Join(socketDir(t), "log")
	conn := datagrams(t, socket)
	l := logTo(t, socket)
	const n = 2000
	began, lines := make(chan bool), make(chan []string)
	l.o.room = func(fd int, _ time.Duration) bool {
		if began != nil {
			close(began)
			began = nil
		}
		return hasRoom(fd, time.Minute)
	}
	go func(began <-chan bool) {
		<-began // it is full
		var got []string
		b := make([]byte, 1<<16)
		for len(got) < n {
			k, err := conn.Read(b)
			if err != nil {
				break
			}
			got = append(got, string(b[:k]))
		}
		lines <- got
	}(began)
	written, err := l.AppendAll(t.Context(), samples(0, n))
	check(t, err, conn.SetReadDeadline(time.Now().Add(time.Minute)))
	if began != nil {
		t.Fatal("syslog was never full")
	}
	got := <-lines
	if len(got) != n {
		t.Fatalf("%d of %d lines", len(got), n)
	}
	for i, line := range got {
		if !strings.Contains(line, written[i].Hash) {
			t.Fatalf("line %d is %q", i, line)
		}
	}
}

// A syslog that takes nothing is waited for once, and one that is slow not for ever.
func TestSyslogIsNotWaitedForLong(t *testing.T) {
	for name, test := range map[string]struct {
		room        bool
		least, most int
	}{"hangs": {false, 1, 1}, "slow": {true, 2, 6}} {
		socket := filepath.Join(socketDir(t), "log")
		check(t, datagrams(t, socket).SetReadBuffer(1))
		l := logTo(t, socket)
		waits, at := 0, time.Now()
		l.o.Now = func() time.Time { return at }
		l.o.room = func(_ int, longest time.Duration) bool {
			if longest != syslogMoment {
				t.Error(longest)
			}
			waits++
			at = at.Add(syslogPatience / 5)
			return test.room
		}
		_, err := l.AppendAll(t.Context(), samples(0, 2000))
		check(t, err)
		if !test.room {
			appendTo(t, l, sample(0))
		}
		if waits < test.least || waits > test.most {
			t.Errorf("%s: waited for %d times", name, waits)
		}
	}
}

// A syslog that was started again gets the lines from then on.
func TestSyslogStartedAgain(t *testing.T) {
	dir := socketDir(t)
	socket := filepath.Join(dir, "log")
	first := datagrams(t, socket)
	l := logTo(t, socket)
	var second *net.UnixConn
	l.o.room = func(int, time.Duration) bool {
		check(t, os.Rename(socket, filepath.Join(dir, "was")), first.Close())
		second = datagrams(t, socket)
		l.o.room = hasRoom
		return true
	}
	written, err := l.AppendAll(t.Context(), samples(0, 2000))
	check(t, err)
	if second == nil {
		t.Fatal("syslog was never full")
	}
	got := received(t, second)
	if at := slices.IndexFunc(written, func(r Record) bool { return strings.Contains(got, r.Hash) }); at <= 0 {
		t.Errorf("%q", got)
	}
}

// A socket that is missing, full, closed or hangs stops nothing.
func TestSyslogStopsNothing(t *testing.T) {
	dir := socketDir(t)
	in := func(name string) string { return filepath.Join(dir, name) }
	full := datagrams(t, in("full"))
	check(t, full.SetReadBuffer(1))
	_, err := net.Listen("unix", in("hangs")) // nobody accepts
	check(t, err)
	dead := datagrams(t, in("dead"))
	check(t, dead.Close())
	if _, err := os.Stat(in("dead")); errors.Is(err, os.ErrNotExist) { // Close has removed it
		dead := datagrams(t, in("dead"))
		file, err := dead.File()
		check(t, err, os.Rename(in("dead"), in("kept")), dead.Close(), file.Close(), os.Rename(in("kept"), in("dead")))
	}
	check(t, os.Mkdir(in("directory"), 0o700), os.WriteFile(in("file"), nil, 0o600), os.Symlink("loop", in("loop")))
	const records = 300 // more than any queue holds
	for _, name := range []string{"full", "hangs", "dead", "missing", "directory", "file", "loop", "no/such"} {
		l := logTo(t, in(name))
		l.o.sync = func(*os.File) error { return nil }
		for i := range records {
			appendTo(t, l, sample(i))
		}
		intact(t, l, records)
	}
}

// Another user's socket, or one in another user's directory, gets nothing: it would learn who is helped, and why.
func TestSyslogOfAStranger(t *testing.T) {
	needsRoot(t)
	dir := socketDir(t)
	check(t, os.Chmod(dir, 0o755))
	give(t, filepath.Join(dir, "theirs"), stranger, stranger, 0o755)
	roots, theirs := datagrams(t, filepath.Join(dir, "roots")), datagrams(t, filepath.Join(dir, "sock"))
	inside := datagrams(t, filepath.Join(dir, "theirs", "sock"))
	check(t, os.Chown(filepath.Join(dir, "sock"), stranger, stranger))
	check(t, os.Symlink(filepath.Join(dir, "roots"), filepath.Join(dir, "link"))) // as /dev/log is
	for path, conn := range map[string]*net.UnixConn{"roots": roots, "link": roots, "sock": nil, "theirs/sock": nil} {
		appendTo(t, logTo(t, filepath.Join(dir, path)), sample(0))
		if conn != nil && received(t, conn) == "" {
			t.Errorf("%s gets nothing", path)
		}
	}
	for _, conn := range []*net.UnixConn{theirs, inside} {
		raw, err := conn.SyscallConn()
		check(t, err)
		check(t, raw.Read(func(fd uintptr) bool { // what was sent is there already
			if n, _, err := syscall.Recvfrom(int(fd), make([]byte, 10), syscall.MSG_DONTWAIT); !errors.Is(err, syscall.EAGAIN) {
				t.Errorf("a stranger gets %d bytes, %v", n, err)
			}
			return true
		}))
	}
}
