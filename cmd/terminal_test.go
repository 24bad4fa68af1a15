package cmd_test

import (
	"strings"
	"sync"
	"time"
)

// terminal collects what a program prints on a pseudo-terminal and lets a test wait for it.
type terminal struct {
	mu      sync.Mutex
	b       strings.Builder
	read    int // up to here await has looked
	changed chan struct{}
}

func (t *terminal) Write(p []byte) (int, error) {
	t.mu.Lock()
	t.b.Write(p)
	t.mu.Unlock()
	select {
	case t.changed <- struct{}{}:
	default:
	}
	return len(p), nil
}

func (t *terminal) text() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.ReplaceAll(t.b.String(), "\r\n", "\n")
}

// await waits until text shows up behind what it found before.
func (t *terminal) await(text string) bool {
	deadline := time.After(30 * time.Second)
	for {
		all := t.text()
		if i := strings.Index(all[t.read:], text); i >= 0 {
			t.read += i + len(text)
			return true
		}
		select {
		case <-t.changed:
		case <-deadline:
			return false
		}
	}
}
