package installation

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/installation/dotenv"
	"uzerp-mfa/internal/installation/file"
	"uzerp-mfa/internal/secret"
)

// Hidden stands in the place of a value that may not be shown.
const Hidden = "(not shown)"

// SettingChange is one setting that gets another value. Both values are shown and recorded, so neither may be a secret.
type SettingChange struct {
	Setting string
	Line    int     // 0 for a line that is added
	Before  *string // the old value as it may be shown; nil if the setting is missing
	After   string
}

// Recorder calls change and records it. With a nil Recorder the change is made without a record.
type Recorder func(ctx context.Context, path string, changes []SettingChange, change func() error) error

// EnvEdit is a planned change of conf/.env. Plan makes one, and Apply writes it. If the caller does something in
// between that can't be undone, it should call Rehearse before that.
type EnvEdit struct {
	Path    string
	Changes []SettingChange // may be empty
	After   EnvFile         // the file as uzERP will read it

	before []byte
}

// Plan returns the edit that makes the changes, with every other byte kept. It fails with errs.Config if the file is
// not Editable, and with errs.Refused if uzERP's reader would not read exactly the old settings with these changes.
func (e EnvFile) Plan(changes ...SettingChange) (*EnvEdit, error) {
	if err := e.Editable(); err != nil {
		return nil, err
	}
	var set []dotenv.Assignment
	for _, c := range changes {
		set = append(set, dotenv.Assignment{Name: c.Setting, Value: secret.New(c.After)})
	}
	content, err := dotenv.Edit(e.source, set)
	if err != nil {
		return nil, &errs.Error{Kind: errs.Refused, Op: "nothing was changed", Err: err,
			Hint: ReasonEnvOdd.With()}
	}
	after, err := e.with(content)
	if err != nil {
		return nil, err
	}
	return &EnvEdit{Path: e.Path, Changes: changes, After: after, before: e.source}, nil
}

// Rehearse does everything that Apply does, except the last step, which puts the new file in the old one's place. It
// leaves nothing behind. It fails with the errors of Apply.
func (e *EnvEdit) Rehearse(ctx context.Context) error {
	return e.problem("", file.Rehearse(ctx, e.Path, e.content))
}

// Apply writes the file, if it is still as it was read, and records the change. It returns the path of a copy of the
// old file, or "" if there was nothing to change. If it returns a path and an error, the new file is in place all the
// same.
//
// It fails with errs.Refused if the file was changed meanwhile or stays locked, with errs.Config if this user may not
// write it or keep its owner, with ctx's error if that ends while it waits for the lock, and otherwise with
// errs.Failure.
func (e *EnvEdit) Apply(ctx context.Context, record Recorder) (backup string, err error) {
	write := func() (err error) {
		backup, err = file.Replace(ctx, e.Path, e.content)
		return e.problem(backup, err)
	}
	if record == nil {
		err = write()
	} else {
		err = record(ctx, e.Path, e.Changes, write)
	}
	return backup, err
}

func (e *EnvEdit) content(present []byte) ([]byte, error) {
	if !bytes.Equal(present, e.before) {
		return nil, file.ErrFileMoved
	}
	return e.After.source, nil
}

func (e *EnvEdit) problem(backup string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%s: %w", e.Path, err)
	case errors.Is(err, file.ErrNotSynced):
		return &errs.Error{Kind: errs.Failure, Op: e.Path, Err: err, Hint: errs.Plain("check the disk; the old file is " + backup)}
	case errors.Is(err, file.ErrFileMoved), errors.Is(err, file.ErrLocked):
		return &errs.Error{Kind: errs.Refused, Op: e.Path, Err: err, Hint: errs.Plain("nothing was changed; run the command again")}
	case errors.Is(err, fs.ErrPermission):
		return &errs.Error{Kind: errs.Config, Op: e.Path, Err: err,
			Hint: errs.Plain("nothing was changed; run it as root, so that the new file can have the old one's owner")}
	default:
		return &errs.Error{Kind: errs.Failure, Op: e.Path, Err: err, Hint: errs.Plain("the old file is as it was")}
	}
}
