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

// Hidden stands where a value may not be shown.
const Hidden = "(not shown)"

// SettingChange is one setting that gets another value. Neither value is a secret: both are shown and recorded.
type SettingChange struct {
	Setting string
	Line    int     // 0 for a line that is added
	Before  *string // as it may be shown; nil if the setting is missing
	After   string
}

// Recorder makes a change of settings and records it. A nil Recorder only makes it.
type Recorder func(ctx context.Context, path string, changes []SettingChange, change func() error) error

// EnvEdit is a planned change of conf/.env: Plan it, Rehearse it if something else that can't be undone comes first, Apply it.
type EnvEdit struct {
	Path    string
	Changes []SettingChange // may be empty
	After   EnvFile         // the file as uzERP will read it

	before []byte
}

// Plan returns the edit that makes the changes, with every other byte kept. It fails with errs.Config if the file is not
// Editable, and with errs.Refused if uzERP's reader would not read exactly the old settings with these changes.
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
			Hint: "correct the file by hand; session-config check shows what is odd in it"}
	}
	after, err := e.with(content)
	if err != nil {
		return nil, err
	}
	return &EnvEdit{Path: e.Path, Changes: changes, After: after, before: e.source}, nil
}

// Rehearse does all that Apply does but put the new file in the old one's place, and leaves nothing behind.
func (e *EnvEdit) Rehearse(ctx context.Context) error {
	return e.problem("", file.Rehearse(ctx, e.Path, e.content))
}

// Apply writes the file, if it is still what was read, and records the change. backup is where the old file is kept, "" if
// there was nothing to change. A backup beside an error means that the new file is in place all the same.
//
// It fails with errs.Refused if the file was changed meanwhile or stays locked, with errs.Config if this user may not
// write it with its owner, with ctx's error if that ends while waiting for the lock, and else with errs.Failure.
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
		return &errs.Error{Kind: errs.Failure, Op: e.Path, Err: err, Hint: "look whether the disk is all right; the old file is " + backup}
	case errors.Is(err, file.ErrFileMoved), errors.Is(err, file.ErrLocked):
		return &errs.Error{Kind: errs.Refused, Op: e.Path, Err: err, Hint: "nothing was changed; run the command again"}
	case errors.Is(err, fs.ErrPermission):
		return &errs.Error{Kind: errs.Config, Op: e.Path, Err: err,
			Hint: "nothing was changed; run it as root, so that the new file can have the old one's owner"}
	default:
		return &errs.Error{Kind: errs.Failure, Op: e.Path, Err: err, Hint: "the old file is as it was"}
	}
}
