package sessionconfig

import (
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"time"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/secret"
)

// Request is what is to be written. A nil field is left as it is.
type Request struct {
	Manage          *bool
	ActivityTimeout *time.Duration
	MaxAge          *time.Duration
}

// Change is one setting that gets another value.
type Change struct {
	Setting string
	Line    int     // 0 for a line that is added
	Before  *string // as it may be shown; nil if the setting is missing
	After   string
}

// least is the shortest limit that is ever written: with less, people are logged out between two clicks.
const least = time.Minute

// Valid tells whether the limits can be written at all: errs.Usage for one that is not whole seconds or not positive,
// errs.Refused for one with which nobody could work.
func (r Request) Valid() error {
	if r.ActivityTimeout != nil {
		if err := checkWanted("--activity-timeout", *r.ActivityTimeout); err != nil {
			return err
		}
	}
	if r.MaxAge != nil {
		return checkWanted("--max-age", *r.MaxAge)
	}
	return nil
}

// PlanChange works out which settings change by a valid request. It leaves alone what has the wanted effect already, "ON"
// for instance. It fails with errs.Refused where the outcome would keep everybody from working with uzERP.
func PlanChange(env EnvFile, r Request) ([]Change, error) {
	var changes []Change
	set := func(name, after string, already bool) {
		if already {
			return
		}
		c := Change{Setting: name, After: after}
		if s, ok := env.Settings[name]; ok {
			shown := s.Shown()
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
			set(Manage, "off", !there || saysOff.MatchString(value))
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

// PlanService puts another Verify service into the file. What was there is shown only if it is a service's SID.
func PlanService(env EnvFile, sid string) Change {
	c := Change{Setting: ServiceSID, After: sid}
	if s, ok := env.Settings[ServiceSID]; ok {
		shown := s.Value.Reveal()
		if shown != "" && (s.Borrowed || !serviceSID.MatchString(shown)) {
			shown = Hidden
		}
		c.Line, c.Before = s.Line, &shown
	}
	return c
}

func checkWanted(flag string, wanted time.Duration) error {
	switch {
	case wanted <= 0:
		return errs.New(errs.Usage, flag+" must be more than 0", "")
	case wanted%time.Second != 0:
		return errs.New(errs.Usage, flag+" must be whole seconds: uzERP takes nothing else", "")
	case wanted < least:
		return errs.New(errs.Refused, fmt.Sprintf("%s of less than %d seconds would log everybody out between two clicks; nothing was changed", flag, least/time.Second), "")
	}
	return nil
}

// refuse looks at the settings as they would be.
func refuse(env EnvFile, changes []Change) error {
	after := env
	after.Settings = maps.Clone(env.Settings)
	if after.Settings == nil {
		after.Settings = map[string]Setting{}
	}
	for _, c := range changes {
		after.Settings[c.Setting] = Setting{Value: secret.New(c.After), Line: c.Line}
	}
	var why, hints []string
	for _, f := range Lockouts(after) {
		why = append(why, f.Setting+": "+f.Message)
		switch f.Setting {
		case ActivityTimeout:
			hints = append(hints, "--activity-timeout")
		case MaxAge:
			hints = append(hints, "--max-age")
		}
	}
	if len(why) == 0 {
		return nil
	}
	hint := ""
	if len(hints) > 0 {
		hint = "give " + strings.Join(hints, " and ") + " too"
	}
	return &errs.Error{Kind: errs.Refused, Op: "nothing was changed, for everybody would be locked out", Err: errors.New(strings.Join(why, "; ")), Hint: hint}
}
