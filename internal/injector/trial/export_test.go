package trial

import (
	"testing"
	"time"
)

// SetPatience sets how long a test waits for a word from the guard.
func SetPatience(t *testing.T, d time.Duration) {
	was := guardPatience
	guardPatience = d
	t.Cleanup(func() { guardPatience = was })
}
