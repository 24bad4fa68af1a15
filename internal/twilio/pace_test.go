package twilio

import (
	"cmp"
	"context"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"uzerp-mfa/internal/errs"
)

// limiter is how a server may count: it says whether it takes a call now.
type limiter func(now time.Time) bool

// inSecond takes so many calls in each second of the clock.
func inSecond(n int) limiter {
	var second int64
	count := 0
	return func(now time.Time) bool {
		if s := now.Unix(); s != second {
			second, count = s, 0
		}
		count++
		return count <= n
	}
}

// sliding takes so many calls within any second.
func sliding(n int) limiter {
	var taken []time.Time
	return func(now time.Time) bool {
		for len(taken) > 0 && now.Sub(taken[0]) >= time.Second {
			taken = taken[1:]
		}
		if len(taken) >= n {
			return false
		}
		taken = append(taken, now)
		return true
	}
}

// bucket holds so many calls, and gets as many a second.
func bucket(n int) limiter {
	level, last := float64(n), time.Time{}
	return func(now time.Time) bool {
		if !last.IsZero() {
			level = min(float64(n), level+now.Sub(last).Seconds()*float64(n))
		}
		last = now
		if level < 1 {
			return false
		}
		level--
		return true
	}
}

// run lets workers make calls of 30 ms each at a server with a limit, in a time that is only counted. It returns how long all
// took, and how often the server said no.
func run(t *testing.T, calls, workers int, takes limiter, retryAfter time.Duration) (took time.Duration, refusals int) {
	t.Helper()
	synctest.Test(t, func(*testing.T) {
		var p pace
		var mu sync.Mutex
		began := time.Now()
		var all sync.WaitGroup
		for n := range workers {
			jitter := cmp.Or(retryAfter/20, firstPause) * time.Duration(n+1) / time.Duration(workers)
			all.Go(func() {
				for {
					mu.Lock()
					if calls == 0 {
						mu.Unlock()
						return
					}
					calls--
					mu.Unlock()
					for done := false; !done; {
						for keeps := false; !keeps; {
							wait, turn := p.take(time.Now())
							time.Sleep(wait)
							keeps = p.keeps(turn)
						}
						sent := time.Now()
						time.Sleep(15 * time.Millisecond)
						mu.Lock()
						done = takes(time.Now())
						if !done {
							refusals++
						}
						mu.Unlock()
						time.Sleep(15 * time.Millisecond)
						if done {
							p.passed(sent)
						} else {
							time.Sleep(p.limited(sent, time.Now(), retryAfter, retryAfter+jitter))
						}
					}
				}
			})
		}
		all.Wait()
		took = time.Since(began)
	})
	return took, refusals
}

// However the server counts, 5 000 calls at 100 a second take at most 1.15 times as long as they must, and at most 2 % are refused. If the
// server does not say how long to wait, or more than it must, it may take a little longer.
func TestPaceFindsTheRate(t *testing.T) {
	for name, make := range map[string]func(int) limiter{"a second of the clock": inSecond, "any second": sliding, "a bucket": bucket} {
		for _, workers := range []int{4, 16, 32} {
			for _, retryAfter := range []time.Duration{0, time.Second, 2 * time.Second} {
				took, refusals := run(t, 5000, workers, make(100), retryAfter)
				ideal := 50 * time.Second
				ratio := took.Seconds() / ideal.Seconds()
				t.Logf("%s, %d workers, Retry-After %s: %.3f times the ideal, %d refused", name, workers, retryAfter, ratio, refusals)
				most := 1.4
				if retryAfter == time.Second {
					most = 1.15
				}
				if ratio > most || refusals > 100 {
					t.Errorf("%s, %d workers, Retry-After %s: %.3f times the ideal, %d refused", name, workers, retryAfter, ratio, refusals)
				}
			}
		}
	}
}

// A server that was busy for a moment, with others, and takes everything then is soon asked as fast as before.
func TestPaceRecovers(t *testing.T) {
	seen := 0
	took, refusals := run(t, 5000, 16, func(time.Time) bool { seen++; return seen <= 3 || seen > 20 }, time.Second)
	if took > 40*time.Second || refusals > 20 {
		t.Errorf("5000 calls took %s, %d were refused", took, refusals)
	}
}

