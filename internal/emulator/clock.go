package emulator

import (
	"sync"
	"time"
)

// clock is a base clock and a shift that is added to it.
type clock struct {
	base func() time.Time

	mu    sync.Mutex
	shift time.Duration
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.base().Add(c.shift).UTC()
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.shift += d
}

func (c *clock) set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.shift = t.Sub(c.base())
}

// Now returns the emulator's time. The Date header, the codes and the limits follow it.
func (s *Server) Now() time.Time { return s.clock.now() }

// Advance moves the emulator's clock by d, which may be negative.
func (s *Server) Advance(d time.Duration) { s.clock.advance(d) }

// SetTime sets the emulator's clock to t. From there it runs as Options.Now does.
func (s *Server) SetTime(t time.Time) { s.clock.set(t) }
