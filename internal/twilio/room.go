package twilio

import (
	"context"
	"sync/atomic"
)

// room is for so many exchanges at the same time. All of a client share it. While Twilio's limit is not known, all that are on their
// way when the first is turned away will be turned away too. So there is room for CallsAtOnce at first, and for one more
// after every twelfth that Twilio took.
type room struct {
	slots  chan struct{}
	closed atomic.Int64 // how many slots nobody may use yet
	taken  atomic.Int64
}

const widening = 12

func newRoom(size int) *room {
	r := &room{slots: make(chan struct{}, size)}
	for range size - CallsAtOnce {
		r.closed.Add(1)
		r.slots <- struct{}{}
	}
	return r
}

// enter waits until there is room. It fails with what stopped says about ctx.
func (r *room) enter(ctx context.Context) *callError {
	select {
	case r.slots <- struct{}{}:
	case <-ctx.Done():
		return stopped(ctx)
	}
	if f := stopped(ctx); f != nil { // select picks at random when both are ready
		r.leave(false)
		return f
	}
	return nil
}

// leave ends what enter began. took is whether Twilio took the exchange.
func (r *room) leave(took bool) {
	<-r.slots
	if took && r.taken.Add(1)%widening == 0 && r.closed.Add(-1) >= 0 {
		<-r.slots
	}
}
