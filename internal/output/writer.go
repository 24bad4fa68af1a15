package output

import (
	"bufio"
	"errors"
	"io"
	"sync"
	"syscall"
)

// Writer buffers what goes to stdout and keeps the first error, so that a full disk can't pass unnoticed because one
// of many writes was not checked. After an error nothing more is written. It is safe for concurrent use.
type Writer struct {
	mu sync.Mutex
	b  *bufio.Writer // keeps the first error by itself
}

func newWriter(w io.Writer) *Writer { return &Writer{b: bufio.NewWriter(w)} }

// Write buffers p. It fails with the first error of the underlying writer, then and ever after.
func (w *Writer) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.Write(p)
}

// Flush hands on what is buffered and returns the first error of all the writing.
func (w *Writer) Flush() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.Flush()
}

// Err returns the first error so far. What is still buffered can't have failed yet: at the end it is Flush that counts.
func (w *Writer) Err() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	_, err := w.b.Write(nil)
	return err
}

// IsBrokenPipe tells whether err says that the reader of a pipe went away, as in `uzerp-mfa user list | head`: the
// command may stop, but it has not failed.
//
// Go ends a process by SIGPIPE when a write to descriptor 1 or 2 finds no reader, before any error can be looked at. So
// main must take the signal, once, before the first output:
//
//	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
//
// and let nobody read that channel. Not signal.Ignore: children (`sandbox -- command`) would inherit that.
func IsBrokenPipe(err error) bool {
	return errors.Is(err, syscall.EPIPE) || errors.Is(err, io.ErrClosedPipe)
}
