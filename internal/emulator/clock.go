package emulator

import (
	"sync"
	"time"
)

// clock is a base clock and a shift.
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

// Now is the emulator's time, which its Date header tells and its codes and limits follow.
func (s *Server) Now() time.Time { return s.clock.now() }

// Advance moves the emulator's clock by d, which may be negative.
func (s *Server) Advance(d time.Duration) { s.clock.advance(d) }

// SetTime makes it t now; the clock runs on from there as Options.Now does.
func (s *Server) SetTime(t time.Time) { s.clock.set(t) }
