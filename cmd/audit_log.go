package cmd

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"syscall"

	"github.com/spf13/cobra"

	"uzerp-mfa/internal/audit"
	"uzerp-mfa/internal/errs"
)

func newAuditLogCmd(app *App) *cobra.Command {
	c := &cobra.Command{
		Use:   "audit-log",
		Short: "Show and verify the log of all changes",
		Long: `Commands for the audit log: one line for every change that this program made, was refused, or began and did not end.
docs/audit-log.md describes the format.

` + exitCodes(),
		Example: "  uzerp-mfa audit-log show --since 24h\n  uzerp-mfa audit-log verify",
		Args:    cobra.ArbitraryArgs,
		RunE:    runGroup,
	}
	c.AddCommand(newAuditLogShowCmd(app), newAuditLogVerifyCmd(app))
	return c
}

// auditLogPath gives the log to be read (docs/audit-log.md, "Where it is").
func auditLogPath(app *App) string { return app.auditLogPath(audit.DefaultReadPath) }

// openAuditLog opens the log for reading: a file, or a pipe such as /dev/stdin for a log that was compressed. A read that
// waits ends with ctx.
func openAuditLog(ctx context.Context, path string) (io.ReadCloser, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a named pipe without a writer blocks nobody
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errs.New(errs.NotFound, "there is no audit log at "+path, "nothing was logged there yet; if something was, it was moved or removed; --audit-log names another file")
	}
	if err == nil {
		if info, statErr := f.Stat(); statErr == nil && info.IsDir() {
			_ = f.Close()
			err = errors.New("this is a directory")
		}
	}
	if err != nil {
		return nil, auditReadError(ctx, path, err)
	}
	stop := context.AfterFunc(ctx, func() { _ = f.Close() })
	return &auditReader{f, stop}, nil
}

type auditReader struct {
	*os.File
	stop func() bool
}

// Close ends reading, once.
func (r *auditReader) Close() error {
	if r.stop() {
		return r.File.Close()
	}
	return nil
}

func auditReadError(ctx context.Context, path string, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if pathErr, ok := errors.AsType[*fs.PathError](err); ok {
		err = pathErr.Err // the path is told once
	}
	return &errs.Error{Kind: errs.Config, Op: "read the audit log " + path, Err: err, Hint: "root may read it, or name another with --audit-log"}
}
