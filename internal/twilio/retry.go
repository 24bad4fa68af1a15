package twilio

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	maxTries    = 4
	maxTimeouts = 2 // a second silence of a whole CallTimeout says enough
	firstPause  = 200 * time.Millisecond
	maxWait     = 30 * time.Second // longer than this nobody waits in front of a terminal
	farAway     = 24 * time.Hour
)

// again tells whether to try again after f, and after what wait. GET and DELETE can be repeated at will; a POST
// only if it certainly was not acted on: never sent, or turned away by a rate limit, which Twilio documents as
// not processed (§2, 20429; §3.1). Retry-After is obeyed, or else there is no further try.
func (c *Client) again(ctx context.Context, f *fault, method string, try int) (time.Duration, bool) {
	switch {
	case !f.transient, method == http.MethodPost && f.reached:
		return 0, false
	case try >= maxTries, f.timeout && try >= maxTimeouts:
		return 0, false
	}
	wait := f.wait + time.Duration(c.rand()*float64(firstPause<<(try-1))) // full jitter
	deadline, limited := ctx.Deadline()
	if f.wait > maxWait || limited && time.Until(deadline) <= wait {
		return 0, false
	}
	return wait, true
}

// parseRetryAfter reads a Retry-After header, seconds or an HTTP date: the time to wait from now, 0 where there is
// none or it can't be read, a day at most.
func parseRetryAfter(header string, now time.Time) time.Duration {
	header = strings.TrimSpace(header)
	if header == "" {
		return 0
	}
	if strings.Trim(header, "0123456789") == "" {
		n, err := strconv.ParseUint(header, 10, 32)
		if err != nil { // out of range is all that can be wrong with digits
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

// sleep is Config.Sleep's default.
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
