package mfa

import (
	"context"
	"errors"
	"sync"

	"uzerp-mfa/internal/errs"
)

// BatchWorkers is how many users of a batch are worked on at the same time: twice as many as the calls that are made to Twilio at
// the same time (twilio.CallsAtOnce), so that there is always a next call while others are written to the database and the audit log.
const BatchWorkers = 16

// BreakerThreshold is how many times in a row the other side may fail to answer. Then a batch gives up, and reconcile
// stops asking: otherwise a hundred users would wait for a hundred time-outs.
const BreakerThreshold = 5

// ErrNotTried is the error of an item that a batch did not get to.
var ErrNotTried = errors.New("not tried")

// Batch calls do for every item, BatchWorkers at a time, and returns their errors in the order of the items. After
// BreakerThreshold errors of errs.Unavailable in a row, or once ctx has ended, the rest is not tried (ErrNotTried).
// done, if not nil, is called after each item, never twice at a time.
func Batch[T any](ctx context.Context, items []T, do func(context.Context, int, T) error, done func()) []error {
	return BatchAtOnce(ctx, BatchWorkers, items, do, done)
}

// BatchAtOnce is Batch with so many items at a time; 0 means BatchWorkers.
func BatchAtOnce[T any](ctx context.Context, atOnce int, items []T, do func(context.Context, int, T) error, done func()) []error {
	if atOnce <= 0 {
		atOnce = BatchWorkers
	}
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
	for range min(atOnce, len(items)) {
		workers.Go(func() {
			for i, ok := take(); ok; i, ok = take() {
				finish(i, do(ctx, i, items[i]))
			}
		})
	}
	workers.Wait()
	why := &errs.Error{Kind: errs.Unavailable, Err: ErrNotTried, Hint: errs.Plain("run the command again: users that were changed already stay as they are")}
	if ctx.Err() != nil {
		why = &errs.Error{Kind: errs.Interrupted, Err: notReached{}, Hint: why.Hint}
	}
	for i := next; i < len(items); i++ {
		failures[i] = why
	}
	return failures
}

// notReached is ErrNotTried of an item that a signal kept the batch from. It is an interruption, also for a single
// user.
type notReached struct{}

func (notReached) Error() string { return ErrNotTried.Error() }

func (notReached) Unwrap() []error { return []error{ErrNotTried, context.Canceled} }
