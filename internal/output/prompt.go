package output

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"
	"time"
	"unicode"
)

// maxLine is the longest answer, in bytes. Nobody types more, and a file on stdin must not fill the memory.
const maxLine = 4096

// ErrLineTooLong is the error of Ask and ReadLine for a line of more than 4096 bytes.
var ErrLineTooLong = errors.New("line too long")

// ErrTerminalLost is the error of a question whose terminal went away: its window was closed, or the connection broke.
// The read may fail before the signal comes, SIGHUP. For every caller it is an interruption like that signal, and never
// an answer.
var ErrTerminalLost = fmt.Errorf("the terminal is gone: %w", context.Canceled)

// CanAsk reports whether there is somebody to ask: stdin is a terminal, --no-input was not given, and stderr, where the question
// goes, is not the null device. The prompts themselves don't check that. If CanAsk is false, they take their answer from whatever is on stdin.
func (s *Streams) CanAsk() bool { return s.InTTY && !s.NoInput && !s.ErrNull }

// Confirm asks "question [y/N] " on stderr and reports whether the answer is y or yes, in upper or lower case.
// Everything else is no: an empty line, the end of input, a line without its line feed, a line that is too long.
//
// The question is one line: all of it goes through Escape, line feeds too. Confirm fails with ctx.Err() as soon as ctx
// is cancelled, and with the errors of stdin and stderr: if the question can't be shown, no answer is read.
func (s *Streams) Confirm(ctx context.Context, question string) (bool, error) {
	text, err := s.answer(ctx, question+" [y/N]")
	text = strings.ToLower(text)
	return text == "y" || text == "yes", err
}

// Decide asks until the answer is y or n, and reports whether it is y. again returns the question anew for each time, and after
// how long it is asked once more without an answer; 0 for never. Ctrl-D is a no. What was typed before the first question is no
// answer.
func (s *Streams) Decide(ctx context.Context, again func() (question string, after time.Duration)) (bool, error) {
	if s.fresh != nil {
		s.fresh()
	}
	for {
		question, after := again()
		waiting, cancel := ctx, context.CancelFunc(func() {})
		if after > 0 {
			waiting, cancel = context.WithTimeout(ctx, after)
		}
		l, err := s.ask(waiting, question+" [y/n]")
		over := waiting.Err() != nil
		cancel()
		switch {
		case errors.Is(err, io.EOF):
			return false, nil
		case err != nil && over && ctx.Err() == nil, errors.Is(err, ErrLineTooLong), err == nil && l.torn:
			continue
		case err != nil:
			return false, err
		}
		switch strings.ToLower(l.text) {
		case "y", "yes":
			return true, nil
		case "n", "no":
			return false, nil
		}
	}
}

// AskExact asks for a given text, such as the name of a database, and reports whether it was typed exactly. The rest is
// as in Confirm.
func (s *Streams) AskExact(ctx context.Context, question, want string) (bool, error) {
	text, err := s.answer(ctx, question)
	return text == want && want != "", err
}

// answer asks for a line that decides something. If the line is not whole, it returns "", which never means yes. It
// drops what was typed or pasted before the question was shown, because that can't be an answer to it.
func (s *Streams) answer(ctx context.Context, question string) (string, error) {
	if s.fresh != nil {
		s.fresh()
	}
	l, err := s.ask(ctx, question)
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, ErrLineTooLong):
		return "", nil
	case err != nil, l.torn:
		return "", err
	}
	return l.text, nil
}

// Ask asks "question " on stderr and returns the typed line, without blanks around it and without control characters.
// It fails with io.EOF at the end of input, ErrLineTooLong, ctx.Err(), and the errors of stdin and stderr.
func (s *Streams) Ask(ctx context.Context, question string) (string, error) {
	l, err := s.ask(ctx, question)
	return l.text, err
}

// ReadLine is Ask without a question, for what comes through a pipe (`verify USER -`).
func (s *Streams) ReadLine(ctx context.Context) (string, error) {
	l, err := s.lines.next(ctx)
	return l.text, err
}

// ask prints a line feed if the answer ended without Enter. Otherwise the next text would stand on the question's line.
func (s *Streams) ask(ctx context.Context, question string) (line, error) {
	if err := ctx.Err(); err != nil {
		return line{}, err
	}
	width := max(0, s.errWidth()-1) // a blank follows, on the same line
	if err := s.tell(foldText(clip(Escape(question)), width) + " "); err != nil {
		return line{}, s.lostOr(err)
	}
	l, err := s.lines.next(ctx)
	if err != nil && !errors.Is(err, ErrLineTooLong) || l.torn {
		_ = s.tell("\n")
	}
	return s.leave(l, err)
}

