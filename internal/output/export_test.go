package output

import "time"

// WaitingFor is Waiting with another pause.
func (s *Streams) WaitingFor(what string, pause time.Duration) (done func()) {
	return s.waiting(what, pause)
}
