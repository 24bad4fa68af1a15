package twilio

import (
	"net/http"
	"sync"
	"time"
)

// pace says when an exchange may begin. All exchanges of a client share it, from as many workers as there are: a 429 that one
// of them gets holds all of them, until Twilio's Retry-After, and from then on they are slower. It has no clock: the caller
// says what time it is.
//
// What Twilio's limit is, is documented nowhere (docs/facts/twilio-verify.md §3.1). So the rate is found out: none is kept until
// the first 429; then a little less than what Twilio took in the second before it, and more again in small steps. Up to the rate
// at which the last 429 came the steps are very small, since each 429 costs a pause of all. If hardly anything was taken
// before, that says little about the limit, and the steps are large until the next 429.
type pace struct {
	mu       sync.Mutex
	rate     float64     // exchanges a second; 0 means that no limit is known
	ceiling  float64     // the rate at the last 429
	raised   time.Time   // when rate was last raised, or lowered
	next     time.Time   // when the next exchange may begin, at this rate
	paused   time.Time   // none begins before
	resumed  time.Time   // when the last pause ended, or will
	refused  time.Time   // when the exchange was sent for which the rate is still to be lowered
	whole    bool        // and if the second before that one was one of exchanges, and not of a pause
	lowered  time.Time   // when the last one was sent for which the rate was lowered
	accepted []time.Time // when exchanges were sent that Twilio took, of the last seconds
	taken    int         // how many exchanges Twilio took so far
	pauses   int         // how many there were
	probing  bool        // the rate says little about the limit
}

const (
	window      = time.Second
	margin      = 0.98   // of the rate at which Twilio said no
	slowStep    = 0.0005 // by which the rate rises in a second, up to where Twilio said no
	fastStep    = 0.05   // and beyond, where it said nothing
	probeStep   = 0.25   // and while nothing is known about the limit
	few         = 50     // exchanges in a second
	lowest      = 2      // exchanges a second
	maxLimited  = 40     // how often one exchange is turned away while others get through
	onlyThisOne = 60212
)

// noTurn is a turn of which keeps says that it does not hold.
const noTurn = -1

// take returns how long to wait for the next turn. Turns come in the order in which they were taken. If a pause begins during the
// wait, the turn is lost: keeps says so, and a new one must be taken then. Who comes during a pause after which the rate is to be chosen
// gets no turn, and must ask again when the pause ends.
func (p *pace) take(now time.Time) (wait time.Duration, turn int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.refused.IsZero() && now.Before(p.paused) {
		return p.paused.Sub(now), noTurn
	}
	p.lower()
	if p.rate == 0 {
		return max(0, p.paused.Sub(now)), p.pauses
	}
	p.raise(now)
	step := time.Duration(float64(time.Second) / p.rate)
	p.next = later(p.next, now.Add(-step)) // what was missed is not caught up, but for one turn
	wait = max(0, p.next.Sub(now))
	p.next = p.next.Add(step)
	return wait, p.pauses
}

// keeps reports whether a turn still holds: no pause has begun since it was taken.
func (p *pace) keeps(turn int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.pauses == turn
}

// raise lets the rate rise with the time. Far beyond the last 429 the limit is gone.
func (p *pace) raise(now time.Time) {
	seconds := now.Sub(p.raised).Seconds()
	if seconds <= 0 {
		return
	}
	p.raised = now
	switch {
	case p.probing:
		p.rate += probeStep * p.rate * seconds
	case p.rate < p.ceiling:
		p.rate += slowStep * p.ceiling * seconds
	default:
		p.rate += fastStep * p.rate * seconds
	}
}

// heard says what became of an exchange that was sent then: whether Twilio took it. f is nil if all went well.
func (p *pace) heard(f *callError, sent time.Time) (took bool) {
	took = f == nil || f.status != 0 && f.status < http.StatusInternalServerError && !f.limited()
	if took {
		p.passed(sent)
	}
	return took
}

func (p *pace) passed(sent time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.taken++
	// They are nearly in order, and lower looks at each. What it is to count is kept until then, however late the others come.
	for p.refused.IsZero() && len(p.accepted) > 0 && sent.Sub(p.accepted[0]) >= 3*window {
		p.accepted = p.accepted[1:]
	}
	p.accepted = append(p.accepted, sent)
}

// soFar returns how many exchanges Twilio took.
func (p *pace) soFar() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.taken
}

// limited says that Twilio turned an exchange away which was sent then, and how long it would wait now: at least as long as Twilio
// asked for, if it did. It returns how long it waits. All others wait as well. The rate is lowered once for all that were sent
// before the pause, and not again within a second: until then Twilio counts what came before. Where Twilio says how
// long, these do not make the pause longer, unless it asks for more.
func (p *pace) limited(sent, now time.Time, retryAfter, wait time.Duration) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !sent.Before(p.resumed) {
		p.lower()
		if sent.Sub(p.lowered) >= window {
			p.refused, p.whole = sent, p.rate == 0 || sent.Sub(p.resumed) >= window
		}
	} else if retryAfter > 0 {
		wait = max(retryAfter, p.paused.Sub(now))
	}
	if until := now.Add(wait); until.After(p.paused) {
		p.paused, p.resumed, p.next, p.raised = until, until, until, until
		p.pauses++
	}
	return wait
}

// lower chooses the rate after a 429. That waits until the next exchange may begin: by then it is mostly known what became of those that
// were on their way with the one that was turned away.
func (p *pace) lower() {
	if p.refused.IsZero() {
		return
	}
	measured := 0.0
	for _, t := range p.accepted {
		if !t.After(p.refused) && p.refused.Sub(t) < window {
			measured++
		}
	}
	p.lowered, p.refused = p.refused, time.Time{}
	switch {
	case p.rate == 0:
		p.ceiling = measured
		p.rate = margin * measured
		p.probing = measured < few
	case p.whole:
		p.ceiling = min(p.rate, max(measured, p.rate/2))
		p.rate = margin * p.ceiling
		p.probing = false
	default: // just after a pause: the rate is far too high
		p.ceiling = p.rate
		p.rate *= 0.7
	}
	p.rate = max(p.rate, lowest)
	p.ceiling = max(p.ceiling, p.rate)
}
