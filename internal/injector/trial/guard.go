package trial

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"time"
)

// ErrNoOrder is the error if the guard was not started by a Trial.
var ErrNoOrder = errors.New("the guard got no order")

// Guard runs in the guard's process. It reads its order from in, calls open for the database, and writes to out that
// it is ready. Then it switches back, unless it reads from in that the switch stays. in and out are pipes to the
// process that started it.
func Guard(ctx context.Context, in io.Reader, out io.Writer, open func(context.Context) (GuardStore, error)) error {
	lines := bufio.NewReader(in)
	line, err := lines.ReadString('\n')
	var o order
	if err == nil {
		err = json.Unmarshal([]byte(line), &o)
	}
	if err != nil {
		return ErrNoOrder
	}
	limit := time.After(time.Duration(o.Seconds * float64(time.Second)))
	store, err := open(ctx)
	if err != nil {
		return err
	}
	release, err := store.HoldTrial(context.WithoutCancel(ctx))
	if err != nil {
		return err
	}
	say := func(word string) {
		_, _ = io.WriteString(out, word+"\n") // the process at the other end may be gone
	}
	say(wordReady)
	answer := make(chan string, 1)
	go func() {
		line, _ := lines.ReadString('\n')
		answer <- strings.TrimSpace(line)
	}()
	select {
	case word := <-answer:
		if word == wordKeep {
			release()
			say(wordKept)
			return nil
		}
	case <-limit:
	case <-ctx.Done():
	}
	release()
	if err := switchBack(context.WithoutCancel(ctx), store, o.Changes); err != nil {
		return err
	}
	say(wordUndone)
	return nil
}