// A pause that begins while somebody waits for their turn holds them too. Who takes a turn after it keeps that. Who comes
// during the pause takes none: what Twilio took before it is not known yet, and that is what the rate is made of.
func TestPaceHoldsWhoWaits(t *testing.T) {
	var p pace
	now := time.Now()
	_, turn := p.take(now)
	p.limited(now, now, time.Second, time.Second)
	if p.keeps(turn) {
		t.Error("a turn of before the pause still holds")
	}
	if wait, turn := p.take(now); wait < time.Second || p.keeps(turn) {
		t.Errorf("a turn in the pause comes after %s", wait)
	}
	for range few {
		p.passed(now) // they were on their way
	}
	if wait, turn := p.take(now.Add(time.Second)); wait > 0 || !p.keeps(turn) || p.rate != margin*few {
		t.Errorf("a turn after the pause comes after %s, at %v a second", wait, p.rate)
	}
}

// Answers may take longer than the seconds that are remembered. What Twilio took before a 429 counts nevertheless.
func TestPaceCountsSlowAnswers(t *testing.T) {
	var p pace
	began := time.Now()
	sent := func(i int) time.Time { return began.Add(time.Duration(i) * 10 * time.Millisecond) }
	p.limited(sent(100), sent(500), 5*time.Second, 5*time.Second)
	for i := range 500 { // 100 a second, and all but one were on their way
		if i != 100 {
			p.passed(sent(i))
		}
	}
	if _, turn := p.take(sent(1000)); !p.keeps(turn) || p.rate < 90 || p.rate > 100 {
		t.Errorf("the rate is %v", p.rate)
	}
}

// Without a limit nothing is held back.
func TestNoPaceWithoutALimit(t *testing.T) {
	if took, _ := run(t, 1000, 10, func(time.Time) bool { return true }, 0); took != 3*time.Second {
		t.Errorf("1000 calls of 30 ms took 10 workers %s", took)
	}
}

// What one exchange is told, all wait for: nothing is sent before.
func TestALimitHoldsAll(t *testing.T) {
	s := start(t)
	ops := operations()
	first, second := ops[0], ops[1]
	s.play(first.request, apiError(429, 20429, "Too Many Requests", "Retry-After", "3"), first.good)
	s.play(second.request, second.good)
	if err := first.run(s.Client, t.Context()); err != nil {
		t.Fatal(err)
	}
	s.slept = nil
	if err := second.run(s.Client, t.Context()); err != nil {
		t.Fatal(err)
	}
	// The sleeps of tests take no time, so that the pause is still there.
	if len(s.slept) != 1 || s.slept[0] < 2*time.Second || s.slept[0] > 4*time.Second {
		t.Errorf("the second exchange waited %v", s.slept)
	}
}

// A pause that is longer than anybody waits ends each exchange at once, and nothing is sent.
func TestALongLimitEndsAll(t *testing.T) {
	s := start(t)
	ops := operations()
	first, second := ops[0], ops[1]
	s.play(first.request, apiError(429, 20429, "Too Many Requests", "Retry-After", "600"))
	s.play(second.request, second.good)
	wantError(t, first.run(s.Client, t.Context()), errs.Unavailable, false)
	err := second.run(s.Client, t.Context())
	wantError(t, err, errs.Unavailable, false)
	if s.count(second.request) != 0 || !strings.Contains(err.Error(), "limiting the rate of calls") {
		t.Errorf("sent %d times: %v", s.count(second.request), err)
	}
}

// As long as others get through, an exchange that is turned away is tried again: that is no outage.
func TestALimitIsNoOutage(t *testing.T) {
	ops := operations()
	first, second := ops[0], ops[1]
	busy := false
	var s *setup
	s = start(t, func(c *Config) {
		c.Sleep = func(ctx context.Context, _ time.Duration) error {
			if busy {
				return ctx.Err()
			}
			busy = true
			defer func() { busy = false }()
			return second.run(s.Client, ctx)
		}
	})
	turnedAway := apiError(429, 20429, "Too Many Requests")
	s.play(first.request, turnedAway, turnedAway, turnedAway, turnedAway, turnedAway, turnedAway, turnedAway, turnedAway, first.good)
	s.play(second.request, second.good)
	if err := first.run(s.Client, t.Context()); err != nil {
		t.Errorf("after %d tries: %v", s.count(first.request), err)
	}
}

// BenchmarkPassed measures what the pace costs where Twilio takes 5 000 exchanges a second.
func BenchmarkPassed(b *testing.B) {
	var p pace
	now := time.Now()
	for b.Loop() {
		now = now.Add(time.Second / 5000)
		p.passed(now)
	}
}
