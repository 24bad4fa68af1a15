package mfa_test

import (
	"testing"
	"time"

	"uzerp-mfa/internal/mfa"
)

func TestAge(t *testing.T) {
	const day = 24 * time.Hour
	for d, want := range map[time.Duration]string{
		-time.Hour: "less than a minute", 0: "less than a minute", time.Minute: "1 minute", 119 * time.Second: "1 minute",
		2 * time.Minute: "2 minutes", 119 * time.Minute: "119 minutes", 2 * time.Hour: "2 hours", 47 * time.Hour: "47 hours",
		2 * day: "2 days", 12*day + 23*time.Hour: "12 days", 400 * day: "400 days",
	} {
		if got := mfa.Age(d); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
}
