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

// Waiting shows on a terminal what a job is about and how long it has taken, once it takes longer than a second or two. Without a
// terminal, or if Quiet, it shows nothing. done ends that and clears the line. what is the program's own text.
func (s *Streams) Waiting(what string) (done func()) { return s.waiting(what, waitingPause) }

// waitingPause is the time between two lines of Waiting.
const waitingPause = time.Second

func (s *Streams) waiting(what string, pause time.Duration) (done func()) {
	if !s.ErrTTY || s.Quiet {
		return func() {}
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		tick := time.NewTicker(pause)
		defer tick.Stop()
		shown := false
		for began := time.Now(); ; {
			select {
			case <-tick.C:
				_ = s.tell(fmt.Sprintf("\r%s … %d s\x1b[K", what, int(time.Since(began).Seconds())))
				shown = true
			case <-stop:
				if shown {
					_ = s.tell("\r\x1b[K")
				}
				return
			}
		}
	}()
	return sync.OnceFunc(func() {
		close(stop)
		<-stopped
	})
}
