package output

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"testing"

	"uzerp-mfa/internal/sharedtest"
)

func TestMain(m *testing.M) {
	if os.Getenv("OUTPUT_TEST_HELPER") == "pipe" {
		os.Exit(writeIntoClosedPipe())
	}
	os.Exit(sharedtest.Tests{M: m}.Run())
}

// writeIntoClosedPipe does what main does when the reader goes away, as the comment of IsBrokenPipe says.
func writeIntoClosedPipe() int {
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	s := NewStreams(os.Stdin, os.Stdout, os.Stderr, false, os.Getenv)
	_, _ = io.ReadAll(s.In) // until the reader of stdout is gone
	if err := writeTable(s.Out, []string{"a"}, nil); err != nil {
		return 10
	}
	if err := s.Out.Flush(); !IsBrokenPipe(err) || !IsBrokenPipe(s.Out.Err()) {
		return 11
	}
	return 42
}

func closeAll(t *testing.T, files ...io.Closer) {
	t.Helper()
	for _, f := range files {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestBrokenPipeDoesNotKill(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer closeAll(t, w)
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), "OUTPUT_TEST_HELPER=pipe")
	cmd.Stdout = w
	stdin, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	closeAll(t, r, stdin)
	var exit *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &exit) || exit.ExitCode() != 42 {
		t.Errorf("got %v, want exit code 42", err)
	}
}

func TestBrokenPipe(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer closeAll(t, w)
	closeAll(t, r)
	s := New(strings.NewReader(""), w, io.Discard)
	if err := Fprintf(s.Out, "x\n"); err != nil {
		t.Errorf("buffered write: %v", err)
	}
	if err := s.Out.Flush(); !IsBrokenPipe(err) {
		t.Errorf("Flush: %v", err)
	}
	if _, err := s.Out.Write([]byte("more")); !IsBrokenPipe(err) {
		t.Errorf("Write after it: %v", err)
	}
}

func TestFullDisk(t *testing.T) {
	f, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		sharedtest.LeaveOut(t, sharedtest.Device, err)
	}
	defer closeAll(t, f)
	s := New(strings.NewReader(""), f, io.Discard)
	if err := WriteJSON(s.Out, 1); err != nil || s.Out.Err() != nil {
		t.Errorf("buffered: %v, %v", err, s.Out.Err())
	}
	s.Notef("this flushes stdout") // must not swallow the error
	for i, err := range []error{s.Out.Err(), s.Out.Flush(), WriteJSON(s.Out, 2)} {
		if !errors.Is(err, syscall.ENOSPC) || IsBrokenPipe(err) {
			t.Errorf("%d: %v", i, err)
		}
	}
	if err := errors.Join(newWriter(f).Flush(), writeTable(f, []string{"a"}, nil)); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("unbuffered: %v", err)
	}
}

func TestMessages(t *testing.T) {
	var out, talk bytes.Buffer
	s := New(strings.NewReader(""), &out, &talk)
	s.Notef("user %s: %d of %d", "al\x1b[2Jice\nwarning: fake", 1, 2)
	s.Warnf("%v", errors.New("a\u202eb"))
	s.Sayf("hint: run %q\n", "x\ty")
	s.Quiet = true
	s.Notef("not this")
	s.Warnf("but this")
	s.ColorErr = true
	s.Warnf("in colour")
	want := `user al\x1b[2Jice\nwarning: fake: 1 of 2
warning: a\u202eb
hint: run "x\ty"
warning: but this
` + "\x1b[33mwarning:\x1b[0m in colour\n"
	if got := talk.String(); got != want {
		t.Errorf("got\n%q\nwant\n%q", got, want)
	}
	if out.Len() > 0 {
		t.Errorf("talk on stdout: %q", out.String())
	}
}

type stringer struct{}

func (stringer) String() string { return "s\x1b" }

func TestSprintf(t *testing.T) {
	tests := []struct{ got, want string }{
		{Sprintf("a\nb"), "a\nb"},
		{Sprintf("%s|%v|%q", "\n", []string{"\x1b"}, "\x1b"), `\n|[\x1b]|"\x1b"`},
		{Sprintf("%v %+v", stringer{}, struct{ S string }{"\u202e"}), `s\x1b {S:\u202e}`},
		{Sprintf("%*d|%-6s|%6.2f", 5, 7, "ab", 1.5), "    7|ab    |  1.50"},
		{Sprintf("%c%c", 0x1b, 'x'), `\x1bx`},
		{Sprintf("%s", []byte("\x9b")), `\x9b`},
		{Sprintf("%v %s", error(nil), fmt.Errorf("x: %w", errors.New("y\n"))), `<nil> x: y\n`},
		{Sprintf("%[2]s %[1]s", "a", "b"), "b a"},
	}
	for _, tt := range tests {
		if tt.got != tt.want {
			t.Errorf("got %q, want %q", tt.got, tt.want)
		}
	}
}

