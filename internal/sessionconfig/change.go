package sessionconfig

import (
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"time"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/finding"
	"uzerp-mfa/internal/installation"
	"uzerp-mfa/internal/installation/dotenv"
	"uzerp-mfa/internal/secret"
)

// Request has the settings to write. A setting whose field is nil stays as it is.
type Request struct {
	Manage          *bool
	ActivityTimeout *time.Duration
	MaxAge          *time.Duration
}

// least is the shortest limit that is ever written. With a shorter one people would be logged out between two clicks.
const least = time.Minute

// Valid returns nil if the limits can be written. It fails with errs.Usage if one is not whole seconds or not positive,
// and with errs.Refused if nobody could work with it.
func (r Request) Valid() error {
	if r.ActivityTimeout != nil {
		if err := checkWanted("--"+FlagActivityTimeout, *r.ActivityTimeout); err != nil {
			return err
		}
	}
	if r.MaxAge != nil {
		return checkWanted("--"+FlagMaxAge, *r.MaxAge)
	}
	return nil
}

// SetPlan is what `session-config set` is about to do.
type SetPlan struct {
	Edit *installation.EnvEdit
	in   Input
}

// PlanSet plans the change of a file that was read with ReadEnv. It fails with errs.Config if a setting in the file
// would have no effect, and with errs.Refused if nobody could work with uzERP after the change, or if uzERP's reader
// would not read what was meant.
func PlanSet(in Input, r Request) (SetPlan, error) {
	if err := in.Env.Editable(); err != nil {
		return SetPlan{}, err
	}
	changes, err := PlanChange(in.Env, r)
	if err != nil {
		return SetPlan{}, err
	}
	edit, err := in.Env.Plan(changes...)
	return SetPlan{Edit: edit, in: in}, err
}

// CheckAfter checks the file as it is with the plan applied. The plan need not be applied yet.
func (p SetPlan) CheckAfter(at Place) ([]finding.Finding, error) {
	after := p.in
	after.Env = p.Edit.After
	if err := after.readPHP(at); err != nil {
		return nil, err
	}
	return Check(after), nil
}

// PlanChange returns the settings that a valid request changes. A value that has the wanted effect already, such as
// "ON", stays as it is. It fails with errs.Refused if nobody could work with uzERP after the change.
func PlanChange(env installation.EnvFile, r Request) ([]installation.SettingChange, error) {
	var changes []installation.SettingChange
	set := func(name, after string, already bool) {
		if already {
			return
		}
		c := installation.SettingChange{Setting: name, After: after}
		if s, ok := env.Settings[name]; ok {
			shown := Shown(s)
			c.Line, c.Before = s.Line, &shown
		}
		changes = append(changes, c)
	}
	if r.Manage != nil {
		value := env.Settings[Manage].Value.Reveal()
		if *r.Manage {
			set(Manage, "on", IsOn(value))
		} else {
			_, there := env.Settings[Manage]
			set(Manage, "off", !there || saysOff().MatchString(value))
		}
	}
	for _, limit := range []struct {
		name   string
		wanted *time.Duration
	}{{ActivityTimeout, r.ActivityTimeout}, {MaxAge, r.MaxAge}} {
		if limit.wanted == nil {
			continue
		}
		seconds := int64(*limit.wanted / time.Second)
		present, good := Seconds(env.Settings[limit.name].Value.Reveal())
		set(limit.name, strconv.FormatInt(seconds, 10), good && present == seconds)
	}
	return changes, refuse(env, changes)
}

func checkWanted(flag string, wanted time.Duration) error {
	switch {
	case wanted <= 0:
		return errs.New(errs.Usage, flag+" must be more than 0", "")
	case wanted%time.Second != 0:
		return errs.New(errs.Usage, flag+" must be whole seconds: uzERP takes nothing else", "")
	case wanted < least:
		return errs.New(errs.Refused, fmt.Sprintf("%s of less than %d seconds would log everybody out between two clicks; "+
			"nothing was changed", flag, least/time.Second), "")
	}
	return nil
}

// refuse returns an error if, after the changes, nobody could work with uzERP.
func refuse(env installation.EnvFile, changes []installation.SettingChange) error {
	after := env
	after.Settings = maps.Clone(env.Settings)
	if after.Settings == nil {
		after.Settings = map[string]dotenv.Setting{}
	}
	for _, c := range changes {
		after.Settings[c.Setting] = dotenv.Setting{Value: secret.New(c.After), Line: c.Line}
	}
	var why, flags []string
	for _, f := range Lockouts(after) {
		why = append(why, f.Setting+": "+f.Message)
		switch f.Setting {
		case ActivityTimeout:
			flags = append(flags, "--"+FlagActivityTimeout)
		case MaxAge:
			flags = append(flags, "--"+FlagMaxAge)
		}
	}
	if len(why) == 0 {
		return nil
	}
	hint := errs.Hint{}
	if len(flags) > 0 {
		hint = ReasonLimitsLockOut.With(strings.Join(flags, " and "))
	}
	return &errs.Error{Kind: errs.Refused, Op: "nothing was changed, because everybody would be locked out", Err: errors.New(strings.Join(why, "; ")), Hint: hint}
}
