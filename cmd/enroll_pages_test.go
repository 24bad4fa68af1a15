package cmd

import (
	"context"
	"testing"

	"uzerp-mfa/internal/mfa"
)

// Once the change was begun, a uuid or a factor may have come: an interruption then says only that there is no page.
func TestPageOutcomeOfAnInterruption(t *testing.T) {
	for planned, want := range map[bool]string{true: "interrupted, nothing was changed", false: "interrupted, no page was made"} {
		got := pageOutcome(mfa.RollOutOutcome{Err: context.Canceled, Planned: planned})
		if got.message != want || got.status != statusFailed || got.recorded == planned {
			t.Errorf("planned %v: %+v", planned, got)
		}
	}
}
