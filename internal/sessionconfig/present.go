package sessionconfig

import (
	"math"
	"time"

	"uzerp-mfa/internal/installation"
)

// Present has the limits that conf/.env sets now. A limit that it doesn't set is nil.
type Present struct {
	Managed         *bool
	ActivityTimeout *int64 // in seconds
	MaxAge          *int64 // in seconds
	Choice          *Choice
	State           PresentState // why Choice is nil, or PresentKnown
}

// PresentState says whether the present limits make a choice.
type PresentState int

// The states.
const (
	PresentUnknown    PresentState = iota // no conf/.env is known
	PresentUnreadable                     // uzERP itself can't read it
	PresentUnmanaged                      // uzERP does not manage sessions
	PresentUnusable                       // a limit is missing, no number, or too long for Plan
	PresentKnown
)

// longestLimit is the longest limit that Plan can calculate with without an overflow.
const longestLimit = math.MaxInt64 / int64(time.Second) / 4

// ReadPresent returns the limits in the file. The zero EnvFile means that there is no file.
func ReadPresent(env installation.EnvFile) Present {
	switch {
	case env.Path == "":
		return Present{}
	case !env.Found || env.Syntax != nil || env.Misplaced != "":
		return Present{State: PresentUnreadable}
	}
	managed := IsOn(env.Settings[Manage].Value.Reveal())
	p := Present{Managed: &managed, State: PresentUnusable}
	activity, activityOK := Seconds(env.Settings[ActivityTimeout].Value.Reveal())
	maxAge, maxAgeOK := Seconds(env.Settings[MaxAge].Value.Reveal())
	if activityOK {
		p.ActivityTimeout = &activity
	}
	if maxAgeOK {
		p.MaxAge = &maxAge
	}
	switch {
	case !managed:
		p.State = PresentUnmanaged
	case activityOK && maxAgeOK && activity <= longestLimit && maxAge <= longestLimit:
		p.State = PresentKnown
		p.Choice = &Choice{ActivityTimeout: time.Duration(activity) * time.Second, MaxAge: time.Duration(maxAge) * time.Second}
	}
	return p
}

// Asked returns the limits that the flags ask for, or nil if they ask for none. If only one limit is asked for, the
// other is the present one, or, without a present one, as long as the first.
func (p Present) Asked(activity, maxAge *time.Duration) *Choice {
	if activity == nil && maxAge == nil {
		return nil
	}
	var c Choice
	switch {
	case activity != nil:
		c.ActivityTimeout = *activity
	case p.Choice != nil:
		c.ActivityTimeout = p.Choice.ActivityTimeout
	default:
		c.ActivityTimeout = *maxAge
	}
	switch {
	case maxAge != nil:
		c.MaxAge = *maxAge
	case p.Choice != nil:
		c.MaxAge = p.Choice.MaxAge
	default:
		c.MaxAge = *activity
	}
	return &c
}
