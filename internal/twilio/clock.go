package twilio

import (
	"net/http"
	"time"
)

// measurable is the smallest difference between the clocks that counts. The Date header has a resolution of one second,
// and the answer takes time to arrive.
const measurable = 2 * time.Second

// Now returns the time at Twilio, by the Date header of its last answer. Before the first answer it returns the local
// time.
func (c *Client) Now() time.Time {
	var offset time.Duration
	if m := c.measured.Load(); m != nil && m.offset.Abs() >= measurable+m.travel {
		offset = m.offset
	}
	return c.now().Add(offset)
}

// ClockOffset returns Twilio's clock minus ours, to about a second, by the Date header of its last answer. known is
// false before the first answer.
func (c *Client) ClockOffset() (offset time.Duration, known bool) {
	m := c.measured.Load()
	if m == nil {
		return 0, false
	}
	return m.offset, true
}

// measurement is what one answer says about Twilio's clock.
type measurement struct {
	offset time.Duration // Twilio's clock minus ours
	travel time.Duration // about how long the answer took to arrive
}

// measure stores the difference between Twilio's clock and ours. date is the Date header of an answer; sent and read
// are the local times of the request and of the answer. Date is cut off to whole seconds, so half a second is added.
func (c *Client) measure(date string, sent, read time.Time) {
	at, err := http.ParseTime(date)
	if err != nil {
		return
	}
	half := read.Sub(sent) / 2
	c.measured.Store(&measurement{at.Add(time.Second / 2).Sub(sent.Add(half)), half})
}

// answered returns the time in an answer's Date header, because its Retry-After counts from there. Without a Date it
// returns the local time.
func (c *Client) answered(resp *http.Response) time.Time {
	if at, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
		return at
	}
	return c.now()
}
