package filelock

import (
	"context"
	"math/rand/v2"
	"time"
)

// LongestWait is how long a command waits for another one that holds the lock.
const LongestWait = 10 * time.Second

const longestPause = 20 * time.Millisecond

// Wait calls take until it reports true. It pauses between two calls, and for a random time, so that not all who wait
// come at once. It returns the error of take, and context.Cause(ctx) when ctx ends first; take is called at least once.
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
