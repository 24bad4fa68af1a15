package trial

import (
	"testing"
	"time"
)

// SetAskPatience sets how long a question may take to end.
func SetAskPatience(t *testing.T, d time.Duration) {
	was := askPatience
	askPatience = d
	t.Cleanup(func() { askPatience = was })
}

// SetPatience sets how long a test waits for a word from the guard.
func SetPatience(t *testing.T, d time.Duration) {
	was := guardPatience
	guardPatience = d
	t.Cleanup(func() { guardPatience = was })
}
