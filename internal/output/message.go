package output

import (
	"fmt"
	"io"
	"strings"
)

// Sprintf is fmt.Sprintf for text that people will read: what the arguments bring along goes through Escape, whatever
// their type or verb, so that an error or a name from outside can neither start a line of its own nor send a control
// sequence. Line feeds of the format, the program's own text, stay.
func Sprintf(format string, args ...any) string {
	if false {
		_ = fmt.Sprintf(format, args...) // lets vet check the callers' formats
	}
	safe := make([]any, len(args))
	for i, a := range args {
		safe[i] = guard(a)
	}
	// Once more over the whole: for %c, and for a format that was no constant after all.
	return escapeAs(fmt.Sprintf(format, safe...), visibleLinesForm)
}

// Fprintf writes what Sprintf makes to w, and fails with the errors of w.
func Fprintf(w io.Writer, format string, args ...any) error {
	_, err := io.WriteString(w, Sprintf(format, args...))
	return err
}

// guard leaves numbers as they are: they may be the width of a %*s.
func guard(a any) any {
	switch a.(type) {
	case bool, int, int8, int16, int32, int64, uint, uint8, uint16, uint32, uint64, float32, float64:
		return a
	default:
		return guarded{a}
	}
}

// guarded is a value that escapes itself after it was formatted.
type guarded struct{ v any }

func (g guarded) Format(f fmt.State, verb rune) {
	_, _ = io.WriteString(f, Escape(fmt.Sprintf(fmt.FormatString(f, verb), g.v)))
}

// Notef tells on stderr what is going on, unless Quiet. Like all messages it is made by Sprintf, ends with a line
// feed, and comes after the data printed before it.
func (s *Streams) Notef(format string, args ...any) {
	switch text := Sprintf(format, args...); {
	case s.Quiet:
	case s.HoldNotes:
		s.mu.Lock()
		defer s.mu.Unlock()
		s.held = append(s.held, text)
	default:
		s.message("", text)
	}
}

// ReleaseNotes prints the notes that HoldNotes kept back.
func (s *Streams) ReleaseNotes() {
	s.mu.Lock()
	held := s.held
	s.held = nil
	s.mu.Unlock()
	for _, text := range held {
		s.message("", text)
	}
}

// Warnf tells on stderr, "warning: " before it, what the user must know even if Quiet.
func (s *Streams) Warnf(format string, args ...any) {
	prefix := "warning: "
	if s.ColorErr {
		prefix = Yellow.paint("warning:") + " "
	}
	s.message(prefix, Sprintf(format, args...))
}

// Sayf tells on stderr what must be told even if Quiet and is no warning: an error, its hint.
func (s *Streams) Sayf(format string, args ...any) {
	s.message("", Sprintf(format, args...))
}

// message writes text that is safe already. If stderr can't be written there is nobody to tell.
func (s *Streams) message(prefix, text string) {
	_ = s.tell(prefix + strings.TrimSuffix(text, "\n") + "\n")
}

// tell writes to stderr in one piece, after the data printed before it: people see both on one screen. An error of
// Out is kept there. While an AltScreen is up, what is told waits: there it would be gone before it is read.
func (s *Streams) tell(text string) error {
	_ = s.Out.Flush()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.covered {
		s.later = append(s.later, text)
		return nil
	}
	_, err := io.WriteString(s.Err, text)
	return err
}