func FuzzSprintf(f *testing.F) {
	for _, s := range hostile() {
		f.Add(s, s)
	}
	f.Fuzz(func(t *testing.T, format, arg string) {
		checkHarmless(t, Sprintf("%s %v %q %x %-9s", arg, errors.New(arg), arg, arg, []string{arg}))
		hostileFormat := Sprintf // by another name, for vet is right to refuse this
		checkHarmless(t, strings.ReplaceAll(hostileFormat(format, arg), "\n", ""))
	})
}

func TestMessagesComeAfterTheData(t *testing.T) {
	var screen bytes.Buffer
	s := New(strings.NewReader(""), &screen, &screen)
	_ = Fprintf(s.Out, "plan\n")
	s.Notef("note")
	if got := screen.String(); got != "plan\nnote\n" {
		t.Errorf("got %q", got)
	}
}

func TestMessagesFromManyGoroutines(t *testing.T) {
	var talk bytes.Buffer
	s := New(strings.NewReader(""), io.Discard, &talk)
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			s.Warnf("whole %s", "line")
			_ = Fprintf(s.Out, "data\n")
		})
	}
	wg.Wait()
	if got, want := talk.String(), strings.Repeat("warning: whole line\n", 20); got != want {
		t.Errorf("got %q", got)
	}
}

func env(pairs ...string) func(string) string {
	return func(name string) string {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1]
			}
		}
		return ""
	}
}

func TestNewStreamsOnPipes(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer closeAll(t, r)
	defer closeAll(t, w)
	s := NewStreams(r, w, w, false, env("TERM", "xterm", "LANG", "C.UTF-8"))
	if s.InTTY || s.OutTTY || s.ErrTTY || s.ColorOut || s.ColorErr || s.CanAsk() {
		t.Errorf("taken for a terminal: %+v", s)
	}
	if got := s.Width(); got != 80 {
		t.Errorf("width %d", got)
	}
	if got, want := s.OutTerminal(), (Terminal{UTF8: true}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	for columns, want := range map[string]int{"132": 132, "": 80, "x": 80, "-1": 80, "99999999999999999999": 80} {
		if got := NewStreams(r, w, w, false, env("COLUMNS", columns)).Width(); got != want {
			t.Errorf("COLUMNS=%q: width %d, want %d", columns, got, want)
		}
	}
}

func TestLocale(t *testing.T) {
	tests := []struct {
		env  []string
		want bool
	}{
		{nil, false},
		{[]string{"LANG", "en_GB.UTF-8"}, true},
		{[]string{"LANG", "de_DE.utf8"}, true},
		{[]string{"LANG", "en_GB.UTF-8", "LC_ALL", "C"}, false},
		{[]string{"LC_CTYPE", "UTF-8", "LANG", "C"}, true},
		{[]string{"LC_CTYPE", "en_GB.ISO-8859-1", "LANG", "en_GB.UTF-8"}, false},
	}
	for _, tt := range tests {
		if got := isUTF8Locale(env(tt.env...)); got != tt.want {
			t.Errorf("%v: %v", tt.env, got)
		}
	}
}

// Only a reader who has left our own stdout is no failure. A server that closes a connection gives the same EPIPE.
func TestReaderLeft(t *testing.T) {
	lost := fmt.Errorf("failed to send the query: %w", &net.OpError{Op: "write", Net: "tcp", Err: os.NewSyscallError("write", syscall.EPIPE)})
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	out := newWriter(w)
	if out.ReaderLeft(lost) || out.ReaderLeft(nil) || !IsBrokenPipe(lost) {
		t.Error("stdout has its reader")
	}
	closeAll(t, r, w)
	_, _ = out.Write([]byte("x"))
	own := out.Flush()
	if own == nil || out.ReaderLeft(own) {
		t.Error("a file that is closed is no reader who left", own)
	}
	gone := newWriter(goneReader{})
	_, _ = gone.Write([]byte("x"))
	own = gone.Flush()
	if !gone.ReaderLeft(fmt.Errorf("show: %w", own)) || gone.ReaderLeft(lost) || gone.ReaderLeft(nil) {
		t.Error(own)
	}
}

type goneReader struct{}

func (goneReader) Write([]byte) (int, error) {
	return 0, &fs.PathError{Op: "write", Path: "/dev/stdout", Err: syscall.EPIPE}
}
