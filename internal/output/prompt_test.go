package output

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestConfirm(t *testing.T) {
	tests := []struct {
		in   string
		want bool
	}{
		{"y\n", true}, {"Y\n", true}, {"yes\n", true}, {" YES \r\n", true}, {"\x1b[200~yes\x1b[201~\n", true},
		{"\n", false}, {"n\n", false}, {"no\n", false}, {"yess\n", false}, {"y y\n", false}, {"ja\n", false}, {"", false},
		{"y", false}, {"yes", false}, // no Enter: torn off
		{"n\x08y\n", false}, {"\x1b\n", false}, {"\uff59\n", false},
		{strings.Repeat(" ", maxLine) + "y\n", false},
	}
	for _, tt := range tests {
		var out, talk bytes.Buffer
		s := New(strings.NewReader(tt.in), &out, &talk)
		got, err := s.Confirm(t.Context(), "Reset \x1b[2Jalice\n?")
		if got != tt.want || err != nil {
			t.Errorf("%q: got %v, %v", tt.in, got, err)
		}
		want := `Reset \x1b[2Jalice\n? [y/N] `
		if !strings.HasSuffix(tt.in, "\n") {
			want += "\n"
		}
		if talk.String() != want {
			t.Errorf("%q: shown %q, want %q", tt.in, talk.String(), want)
		}
		if out.Len() > 0 {
			t.Errorf("prompt on stdout: %q", out.String())
		}
	}
	goleak.VerifyNone(t)
}

func TestAsk(t *testing.T) {
	exact := strings.Repeat("x", maxLine-1)
	s := New(strings.NewReader("  123 456\t\r\n\x1b[A\x1bOPab\x00c\u202e\xff\n"+exact+"\nx"+exact+"\nlast"), io.Discard, io.Discard)
	for _, want := range []string{"123 456", "abc", exact} {
		if got, err := s.Ask(t.Context(), "Code:"); got != want || err != nil {
			t.Errorf("got %q, %v, want %q", got, err, want)
		}
	}
	if got, err := s.Ask(t.Context(), "Code:"); got != "" || !errors.Is(err, ErrLineTooLong) {
		t.Errorf("long line: %q, %v", got, err)
	}
	if got, err := s.ReadLine(t.Context()); got != "last" || err != nil {
		t.Errorf("after the long line: %q, %v", got, err)
	}
	for range 2 {
		if got, err := s.Ask(t.Context(), "Code:"); got != "" || !errors.Is(err, io.EOF) {
			t.Errorf("at the end: %q, %v", got, err)
		}
	}
}

// In a dialogue q is the end of input, also where a code or a yes is wanted; elsewhere it is an answer like any other.
func TestLeave(t *testing.T) {
	for in, left := range map[string]bool{"q\n": true, " Q \n": true, "": true, "qq\n": false, "y\n": false} {
		var talk bytes.Buffer
		s := New(strings.NewReader(in), io.Discard, &talk)
		s.Leave = "q"
		if text, err := s.Ask(t.Context(), "Code:"); errors.Is(err, io.EOF) != left || s.Left != left || left && text != "" {
			t.Errorf("Ask, %q: %q, %v, left: %v", in, text, err, s.Left)
		}
		if in != "" && strings.Contains(talk.String(), "\n") {
			t.Errorf("%q ended with Enter, and an empty line follows: %q", in, talk.String())
		}
		s = New(strings.NewReader(in), io.Discard, io.Discard)
		s.Leave = "q"
		if yes, err := s.Confirm(t.Context(), "Reset?"); err != nil || yes != (in == "y\n") || s.Left != left {
			t.Errorf("Confirm, %q: %v, %v, left: %v", in, yes, err, s.Left)
		}
	}
	s := New(strings.NewReader("q\n"), io.Discard, io.Discard)
	if text, err := s.Ask(t.Context(), "Code:"); text != "q" || err != nil || s.Left {
		t.Errorf("without Leave: %q, %v", text, err)
	}
}

