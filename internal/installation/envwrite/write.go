//go:build unix

package envwrite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"syscall"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/installation"
	"uzerp-mfa/internal/installation/file"
	"uzerp-mfa/internal/safepath"
)

// errRehearsed ends a rehearsal before the rename.
var errRehearsed = errors.New("rehearsed")

// Rehearse does everything that Write does, except the last step, which puts the new file in the old one's place. It
// leaves nothing behind. A caller uses it to find out whether the file can be written before it does something else that
// can't be undone. It fails with the errors of Write.
func Rehearse(ctx context.Context, e *installation.EnvEdit) error {
	return problem(e.Path, "", rehearse(ctx, e.Path, contentOf(e)))
}

// rehearse does everything that replace does before the rename, and undoes it.
func rehearse(ctx context.Context, path string, edit func([]byte) ([]byte, error)) error {
	r := newReplacer()
	r.check = func(step string) error {
		if step == stepRename {
			return errRehearsed
		}
		return nil
	}
	if _, err := r.replace(ctx, path, edit); !errors.Is(err, errRehearsed) {
		return err
	}
	return nil
}

// Write writes the file, if it is still as it was read. It returns the path of a copy of the old file, or "" if there
// was nothing to change. If it returns a path and an error, the new file is in place all the same.
//
// It fails with errs.Refused if the file was changed meanwhile or stays locked, with errs.Config if this user may not
// write it or keep its owner, or if it is not safe to read, with ctx's error if that ends while it waits for the lock,
// and otherwise with errs.Failure.
func Write(ctx context.Context, e *installation.EnvEdit) (backup string, err error) {
	backup, err = newReplacer().replace(ctx, e.Path, contentOf(e))
	if errors.Is(err, ErrExchanged) { // the new file is not in place
		return "", problem(e.Path, backup, fmt.Errorf("%w; the old file is %s", err, backup))
	}
	return backup, problem(e.Path, backup, err)
}

// contentOf returns the function that makes the new content, if the old one is still what was read.
func contentOf(e *installation.EnvEdit) func([]byte) ([]byte, error) {
	return func(present []byte) ([]byte, error) {
		content, same := e.Content(present)
		if !same {
			return nil, ErrFileMoved
		}
		return content, nil
	}
}

func isNotReplaceable(err error) bool {
	_, is := errors.AsType[*file.NotReplaceableError](err)
	return is
}

func problem(path, backup string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%s: %w", path, err)
	case errors.Is(err, ErrNotSynced):
		return &errs.Error{Kind: errs.Failure, Op: path, Err: err, Hint: errs.Plain("check the disk; the old file is " + backup)}
	case errors.Is(err, ErrExchanged):
		return &errs.Error{Kind: errs.Failure, Op: path, Err: err,
			Hint: errs.Plain("look at what is there now, and who can write to " + filepath.Dir(path))}
	case errors.Is(err, ErrLocked): // a stranger's process can hold it as long as it likes, and no file says which
		return &errs.Error{Kind: errs.Refused, Op: path, Err: err, Hint: errs.Plain("nothing was changed; run the command again; " +
			"if this stays so, root sees with lslocks which process has locked " + filepath.Dir(path))}
	case errors.Is(err, ErrFileMoved), errors.Is(err, errBackupMoved):
		return &errs.Error{Kind: errs.Refused, Op: path, Err: err, Hint: errs.Plain("nothing was changed; run the command again")}
	case errors.Is(err, safepath.ErrTooLarge), safepath.IsUntrusted(err):
		return installation.FileError(path, err)
	case isNotReplaceable(err):
		return installation.NotReplaceable(err)
	case errors.Is(err, syscall.EBUSY): // a mount that nothing here shows
		return &errs.Error{Kind: errs.Refused, Op: path, Err: err,
			Hint: errs.Plain("nothing was changed; the file is probably a mount of its own: mount its directory, or change it where it comes from")}
	case errors.Is(err, syscall.EROFS):
		return &errs.Error{Kind: errs.Config, Op: path, Err: err,
			Hint: errs.Plain("nothing was changed; the file system is mounted read-only here: run it where it may be written")}
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return &errs.Error{Kind: errs.Failure, Op: path, Err: err,
			Hint: errs.Plain("the old file is as it was; make room on the disk or in the quota, and run the command again")}
	case errors.Is(err, errNotOurs):
		return &errs.Error{Kind: errs.Config, Op: path, Err: err,
			Hint: errs.Plain("nothing was changed; run it as the owner of the file, or on the machine that has the disk")}
	case errors.Is(err, fs.ErrPermission):
		return &errs.Error{Kind: errs.Config, Op: path, Err: err,
			Hint: errs.Plain("nothing was changed; run it as root, so that the new file can have the old one's owner")}
	default:
		return &errs.Error{Kind: errs.Failure, Op: path, Err: err, Hint: errs.Plain("the old file is as it was")}
	}
}
