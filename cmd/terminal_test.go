package cmd_test

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

// startOnTerminal starts c on a terminal of 50 rows and 500 columns, on which no message of a script is folded, and returns the
// other end. To close that end is a hang-up. It is
// non-blocking, for otherwise a running read would keep it open.
func startOnTerminal(c *exec.Cmd) (*os.File, error) { return startOnTerminalOf(c, 50, wide) }

const wide = 500

func startOnTerminalOf(c *exec.Cmd, rows, cols int) (*os.File, error) {
	blocking, tty, err := pty.Open()
	if err != nil {
		return nil, err
	}
	defer func() { _, _ = blocking.Close(), tty.Close() }()
	if err := keepOutput(tty); err != nil {
		return nil, err
	}
	if err := pty.Setsize(blocking, winsize(rows, cols)); err != nil {
		return nil, err
	}
	c.Stdin, c.Stderr = tty, tty
	if c.Stdout == nil {
		c.Stdout = tty
	}
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := c.Start(); err != nil {
		return nil, err
	}
	fd, err := syscall.Dup(int(blocking.Fd()))
	if err != nil {
		return nil, err
	}
	syscall.CloseOnExec(fd)
	if err := syscall.SetNonblock(fd, true); err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), "terminal"), nil
}

// keepOutput keeps a Ctrl-C from throwing away what nobody has read yet, as a terminal does by default: the kernel sends the signal
// first, and a quick program has said by then that it was interrupted.
func keepOutput(tty *os.File) error {
	settings, err := unix.IoctlGetTermios(int(tty.Fd()), unix.TCGETS)
	if err != nil {
		return err
	}
	settings.Lflag |= unix.NOFLSH
	return unix.IoctlSetTermios(int(tty.Fd()), unix.TCSETS, settings)
}

func winsize(rows, cols int) *pty.Winsize {
	return &pty.Winsize{Rows: uint16(rows), Cols: uint16(cols)}
}

// terminal collects what a program prints on a pseudo-terminal and lets a test wait for it.
type terminal struct {
	mu      sync.Mutex
	b       strings.Builder
	read    int // await has looked at the text before this
	changed chan struct{}
}

func (t *terminal) Write(p []byte) (int, error) {
	t.mu.Lock()
	t.b.Write(p)
	t.mu.Unlock()
	select {
	case t.changed <- struct{}{}:
	default:
	}
	return len(p), nil
}

// text returns what was printed on any screen, in lines. The alternate screen is cleared without output, and after it
// a new line begins.
func (t *terminal) text() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	text := strings.NewReplacer("\r\n", "\n", "\x1b[?1049l", "\n").Replace(t.b.String())
	return blanked.ReplaceAllString(text, "")
}

// raw returns what was printed, byte by byte.
func (t *terminal) raw() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.b.String()
}

var blanked = regexp.MustCompile(`\x1b\[\d+;1H\x1b\[2K`)

// await waits until text appears after the text that it found before.
func (t *terminal) await(text string) bool {
	deadline := time.After(hangs)
	for {
		all := t.text()
		if i := strings.Index(all[t.read:], text); i >= 0 {
			t.read += i + len(text)
			return true
		}
		select {
		case <-t.changed:
		case <-deadline:
			return false
		}
	}
}