func TestAskExact(t *testing.T) {
	for in, want := range map[string]bool{
		"uzerp\n": true, " uzerp \n": true, "UZERP\n": false, "uzer\n": false, "\n": false, "": false, "uzerp": false,
	} {
		got, err := New(strings.NewReader(in), io.Discard, io.Discard).AskExact(t.Context(), "Name:", "uzerp")
		if got != want || err != nil {
			t.Errorf("%q: got %v, %v", in, got, err)
		}
	}
	if got, _ := New(strings.NewReader("\n"), io.Discard, io.Discard).AskExact(t.Context(), "Name:", ""); got {
		t.Error("Enter must not confirm, even if nothing is what is wanted")
	}
}

func TestSeveralPromptsFedAtOnce(t *testing.T) {
	var screen bytes.Buffer
	s := New(strings.NewReader("y\n123456\nuzerp\n"), &screen, &screen)
	_ = Fprintf(s.Out, "plan\n")
	yes, err1 := s.Confirm(t.Context(), "Sure?")
	code, err2 := s.Ask(t.Context(), "Code:")
	exact, err3 := s.AskExact(t.Context(), "Name:", "uzerp")
	if err := errors.Join(err1, err2, err3); !yes || code != "123456" || !exact || err != nil {
		t.Errorf("got %v, %q, %v, %v", yes, code, exact, err)
	}
	if got, want := screen.String(), "plan\nSure? [y/N] Code: Name: "; got != want {
		t.Errorf("screen %q, want %q", got, want)
	}
}

func TestPromptsAreCancelled(t *testing.T) {
	r, w := io.Pipe()
	var talk bytes.Buffer
	s := New(r, io.Discard, &talk)
	ctx, cancel := context.WithCancelCause(t.Context())
	time.AfterFunc(10*time.Millisecond, func() { cancel(errors.New("Ctrl-C")) })
	start := time.Now()
	yes, err := s.Confirm(ctx, "Sure?")
	if yes || !errors.Is(err, context.Canceled) || time.Since(start) > 5*time.Minute {
		t.Errorf("got %v, %v after %v", yes, err, time.Since(start))
	}
	if got := talk.String(); got != "Sure? [y/N] \n" {
		t.Errorf("shown %q", got)
	}

	// If ctx was cancelled before, it does not ask.
	talk.Reset()
	for _, ask := range []func() error{
		func() error { _, err := s.Confirm(ctx, "?"); return err },
		func() error { _, err := s.Ask(ctx, "?"); return err },
		func() error { _, err := s.AskExact(ctx, "?", "x"); return err },
		func() error { _, err := s.ReadLine(ctx); return err },
	} {
		if err := ask(); !errors.Is(err, context.Canceled) {
			t.Errorf("err %v", err)
		}
	}
	if talk.Len() > 0 {
		t.Errorf("shown %q", talk.String())
	}

	// The read that was under way hands its line to the next prompt.
	go func() { _, _ = io.WriteString(w, "first\nsecond\n") }()
	for _, want := range []string{"first", "second"} {
		if got, err := s.Ask(t.Context(), "?"); got != want || err != nil {
			t.Errorf("got %q, %v, want %q", got, err, want)
		}
	}
	goleak.VerifyNone(t)
}

// lateContext is cancelled at the second call of Err, which is after the answer came and before it is looked at.
type lateContext struct {
	context.Context
	calls int
}

func (c *lateContext) Err() error {
	if c.calls++; c.calls > 1 {
		return context.Canceled
	}
	return nil
}

func TestCancelledAtTheMomentOfTheAnswer(t *testing.T) {
	s := New(strings.NewReader("first\nsecond\n"), io.Discard, io.Discard)
	if got, err := s.ReadLine(&lateContext{Context: t.Context()}); got != "" || !errors.Is(err, context.Canceled) {
		t.Errorf("got %q, %v", got, err)
	}
	for _, want := range []string{"first", "second"} {
		if got, err := s.ReadLine(t.Context()); got != want || err != nil {
			t.Errorf("got %q, %v, want %q", got, err, want)
		}
	}
}

