package mfa

import (
	"fmt"
	"time"
)

// Age returns a time that has passed in words, rounded down: "12 days". A time that lies ahead, by a clock that was set back,
// is "less than a minute".
func Age(d time.Duration) string {
	for _, unit := range []struct {
		length, from time.Duration
		name         string
	}{{24 * time.Hour, 48 * time.Hour, "days"}, {time.Hour, 2 * time.Hour, "hours"},
		{time.Minute, 2 * time.Minute, "minutes"}, {time.Minute, time.Minute, "minute"}} {
		if d >= unit.from {
			return fmt.Sprintf("%d %s", d/unit.length, unit.name)
		}
	}
	return "less than a minute"
}
