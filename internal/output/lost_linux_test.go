package output

import (
	"context"
	"errors"
	"io"
	"os"
	"syscall"
	"testing"
)

// A terminal that goes away while a question stands is an interruption, and never an answer: neither the end of the
// input nor a read error.
func TestLostTerminal(t *testing.T) {
	for range 100 {
		for name, typed := range map[string]string{"nothing typed": "", "half a line": "yes"} {
			control, tty := openUnclosedPTY(t, 80)
			s := NewStreams(tty, tty, tty, false, env("TERM", "xterm"))
			answered := make(chan error)
			go func() {
				_, err := s.Confirm(t.Context(), "Sure?")
				answered <- err
			}()
			readUntil(t, control, "[y/N] ")
			_, _ = io.WriteString(control, typed)
			if err := control.Close(); err != nil {
				t.Fatal(err)
			}
			if err := <-answered; !errors.Is(err, ErrTerminalLost) || !errors.Is(err, context.Canceled) {
				t.Fatalf("%s: %v, want %v", name, err, ErrTerminalLost)
			}
			if _, err := s.Ask(t.Context(), "Again?"); !errors.Is(err, ErrTerminalLost) {
				t.Fatalf("%s: a question on a lost terminal: %v", name, err)
			}
			_ = tty.Close()
		}
	}
}

// Ctrl-D is an answer, and a pipe has no terminal to lose.
func TestEndOfInputIsNoLostTerminal(t *testing.T) {
	control, tty := openPTY(t, 80)
	s := NewStreams(tty, tty, tty, false, env("TERM", "xterm"))
	answered := make(chan error)
	go func() {
		_, err := s.Ask(t.Context(), "Code:")
		answered <- err
	}()
	readUntil(t, control, "Code: ")
	_, _ = io.WriteString(control, "\x04")
	if err := <-answered; !errors.Is(err, io.EOF) || errors.Is(err, ErrTerminalLost) {
		t.Errorf("%v, want the end of the input", err)
	}
	for _, err := range []error{io.EOF, syscall.EIO} {
		if _, got := New(failing{err}, io.Discard, io.Discard).Ask(t.Context(), "Code:"); !errors.Is(got, err) {
			t.Errorf("%v, want %v", got, err)
		}
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func readUntil(t *testing.T, f *os.File, text string) {
	t.Helper()
	got := ""
	chunk := make([]byte, 100)
	for len(got) < len(text) || got[len(got)-len(text):] != text {
		n, err := f.Read(chunk)
		if err != nil {
			t.Fatal(err)
		}
		got += string(chunk[:n])
	}
}
