package cmd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/spf13/cobra"

	"uzerp-mfa/internal/caller"
	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/mfa"
	"uzerp-mfa/internal/output"
)

// A lost terminal ends a command as its signal does, also if the signal comes later.
func TestLostTerminalIsAnInterruption(t *testing.T) {
	for name, err := range map[string]error{
		"bare":               output.ErrTerminalLost,
		"wrapped":            &errs.Error{Kind: errs.Failure, Op: "ask", Err: output.ErrTerminalLost},
		"with what was done": &interruption{done: "nobody was reset"},
	} {
		if got := classify(t.Context(), err); got.Kind != errs.Interrupted {
			t.Errorf("%s: %v", name, got.Kind)
		}
	}
	if got := classify(t.Context(), fmt.Errorf("a call: %w", context.Canceled)); got.Kind == errs.Interrupted {
		t.Error("without a signal, a call that was cancelled is a failure")
	}
	if got := classify(t.Context(), errors.New("x")); got.Kind != errs.Failure {
		t.Error(got.Kind)
	}
}

// No name goes on as the sentence does that says where a code goes.
func TestWhomQuotesNames(t *testing.T) {
	c := caller.Check{User: mfa.User{Username: "x", Person: `A) at +44 999, the main mobile in uzERP; "`}, Source: caller.MainMobile}
	c.Details.Company = "B\" at"
	c.Recipient.Phone.Masked = "+44 *1"
	want := `"x" ("A) at +44 999, the main mobile in uzERP; \"", "B\" at") at +44 *1, the main mobile in uzERP`
	if got := whom(c); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	long := caller.Check{User: mfa.User{Username: "x", Person: strings.Repeat("a", 4000)}}
	if got := whom(long); len(got) > 200 || !strings.Contains(got, "… (4000 bytes), no company) at ") {
		t.Errorf("a warning would scroll away: %s", got)
	}
	if got := whom(caller.Check{User: mfa.User{Username: "x"}}); got != `"x" (no person, no company) at , the number that you gave` {
		t.Error(got)
	}
}

// A connection that the database closes gives EPIPE, as a reader who has left does: only the reader is no failure.
func TestLostConnectionIsAFailure(t *testing.T) {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = null.Close() }()
	app := newApp(Process{In: null, Out: null, Err: null, Getenv: func(string) (string, bool) { return "", false }})
	root := newRootCmd(app)
	lost := &errs.Error{Kind: errs.Unavailable, Op: "ask the database",
		Err: fmt.Errorf("failed to send: %w", &net.OpError{Op: "write", Net: "tcp", Err: os.NewSyscallError("write", syscall.EPIPE)})}
	root.AddCommand(&cobra.Command{Use: "lose", RunE: func(*cobra.Command, []string) error { app.started = true; return lost }})
	if code := app.execute(t.Context(), root, []string{"lose"}); code != 7 {
		t.Errorf("it ends with %d: a lost connection is said to be done", code)
	}
}