// leave makes an answer that is Leave the end of input.
func (s *Streams) leave(l line, err error) (line, error) {
	if err == nil && s.Leave != "" && strings.EqualFold(l.text, s.Leave) {
		l, err = line{}, io.EOF
	}
	s.Left = s.Left || errors.Is(err, io.EOF)
	return l, err
}

// lostOr returns ErrTerminalLost if err, of a read or write, says that the terminal is gone; otherwise err.
func (s *Streams) lostOr(err error) error {
	if (s.InTTY || s.ErrTTY) && errors.Is(err, syscall.EIO) {
		return ErrTerminalLost
	}
	return err
}

// A line is one answer. It is torn if the input ended before its line feed.
type line struct {
	text string
	torn bool
}

// lineReader reads lines, and a caller can stop waiting for one.
//
// A read from a terminal can't be interrupted. So a goroutine does it, one at a time, and only that goroutine touches
// the buffer. If the caller stops waiting, the goroutine stays until its line comes or the process ends, which is what
// a cancelled context leads to. The next call gets that line, so nothing typed is lost.
type lineReader struct {
	in      *bufio.Reader
	turn    chan struct{}    // holds a token; only its holder may touch pending
	pending chan lineOrError // not nil while a read is under way
	isThere func() bool      // reports whether the terminal is still there; nil if the input is none
}

type lineOrError struct {
	line line
	err  error
}

func newLineReader(in *bufio.Reader) *lineReader {
	r := &lineReader{in: in, turn: make(chan struct{}, 1)}
	r.turn <- struct{}{}
	return r
}

func (r *lineReader) next(ctx context.Context) (line, error) {
	select {
	case <-r.turn:
		defer func() { r.turn <- struct{}{} }()
	case <-ctx.Done():
		return line{}, ctx.Err()
	}
	if err := ctx.Err(); err != nil {
		return line{}, err
	}
	if r.pending == nil {
		answer := make(chan lineOrError, 1)
		go func() {
			l, err := readLine(r.in)
			// At a terminal that is gone a read fails, or finds the end of the input as after Ctrl-D.
			if r.isThere != nil && (errors.Is(err, syscall.EIO) || (l.torn || errors.Is(err, io.EOF)) && !r.isThere()) {
				l, err = line{}, ErrTerminalLost
			}
			answer <- lineOrError{l, err}
		}()
		r.pending = answer
	}
	select {
	case <-ctx.Done():
		return line{}, ctx.Err()
	case a := <-r.pending:
		if err := ctx.Err(); err != nil { // if both came at the same time, Ctrl-C counts and the line is kept
			r.pending <- a
			return line{}, err
		}
		r.pending = nil
		return a.line, a.err
	}
}

// readLine reads up to a line feed or the end of input. It also reads a line that is too long to its end, so that the
// rest does not count as the next answer.
func readLine(in *bufio.Reader) (line, error) {
	var text []byte
	long := false
	for {
		chunk, err := in.ReadSlice('\n')
		if long = long || len(text)+len(chunk) > maxLine; !long {
			text = append(text, chunk...)
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case err != nil && (!errors.Is(err, io.EOF) || len(text) == 0 && !long):
			return line{}, err
		case long:
			return line{}, ErrLineTooLong
		}
		return line{text: typed(string(text)), torn: err != nil}, nil
	}
}

// typed returns a line without the sequences that cursor keys and pasting send, without other invisible characters, and
// without blanks around it.
func typed(s string) string {
	var b strings.Builder
	for {
		before, after, found := strings.Cut(s, "\x1b")
		b.WriteString(before)
		if !found {
			break
		}
		s = skipSequence(after)
	}
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if !unicode.IsGraphic(r) || unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(b.String(), "")))
}

// skipSequence returns s, which follows an ESC, without the rest of that sequence. It knows CSI (ECMA-48 5.4) and SS3:
// keys and bracketed paste send these.
func skipSequence(s string) string {
	switch {
	case strings.HasPrefix(s, "["):
		end := strings.IndexFunc(s[1:], func(r rune) bool { return r < ' ' || r > '?' })
		if end < 0 {
			return ""
		}
		if final := s[1+end]; final < '@' || final > '~' {
			return s[1+end:]
		}
		return s[1+end+1:]
	case len(s) > 1 && s[0] == 'O':
		return s[2:]
	}
	return s
}
