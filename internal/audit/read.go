package audit

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"iter"
)

// LineError is the error for a line that is no record. Reading goes on after it.
type LineError struct {
	File string // the name of the file, or empty if the log has only one
	Line int
	Err  error
}

// Error names the line. It quotes nothing from it.
func (e *LineError) Error() string {
	if e.File != "" {
		return fmt.Sprintf("%s: line %d: %v", e.File, e.Line, e.Err)
	}
	return fmt.Sprintf("line %d: %v", e.Line, e.Err)
}

// Unwrap returns the cause.
func (e *LineError) Unwrap() error { return e.Err }

// Read yields the records of a log in their order, with one line in memory at a time. It checks no hashes. For a line
// that is no record it yields a *LineError and goes on. Any other error comes from r, and ends the sequence.
func Read(r io.Reader) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		lines := newLines(r)
		for lines.next() {
			record, err := decode(lines.text)
			if lines.tooLong {
				err = errTooLong
			}
			if err != nil {
				err = &LineError{Line: lines.number, Err: err}
			}
			if !yield(record, err) {
				return
			}
		}
		if lines.err != nil {
			yield(Record{}, lines.err)
		}
	}
}

var errTooLong = fmt.Errorf("longer than %d bytes", maxLine)

// lines reads line by line with bounded memory, whatever the file holds.
type lines struct {
	r       *bufio.Reader
	number  int    // the number of the line in text, from 1
	text    []byte // without its line feed; only the beginning if tooLong
	tooLong bool
	ended   bool // the line ends with a line feed
	err     error
}

func newLines(r io.Reader) *lines { return &lines{r: bufio.NewReaderSize(r, maxLine)} }

// next reads the next line. It returns false at the end and after an error.
func (l *lines) next() bool {
	if l.err != nil {
		return false
	}
	text, err := l.r.ReadSlice('\n')
	l.text, l.tooLong = append(l.text[:0], text...), false
	for errors.Is(err, bufio.ErrBufferFull) {
		l.tooLong = true
		text, err = l.r.ReadSlice('\n')
	}
	l.ended = err == nil
	if err != nil && !errors.Is(err, io.EOF) {
		l.err = err
		return false
	}
	if !l.ended && len(text) == 0 && !l.tooLong {
		return false // the end
	}
	l.number++
	if l.ended && !l.tooLong {
		l.text = l.text[:len(l.text)-1]
	}
	return true
}
