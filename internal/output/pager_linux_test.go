package output

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// onTerminal returns streams on a terminal of 40 rows and 80 columns with a pager, and what was shown there until now.
func onTerminal(t *testing.T, pager string) (s *Streams, shown func() string) {
	t.Helper()
	control, tty := openPTY(t, 80)
	s = NewStreams(tty, tty, tty, false, env("TERM", "xterm"))
	s.Pager = pager
	read := make(chan string, 1)
	go func() {
		var all strings.Builder
		chunk := make([]byte, 4096)
		for {
			n, err := control.Read(chunk)
			all.Write(chunk[:n])
			if err != nil || strings.HasSuffix(all.String(), "END\r\n") {
				read <- strings.ReplaceAll(all.String(), "\r\n", "\n")
				return
			}
		}
	}()
	return s, func() string {
		_ = Fprintf(s.Out, "END\n")
		if err := s.Out.Flush(); err != nil {
			t.Error(err)
		}
		return strings.TrimSuffix(<-read, "END\n")
	}
}

func lines(n int) string {
	var b strings.Builder
	for i := range n {
		_, _ = fmt.Fprintf(&b, "line %d\n", i+1)
	}
	return b.String()
}

// keeper returns a pager that keeps the text in a file, and what is in it.
func keeper(t *testing.T) (pager string, kept func() string) {
	file := filepath.Join(t.TempDir(), "kept")
	return "cat >" + file, func() string {
		text, err := os.ReadFile(file)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Error(err)
		}
		return string(text)
	}
}

// What is longer than the screen goes through the pager, and nothing else does.
func TestPage(t *testing.T) {
	colored := strings.Repeat(Red.paint("red")+"\n", 39)
	for name, test := range map[string]struct {
		text  string
		set   func(*Streams)
		paged bool
	}{
		"fits":                        {lines(39), nil, false},
		"one row more":                {lines(40), nil, true},
		"long lines":                  {strings.Repeat(strings.Repeat("x", 81)+"\n", 20), nil, true},
		"lines that fill it":          {strings.Repeat(strings.Repeat("x", 80)+"\n", 39), nil, false},
		"wide characters":             {strings.Repeat(strings.Repeat("世", 41)+"\n", 20), nil, true},
		"colours need no room":        {colored, nil, false},
		"--no-input":                  {lines(40), func(s *Streams) { s.NoInput = true }, false},
		"a pipe":                      {lines(40), func(s *Streams) { s.OutTTY = false }, false},
		"in the background":           {lines(40), func(s *Streams) { s.inFront = func() bool { return false } }, false},
		"no size":                     {lines(40), func(s *Streams) { s.size = func() (int, int) { return 0, 0 } }, false},
		"nobody may choose a program": {lines(40), func(s *Streams) { s.Pager = "" }, false},
	} {
		t.Run(name, func(t *testing.T) {
			pager, kept := keeper(t)
			s, shown := onTerminal(t, pager)
			if test.set != nil {
				test.set(s)
			}
			_ = Fprintf(s.Out, "before\n")
			if err := s.Page(test.text); err != nil {
				t.Error(err)
			}
			s.Notef("after")
			wantKept, wantShown := "", "before\n"+test.text+"after\n"
			if test.paged {
				wantKept, wantShown = test.text, "before\nafter\n"
			}
			if got := shown(); got != wantShown {
				t.Errorf("shown %q, want %q", got, wantShown)
			}
			if got := kept(); got != wantKept {
				t.Errorf("the pager got %q, want %q", got, wantKept)
			}
		})
	}
}

