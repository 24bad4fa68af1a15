package cmd

import (
	"testing"
	"time"
)

func TestParseLimit(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"30m": 30 * time.Minute, "1h30m": 90 * time.Minute, "7d": 168 * time.Hour, "28800": 8 * time.Hour, "604800": 7 * day, "0": 0, "-1": -time.Second,
	} {
		if got, err := parseLimit(text); err != nil || got != want {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "d", "1w", "1.5d", "eight", "99999999999d", "9999999999999"} {
		if got, err := parseLimit(text); err == nil {
			t.Errorf("%s: %v", text, got)
		}
	}
	for want, d := range map[string]time.Duration{
		"30m": 30 * time.Minute, "24h": 24 * time.Hour, "2d": 48 * time.Hour, "1h30m": 90 * time.Minute, "1m5s": 65 * time.Second, "25h": 25 * time.Hour,
	} {
		if got := brief(d); got != want {
			t.Errorf("%v: %s", d, got)
		}
	}
}

// How much time is left is said at each whole minute, and at 30 and 10 seconds.
func TestUntilNextLook(t *testing.T) {
	for left, want := range map[time.Duration]time.Duration{
		5 * time.Minute: time.Minute, 4*time.Minute + 30*time.Second: 30 * time.Second, time.Minute + time.Second: time.Second,
		time.Minute: 30 * time.Second, 31 * time.Second: time.Second, 30 * time.Second: 20 * time.Second, 20 * time.Second: 10 * time.Second,
		10 * time.Second: 0, time.Second: 0, 0: 0, -time.Minute: 0, 60500 * time.Millisecond: 30500 * time.Millisecond,
	} {
		if got := untilNextLook(left); got != want {
			t.Errorf("%s: %s, want %s", left, got, want)
		}
	}
	left, said := 12*time.Hour, 0
	for next := untilNextLook(left); next > 0; next = untilNextLook(left) {
		left, said = left-next, said+1
	}
	if said != 12*60+1 {
		t.Errorf("said %d times", said)
	}
}
