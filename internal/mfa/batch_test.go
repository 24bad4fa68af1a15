package mfa_test

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/mfa"
)

func items(n int) []int {
	var s []int
	for i := range n {
		s = append(s, i)
	}
	return s
}

func TestBatchDoesEverybody(t *testing.T) {
	var running, most, finished atomic.Int32
	failures := mfa.Batch(t.Context(), items(100), func(_ context.Context, i, item int) error {
		now := running.Add(1)
		defer running.Add(-1)
		for m := most.Load(); now > m && !most.CompareAndSwap(m, now); m = most.Load() {
		}
		if i != item {
			t.Errorf("item %d is called %d", item, i)
		}
		if item%2 == 1 {
			return errs.New(errs.Refused, "odd", "")
		}
		return nil
	}, func() { finished.Add(1) })
	for i, err := range failures {
		if (err != nil) != (i%2 == 1) {
			t.Errorf("%d: %v", i, err)
		}
	}
	if finished.Load() != 100 || most.Load() > mfa.BatchWorkers {
		t.Errorf("%d finished, %d at a time", finished.Load(), most.Load())
	}
}

func TestBatchStopsWhenNobodyAnswers(t *testing.T) {
	var calls atomic.Int32
	failures := mfa.Batch(t.Context(), items(100), func(context.Context, int, int) error {
		calls.Add(1)
		return errDown
	}, nil)
	if n := calls.Load(); n < 5 || n > 5+mfa.BatchWorkers {
		t.Errorf("%d calls", n)
	}
	if !errors.Is(failures[99], mfa.ErrNotTried) || errs.KindOf(failures[99]) != errs.Unavailable || errors.Is(failures[0], mfa.ErrNotTried) {
		t.Errorf("%v, %v", failures[0], failures[99])
	}
}

// Only failures in a row end a batch: a success in between shows that the other side answers.
func TestBatchGoesOnAfterSingleFailures(t *testing.T) {
	failures := mfa.Batch(t.Context(), items(100), func(_ context.Context, i, _ int) error {
		if i%10 == 3 {
			return errDown
		}
		return nil
	}, nil)
	if n := len(slices.DeleteFunc(failures, func(err error) bool { return err == nil })); n != 10 {
		t.Errorf("%d failed", n)
	}
}

func TestBatchEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	failures := mfa.Batch(ctx, items(50), func(_ context.Context, i, _ int) error {
		if i == 10 {
			cancel()
		}
		return nil
	}, nil)
	last := failures[49]
	if errs.KindOf(last) != errs.Interrupted || !errors.Is(last, mfa.ErrNotTried) || !errors.Is(last, context.Canceled) || failures[0] != nil {
		t.Errorf("%v, %v", failures[0], failures[49])
	}
}
