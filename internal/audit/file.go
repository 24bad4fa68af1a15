package audit

import (
	"cmp"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"syscall"

	"uzerp-mfa/internal/errs"
)

// File is a log that is open for reading. Other processes may write to it at the same time.
type File struct {
	ctx  context.Context
	path string
	f    *os.File
	stop func() bool
}

// OpenFile opens the log at path for reading. That may be a pipe, such as /dev/stdin for a log that was compressed. It
// fails with errs.NotFound if there is no log, and with errs.Config if it can't be read. A read that waits ends when
// ctx ends.
func OpenFile(ctx context.Context, path string) (*File, error) {
	r := &File{ctx: ctx, path: path}
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // so that a named pipe without a writer doesn't block
	if errors.Is(err, fs.ErrNotExist) {
		return nil, noLog(path)
	}
	if err == nil {
		if info, statErr := f.Stat(); statErr == nil && info.IsDir() {
			_ = f.Close()
			err = errors.New("this is a directory")
		}
	}
	if err != nil {
		return nil, r.error(err)
	}
	r.f, r.stop = f, context.AfterFunc(ctx, func() { _ = f.Close() })
	return r, nil
}

// Read implements io.Reader. Its errors are io.EOF, the error of ctx, or of errs.Config.
func (r *File) Read(p []byte) (int, error) {
	n, err := r.f.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = r.error(err)
	}
	return n, err
}

// Close closes the file. It may be called more than once.
func (r *File) Close() error {
	if r.stop() {
		return r.f.Close()
	}
	return nil
}

func (r *File) error(err error) error {
	if r.ctx.Err() != nil {
		return context.Cause(r.ctx)
	}
	if pathErr, ok := errors.AsType[*fs.PathError](err); ok {
		err = pathErr.Err // Op below names the path already
	}
	return &errs.Error{Kind: errs.Config, Op: "read the audit log " + r.path, Err: aboutLog{err}, Hint: ReasonUnreadable.With()}
}

// Variable is the environment variable that names the log.
const Variable = "UZERP_MFA_AUDIT_LOG"

// aboutLog marks an error that is about the log's file, so that who knows where the path is from can say it.
type aboutLog struct{ error }

func (e aboutLog) Unwrap() error { return e.error }

func noLog(path string) error {
	return &errs.Error{Kind: errs.NotFound, Err: aboutLog{errors.New("there is no audit log at " + path)}, Hint: ReasonNoLog.With()}
}

// AboutLog reports whether an error is about the file of the log.
func AboutLog(err error) bool {
	_, ok := errors.AsType[aboutLog](err)
	return ok
}

// WritePath returns the path where the log is written: named (from Flag), or else the path in the environment, or else
// the default. source says which of the three it is.
func WritePath(named string, getenv func(string) string) (path, source string) {
	switch {
	case named != "":
		return named, "--" + Flag
	case getenv(Variable) != "":
		return getenv(Variable), Variable
	}
	return DefaultPath(getenv), "default"
}

// ReadPath returns the path where the log is read (docs/audit-log.md, "Where it is").
func ReadPath(named string, getenv func(string) string) string {
	if path := cmp.Or(named, getenv(Variable)); path != "" {
		return path
	}
	return DefaultReadPath(getenv)
}
