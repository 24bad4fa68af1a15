package output

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"sync"
	"syscall"
)

// Writer buffers what goes to stdout and keeps the first error. So a full disk is noticed even if one of many writes was
// not checked. After an error it writes nothing more. It is safe for concurrent use.
type Writer struct {
	mu   sync.Mutex
	b    *bufio.Writer // keeps the first error by itself
	held *bytes.Buffer // takes what is written, for a pager; nil if it goes to b

	outlives bool // the command goes on if the reader goes away
}

func newWriter(w io.Writer) *Writer { return &Writer{b: bufio.NewWriterSize(w, 32<<10)} }

// Write buffers p. It fails with the first error of the underlying writer, then and at every later call.
func (w *Writer) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.held != nil {
		return w.held.Write(p)
	}
	n, err := w.b.Write(p)
	if w.outlives && IsBrokenPipe(err) {
		return len(p), nil
	}
	return n, err
}

// OutliveReader says whether what the reader of a pipe does not read any more is dropped without an error. Then a command goes on to its
// verdict, which its exit code tells.
func (w *Writer) OutliveReader(outlive bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.outlives = outlive
}

// hold keeps what is written until release.
func (w *Writer) hold() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.held = &bytes.Buffer{}
}

// release returns what was written since hold.
func (w *Writer) release() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	text := w.held.String()
	w.held = nil
	return text
}

// Flush writes what is buffered. It returns the first error of all writes so far.
func (w *Writer) Flush() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	err := w.b.Flush()
	if w.outlives && IsBrokenPipe(err) {
		return nil
	}
	return err
}

// Err returns the first error so far. What is still buffered can't have failed yet, so at the end ask Flush.
func (w *Writer) Err() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	_, err := w.b.Write(nil)
	return err
}

// ReaderLeft reports whether err is this writer's own error, and says that the reader of its pipe went away. A connection that a
// server closes gives EPIPE too: that is a failure of the command's.
func (w *Writer) ReaderLeft(err error) bool {
	own := w.Err()
	return IsBrokenPipe(own) && errors.Is(err, own)
}

// IsBrokenPipe reports whether err says that the reader of a pipe went away, as in `uzerp-mfa user list | head`. The
// command may stop then, but it has not failed.
//
// When a write to descriptor 1 or 2 finds no reader, Go ends the process by SIGPIPE before the write returns its error. So
// main must catch the signal, once, before the first output:
//
//	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
//
// Nothing needs to read the channel. Don't use signal.Ignore: children (`sandbox -- command`) would inherit that.
func IsBrokenPipe(err error) bool {
	return errors.Is(err, syscall.EPIPE) || errors.Is(err, io.ErrClosedPipe)
}
