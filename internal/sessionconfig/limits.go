package sessionconfig

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/finding"
	"uzerp-mfa/internal/pattern"
)

// The limits in seconds that a fix proposes if nobody can tell what was meant: half an hour without a click, and a
// working day in all.
const (
	proposedActivity = 1800
	proposedMaxAge   = 28800
)

// A choice between these limits needs no warning. With shorter ones people log in several times during one piece of
// work, and Twilio bills each approved code. Longer ones protect nobody: if a session ends only after 12 hours without
// a click, a browser left open in the evening is still logged in in the morning; and a stolen session that is used
// lives for the whole max age.
const (
	ShortActivity = 10 * time.Minute
	ShortMaxAge   = 30 * time.Minute
	LongActivity  = 12 * time.Hour
	LongMaxAge    = 7 * 24 * time.Hour
)

// IsOn reports whether uzERP manages sessions with this value: the word "on" in any case, and nothing else.
func IsOn(value string) bool { return strings.EqualFold(value, "on") && len(value) == 2 }

// Seconds returns the seconds of a limit, and whether it is one that works as written: it has only digits, is more than
// 0, and is small enough for PHP to add it to the present time.
func Seconds(value string) (int64, bool) {
	if limitState(value, true) != limitGood {
		return 0, false
	}
	n, err := strconv.ParseInt(value, 10, 64)
	return n, err == nil
}

// state says what is wrong with a limit. The states below are in the order of uzERP's checks.
type state string

const (
	limitGood       state = ""
	limitMissing    state = "limit-missing"
	limitEmpty      state = "limit-empty"
	limitNotInteger state = "limit-not-integer"
	limitZero       state = "limit-zero"
	limitOverflow   state = "limit-overflow"
)

const phpBlank = " \t\n\r\x00\v"

// largest is the largest number that PHP can add to the present time (in seconds since 1970) within 64 bits, with some
// room.
const largest = math.MaxInt64 - 1<<34

func limitState(value string, set bool) state {
	switch {
	case !set:
		return limitMissing
	case strings.Trim(value, phpBlank) == "":
		return limitEmpty
	case strings.Trim(value, "0123456789") != "":
		return limitNotInteger
	case strings.Trim(value, "0") == "":
		return limitZero
	}
	if n, err := strconv.ParseInt(value, 10, 64); err != nil || n > largest {
		return limitOverflow
	}
	return limitGood
}

// leadingNumber matches the number at the beginning of a text. In a sum PHP 8 uses that number; if there is none, the
// page ends with an error.
var leadingNumber = pattern.Lazy(`^[ \t\n\r\v\f]*([-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?)`)

// addable reports whether PHP 8 can add the value to the present time, and the sum is still a time.
func addable(value string) bool {
	m := leadingNumber().FindStringSubmatch(value)
	if m == nil {
		return false
	}
	n, err := strconv.ParseFloat(m[1], 64)
	return err == nil && math.Abs(n) < largest
}

var meantLimit = pattern.Lazy(`^[-+]?([0-9]{1,9})(?:[.,]0+)? ?([a-z]*)$`)

// meant guesses the limit in seconds that the writer of a wrong one wanted, for the line to write instead.
func meant(setting, value string) int64 {
	proposed := int64(proposedActivity)
	if setting == MaxAge {
		proposed = proposedMaxAge
	}
	m := meantLimit().FindStringSubmatch(strings.ToLower(strings.Trim(value, phpBlank)))
	if m == nil {
		return proposed
	}
	n, err := strconv.ParseInt(m[1], 10, 64)
	if err != nil {
		return proposed
	}
	unit := map[string]int64{
		"": 1, "s": 1, "sec": 1, "secs": 1, "second": 1, "seconds": 1, "m": 60, "min": 60, "mins": 60, "minute": 60, "minutes": 60,
		"h": 3600, "hr": 3600, "hrs": 3600, "hour": 3600, "hours": 3600, "d": 86400, "day": 86400, "days": 86400,
	}[m[2]]
	least := int64(ShortActivity / time.Second)
	if setting == MaxAge {
		least = int64(ShortMaxAge / time.Second)
	}
	if n *= unit; n < least {
		return proposed
	}
	return n
}

// checkLimits judges the two limits one by one, as far as uzERP uses them.
func (c *check) checkLimits(managed bool) {
	for _, name := range []string{ActivityTimeout, MaxAge} {
		c.checkLimit(name, managed)
	}
}

