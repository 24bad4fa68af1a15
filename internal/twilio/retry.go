package twilio

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"uzerp-mfa/internal/errs"
)

const (
	maxTries    = 4
	maxTimeouts = 2 // no third try after two without an answer within CallTimeout
	firstPause  = 200 * time.Millisecond
	maxWait     = 30 * time.Second // no single wait is longer: nobody waits longer at a terminal
	farAway     = 24 * time.Hour
)

// again reports whether to try again after f, and how long to wait before. GET and DELETE can always be repeated.
// A POST is repeated only if it certainly had no effect: it was never sent, or a rate limit turned it away, which
// Twilio documents as not processed (§2, 20429; §3.1). If Retry-After asks for too long a wait, there is no further
// try.
func (c *Client) again(ctx context.Context, f *callError, method string, try int) (time.Duration, bool) {
	switch {
	case !f.transient, method == http.MethodPost && f.reached:
		return 0, false
	case try >= maxTries, f.timeout && try >= maxTimeouts:
		return 0, false
	}
	spread := firstPause << (try - 1)
	if f.wait > 0 {
		spread = f.wait / 20 // the server knows best, and others were told the same
	}
	wait := f.wait + time.Duration(c.rand()*float64(spread)) // full jitter
	if f.wait > maxWait || tooLate(ctx, wait) {
		return 0, false
	}
	return wait, true
}

// tooLong reports whether wait is longer than anybody waits, or than the command may last.
func tooLong(ctx context.Context, wait time.Duration) bool {
	return wait > maxWait || wait > 0 && tooLate(ctx, wait)
}

// tooLate reports whether the command's time is over after wait.
func tooLate(ctx context.Context, wait time.Duration) bool {
	deadline, limited := ctx.Deadline()
	return limited && time.Until(deadline) <= wait
}

// tellWhen says at what time of day another try makes sense, if that is later than anybody waits, or
// than the command may last.
func (c *Client) tellWhen(ctx context.Context, f *callError) {
	deadline, limited := ctx.Deadline()
	if f.wait <= maxWait && (!limited || f.wait == 0 || time.Until(deadline) > f.wait) {
		return
	}
	now := c.now()
	layout, until := "15:04:05 MST", now.Add(f.wait)
	if until.YearDay() != now.YearDay() {
		layout = "2006-01-02 15:04:05 MST"
	}
	f.until = until.Format(layout)
	if f.kind == errs.Unavailable {
		f.hint = errs.Plain("run the command again at " + f.until + " or later")
	}
}

// limited reports whether f is Twilio's limit of the rate of all calls.
func (f *callError) limited() bool {
	return f.status == http.StatusTooManyRequests && f.transient && f.code != onlyThisOne
}

// waitForTurn returns when the pace of all exchanges lets one begin. If that takes longer than anybody waits, it is as if Twilio had
// said so once more.
func (o *call) waitForTurn() *callError {
	for at := later(o.c.now(), o.rested); ; {
		wait, turn := o.c.pace.take(at)
		if tooLong(o.ctx, wait) {
			f := &callError{status: http.StatusTooManyRequests, wait: wait}
			f.is(limited(f.status), o.c)
			return f
		}
		if wait > 0 {
			if o.c.sleep(o.ctx, wait) != nil {
				return stopped(o.ctx)
			}
			at = later(o.c.now(), at.Add(wait))
		}
		if o.c.pace.keeps(turn) {
			return nil
		}
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// limits is how often one exchange was turned away, and what others could do meanwhile.
type limits struct{ times, taken int }

// othersPass counts, and reports whether Twilio took other exchanges since the last time: then this one will be taken too.
func (l *limits) othersPass(p *pace) bool {
	before := l.taken
	l.taken = p.soFar()
	l.times++
	return l.times <= maxLimited && l.taken > before
}

// parseRetryAfter reads a Retry-After header, in seconds or as an HTTP date. It returns the time to wait from now,
// a day at most, and 0 if the header is missing or can't be read.
func parseRetryAfter(header string, now time.Time) time.Duration {
	header = strings.TrimSpace(header)
	if header == "" {
		return 0
	}
	if strings.Trim(header, "0123456789") == "" {
		n, err := strconv.ParseUint(header, 10, 32)
		if err != nil { // digits can only be out of range
			return farAway
		}
		return min(time.Duration(n)*time.Second, farAway)
	}
	at, err := http.ParseTime(header)
	if err != nil {
		return 0
	}
	return min(max(at.Sub(now), 0), farAway)
}

// sleep is the default of Config.Sleep.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
