package output

import (
	"fmt"
	"sync"
	"time"
)

// Progress shows on a terminal how far a long job has come. Without a terminal, or if Quiet, it shows nothing.
type Progress struct {
	s     *Streams
	what  string
	total int

	mu    sync.Mutex
	n     int
	shown time.Time
}

// progressPause keeps a slow line from being filled with numbers.
const progressPause = 100 * time.Millisecond

// NewProgress starts to count to total; 0 where the total is not known. what is the program's own text, such as "users".
func (s *Streams) NewProgress(what string, total int) *Progress {
	return &Progress{s: s, what: what, total: total}
}

// Step counts one more.
func (p *Progress) Step() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.n++
	if !p.visible() || time.Since(p.shown) < progressPause {
		return
	}
	p.shown = time.Now()
	text := fmt.Sprintf("%d %s", p.n, p.what)
	if p.total > 0 {
		text = fmt.Sprintf("%d of %d %s", p.n, p.total, p.what)
	}
	_ = p.s.tell("\r" + text + "\x1b[K")
}

// Done takes the line away, so that what follows starts on a clean one.
func (p *Progress) Done() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.visible() && !p.shown.IsZero() {
		_ = p.s.tell("\r\x1b[K")
	}
}

// visible: one alone is no progress to speak of.
func (p *Progress) visible() bool { return p.s.ErrTTY && !p.s.Quiet && p.total != 1 }