func TestPromptErrors(t *testing.T) {
	in := strings.NewReader("y\n")
	if yes, err := New(in, io.Discard, brokenWriter{}).Confirm(t.Context(), "?"); yes || !errors.Is(err, errBroken) {
		t.Errorf("a question not shown: %v, %v", yes, err)
	}
	if in.Len() != 2 {
		t.Error("input was read")
	}
	r, w := io.Pipe()
	w.CloseWithError(errBroken)
	if yes, err := New(r, io.Discard, io.Discard).Confirm(t.Context(), "?"); yes || !errors.Is(err, errBroken) {
		t.Errorf("broken stdin: %v, %v", yes, err)
	}
}

// endless never sends a line feed.
type endless struct{ n int }

func (e *endless) Read(p []byte) (int, error) {
	if e.n += len(p); e.n > 1<<22 {
		return 0, io.EOF
	}
	return copy(p, bytes.Repeat([]byte("y"), len(p))), nil
}

func TestEndlessLine(t *testing.T) {
	if _, err := New(&endless{}, io.Discard, io.Discard).Ask(t.Context(), "?"); !errors.Is(err, ErrLineTooLong) {
		t.Errorf("err %v", err)
	}
}

func FuzzTyped(f *testing.F) {
	for _, s := range append(hostile(), "\x1b", "\x1b[", "\x1b[1;2", "\x1b[é", "\x1b[\x1b[A", "\x1bO", "a\x1bOPb") {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := typed(s)
		checkHarmless(t, got)
		if len(got) > len(s) || strings.TrimSpace(got) != got {
			t.Errorf("typed(%q) = %q", s, got)
		}
	})
}

// Decide takes y or n, and asks again for everything else.
func TestDecide(t *testing.T) {
	for in, want := range map[string]struct {
		yes   bool
		asked int
	}{
		"y\n": {true, 1}, "YES\n": {true, 1}, "n\n": {false, 1}, "No\n": {false, 1}, "": {false, 1},
		"\n\nmaybe\ny\n": {true, 4}, "x\nn\ny\n": {false, 2}, "y": {false, 2}, "j\n": {false, 2},
		strings.Repeat("y", maxLine+1) + "\nn\n": {false, 2},
	} {
		var out, talk bytes.Buffer
		s := New(strings.NewReader(in), &out, &talk)
		asked := 0
		yes, err := s.Decide(t.Context(), func() (string, time.Duration) { asked++; return "Well?", 0 })
		if yes != want.yes || asked != want.asked || err != nil || !strings.HasPrefix(talk.String(), "Well? [y/n] ") {
			t.Errorf("%q: %v, asked %d times, %v, %q", in, yes, asked, err, talk.String())
		}
	}
	goleak.VerifyNone(t)
}

// Without an answer Decide asks again from time to time, and ends with its context. What is typed meanwhile is not lost.
func TestDecideAsksAgain(t *testing.T) {
	in, typed := io.Pipe()
	defer func() { _ = typed.Close() }()
	var out, talk bytes.Buffer
	s := New(in, &out, &talk)
	ctx, cancel := context.WithCancel(t.Context())
	asked := 0
	yes, err := s.Decide(ctx, func() (string, time.Duration) {
		if asked++; asked == 3 {
			cancel()
		}
		return "Well?", time.Millisecond
	})
	if yes || !errors.Is(err, context.Canceled) || asked != 3 {
		t.Errorf("%v, %v, asked %d times", yes, err, asked)
	}
	asked = 0
	yes, err = s.Decide(t.Context(), func() (string, time.Duration) {
		if asked++; asked == 2 {
			go func() { _, _ = io.WriteString(typed, "y\n") }()
			return "Well?", 0
		}
		return "Well?", time.Millisecond
	})
	if !yes || err != nil || asked != 2 {
		t.Errorf("%v, %v, asked %d times", yes, err, asked)
	}
}
