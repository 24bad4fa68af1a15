package trial

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"uzerp-mfa/internal/injector"
)

// Guard runs in the guard's process. It calls open for the database, marks that a switch is on trial, and plans the
// switch that r asks for. It writes to out that it is ready. Once it has read from in that the switch is being made, it
// switches back, unless it reads that the switch stays. in and out are pipes to the process that started it. A switch
// that must not be made ends it with an error of errs.Refused.
func Guard(ctx context.Context, in io.Reader, out io.Writer, r injector.Request, limit time.Duration,
	open func(context.Context) (GuardStore, error),
) error {
	over := time.After(limit)
	store, err := open(ctx)
	if err != nil {
		return err
	}
	key, release, err := store.HoldTrial(context.WithoutCancel(ctx), limit)
	if err != nil {
		return err
	}
	defer release()
	classes, err := store.SettledClasses(ctx, injector.Names()) // a switch that began before the mark has ended then
	if err != nil {
		return err
	}
	plan, found := injector.Plan(r, classes, nil, nil)
	if err := injector.Refusal(found); err != nil {
		return err
	}
	say := func(word string) {
		_, _ = io.WriteString(out, word+"\n") // the process at the other end may be gone
	}
	say(fmt.Sprint(wordReady, " ", key))
	words, done := listen(in)
	defer done()
	var confirmed <-chan struct{} // nothing can be confirmed before it is switched
	next := func() string {
		select {
		case word := <-words:
			return word
		case <-confirmed:
			return wordConfirmed
		case <-over:
		case <-ctx.Done():
		}
		return ""
	}
	if next() != wordSwitching {
		return nil // the switch can't be made once the mark is gone
	}
	looking, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	confirmed = lookForConfirmation(looking, store, key)
	word := next()
	if word == wordConfirmed {
		confirmed = nil
		say(wordConfirmed)
		word = next()
	}
	stop()
	if word == wordKeep {
		release()
		say(wordKept)
		signKept(context.WithoutCancel(ctx), store, key)
		return nil
	}
	if err := switchBack(context.WithoutCancel(ctx), store.SettledClasses, store, plan); err != nil {
		return err
	}
	release()
	say(wordUndone)
	return nil
}

// lookForConfirmation looks in the database until ctx ends. It sends once somebody has confirmed the switch. A database that is
// away confirms nothing.
func lookForConfirmation(ctx context.Context, store GuardStore, key int64) <-chan struct{} {
	found := make(chan struct{})
	go func() {
		for ticks := time.NewTicker(confirmPoll); ; {
			select {
			case <-ticks.C:
			case <-ctx.Done():
				ticks.Stop()
				return
			}
			if yes, err := store.Confirmed(ctx, key); err == nil && yes {
				close(found)
				return
			}
		}
	}()
	return found
}

// signKept signs in the database that the switch stays, for as long as a session waits for that. If it can't, that session says
// that it does not know.
func signKept(ctx context.Context, store GuardStore, key int64) {
	ctx, cancel := context.WithTimeout(ctx, signLimit)
	defer cancel()
	waits := func() bool {
		yes, err := store.Confirmed(ctx, key)
		return err == nil && yes
	}
	if !waits() {
		return
	}
	release, err := store.SignKept(ctx, key)
	if err != nil {
		return
	}
	defer release()
	for ctx.Err() == nil && waits() {
		select {
		case <-time.After(confirmPoll):
		case <-ctx.Done():
		}
	}
}

// listen reads words from in, one a line, until done is called. At the end of in it sends empty ones.
func listen(in io.Reader) (words <-chan string, done func()) {
	heard, stop := make(chan string), make(chan struct{})
	go func() {
		for lines := bufio.NewReader(in); ; {
			line, _ := lines.ReadString('\n')
			select {
			case heard <- strings.TrimSpace(line):
			case <-stop:
				return
			}
		}
	}()
	return heard, func() { close(stop) }
}
