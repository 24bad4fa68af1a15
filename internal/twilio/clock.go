package twilio

import (
	"net/http"
	"time"
)

// Date has a resolution of one second and travels: smaller differences say nothing.
const measurable = 2 * time.Second

// Now is the time at Twilio as its last answer told it; before any, the local time.
func (c *Client) Now() time.Time {
	var offset time.Duration
	if m := c.measured.Load(); m != nil && m.offset.Abs() >= measurable+m.travel {
		offset = m.offset
	}
	return c.now().Add(offset)
}

// ClockOffset is Twilio's clock minus ours as its last answer told it, to about a second; known is false before any.
func (c *Client) ClockOffset() (offset time.Duration, known bool) {
	m := c.measured.Load()
	if m == nil {
		return 0, false
	}
	return m.offset, true
}

// measurement is what one answer told of Twilio's clock.
type measurement struct {
	offset time.Duration // Twilio's clock minus ours
	travel time.Duration // how long the answer took to come, perhaps
}

// measure keeps how far Twilio's clock is from ours, from an answer to a request that was sent at one local time
// and read at another. Half a second makes up for Date being cut off to whole seconds.
func (c *Client) measure(date string, sent, read time.Time) {
	at, err := http.ParseTime(date)
	if err != nil {
		return
	}
	half := read.Sub(sent) / 2
	c.measured.Store(&measurement{at.Add(time.Second / 2).Sub(sent.Add(half)), half})
}

// answered is when an answer was given by its own clock, which its Retry-After goes by; else the local time.
func (c *Client) answered(resp *http.Response) time.Time {
	if at, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
		return at
	}
	return c.now()
}
