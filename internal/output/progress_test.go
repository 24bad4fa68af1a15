package output_test

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"time"

	"uzerp-mfa/internal/output"
	"uzerp-mfa/internal/output/screentest"
)

func TestProgress(t *testing.T) {
	var out, err bytes.Buffer
	s := output.New(strings.NewReader(""), &out, &err)
	count := func() string {
		err.Reset()
		p := s.NewProgress("users", 2)
		p.Step()
		p.Step()
		p.Done()
		return err.String()
	}
	if got := count(); got != "" {
		t.Errorf("without a terminal: %q", got)
	}
	s.ErrTTY = true
	gone := "\r" + strings.Repeat(" ", len("1 of 2 users")) + "\r"
	if got := count(); !strings.HasPrefix(got, "\r1 of 2 users") || !strings.HasSuffix(got, gone) {
		t.Errorf("on a terminal: %q", got)
	}
	s.Quiet = true
	if got := count(); got != "" {
		t.Errorf("if quiet: %q", got)
	}
}

// A long job of one step shows what it is about and how long it has taken, on a terminal alone, and leaves nothing there.
func TestWaiting(t *testing.T) {
	for _, test := range []struct{ tty, quiet, shows bool }{{true, false, true}, {true, true, false}, {false, false, false}} {
		var err signalWriter
		err.written = make(chan string, 100)
		s := output.New(strings.NewReader(""), &bytes.Buffer{}, &err)
		s.ErrTTY, s.Quiet, s.UTF8 = test.tty, test.quiet, true
		done := s.WaitingFor("detaching 8 users", time.Millisecond)
		first := ""
		if test.shows {
			first = <-err.written
		}
		done()
		done()
		close(err.written)
		last := first
		for text := range err.written {
			last = text
		}
		gone := "\r" + strings.Repeat(" ", len("detaching 8 users ... 0 s")-2) + "\r"
		if test.shows && (first != "\rdetaching 8 users … 0 s" || last != gone) || !test.shows && last != "" {
			t.Errorf("%+v: %q … %q", test, first, last)
		}
	}
}

// On a terminal of any width, what is shown stays in one line, which a message or the end takes away. No escape sequence is sent.
func TestProgressIsOneLineAndGoes(t *testing.T) {
	for _, width := range []int{12, 20, 40, 80} {
		for _, warn := range []bool{false, true} {
			screen := screentest.New(screentest.XTerm, 5, width)
			var sent bytes.Buffer
			s := output.New(strings.NewReader(""), io.Discard, io.MultiWriter(screen, &sent))
			s.ErrTTY, s.UTF8 = true, true
			s.SetSize(width, 5)
			for _, what := range []string{"users", "users of all companies of this site asked about at Twilio", "users"} {
				p := s.NewProgress(what, 5008)
				p.Step()
				lines := strings.Split(strings.TrimRight(screen.Text(), "\n"), "\n")
				if w := output.Width(lines[len(lines)-1]); w == 0 || w >= width || !warn && len(lines) > 1 {
					t.Errorf("width %d: %q", width, lines)
				}
				if warn {
					s.Warnf("x")
				}
				p.Done()
			}
			want := ""
			if warn {
				want = "warning: x\nwarning: x\nwarning: x"
			}
			if got := strings.TrimRight(screen.Text(), "\n"); got != want {
				t.Errorf("width %d: %q is left, want %q", width, got, want)
			}
			if strings.Contains(sent.String(), "\x1b") {
				t.Errorf("width %d: an escape sequence: %q", width, sent.String())
			}
		}
	}
}

type signalWriter struct{ written chan string }

func (w *signalWriter) Write(p []byte) (int, error) {
	select {
	case w.written <- string(p):
	default: // more than the test reads
		<-w.written
		w.written <- string(p)
	}
	return len(p), nil
}

func TestHeldNotes(t *testing.T) {
	var out, err bytes.Buffer
	s := output.New(strings.NewReader(""), &out, &err)
	s.HoldNotes = true
	s.Notef("one\n%s", "\x1b")
	s.Warnf("two")
	if got := err.String(); got != "warning: two\n" {
		t.Errorf("held: %q", got)
	}
	s.ReleaseNotes()
	s.ReleaseNotes()
	if got := err.String(); got != "warning: two\none\n\\x1b\n" {
		t.Errorf("released: %q", got)
	}
}
