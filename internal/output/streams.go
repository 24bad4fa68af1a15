package output

import (
	"bufio"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/term"
)

// defaultWidth is assumed if no width can be found out.
const defaultWidth = 80

// Streams are the three standard streams, and what is known about where they lead. Make one with NewStreams, or in
// tests with New; then set what the flags say. Its methods may be called concurrently.
type Streams struct {
	// In is for child processes. Don't read it anywhere else: the prompts read ahead, so what they have read is gone.
	In io.Reader
	// Out takes the data. It is buffered: main calls Out.Flush at the end and reports its error, unless IsBrokenPipe.
	Out *Writer
	// Err takes the messages, unbuffered.
	Err io.Writer

	// InTTY, OutTTY and ErrTTY say which of the three is a terminal.
	InTTY, OutTTY, ErrTTY bool
	// OutNull and ErrNull say which is the null device: nobody sees what is written there. So it is with one that was closed
	// (>&-), because Go opens the null device in its place.
	OutNull, ErrNull bool
	// ColorOut and ColorErr say where ANSI colours may be used.
	ColorOut, ColorErr bool
	// UTF8 says whether the locale has characters beyond ASCII.
	UTF8 bool

	// Quiet suppresses notes (--quiet).
	Quiet bool
	// HoldNotes keeps notes back until ReleaseNotes. If the command fails, a program that reads stderr finds the error
	// and nothing before it.
	HoldNotes bool
	// NoInput forbids prompts even on a terminal (--no-input).
	NoInput bool

	// Pager is the command that Page shows a long text with, from FindPager, or "" for none. NewStreams sets none.
	Pager string

	// Leave, if not empty, is an answer to every question that counts as the end of input.
	Leave string
	// Left says that the input ended at a question.
	Left bool

	size   func() (width, height int) // 0, 0 if there is no terminal
	screen *os.File                   // where Out leads, for the pager; nil in tests
	cols   int                        // the value of $COLUMNS, or 0
	mu     sync.Mutex                 // keeps messages whole
	lines  *lineReader
	held   []string
	status int    // how many columns the line of a Progress has now
	fresh  func() // drops what was typed before a question was asked; nil without a terminal

	wentThroughPager bool // the pager has shown something

	addressable bool        // the terminals' cursor can be moved
	inFront     func() bool // reports whether this job has the terminal
	covered     bool        // an AltScreen is shown
	later       []string    // messages that wait until it is gone
}

// New returns streams that are not terminals, for tests.
func New(in io.Reader, out, err io.Writer) *Streams {
	return &Streams{
		In:    in,
		Out:   newWriter(out),
		Err:   err,
		size:  func() (int, int) { return 0, 0 },
		lines: newLineReader(bufio.NewReaderSize(in, maxLine)),

		inFront: func() bool { return true },
	}
}

// NewStreams returns the streams of a process and finds out where they lead. A stream has colour if it is a terminal,
// --no-color (noColor) was not given, NO_COLOR is not set or empty (no-color.org), and TERM is neither dumb nor missing. getenv is
// os.Getenv, or a test's own.
func NewStreams(in, out, err *os.File, noColor bool, getenv func(string) string) *Streams {
	s := New(in, out, err)
	s.InTTY, s.OutTTY, s.ErrTTY = isTerminal(in), isTerminal(out), isTerminal(err)
	s.OutNull, s.ErrNull = isNull(out), isNull(err)
	if s.InTTY {
		s.fresh = func() { dropTypeahead(in) }
		s.lines.isThere = func() bool { return isTerminal(in) }
		s.inFront = func() bool { return inForeground(in) }
	}
	s.screen = out
	s.addressable = isAddressable(getenv("TERM"))
	color := !noColor && getenv("NO_COLOR") == "" && getenv("TERM") != "dumb" && getenv("TERM") != ""
	s.ColorOut, s.ColorErr = color && s.OutTTY, color && s.ErrTTY
	s.UTF8 = isUTF8Locale(getenv)
	if cols, err := strconv.Atoi(getenv("COLUMNS")); err == nil {
		s.cols = cols
	}
	s.size = func() (int, int) {
		for _, f := range []*os.File{out, err, in} {
			if w, h, e := term.GetSize(int(f.Fd())); e == nil && w > 0 {
				return w, h
			}
		}
		return 0, 0
	}
	return s
}

func isTerminal(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }

func isNull(f *os.File) bool {
	info, err := f.Stat()
	if err != nil {
		return false
	}
	null, err := os.Stat(os.DevNull)
	return err == nil && os.SameFile(info, null)
}

// isUTF8Locale reads the locale as setlocale(3) does for LC_CTYPE: the first of the three variables that is not empty.
func isUTF8Locale(getenv func(string) string) bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if v := strings.ToLower(getenv(name)); v != "" {
			return strings.Contains(v, "utf-8") || strings.Contains(v, "utf8")
		}
	}
	return false
}

// Width returns the number of columns that the terminal has now. If no stream is a terminal it returns COLUMNS, or 80
// without that.
func (s *Streams) Width() int {
	if w, _ := s.size(); w > 0 {
		return w
	}
	if s.cols > 0 {
		return s.cols
	}
	return defaultWidth
}

// outWidth returns the width that stdout's lines must fit, or 0 if they may have any: it is no terminal.
func (s *Streams) outWidth() int { return s.lineWidth(s.OutTTY) }

// errWidth is outWidth for stderr.
func (s *Streams) errWidth() int { return s.lineWidth(s.ErrTTY) }

func (s *Streams) lineWidth(tty bool) int {
	if !tty {
		return 0
	}
	return max(narrowest, s.Width())
}

// A Terminal is what must be known about a screen to draw on it.
type Terminal struct {
	// Width and Height are in characters; 0 means no limit, as in a file or a pipe.
	Width, Height int
	// UTF8 says whether block elements can be drawn, Color whether ANSI colours can.
	UTF8, Color bool
	// AltScreen says whether it has an alternate screen, for what must not stay.
	AltScreen bool
}

// OutTerminal describes the terminal that stdout leads to.
func (s *Streams) OutTerminal() Terminal { return s.terminal(s.OutTTY, s.ColorOut) }

// ErrTerminal describes the terminal that stderr leads to.
func (s *Streams) ErrTerminal() Terminal { return s.terminal(s.ErrTTY, s.ColorErr) }

func (s *Streams) terminal(tty, color bool) Terminal {
	t := Terminal{UTF8: s.UTF8, Color: color}
	if tty {
		_, t.Height = s.size()
		t.Width = s.Width()
		t.AltScreen = s.addressable
	}
	return t
}
