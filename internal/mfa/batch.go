package mfa

import (
	"context"
	"errors"
	"sync"

	"uzerp-mfa/internal/errs"
)

// BatchWorkers is how many users of a batch are worked on at the same time.
const BatchWorkers = 4

// BreakerThreshold is how many times in a row the other side may not answer before a batch gives up, and reconcile stops asking: what is
// down stays down, and a hundred users would wait for a hundred time-outs.
const BreakerThreshold = 5

// ErrNotTried is the outcome of what a batch did not get to.
var ErrNotTried = errors.New("not tried")

// Batch calls do for every item, some at a time, and gives each one's error in the order of the items. After five
// errs.Unavailable in a row, or once ctx is done, the rest is not tried (ErrNotTried). done, if not nil, hears of each item
// that is finished, one at a time.
func Batch[T any](ctx context.Context, items []T, do func(context.Context, int, T) error, done func()) []error {
	failures := make([]error, len(items))
	var mu sync.Mutex
	next, inARow := 0, 0
	take := func() (int, bool) {
		mu.Lock()
		defer mu.Unlock()
		if next == len(items) || inARow >= BreakerThreshold || ctx.Err() != nil {
			return 0, false
		}
		next++
		return next - 1, true
	}
	finish := func(i int, err error) {
		mu.Lock()
		defer mu.Unlock()
		failures[i] = err
		if err != nil && errs.KindOf(err) == errs.Unavailable {
			inARow++
		} else {
			inARow = 0
		}
		if done != nil {
			done()
		}
	}
	var workers sync.WaitGroup
	for range min(BatchWorkers, len(items)) {
		workers.Go(func() {
			for i, ok := take(); ok; i, ok = take() {
				finish(i, do(ctx, i, items[i]))
			}
		})
	}
	workers.Wait()
	why := &errs.Error{Kind: errs.Unavailable, Err: ErrNotTried, Hint: errs.Plain("run the command again: who is done already stays as they are")}
	if ctx.Err() != nil {
		why = &errs.Error{Kind: errs.Interrupted, Err: notReached{}, Hint: why.Hint}
	}
	for i := next; i < len(items); i++ {
		failures[i] = why
	}
	return failures
}

// notReached is ErrNotTried for what a signal kept the batch from: an interruption, also for a single user.
type notReached struct{}

func (notReached) Error() string { return ErrNotTried.Error() }

func (notReached) Unwrap() []error { return []error{ErrNotTried, context.Canceled} }
