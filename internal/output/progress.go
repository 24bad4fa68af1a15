package output

import (
	"fmt"
	"sync"
	"time"
)

// Progress shows on a terminal how much of a long job is done. Without a terminal, or if Quiet, it shows nothing.
type Progress struct {
	s     *Streams
	what  string
	total int

	mu    sync.Mutex
	n     int
	shown time.Time
}

// progressPause is the shortest time between two numbers: a slow connection must not fill up with them.
const progressPause = 100 * time.Millisecond

// NewProgress returns a Progress that counts to total, which is 0 if it is not known. what names the things counted,
// such as "users"; it is the program's own text.
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

// Done clears the line, so that what follows starts on an empty one.
func (p *Progress) Done() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.visible() && !p.shown.IsZero() {
		_ = p.s.tell("\r\x1b[K")
	}
}

// visible reports whether there is anything to show. A job of one step needs no counting.
func (p *Progress) visible() bool { return p.s.ErrTTY && !p.s.Quiet && p.total != 1 }
