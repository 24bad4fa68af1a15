package output

import (
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Sprintf is fmt.Sprintf for text that people will read. All text of the arguments is escaped as by Escape, but for single
// blanks at their ends, whatever their type or verb. So an error or a name from outside can neither start a new line nor send a control sequence. Line feeds
// of the format stay, because the format is the program's own text.
func Sprintf(format string, args ...any) string {
	if false {
		_ = fmt.Sprintf(format, args...) // lets vet check the callers' formats
	}
	safe := make([]any, len(args))
	for i, a := range args {
		safe[i] = guard(a)
	}
	// Once more over the whole text: for %c, and for a format that is not a constant.
	return escapeAs(fmt.Sprintf(format, safe...), visibleLinesForm)
}

// Fprintf writes what Sprintf returns to w. It fails with the errors of w.
func Fprintf(w io.Writer, format string, args ...any) error {
	_, err := io.WriteString(w, Sprintf(format, args...))
	return err
}

// Printf writes what Sprintf returns to stdout, folded on a terminal. It is for sentences: rows, data for programs and what must
// stay as it is don't go through it. It fails with the errors of stdout.
func (s *Streams) Printf(format string, args ...any) error { return s.Print(Sprintf(format, args...)) }

// Print is Printf for a text that Sprintf has made.
func (s *Streams) Print(text string) error {
	_, err := io.WriteString(s.Out, foldText(text, s.outWidth()))
	return err
}

// guard returns an argument that escapes itself. Numbers stay as they are: they may be the width of a %*s.
func guard(a any) any {
	switch a.(type) {
	case bool, int, int8, int16, int32, int64, uint, uint8, uint16, uint32, uint64, float32, float64:
		return a
	default:
		return guarded{a}
	}
}

// guarded is a value that escapes itself when it is formatted.
type guarded struct{ v any }

// Format implements fmt.Formatter. It pads after it has escaped, for the blanks of the padding are the program's own.
func (g guarded) Format(f fmt.State, verb rune) {
	width, padded := f.Width()
	if !padded {
		_, _ = io.WriteString(f, escapeInside(fmt.Sprintf(fmt.FormatString(f, verb), g.v)))
		return
	}
	text := escapeInside(fmt.Sprintf("%"+string(verb), g.v))
	if precision, ok := f.Precision(); ok {
		text = escapeInside(fmt.Sprintf("%."+strconv.Itoa(precision)+string(verb), g.v))
	}
	padding := strings.Repeat(" ", max(0, width-measure.StringWidth(text)))
	if !f.Flag('-') {
		text, padding = padding, text
	}
	_, _ = io.WriteString(f, text+padding)
}

// Notef writes to stderr what is going on, unless Quiet. Like all messages it is made by Sprintf and ends with a line
// feed. It comes after the data that was printed before it.
func (s *Streams) Notef(format string, args ...any) {
	switch text := Sprintf(format, args...); {
	case s.Quiet:
	case s.HoldNotes:
		s.mu.Lock()
		defer s.mu.Unlock()
		s.held = append(s.held, text)
	default:
		s.message(text)
	}
}

// ReleaseNotes prints the notes that were kept back because of HoldNotes.
func (s *Streams) ReleaseNotes() {
	s.mu.Lock()
	held := s.held
	s.held = nil
	s.mu.Unlock()
	for _, text := range held {
		s.message(text)
	}
}

// Warnf writes "warning: " and a message to stderr, even if Quiet.
func (s *Streams) Warnf(format string, args ...any) {
	const prefix = "warning:"
	painted := prefix
	if s.ColorErr {
		painted = Yellow.paint(prefix)
	}
	s.painted(prefix, painted, " "+Sprintf(format, args...))
}

// HeldWarnf is Warnf, but HoldNotes keeps the warning back as it keeps notes.
func (s *Streams) HeldWarnf(format string, args ...any) {
	if !s.HoldNotes {
		s.Warnf(format, args...)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held = append(s.held, "warning: "+Sprintf(format, args...))
}

// Sayf writes a message to stderr, even if Quiet. It is for messages that are not warnings, such as an error and its
// hint.
func (s *Streams) Sayf(format string, args ...any) {
	s.message(Sprintf(format, args...))
}

// message writes text that is escaped already, folded on a terminal. It ignores errors: if stderr can't be written, there is no
// other way to say so.
func (s *Streams) message(text string) { s.painted("", "", text) }

// painted is message for a text with a prefix. That is given as it is, and as it is painted.
func (s *Streams) painted(plain, painted, text string) {
	text = foldText(plain+clip(strings.TrimSuffix(text, "\n")), s.errWidth())
	_ = s.tell(painted + strings.TrimPrefix(text, plain) + "\n")
}

// longestMessage is how many bytes of a message are shown. Data is never cut; but a message with a name of 70 kB would
// push all that matters off the screen.
const longestMessage = 8 << 10

func clip(text string) string {
	if len(text) <= longestMessage {
		return text
	}
	half := longestMessage / 2
	head, tail := strings.ToValidUTF8(text[:half], ""), strings.ToValidUTF8(text[len(text)-half:], "")
	return fmt.Sprintf("%s… (%d bytes are left out here) …%s", head, len(text)-len(head)-len(tail), tail)
}

// tell writes to stderr in one piece, and writes out the data printed before, because people see both on one screen. An
// error of that stays in Out. A line of a Progress is taken away first. While an AltScreen is shown, the text waits: there it would be gone before anybody has
// read it.
func (s *Streams) tell(text string) error {
	_ = s.Out.Flush()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.covered {
		s.later = append(s.later, text)
		return nil
	}
	_, err := io.WriteString(s.Err, s.takeStatus()+text)
	return err
}