// A pager that can't be started is as none. One that was left, or that failed, has taken the text: nothing is said.
func TestPagerThatFails(t *testing.T) {
	dir := t.TempDir()
	closed := filepath.Join(dir, "closed")
	if err := os.WriteFile(closed, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	text := lines(20000) // more than a pipe holds
	for pager, printed := range map[string]bool{
		"no-such-pager-here":         true,
		"no-such-pager-here -R":      true,
		filepath.Join(dir, "none"):   true,
		closed:                       true,
		closed + " -R":               true,
		"head -n 1 >" + os.DevNull:   false,
		"exit 3":                     false,
		"kill -9 $$":                 false,
		"true":                       false,
		"true | cat; exec <&-; true": false,
	} {
		t.Run(pager, func(t *testing.T) {
			s, shown := onTerminal(t, pager)
			if err := s.Page(text); err != nil {
				t.Error(err)
			}
			if got := shown(); strings.HasSuffix(got, text) != printed || !printed && strings.Contains(got, "line") {
				t.Errorf("printed %d bytes of %d", len(got), len(text))
			}
		})
	}
}

// While the pager is there, the program does not end by Ctrl-C, which is for the pager, and it ends the pager by SIGTERM.
func TestSignalsWhileThePagerIsThere(t *testing.T) {
	there := filepath.Join(t.TempDir(), "there")
	s, shown := onTerminal(t, "trap 'echo ended; exit' TERM; : >"+there+"; while :; do sleep 0.01; done")
	done := make(chan error)
	go func() { done <- s.Page(lines(50)) }()
	for started := false; !started; {
		select {
		case err := <-done:
			t.Fatalf("no pager was started: %v, %q", err, shown())
		case <-time.After(time.Millisecond):
			_, err := os.Stat(there)
			started = err == nil
		}
	}
	for range 3 {
		if err := syscall.Kill(os.Getpid(), syscall.SIGINT); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Kill(os.Getpid(), syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	if got := shown(); got != "ended\n" {
		t.Errorf("%q", got)
	}
}

func TestFindPager(t *testing.T) {
	for _, test := range []struct {
		env  map[string]string
		want string
	}{
		{map[string]string{"TERM": "xterm"}, "less"},
		{map[string]string{"TERM": "vt220", "PAGER": "most"}, "most"},
		{map[string]string{"TERM": "xterm", "PAGER": " less -S "}, "less -S"},
		{map[string]string{"TERM": "xterm", "PAGER": "cat"}, ""},
		{map[string]string{"TERM": "xterm", "PAGER": ""}, ""},
		{map[string]string{"TERM": "xterm", "PAGER": " "}, ""},
		{map[string]string{"TERM": "dumb", "PAGER": "less"}, ""},
		{map[string]string{"PAGER": "less"}, ""},
	} {
		getenv := func(name string) (string, bool) { v, ok := test.env[name]; return v, ok }
		if got := FindPager(getenv); got != test.want {
			t.Errorf("%v: %q, want %q", test.env, got, test.want)
		}
	}
}

// Less starts no other program for root, and obeys what LESS says.
func TestPagerEnv(t *testing.T) {
	for _, test := range []struct {
		env  string
		root bool
		want string
	}{
		{"A=1", false, "A=1 LESS=FRX LV=-c"},
		{"A=1", true, "A=1 LESS=FRX LV=-c LESSSECURE=1"},
		{"LESS= LV=x", true, "LESS= LV=x LESSSECURE=1"},
		{"LESSOPEN=x", false, "LESSOPEN=x LESS=FRX LV=-c"},
	} {
		if got := strings.Join(pagerEnv(strings.Fields(test.env), test.root), " "); got != test.want {
			t.Errorf("%s: %s, want %s", test.env, got, test.want)
		}
	}
}

// A stdout that can't be written is an error, with a pager too.
func TestPageOnAFullDisk(t *testing.T) {
	pager, _ := keeper(t)
	s, _ := onTerminal(t, pager)
	s.Out = newWriter(failingWriter{})
	_ = Fprintf(s.Out, "before\n")
	if err := s.Page(lines(50)); !errors.Is(err, io.ErrShortWrite) {
		t.Error(err)
	}
}

type failingWriter struct{}

func (failingWriter) Write([]byte) (int, error) { return 0, io.ErrShortWrite }

// A pager's child that keeps the pipe and reads nothing keeps nobody waiting.
func TestPagerThatNeverReads(t *testing.T) {
	child := filepath.Join(t.TempDir(), "child")
	s, _ := onTerminal(t, "exec 3<&0; sleep 100000 <&3 & echo $! >"+child+".new; mv "+child+".new "+child+"; wait")
	done := make(chan error)
	go func() { done <- s.Page(lines(20000)) }() // more than a pipe holds
	pid := 0
	for pid == 0 {
		select {
		case err := <-done:
			t.Fatalf("no pager was started: %v", err)
		case <-time.After(time.Millisecond):
			text, _ := os.ReadFile(child)
			pid, _ = strconv.Atoi(strings.TrimSpace(string(text)))
		}
	}
	defer func() { _ = syscall.Kill(pid, syscall.SIGKILL) }()
	if err := syscall.Kill(os.Getpid(), syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(time.Minute):
		t.Error("it waits for what the pager has started")
	}
}
