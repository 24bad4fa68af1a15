package cmd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"

	"uzerp-mfa/internal/audit"
	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/secret"
	"uzerp-mfa/internal/sessionconfig"
	"uzerp-mfa/internal/uzerp"
)

// This file writes settings into uzERP's conf/.env, for every command that does.

// envChangeView is one setting that gets another value.
type envChangeView struct {
	Setting string  `json:"setting"`
	Line    *int    `json:"line"`   // null for a line that is added
	Before  *string `json:"before"` // null where the setting was missing
	After   string  `json:"after"`
}

func viewChanges(changes []sessionconfig.Change) []envChangeView {
	views := []envChangeView{}
	for _, c := range changes {
		v := envChangeView{Setting: c.Setting, Before: c.Before, After: c.After}
		if c.Line > 0 {
			v.Line = &c.Line
		}
		views = append(views, v)
	}
	return views
}

// say tells of a change before it is made.
func (c envChangeView) say() string {
	where, before := "new line", "(none)"
	if c.Line != nil {
		where = fmt.Sprintf("line %d", *c.Line)
	}
	if c.Before != nil {
		before = c.Setting + "=" + *c.Before
	}
	return where + ": " + before + " -> " + c.Setting + "=" + c.After
}

// recordSettings makes a change of settings, none of them a secret, and records it.
func recordSettings(ctx context.Context, ch *changes, file string, changes []envChangeView, change func() error) error {
	before, after := audit.Values{}, audit.Values{}
	for _, c := range changes {
		before[c.Setting], after[c.Setting] = nil, c.After
		if c.Before != nil {
			before[c.Setting] = *c.Before
		}
	}
	return ch.Settings(ctx, file, before, after, change)
}

// canBeSet refuses a file in which a setting would have no effect, or that uzERP can't read.
func canBeSet(env sessionconfig.EnvFile) error {
	switch {
	case env.Misplaced != "":
		return errs.New(errs.Config, fmt.Sprintf("nothing reads %s: uzERP reads %s", env.Misplaced, env.Path), "move the file there first")
	case !env.Found:
		return errs.New(errs.Config, env.Path+" does not exist", "make it, readable for the web server only: install -m 0640 -g www-data /dev/null "+env.Path)
	case env.Syntax != nil:
		return errs.New(errs.Config, fmt.Sprintf("%s line %d: uzERP's reader rejects this line, so nothing in the file holds (%s)", env.Path, env.Syntax.Line, env.Syntax.Reason),
			"correct that line first")
	}
	return nil
}

// editEnv gives the file's content with the changes in it.
func editEnv(source []byte, changes []sessionconfig.Change) ([]byte, error) {
	var set []uzerp.Assignment
	for _, c := range changes {
		set = append(set, uzerp.Assignment{Name: c.Setting, Value: secret.New(c.After)})
	}
	edited, err := uzerp.EditDotenv(source, set)
	if err != nil {
		return nil, &errs.Error{Kind: errs.Refused, Op: "nothing was changed", Err: err, Hint: "correct the file by hand; session-config check shows what is odd in it"}
	}
	return edited, nil
}

// writeEnv puts content in the place of source, if the file still holds source. A backup beside an error means that the
// new file is in place all the same.
func writeEnv(path string, source, content []byte) (backup string, err error) {
	backup, err = uzerp.ReplaceFile(path, unlessMoved(source, content))
	return backup, envProblem(path, backup, err)
}

// tryEnv does what writeEnv does, but leaves the old file: for who does something first that can't be undone.
func tryEnv(path string, source, content []byte) error {
	return envProblem(path, "", uzerp.TryReplace(path, unlessMoved(source, content)))
}

func unlessMoved(source, content []byte) func([]byte) ([]byte, error) {
	return func(old []byte) ([]byte, error) {
		if !bytes.Equal(old, source) {
			return nil, uzerp.ErrFileMoved
		}
		return content, nil
	}
}

func envProblem(path, backup string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, uzerp.ErrNotSynced):
		return &errs.Error{Kind: errs.Failure, Op: path, Err: err, Hint: "look whether the disk is all right; the old file is " + backup}
	case errors.Is(err, uzerp.ErrFileMoved), errors.Is(err, uzerp.ErrLocked):
		return &errs.Error{Kind: errs.Refused, Op: path, Err: err, Hint: "nothing was changed; run the command again"}
	case errors.Is(err, fs.ErrPermission):
		return &errs.Error{Kind: errs.Config, Op: path, Err: err, Hint: "nothing was changed; run it as root, so that the new file can have the old one's owner"}
	default:
		return &errs.Error{Kind: errs.Failure, Op: path, Err: err, Hint: "the old file is as it was"}
	}
}
