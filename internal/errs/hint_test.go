package errs_test

import (
	"errors"
	"fmt"
	"testing"

	"uzerp-mfa/internal/errs"
)

const reason errs.Reason = "some-reason"

func TestHintOf(t *testing.T) {
	inner := errs.NewWith(errs.Refused, "inner", reason.With("alice", 3))
	for name, test := range map[string]struct {
		err  error
		want string
	}{
		"nil":                     {nil, ""},
		"not ours":                {errors.New("x"), ""},
		"none":                    {errs.New(errs.Failure, "x", ""), ""},
		"plain":                   {errs.New(errs.Failure, "x", "wait"), "wait"},
		"a reason":                {inner, "some-reason(alice, 3)"},
		"wrapped":                 {fmt.Errorf("outer: %w", inner), "some-reason(alice, 3)"},
		"the outer one has none":  {&errs.Error{Kind: errs.Config, Err: fmt.Errorf("x: %w", inner)}, "some-reason(alice, 3)"},
		"the outer one counts":    {&errs.Error{Err: inner, Hint: errs.Plain("wait")}, "wait"},
		"the outer reason counts": {&errs.Error{Err: errs.New(errs.Failure, "x", "wait"), Hint: reason.With()}, "some-reason()"},
		"a hint in a hint":        {errs.NewWith(errs.Failure, "x", reason.With(errs.Plain("wait"))), "some-reason(wait)"},
	} {
		hint := errs.HintOf(test.err)
		if hint.String() != test.want || hint.Empty() != (test.want == "") {
			t.Errorf("%s: %q, want %q", name, hint, test.want)
		}
	}
}

func TestHintOr(t *testing.T) {
	wait := errs.Plain("wait")
	for want, got := range map[string]errs.Hint{
		"wait":          errs.Hint{}.Or(wait),
		"some-reason()": reason.With().Or(wait),
		"first":         errs.Plain("first").Or(wait),
	} {
		if got.String() != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
