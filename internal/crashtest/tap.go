package crashtest

import (
	"slices"
	"sync"
)

// Phase is one of the two moments of an interaction at which a Hook is called.
type Phase int

// Before: the interaction has not reached the other side. After: it took effect there, and the reply is held back.
const (
	Before Phase = iota
	After
)

func (p Phase) String() string {
	if p == Before {
		return "before"
	}
	return "after"
}

// Action is what happens with an interaction.
type Action int

// The actions. Before an interaction, all but Pass keep it from taking effect.
const (
	Pass   Action = iota
	Cut           // the connection is reset
	Hang          // there is no answer; a CancelRequest ends the session, as it ends a slow statement
	Freeze        // there is no answer, whatever the program does, as if the network were gone
)

// Interaction is one request of the program to another system, and the wait for its reply.
type Interaction struct {
	N      int    // from 1
	System string // "database", "twilio", or the name given to Step
	Name   string // a query's name or "prepare" and its name; an HTTP request's method and path

	// Gone is closed once the program has closed the connection of the interaction.
	Gone <-chan struct{}
}

// Hook decides what happens with an interaction. It may block, and may be called for several interactions at a time.
type Hook func(Interaction, Phase) Action

// Tap counts the interactions of all proxies and handlers that it is part of. The zero value passes everything on.
type Tap struct {
	mu   sync.Mutex
	hook Hook
	seen []Interaction
}

// Arm starts to count again from 1, and calls hook from now on; nil passes everything on. No program may be running.
func (t *Tap) Arm(hook Hook) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.hook, t.seen = hook, nil
}

// Seen returns the interactions since Arm.
func (t *Tap) Seen() []Interaction {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.seen)
}

// Step makes an interaction out of do, which the test does for the program, such as an answer to its question. do runs
// only if the hook returns Pass before it.
func (t *Tap) Step(system, name string, gone <-chan struct{}, do func()) {
	u := t.begin(system, name, gone)
	if u.ask(Before) == Pass {
		do()
		u.ask(After)
	}
}

// underway is an interaction and the hook that decides about it.
type underway struct {
	Interaction
	hook Hook
}

func (t *Tap) begin(system, name string, gone <-chan struct{}) underway {
	t.mu.Lock()
	defer t.mu.Unlock()
	i := Interaction{N: len(t.seen) + 1, System: system, Name: name, Gone: gone}
	t.seen = append(t.seen, i)
	return underway{i, t.hook}
}

func (u underway) ask(p Phase) Action {
	if u.hook == nil {
		return Pass
	}
	return u.hook(u.Interaction, p)
}
