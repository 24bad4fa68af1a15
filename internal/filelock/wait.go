package filelock

import (
	"context"
	"math/rand/v2"
	"time"
)

// LongestWait is how long a command waits for another one that holds the lock.
const LongestWait = 10 * time.Second

const longestPause = 20 * time.Millisecond

// Wait calls take until it returns true, and at least once. The pause between two calls is random, so that several
// waiting processes don't try at the same moment. It fails with the error of take, or with context.Cause(ctx) if ctx
// ends first.
func Wait(ctx context.Context, take func() (bool, error)) error {
	for pause := time.Millisecond; ; pause = min(2*pause, longestPause) {
		taken, err := take()
		if taken || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(rand.N(pause) + pause/2):
		}
	}
}
