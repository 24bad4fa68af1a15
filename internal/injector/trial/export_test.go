package trial

import (
	"testing"
	"time"
)

// SetPatience makes a test wait less long for a word from the guard.
func SetPatience(t *testing.T, d time.Duration) {
	was := guardPatience
	guardPatience = d
	t.Cleanup(func() { guardPatience = was })
}
