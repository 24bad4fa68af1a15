package output_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"uzerp-mfa/internal/output"
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
	if got := count(); !strings.HasPrefix(got, "\r1 of 2 users\x1b[K") || !strings.HasSuffix(got, "\r\x1b[K") {
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
		s.ErrTTY, s.Quiet = test.tty, test.quiet
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
		if test.shows && (first != "\rdetaching 8 users … 0 s\x1b[K" || last != "\r\x1b[K") || !test.shows && last != "" {
			t.Errorf("%+v: %q … %q", test, first, last)
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