func (c *check) checkLimit(name string, managed bool) {
	setting, set := c.in.Env.Settings[name]
	value := setting.Value.Reveal()
	state := limitState(value, set)
	if state == limitGood {
		return
	}
	f := c.about(name, state)
	f.Fix = errs.Plain(line(name, strconv.FormatInt(meant(name, value), 10)))
	var lockout bool
	f.Severity, f.Message, lockout = judgeLimit(name, state, managed, addable(value))
	switch {
	case f.Message == "":
	case lockout:
		c.addLockout(f)
	default:
		c.add(f)
	}
}

// judgeLimit is the table of docs/facts/uzerp.md §5. If there is nothing to say, the message is empty. lockout means
// that nobody can work with uzERP.
func judgeLimit(name string, state state, managed, addable bool) (severity finding.Severity, message string, lockout bool) {
	const stops = "uzERP shows a line of plain text instead of every page, for everybody"
	const later = ", which does no harm while sessions are not managed, but would stop every page once they are"
	if managed {
		switch state {
		case limitMissing:
			return finding.Error, "with managed sessions this limit must be set, and without it " + stops, true
		case limitEmpty:
			return finding.Error, "with managed sessions this limit must not be empty, and with an empty one " + stops, true
		case limitNotInteger:
			return finding.Error, "a limit is a number of seconds written with digits only, and with anything else " + stops, true
		case limitZero:
			return finding.Error, "a limit of 0 seconds logs everybody out at the first click", true
		}
		if name == ActivityTimeout {
			return finding.Error, "the number is beyond 64 bits, so a session never times out", false
		}
		return finding.Error, "the number is beyond 64 bits, and nobody can log in", true
	}
	if name == MaxAge && state != limitMissing && !addable {
		return finding.Error, "uzERP uses this value at a login even if it does not manage sessions, and PHP 8 can not " +
			"use it as a number, so nobody can log in", true
	}
	switch state {
	case limitMissing:
		return finding.Skipped, "", false
	case limitEmpty:
		return finding.Info, "this limit is empty" + later, false
	case limitNotInteger:
		return finding.Info, "this limit is not a number of seconds written with digits only" + later, false
	case limitZero:
		return finding.Info, "this limit is 0, which does no harm while sessions are not managed, but would log everybody " +
			"out at the first click once they are", false
	default:
		return finding.Info, "this limit is beyond 64 bits, which does no harm while sessions are not managed, but would never time out once they are", false
	}
}

// checkChoice judges two good limits that uzERP uses.
func (c *check) checkChoice() {
	activity, activityOK := Seconds(c.value(ActivityTimeout))
	maxAge, maxAgeOK := Seconds(c.value(MaxAge))
	if activityOK && maxAgeOK && activity > maxAge {
		f := c.about(ActivityTimeout, "activity-never-reached")
		f.Severity, f.Message = finding.Warning, fmt.Sprintf("the session's max age of %d seconds is over first, so this limit is never reached", maxAge)
		f.Fix = errs.Plain(line(ActivityTimeout, strconv.FormatInt(min(proposedActivity, maxAge), 10)))
		c.add(f)
	}
	if activityOK {
		c.checkLength(ActivityTimeout, activity, ShortActivity, LongActivity, proposedActivity,
			"people who pause for less than "+words(ShortActivity)+" must log in again, and Twilio bills each approved code",
			"a browser left alone stays logged in for more than "+words(LongActivity)+", usually until the next morning, and anybody can use it")
	}
	if maxAgeOK {
		c.checkLength(MaxAge, maxAge, ShortMaxAge, LongMaxAge, proposedMaxAge,
			"everybody must log in again within "+words(ShortMaxAge)+" even in the middle of work, and Twilio bills each approved code",
			"a stolen session that is kept in use lives for more than "+words(LongMaxAge)+" without a code")
	}
}

func (c *check) checkLength(name string, seconds int64, short, long time.Duration, proposed int64, tooShort, tooLong string) {
	f := c.about(name, "")
	f.Severity, f.Fix = finding.Warning, errs.Plain(line(name, strconv.FormatInt(proposed, 10)))
	switch {
	case seconds < int64(short/time.Second):
		f.ID, f.Message = "limit-short", tooShort
	case seconds > int64(long/time.Second):
		f.ID, f.Message = "limit-long", tooLong
	default:
		return
	}
	c.add(f)
}

// words returns a duration of whole minutes, hours or days in words.
func words(d time.Duration) string {
	switch {
	case d > 24*time.Hour && d%(24*time.Hour) == 0:
		return fmt.Sprintf("%d days", d/(24*time.Hour))
	case d >= time.Hour && d%time.Hour == 0:
		return fmt.Sprintf("%d hours", d/time.Hour)
	default:
		return fmt.Sprintf("%d minutes", d/time.Minute)
	}
}
