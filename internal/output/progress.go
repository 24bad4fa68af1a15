package output

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

// This file shows how a long job goes on: in one line of the terminal that stderr leads to, which is gone afterwards.
//
// Its law: the line never fills the terminal's width, because what goes on in the next row could not be taken away; and no escape
// sequence is sent, so that it works on every terminal that can go back to the beginning of a line.

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
	if p.total > 0 {
		p.s.showStatus(fmt.Sprintf("%d of %d %s", p.n, p.total, p.what), "")
		return
	}
	p.s.showStatus(fmt.Sprintf("%d %s", p.n, p.what), "")
}

// Done clears the line, so that what follows starts on an empty one.
func (p *Progress) Done() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.visible() && !p.shown.IsZero() {
		p.s.showStatus("", "")
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
				s.showStatus(what, fmt.Sprintf(" %s %d s", s.ellipsis(), int(time.Since(began).Seconds())))
				shown = true
			case <-stop:
				if shown {
					s.showStatus("", "")
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

// showStatus shows a text on the line that the next message takes away. If the terminal is too narrow, the text is cut before its
// end. Two empty ones show nothing any more. While an AltScreen is shown, nothing changes.
func (s *Streams) showStatus(text, end string) {
	_ = s.Out.Flush()
	room := s.Width() - 1
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.covered {
		return
	}
	if measure.StringWidth(text+end) > room {
		text = cut(text, max(0, room-measure.StringWidth(end)), s.ellipsis())
	}
	was := s.status
	s.status = measure.StringWidth(text + end)
	line := "\r" + text + end
	switch {
	case s.status == 0:
		line = blanks(was)
	case was > s.status: // the blanks come first: the cursor stays behind the text
		line = blanks(was) + text + end
	}
	_, _ = io.WriteString(s.Err, line)
}

// takeStatus returns what takes away the line that showStatus has left. s.mu is locked.
func (s *Streams) takeStatus() string {
	was := s.status
	s.status = 0
	return blanks(was)
}

// blanks returns what writes over the first columns of a line, and leaves the cursor at its beginning.
func blanks(columns int) string {
	if columns == 0 {
		return ""
	}
	return "\r" + strings.Repeat(" ", columns) + "\r"
}

// ellipsis is the sign for what is left out or goes on.
func (s *Streams) ellipsis() string {
	if s.UTF8 {
		return "…"
	}
	return "..."
}
