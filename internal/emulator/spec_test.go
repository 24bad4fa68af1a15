package emulator_test

import (
	"testing"
	"time"

	"uzerp-mfa/internal/emulator"
	"uzerp-mfa/internal/emulator/oracle"
	"uzerp-mfa/internal/sharedtest"
)

// Every exchange of this package's tests is checked against Twilio's spec. If the spec is missing, the tests run
// without this check, and this one says so.
func TestAgainstTwiliosSpec(t *testing.T) {
	if _, err := oracle.Default(); err != nil {
		sharedtest.LeaveOut(t, sharedtest.Spec, err)
	}
	violations := make(chan error, 1)
	f := startJudged(t, emulator.Options{}, func(err error) { violations <- err })
	f.get("", "NoSuchParameter", "1")
	select {
	case err := <-violations: // after the answer is sent
		t.Log(err)
	case <-time.After(5 * time.Minute):
		t.Error("nothing minds a parameter that Twilio doesn't have")
	}
}
