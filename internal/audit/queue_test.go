package audit

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"uzerp-mfa/internal/errs"
)

// counted is a log with n records that counts how often its file is synced.
func counted(t *testing.T, n int) (l *Log, syncs *int) {
	t.Helper()
	l, syncs = newLog(t, n), new(int)
	l.o.sync = func(f *os.File) error {
		*syncs++
		return f.Sync()
	}
	return l, syncs
}

// answer is what an append ended with.
type answer struct {
	written []Record
	err     error
}

// together lets all appends wait for the lock, calls meanwhile, and returns what they end with when the lock is free.
func together(t *testing.T, l *Log, appends []func() ([]Record, error), meanwhile func()) []answer {
	t.Helper()
	lock := held(t, l)
	answers := make([]answer, len(appends))
	done := make(chan struct{})
	for i, fn := range appends {
		go func() {
			answers[i].written, answers[i].err = fn()
			done <- struct{}{}
		}()
		for waits := 0; waits <= i; time.Sleep(time.Millisecond) {
			l.queue.mu.Lock()
			waits = len(l.queue.waiters)
			l.queue.mu.Unlock()
		}
	}
	if meanwhile != nil {
		meanwhile()
	}
	if err := lock.Close(); err != nil {
		t.Fatal(err)
	}
	for range appends {
		<-done
	}
	return answers
}

func samples(from, n int) []Record {
	all := make([]Record, n)
	for i := range all {
		all[i] = sample(from + i)
	}
	return all
}

// What several goroutines append while they wait is synced once, in the order in which they came.
func TestWrittenTogether(t *testing.T) {
	l, syncs := counted(t, 2)
	var appends []func() ([]Record, error)
	for i := range 8 {
		appends = append(appends, func() ([]Record, error) { return l.AppendAll(t.Context(), samples(10*i, 3)) })
	}
	answers := together(t, l, appends, nil)
	if *syncs != 1 {
		t.Errorf("synced %d times", *syncs)
	}
	intact(t, l, 2+8*3)
	var got, want []string
	got = append(got, written(t, l)[ResultDone][2:]...)
	last := ""
	for i, a := range answers {
		if a.err != nil || len(a.written) != 3 {
			t.Fatal(i, a.err)
		}
		for k, r := range a.written {
			want = append(want, sample(10*i+k).Target)
			if last != "" && r.Prev != last {
				t.Errorf("%s does not follow the record before", r.Target)
			}
			last = r.Hash
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("the log holds %v, want %v", got, want)
	}
}

// Many records need few syncs, and no batch is so big that a torn one could hide the last record.
func TestManyAtOnce(t *testing.T) {
	l, syncs := counted(t, 0)
	const n = 3000
	all, err := l.AppendAll(t.Context(), samples(0, n))
	if err != nil || len(all) != n {
		t.Fatal(len(all), err)
	}
	intact(t, l, n)
	size := len(readFile(t, l.path))
	if least, most := size/batchSize, 2*size/batchSize+1; *syncs < least || *syncs > most {
		t.Errorf("%d syncs for %d bytes", *syncs, size)
	}
	if all, err := l.AppendAll(t.Context(), nil); len(all) > 0 || err != nil {
		t.Error(all, err)
	}
}

// A command that is ended while many of its records are written gets the first ones, and says so.
func TestEndedBetweenBatches(t *testing.T) {
	l := newLog(t, 1)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	l.o.sync = func(f *os.File) error {
		cancel()
		return f.Sync()
	}
	all, err := l.AppendAll(ctx, samples(0, 3000))
	if len(all) == 0 || len(all) == 3000 || !errors.Is(err, context.Canceled) {
		t.Errorf("%d written, %v", len(all), err)
	}
	intact(t, l, 1+len(all))
}

// One that can't be written stops nobody else, and is not written.
func TestOneOfSeveralFails(t *testing.T) {
	tooLong := sample(1)
	tooLong.Target, tooLong.Command = strings.Repeat("x", 2*maxLine), strings.Repeat("y", 2*maxLine)
	for place := range 3 {
		for _, test := range []struct {
			name    string
			records []Record
			ends    bool // its command, while it waits
			written int
		}{
			{"a line is too long", []Record{sample(1), tooLong, sample(2)}, false, 1},
			{"its command ends", samples(1, 2), true, 0},
		} {
			t.Run(fmt.Sprint(test.name, " ", place), func(t *testing.T) {
				l, _ := counted(t, 0)
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				appends := make([]func() ([]Record, error), 3)
				for i := range appends {
					appends[i] = func() ([]Record, error) { return l.AppendAll(t.Context(), samples(10+i, 1)) }
				}
				appends[place] = func() ([]Record, error) { return l.AppendAll(ctx, test.records) }
				answers := together(t, l, appends, func() {
					if test.ends {
						cancel()
					}
				})
				for i, a := range answers {
					switch {
					case i != place && (a.err != nil || len(a.written) != 1):
						t.Errorf("%d: %d written, %v", i, len(a.written), a.err)
					case i == place && (len(a.written) != test.written || test.ends != errors.Is(a.err, context.Canceled) ||
						!test.ends && errs.KindOf(a.err) != errs.Config):
						t.Errorf("%d written, %v", len(a.written), a.err)
					}
				}
				intact(t, l, 2+test.written)
			})
		}
	}
}

// A disk that takes no more fails each of those that are written together, and what was written of them is removed.
func TestTogetherNotOnTheDisk(t *testing.T) {
	for fail, want := range map[int]int{1: 0, 2: 0, 3: 1, 4: 2} { // the first time is the batch; then each is tried alone
		l, syncs := newLog(t, 2), 0
		l.o.sync = func(f *os.File) error {
			if syncs++; syncs == 1 || syncs >= fail {
				return syscall.ENOSPC
			}
			return f.Sync()
		}
		var appends []func() ([]Record, error)
		for i := range 4 {
			appends = append(appends, func() ([]Record, error) { return l.AppendAll(t.Context(), samples(i, 1)) })
		}
		wrote := 0
		for _, a := range together(t, l, appends, nil) {
			if wrote += len(a.written); len(a.written) == 0 && !errors.Is(a.err, syscall.ENOSPC) {
				t.Error(a.err)
			}
		}
		if wrote != want {
			t.Errorf("the disk is full from sync %d on: %d are written, want %d", fail, wrote, want)
		}
		intact(t, l, 2+wrote)
	}
}
