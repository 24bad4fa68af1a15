package twilio

import (
	"net/http"
	"time"
)

// Date has a resolution of one second and travels: smaller differences say nothing.
const measurable = 2 * time.Second

// Now is the time at Twilio as its last good answer told it; before any, the local time.
func (c *Client) Now() time.Time { return c.now().Add(time.Duration(c.offset.Load())) }

// measure keeps how far Twilio's clock is from ours, from an answer to a request that was sent at one local time
// and read at another. Half a second makes up for Date being cut off to whole seconds.
func (c *Client) measure(date string, sent, read time.Time) {
	at, err := http.ParseTime(date)
	if err != nil {
		return
	}
	half := read.Sub(sent) / 2
	offset := at.Add(time.Second / 2).Sub(sent.Add(half))
	if offset.Abs() < measurable+half {
		offset = 0
	}
	c.offset.Store(int64(offset))
}

// answered is when an answer was given by its own clock, which its Retry-After goes by; else the local time.
func (c *Client) answered(resp *http.Response) time.Time {
	if at, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
		return at
	}
	return c.now()
}
