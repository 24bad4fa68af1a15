package crashtest

import (
	"slices"
	"sync"
)

// Phase is one of the two moments of an interaction at which a Hook is asked.
type Phase int

// An interaction has not reached the other side yet; or it has taken effect there, and the reply is held back.
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

// Action is what becomes of an interaction.
type Action int

// The actions. Before an interaction, all but Pass keep it from taking effect.
const (
	Pass   Action = iota
	Cut           // the connection is reset
	Hang          // there is no answer; a database's CancelRequest ends the session, as it would a slow statement
	Freeze        // there is no answer, whatever the program does: the network is gone
)

// Interaction is one thing that the program asks of another system and waits for.
type Interaction struct {
	N      int    // from 1
	System string // "database", "twilio", or as Step was told
	Name   string // a query's name or "prepare" and its name; an HTTP request's method and path

	// Gone is closed once the program has hung up the connection that the interaction came by.
	Gone <-chan struct{}
}

// Hook decides about an interaction. It may block, and may be called for several interactions at a time.
type Hook func(Interaction, Phase) Action

// Tap counts interactions over all that it is put into. The zero value passes everything.
type Tap struct {
	mu   sync.Mutex
	hook Hook
	seen []Interaction
}

// Arm begins to count anew, and asks hook from now on; nil passes everything. No program may be running.
func (t *Tap) Arm(hook Hook) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.hook, t.seen = hook, nil
}

// Seen gives the interactions since Arm.
func (t *Tap) Seen() []Interaction {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.seen)
}

// Step makes do, something that the test itself does for the program (answer its question), an interaction like any
// other. Any action but Pass means that do is not done.
func (t *Tap) Step(system, name string, gone <-chan struct{}, do func()) {
	u := t.begin(system, name, gone)
	if u.ask(Before) == Pass {
		do()
		u.ask(After)
	}
}

// underway is an interaction and who decides about it.
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
