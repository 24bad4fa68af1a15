package installation

import (
	"bytes"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/installation/dotenv"
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

// EnvEdit is a planned change of conf/.env. Plan makes one. Only connect writes it, and records that.
type EnvEdit struct {
	Path    string
	Changes []SettingChange // may be empty
	After   EnvFile         // the file as uzERP will read it

	before []byte
}

// Plan returns the edit that makes the changes, with every other byte kept. It fails with errs.Config if the file is
// not Editable, and with errs.Refused if uzERP's reader would not read exactly the old settings with these changes, or if no
// other file can be put in this one's place.
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
	if e.fixed != nil && !bytes.Equal(content, e.source) {
		return nil, NotReplaceable(e.fixed)
	}
	after, err := e.with(content)
	if err != nil {
		return nil, err
	}
	return &EnvEdit{Path: e.Path, Changes: changes, After: after, before: e.source}, nil
}

// Content returns what the file will hold. ok is false if present, which the file holds now, is not what was read.
func (e *EnvEdit) Content(present []byte) (content []byte, ok bool) {
	return e.After.source, bytes.Equal(present, e.before)
}
