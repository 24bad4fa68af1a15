package output

import (
	"bufio"
	"context"
	"errors"
	"io"
	"strings"
)

// maxLine is the longest answer, in bytes; nobody types more, and a file on stdin must not fill the memory.
const maxLine = 4096

// ErrLineTooLong is what Ask and ReadLine fail with for a line of more than 4096 bytes.
var ErrLineTooLong = errors.New("line too long")

// CanAsk tells whether there is somebody to ask: stdin is a terminal and --no-input was not given. The prompts
// themselves don't look; who calls them where CanAsk is false is answered by whatever is on stdin.
func (s *Streams) CanAsk() bool { return s.InTTY && !s.NoInput }

// Confirm asks "question [y/N] " on stderr. Only y and yes, in any case, are yes. Everything else is no: nothing, the
// end of input, half a line before it, a line too long.
//
// The question is one line: what it shows from outside goes through Escape, line feeds too. It fails with ctx.Err()
// as soon as ctx is cancelled, and with the errors of stdin and stderr: a question that can't be shown is not answered.
func (s *Streams) Confirm(ctx context.Context, question string) (bool, error) {
	text, err := s.answer(ctx, question+" [y/N]")
	text = strings.ToLower(text)
	return text == "y" || text == "yes", err
}

// AskExact asks for a text to be typed as it is, such as the name of a database, and tells whether it was. All else is
// as in Confirm.
func (s *Streams) AskExact(ctx context.Context, question, want string) (bool, error) {
	text, err := s.answer(ctx, question)
	return text == want && want != "", err
}

// answer asks for a line that decides something, so it must be whole: else it is "", which never says yes. And it must
// be an answer: what was typed or pasted before the question was to be seen is none.
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

// Ask asks "question " on stderr and returns the line typed, without blanks around it and without control characters.
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

// ask moves on to a new line itself where no Enter did it, so that what follows is not glued to the question.
func (s *Streams) ask(ctx context.Context, question string) (line, error) {
	if err := ctx.Err(); err != nil {
		return line{}, err
	}
	if err := s.tell(Escape(question) + " "); err != nil {
		return line{}, err
	}
	l, err := s.lines.next(ctx)
	if err != nil && !errors.Is(err, ErrLineTooLong) || l.torn {
		_ = s.tell("\n")
	}
	return l, err
}

// A line is one answer. It is torn if the input ended without a line feed.
type line struct {
	text string
	torn bool
}

// lineReader reads lines such that waiting for one can be given up.
//
// A read from a terminal can't be interrupted, so it is done in a goroutine of its own, one at a time, and that
// goroutine alone touches the buffer. If the wait is given up, the goroutine stays until its line comes or the process
// ends (which is what follows a cancelled context), and the next call takes over that line: nothing typed is lost.
type lineReader struct {
	in      *bufio.Reader
	turn    chan struct{}    // holds a token; who has it may touch pending
	pending chan lineOrError // not nil while a read is under way
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
			answer <- lineOrError{l, err}
		}()
		r.pending = answer
	}
	select {
	case <-ctx.Done():
		return line{}, ctx.Err()
	case a := <-r.pending:
		if err := ctx.Err(); err != nil { // both came at once: Ctrl-C is the later word
			r.pending <- a
			return line{}, err
		}
		r.pending = nil
		return a.line, a.err
	}
}

// readLine reads up to a line feed or the end. Of a line too long it reads on to its end, so that its rest is not taken
// for the next answer.
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

// typed is what somebody meant by a line: without the sequences that cursor keys and pasting send, without other
// characters that can't be seen, and without blanks around it.
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
	return strings.TrimSpace(escapeAs(b.String(), dropForm))
}

// skipSequence skips what belongs to an ESC that was before s: CSI (ECMA-48 5.4) or SS3, which are what keys and
// bracketed paste send.
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
