package injector_test

import (
	"testing"
	"time"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/injector"
)

func TestMarkForbids(t *testing.T) {
	mark := injector.Mark{Key: 1, Until: time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC),
		Holder: injector.Session{PID: 4711, Role: "a\nb", Application: "uzerp-mfa", Address: "192.0.2.1"}}
	const want = `a switch is on trial until 2026-07-01T12:00:00Z (role "a\nb", process 4711, "uzerp-mfa", from 192.0.2.1), ` +
		"and would take back what is switched now"
	if err := mark.Forbids(); errs.KindOf(err) != errs.Refused || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	mark.Over = true
	if err := mark.Forbids(); err != nil {
		t.Error(err)
	}
	if err := (*injector.Mark)(nil).Forbids(); err != nil {
		t.Error(err)
	}
}
