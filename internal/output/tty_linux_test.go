package output

import (
	"fmt"
	"os"
	"syscall"
	"testing"
	"unsafe"

	"uzerp-mfa/internal/sharedtest"
)

// openPTY returns both ends of a new pseudo-terminal with the given width, and closes them at the end of the test.
func openPTY(t *testing.T, cols uint16) (control, tty *os.File) {
	t.Helper()
	control, tty = openUnclosedPTY(t, cols)
	t.Cleanup(func() { closeAll(t, control, tty) })
	return control, tty
}

// openUnclosedPTY is openPTY for a test that closes both ends itself.
func openUnclosedPTY(t *testing.T, cols uint16) (control, tty *os.File) {
	t.Helper()
	control, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		sharedtest.LeaveOut(t, sharedtest.Device, err)
	}
	ioctl := func(request uintptr, arg unsafe.Pointer) {
		if _, _, e := syscall.Syscall(syscall.SYS_IOCTL, control.Fd(), request, uintptr(arg)); e != 0 {
			sharedtest.LeaveOut(t, sharedtest.Device, e)
		}
	}
	var number uint32
	var unlock int32
	size := [4]uint16{40, cols}
	ioctl(syscall.TIOCGPTN, unsafe.Pointer(&number))
	ioctl(syscall.TIOCSPTLCK, unsafe.Pointer(&unlock))
	ioctl(syscall.TIOCSWINSZ, unsafe.Pointer(&size))
	tty, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		sharedtest.LeaveOut(t, sharedtest.Device, err)
	}
	return control, tty
}

func TestNewStreamsOnATerminal(t *testing.T) {
	_, tty := openPTY(t, 97)
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer closeAll(t, null)

	s := NewStreams(tty, tty, tty, false, env("TERM", "xterm", "LANG", "C.UTF-8", "COLUMNS", "5"))
	if !s.InTTY || !s.OutTTY || !s.ErrTTY || !s.ColorOut || !s.ColorErr || !s.CanAsk() {
		t.Errorf("not taken for a terminal: %+v", s)
	}
	want := Terminal{Width: 97, Height: 40, UTF8: true, Color: true, AltScreen: true}
	if got := s.OutTerminal(); got != want || s.ErrTerminal() != want || s.Width() != 97 {
		t.Errorf("got %+v, want %+v", got, want)
	}
	s.NoInput = true
	if s.CanAsk() {
		t.Error("asks in spite of --no-input")
	}

	s = NewStreams(null, null, tty, false, env("TERM", "xterm"))
	if s.InTTY || s.OutTTY || s.ColorOut || !s.ErrTTY || !s.ColorErr || s.CanAsk() || s.OutTerminal().Width != 0 {
		t.Errorf("only stderr is a terminal: %+v", s)
	}
	if !s.OutNull || s.ErrNull {
		t.Errorf("only stdout is the null device: %+v", s)
	}
	// A question that nobody sees is not asked.
	if s := NewStreams(tty, tty, null, false, env("TERM", "xterm")); !s.ErrNull || s.OutNull || s.CanAsk() {
		t.Errorf("stderr is the null device: %+v", s)
	}
	for _, s := range []*Streams{
		NewStreams(tty, tty, tty, true, env("TERM", "xterm")),
		NewStreams(tty, tty, tty, false, env("TERM", "xterm", "NO_COLOR", "1")),
		NewStreams(tty, tty, tty, false, env("TERM", "dumb")),
		NewStreams(tty, tty, tty, false, env()),
	} {
		if s.ColorOut || s.ColorErr || s.OutTerminal().Color {
			t.Errorf("coloured: %+v", s)
		}
	}
	if s := NewStreams(tty, tty, tty, false, env("TERM", "xterm", "NO_COLOR", "")); !s.ColorOut {
		t.Error("an empty NO_COLOR counts as unset")
	}
}
