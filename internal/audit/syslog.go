package audit

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"uzerp-mfa/internal/invisible"
	"uzerp-mfa/internal/safepath"
)

// As in RFC 3164: what sudo uses, so that both are in the same file.
const (
	facilityAuthpriv = 10 << 3
	severityWarning  = 4
	severityNotice   = 5
)

const (
	syslogMessage = 1024 // RFC 3164 §4.1
	syslogText    = 160  // of reason and message
	syslogValue   = 64   // of every other value
)

// notWritten stands for the hash of a record that is not in the file.
const notWritten = "none"

const (
	syslogMoment   = 100 * time.Millisecond // how long a full syslog is waited for
	syslogPatience = 5 * time.Second        // and in all, for the lines that are sent together
)

// toSyslog sends a line about each of the first records, which are written, and about each outcome of the others, through one
// connection. What goes wrong is nobody's business: a socket that is missing, or that hangs, stops no command, and nothing is told.
// Syslog keeps only some lines until it has read them: for many it gets the time that it needs, as long as it takes any.
func (l *Log) toSyslog(records []Record, written int) {
	if l.o.Syslog == "" {
		return
	}
	zone, left, fd := machineZone(), syslogPatience, -1
	hangUp := func() {
		if fd >= 0 {
			_ = unix.Close(fd)
		}
		fd = -1
	}
	defer hangUp()
	for i, r := range records {
		if i >= written && r.Result == ResultIntent {
			continue
		}
		if fd < 0 {
			var err error
			if fd, err = l.dialSyslog(); err != nil {
				return
			}
		}
		line := []byte(syslogLine(r, zone))
		n, err := send(fd, line)
		if errors.Is(err, unix.EAGAIN) && left > 0 && !l.syslogHangs.Load() {
			began := l.o.Now()
			l.syslogHangs.Store(!l.o.room(fd, syslogMoment))
			left -= l.o.Now().Sub(began)
			n, err = send(fd, line)
		}
		if err == nil && n < len(line) || err != nil && !errors.Is(err, unix.EAGAIN) {
			hangUp() // the other end is gone, or has a part of a line, which no other line may end
		}
	}
}

func send(fd int, line []byte) (n int, err error) {
	return unix.SendmsgN(fd, line, nil, nil, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
}

// hasRoom waits until a line can be sent, and reports whether it can.
func hasRoom(fd int, longest time.Duration) bool {
	for end := time.Now().Add(longest); ; {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}, max(0, int(time.Until(end).Milliseconds())))
		if !errors.Is(err, unix.EINTR) {
			return err == nil && n > 0
		}
	}
}

// dialSyslog connects to the socket without waiting. Nobody but root and us may have put it there.
func (l *Log) dialSyslog() (fd int, err error) {
	trusted := l.o.trust
	trusted.Through = nil // that is for logs
	dir, name, err := safepath.OpenParent(l.o.Syslog, trusted)
	if err != nil {
		return -1, err
	}
	defer func() { _ = dir.Close() }()
	stat, err := dir.Lstat(name)
	if err != nil {
		return -1, err
	}
	if stat.Mode&unix.S_IFMT != unix.S_IFSOCK {
		return -1, errors.New("this is no socket")
	}
	if err := dir.JudgeStat(name, &stat); err != nil {
		return -1, err
	}
	address := &unix.SockaddrUnix{Name: dir.Path(name)} // the resolved path: nobody else can change it
	for _, kind := range []int{unix.SOCK_DGRAM, unix.SOCK_STREAM} {
		fd, err = unix.Socket(unix.AF_UNIX, kind, 0)
		if err != nil {
			return -1, err
		}
		unix.CloseOnExec(fd)
		if err = unix.SetNonblock(fd, true); err == nil { // not every system can do both at once
			err = unix.Connect(fd, address)
		}
		if err == nil {
			return fd, nil
		}
		_ = unix.Close(fd)
		if !errors.Is(err, unix.EPROTOTYPE) {
			break
		}
	}
	return -1, err
}

// syslogLine returns the line for syslog. What is certain and short comes first, so that nothing a user typed can push it
// out; of the values that were changed it has none. Every text is quoted. The time at its beginning is in zone.
func syslogLine(r Record, zone *time.Location) string {
	severity := severityNotice
	if r.Result != ResultIntent && r.Result != ResultDone {
		severity = severityWarning
	}
	var b strings.Builder
	fmt.Fprintf(&b, "<%d>%s uzerp-mfa[%d]: result=%s command=%q time=%s id=%s hash=%s", facilityAuthpriv|severity, r.Time.In(zone).Format(time.Stamp),
		r.Actor.PID, r.Result, r.Command, r.Time.Format(time.RFC3339Nano), quoted(r.ID, syslogValue), cmp.Or(r.Hash, notWritten))
	add := func(name, value string, limit int) {
		if value == "" {
			return
		}
		text := " " + name + "=" + quoted(value, limit)
		if b.Len()+len(text) < syslogMessage {
			b.WriteString(text)
		}
	}
	add("target", r.Target, syslogValue)
	add("user", r.Actor.User, syslogValue)
	add("sudo_user", r.Actor.SudoUser, syslogValue)
	if d := r.Database; d != nil {
		add("database", d.Name+"@"+net.JoinHostPort(d.Host, strconv.Itoa(d.Port)), syslogValue)
	}
	if s := r.Service; s != nil {
		add("service", s.SID, syslogValue)
		add("service_address", s.Address, syslogValue)
	}
	add("ticket", r.Ticket, syslogValue)
	add("verified_by", r.VerifiedBy, syslogValue)
	add("message", r.Message, syslogText)
	add("reason", r.Reason, syslogText)
	add("ssh_client", r.Actor.SSHClient, syslogValue)
	b.WriteString("\n") // ends the line in a stream, and is ignored in a datagram
	return b.String()
}

// machineZone returns the time zone of the machine, which syslog's times are in; UTC if it has none. The operator chooses
// TZ, and so the zone of time.Local: a line would stand hours away from sudo's, and TZ could even name a pipe that hangs.
func machineZone() *time.Location {
	file, err := os.Open("/etc/localtime")
	if err != nil {
		return time.UTC
	}
	defer func() { _ = file.Close() }()
	data, err := io.ReadAll(io.LimitReader(file, 1<<20))
	if err != nil {
		return time.UTC
	}
	zone, err := time.LoadLocationFromTZData("machine", data)
	if err != nil {
		return time.UTC
	}
	return zone
}

// quoted quotes s, so that no character of it ends the line or the value, and cuts it to limit bytes.
func quoted(s string, limit int) string {
	var b strings.Builder
	for _, r := range s {
		piece := strconv.Quote(string(r))
		if invisible.Is(r) {
			piece = strconv.QuoteToASCII(string(r))
		}
		piece = piece[1 : len(piece)-1]
		if b.Len()+len(piece) > limit-utf8.RuneLen('…') {
			b.WriteRune('…')
			break
		}
		b.WriteString(piece)
	}
	return `"` + b.String() + `"`
}
