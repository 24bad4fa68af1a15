package audit

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"uzerp-mfa/internal/safepath"
)

// waiter is a call of AppendAll. Who has taken it from the queue writes its fields, until done is closed.
type waiter struct {
	ctx     context.Context
	records []Record // the first of them as written
	written int      // how many are on the disk
	err     error    // why the others are not
	done    chan struct{}
}

// fail says why what is not written yet will not be.
func (w *waiter) fail(err error) {
	if w.err == nil && w.written < len(w.records) {
		w.err = err
	}
}

// queue has those whose records nobody has begun to write, in their order.
type queue struct {
	mu      sync.Mutex
	waiters []*waiter
}

func (q *queue) join(w *waiter) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiters = append(q.waiters, w)
}

// leave reports whether w was still in the queue.
func (q *queue) leave(w *waiter) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	i := slices.Index(q.waiters, w)
	if i < 0 {
		return false
	}
	q.waiters = slices.Delete(q.waiters, i, i+1)
	return true
}

// empty takes all from the queue.
func (q *queue) empty() []*waiter {
	q.mu.Lock()
	defer q.mu.Unlock()
	all := q.waiters
	q.waiters = nil
	return all
}

// batch is what is written and synced at once. It is much smaller than the part of a log in which readTail looks for the last
// record: after a power cut a whole batch may be torn.
type batch struct {
	log     *Log
	dir     *safepath.Dir
	size    int64                // of the file before
	text    []byte               // the lines
	records map[*waiter][]Record // as they stand in text
}

const batchSize = 256 << 10

// fill takes the next records of group that are to be written, at least one, and no more than size bytes of others. A record that can't
// be written ends its waiter's, and nobody else's; so does the end of the waiter's context.
func (b *batch) fill(f *os.File, group []*waiter, size int) error {
	t, err := readTail(f)
	if err != nil {
		return err
	}
	b.size, b.records = t.size, make(map[*waiter][]Record)
	for _, w := range group {
		if w.err == nil && w.ctx.Err() != nil {
			w.fail(fmt.Errorf("audit log %s: %w", b.log.path, context.Cause(w.ctx)))
		}
		if w.err != nil {
			continue
		}
		for _, r := range w.records[w.written:] {
			if len(b.text) > max(0, size-maxLine) {
				return nil
			}
			line, err := b.log.line(&r, t, b.dir)
			if err != nil {
				w.fail(b.log.error(err))
				break
			}
			if t.unended {
				line = append([]byte("\n"), line...)
			}
			t = tail{prev: r.Hash}
			b.text = append(b.text, line...)
			b.records[w] = append(b.records[w], r)
		}
	}
	return nil
}

// line returns the line of r after t, and completes r.
func (l *Log) line(r *Record, t tail, dir *safepath.Dir) ([]byte, error) {
	r.SchemaVersion = SchemaVersion
	r.Time = l.now() // taken while the lock is held, so that the lines are in the order of their times
	r.Prev, r.Torn = t.prev, t.torn
	if t.prev == Genesis {
		r.Follows = headBefore(dir, filepath.Base(l.path))
	}
	line, err := encode(r)
	for _, s := range shortenings {
		if err == nil && len(line) > maxLine {
			*r = r.shortened(s)
			line, err = encode(r)
		}
	}
	if err == nil && len(line) > maxLine {
		err = fmt.Errorf("the line would have %d bytes; it may have %d", len(line), maxLine)
	}
	return line, err
}
